/* SPDX-License-Identifier: MIT */
/*
 * What keeps babusfs from working without ending it, as babusfs(1) describes: processes that are
 * stopped, files that are truncated or deleted.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "babusfs.h"
#include "file.h"
#include "witness.h"

/* --- stopped processes ---------------------------------------------------------- */

/* For a child, which ends with 1 if it gets an error. */
static void publish_through_the_mount(void *arg)
{
	int fd = open(in_mount("x", "latest"), O_WRONLY | O_CLOEXEC);

	(void)arg;
	if (fd < 0 || write(fd, "late", 4) != 4 || close(fd) < 0)
		_exit(1);
}

static void stop_daemon(void)
{
	int status;

	kill(mount_daemon, SIGSTOP);
	assert_true(child_wait_stopped(mount_daemon, &status));
}

static void a_stopped_daemon_delays_its_users_and_no_others(void **state)
{
	struct native native;
	struct job jobs[BLOCKED];
	struct outcome outcome;
	pid_t stuck, late;
	int status;

	(void)state;
	native_open(&native);
	mount_start(NULL);
	start_blocked(jobs);
	stop_daemon();
	stuck = child_start(publish_through_the_mount, NULL);
	await_sleep(stuck, "request_wait_answer");
	assert_native(&native);
	/*
	 * Requests that the daemon has not seen end while it is stopped, the rest with its
	 * answer.
	 */
	kill(stuck, SIGKILL);
	assert_true(await_end(stuck, now_ns(), &status) >= 0);
	late = child_start(publish_through_the_mount, NULL);
	await_sleep(late, "request_wait_answer");
	kill(jobs[2].pid, SIGKILL);

	kill(mount_daemon, SIGCONT);
	child_join(late);
	job_finish(&jobs[2], &outcome);
	assert_int_equal(outcome.status, -SIGKILL);
	outcome_free(&outcome);
	job_finish(&jobs[0], &outcome);
	assert_int_equal(outcome.status, 0);
	outcome_free(&outcome);
	assert_file(in_mount("x", "latest"), "late");
	/* A signal that comes meanwhile takes effect afterwards. */
	stop_daemon();
	kill(mount_daemon, SIGTERM);
	kill(mount_daemon, SIGCONT);
	job_finish(&jobs[1], &outcome);
	outcome_free(&outcome);
	assert_daemon_ends();
	native_close(&native);
}

static void a_stopped_daemon_that_is_killed_releases_all_users(void **state)
{
	struct native native;
	struct job jobs[BLOCKED];
	pid_t stuck;
	int status;

	(void)state;
	native_open(&native);
	mount_start(NULL);
	start_blocked(jobs);
	stop_daemon();
	stuck = child_start(publish_through_the_mount, NULL);
	await_sleep(stuck, "request_wait_answer");
	kill(jobs[0].pid, SIGKILL);
	mount_crash();
	for (int i = 0; i < BLOCKED; i++) {
		struct outcome outcome;

		job_finish(&jobs[i], &outcome);
		assert_int_equal(outcome.status, i ? 1 : -SIGKILL);
		outcome_free(&outcome);
	}
	/* It gets an error, and prints it. */
	assert_true(await_end(stuck, now_ns(), &status) >= 0);
	assert_int_equal(status, 1);
	assert_native(&native);
	mount_start(NULL);
	native_close(&native);
}

static void publish_and_stop(void *arg)
{
	struct babus_loan loan;
	babus_slot *slot;

	(void)arg;
	EXPECT(!babus_domain_open("test", 0, NULL, &bus));
	slot = open_slot("x", BABUS_PUBLISH);
	publish_text(slot, "before");
	EXPECT(!babus_slot_loan(slot, 100, &loan));
	memset(loan.data, 'x', 100);
	raise(SIGSTOP);
	EXPECT(!babus_loan_commit(&loan, NULL));
	babus_slot_close(slot);
	babus_domain_close(bus);
}

static off_t size_of(const char *path)
{
	struct stat st;

	return stat(path, &st) ? -1 : st.st_size;
}

static void a_stopped_publisher_delays_no_one_else(void **state)
{
	struct native native;
	pid_t publisher;
	int status;

	(void)state;
	native_open(&native);
	mount_start(NULL);
	publisher = child_start(publish_and_stop, NULL);
	assert_true(child_wait_stopped(publisher, &status));
	assert_file(in_mount("x", "latest"), "before");
	for (int i = 0; i < 20; i++) {
		const char *const argv[] = {"cat", "x/wait", NULL};
		struct outcome outcome;
		struct job job;

		job_start(&job, argv);
		await_blocked(job.pid);
		shell_run("bash", "echo news > x/latest");
		job_finish(&job, &outcome);
		assert_string_equal(outcome.out, "news\n");
		outcome_free(&outcome);
	}
	/* All that while it was stopped. */
	kill(publisher, SIGCONT);
	child_join(publisher);
	assert_int_equal(size_of(in_mount("x", "latest")), 100);
	mount_stop();
	native_close(&native);
}

/* --- files that vanish --------------------------------------------------------------- */

static void a_truncated_slot_is_an_error_and_the_others_go_on(void **state)
{
	babus_slot *slot = make_slot("x", 4, 1 << 20);
	char text[16];
	int fd;

	(void)state;
	publish_text(slot, "torn away");
	babus_slot_close(slot);
	slot = make_slot("y", 4, 4096);
	publish_text(slot, "whole");
	mount_start(NULL);
	fd = open(in_mount("x", "latest"), O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(truncate(domain_file("x.slot"), 0), 0);
	assert_int_equal(read(fd, text, sizeof(text)), -1);
	assert_int_equal(errno, EIO);
	close(fd);
	assert_true(open(in_mount("x", "latest"), O_RDONLY | O_CLOEXEC) < 0);
	assert_true(open(in_mount("x", "info"), O_RDONLY | O_CLOEXEC) < 0);
	assert_file(in_mount("y", "latest"), "whole");
	shell_run("bash", "echo more > y/latest");
	mount_stop();
	babus_slot_close(slot);
}

static void truncated_files_end_blocked_readers(void **state)
{
	(void)state;
	/* For the handle of this process. */
	assert_int_equal(babus_guard_install(), 0);
	for (int i = 0; i < 2; i++) {
		babus_slot *slot = make_slot("x", 4, 4096);
		struct job jobs[BLOCKED];
		struct outcome outcome;
		char path[512];

		babus_slot_close(make_slot("y", 4, 4096));
		snprintf(path, sizeof(path), "%s", i ? pins_file(slot) : domain_file("x.slot"));
		mount_start(NULL);
		start_blocked(jobs);
		assert_int_equal(truncate(path, 0), 0);
		/* The pins are opened once there is something to read. */
		if (i)
			publish_text(slot, "news");
		assert_ended(jobs, 2, "Input/output error");
		shell_run("bash", "echo other > y/latest");
		job_finish(&jobs[2], &outcome);
		assert_string_equal(outcome.out, "other\n");
		outcome_free(&outcome);
		mount_stop();
		babus_slot_close(slot);
		assert_int_equal(unlink(domain_file("x.slot")), 0);
	}
}

static void deleted_files_end_blocked_readers(void **state)
{
	struct job jobs[BLOCKED];

	(void)state;
	babus_slot_close(make_slot("x", 4, 4096));
	babus_slot_close(make_slot("y", 4, 4096));
	mount_start(NULL);
	start_blocked(jobs);
	shell_run("bash", "rm -r $T/babus.test");
	assert_ended(jobs, BLOCKED, "No such device");
	assert_true(open(in_mount("x", "latest"), O_RDONLY | O_CLOEXEC) < 0);
	assert_int_equal(mkdir(in_mount("z", ""), 0700), -1);
	mount_stop();
}

static void a_domain_removed_under_the_mount_is_an_error_and_no_hang(void **state)
{
	const char *const argv[] = {"cat", "x/wait", NULL};
	struct outcome outcome;
	struct job job;

	(void)state;
	babus_slot_close(make_slot("x", 4, 4096));
	mount_start(NULL);
	job_start(&job, argv);
	await_blocked(job.pid);
	assert_int_equal(babus_domain_remove("test", NULL), 0);
	job_finish(&job, &outcome);
	assert_int_equal(outcome.status, 1);
	outcome_free(&outcome);
	assert_true(open(in_mount("x", "latest"), O_RDONLY | O_CLOEXEC) < 0);
	assert_int_equal(mkdir(in_mount("y", ""), 0700), -1);
	mount_stop();
}

static int run(void)
{
	const struct CMUnitTest tests[] = {
	    UNMOUNTED(a_stopped_daemon_delays_its_users_and_no_others),
	    UNMOUNTED(a_stopped_daemon_that_is_killed_releases_all_users),
	    UNMOUNTED(a_stopped_publisher_delays_no_one_else),
	    UNMOUNTED(a_truncated_slot_is_an_error_and_the_others_go_on),
	    UNMOUNTED(truncated_files_end_blocked_readers),
	    UNMOUNTED(deleted_files_end_blocked_readers),
	    UNMOUNTED(a_domain_removed_under_the_mount_is_an_error_and_no_hang),
	};

	return cmocka_run_group_tests_name("fs_trouble", tests, NULL, NULL);
}

int main(void)
{
	return mount_main(run, 180);
}
