/* SPDX-License-Identifier: MIT */
/*
 * Every way for babusfs to go down, as babusfs(1) lists them, and to come back: the effect on
 * users of the mount and on native clients.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "babusfs.h"
#include "file.h"
#include "witness.h"

/* --- signals and unmounting -------------------------------------------------------- */

static void each_signal_to_end_unmounts_and_exits_with_0(void **state)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
	struct native native;
	struct job jobs[BLOCKED];

	(void)state;
	native_open(&native);
	for (int i = 0; i < 3; i++) {
		mount_start(NULL);
		start_blocked(jobs);
		kill(mount_daemon, signals[i]);
		assert_ended(jobs, BLOCKED, "No such device");
		assert_daemon_ends();
		assert_native(&native);
	}
	native_close(&native);
}

static void in_the_foreground_what_is_ignored_stays_ignored(void **state)
{
	static const int signals[] = {SIGINT, SIGHUP};

	(void)state;
	babus_slot_close(make_slot("x", 4, 4096));
	for (int i = 0; i < 2; i++)
		signal(signals[i], SIG_IGN);
	mount_start(NULL);
	for (int i = 0; i < 2; i++) {
		signal(signals[i], SIG_DFL);
		kill(mount_daemon, signals[i]);
	}
	shell_expect("bash", "echo still > x/latest; cat x/latest", "still\n");
	mount_stop();
}

/* Neither a terminal nor a caller protects it from signals. */
static void in_the_background_no_signal_to_end_is_ignored(void **state)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP};

	(void)state;
	babusfs_environment();
	for (int i = 0; i < 3; i++) {
		shell_run("bash", "trap '' TERM INT HUP; $B test $P");
		mount_daemon = mount_find_daemon(mount_point);
		kill(mount_daemon, signals[i]);
		assert_daemon_ends();
	}
}

static void blocked_signals_end_it(void **state)
{
	sigset_t all, before;

	(void)state;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	mount_start(NULL);
	sigprocmask(SIG_SETMASK, &before, NULL);
	mount_stop();
}

static void unmounting_ends_the_daemon(void **state)
{
	static const char *const ways[] = {"fusermount3 -u $M", "umount $M"};

	(void)state;
	for (int i = 0; i < 2; i++) {
		char text[128];

		mount_start(NULL);
		snprintf(text, sizeof(text), "cd /; %s", ways[i]);
		shell_run("bash", text);
		assert_daemon_ends();
	}
}

static void a_busy_mount_is_not_unmounted_and_goes_on(void **state)
{
	static const char *const ways[] = {"fusermount3 -u $M", "umount $M"};
	struct outcome outcome;
	struct native native;
	struct job jobs[BLOCKED];

	(void)state;
	native_open(&native);
	mount_start(NULL);
	start_blocked(jobs);
	for (int i = 0; i < 2; i++) {
		char text[128];

		snprintf(text, sizeof(text), "cd /; %s", ways[i]);
		shell_try("bash", text, &outcome);
		assert_int_not_equal(outcome.status, 0);
		assert_non_null(strstr(outcome.err, "busy"));
		outcome_free(&outcome);
	}
	shell_run("bash", "echo goes on > x/latest; cat x/latest >/dev/null");
	job_finish(&jobs[0], &outcome);
	assert_string_equal(outcome.out, "goes on\n");
	outcome_free(&outcome);
	mount_stop();
	assert_ended(&jobs[2], 1, "No such device");
	job_finish(&jobs[1], &outcome);
	assert_string_equal(outcome.out, "goes on\n");
	outcome_free(&outcome);
	native_close(&native);
}

/*
 * The mount disappears at once; users of open files go on, and the daemon ends with the last of
 * them.
 */
static void a_lazy_unmount_waits_for_open_files(void **state)
{
	static const char *const ways[] = {"fusermount3 -uz $M", "umount -l $M"};
	struct native native;

	(void)state;
	native_open(&native);
	for (int i = 0; i < 2; i++) {
		struct job jobs[BLOCKED];
		struct outcome outcome;
		char text[128], read_back[16];
		int fd;

		mount_start(NULL);
		publish_text(native.slot, "held");
		fd = open(in_mount("x", "latest"), O_RDONLY | O_CLOEXEC);
		start_blocked(jobs);
		snprintf(text, sizeof(text), "cd /; %s", ways[i]);
		shell_run("bash", text);
		assert_false(mount_exists(mount_point));
		assert_lists(mount_point, "");
		publish_text(native.slot, "after");
		job_finish(&jobs[0], &outcome);
		assert_string_equal(outcome.out, "after");
		outcome_free(&outcome);
		assert_int_equal(read(fd, read_back, sizeof(read_back)), 4);
		assert_int_equal(kill(mount_daemon, 0), 0);
		close(fd);
		for (int j = 1; j < BLOCKED; j++) {
			kill(jobs[j].pid, SIGTERM);
			job_finish(&jobs[j], &outcome);
			outcome_free(&outcome);
		}
		assert_daemon_ends();
	}
	native_close(&native);
}

/* The kernel cuts the daemon off, whatever is open. */
static void a_forced_unmount_ends_blocked_readers(void **state)
{
	struct native native;
	struct job jobs[BLOCKED];

	(void)state;
	native_open(&native);
	mount_start(NULL);
	start_blocked(jobs);
	/* The mount stays busy until they have gone, so unmount once more. */
	umount2(mount_point, MNT_FORCE);
	for (int i = 0; i < BLOCKED; i++) {
		struct outcome outcome;

		job_finish(&jobs[i], &outcome);
		assert_int_equal(outcome.status, 1);
		outcome_free(&outcome);
	}
	umount2(mount_point, MNT_FORCE | MNT_DETACH);
	assert_daemon_ends();
	assert_native(&native);
	native_close(&native);
}

static void sigterm_with_open_files_ends_in_order(void **state)
{
	babus_slot *slot = make_slot("x", 4, 1 << 20);
	char text[16];
	int reader, writer;

	(void)state;
	publish_text(slot, "message");
	mount_start(NULL);
	reader = open(in_mount("x", "latest"), O_RDONLY | O_CLOEXEC);
	writer = open(in_mount("x", "latest"), O_WRONLY | O_CLOEXEC);
	assert_true(reader >= 0 && writer >= 0);
	assert_int_equal(write(writer, "half", 4), 4);
	mount_stop();
	assert_int_equal(read(reader, text, sizeof(text)), -1);
	assert_int_equal(write(writer, "more", 4), -1);
	close(reader);
	close(writer);
	babus_slot_close(slot);
}

static void messages_outlive_the_mount(void **state)
{
	(void)state;
	babus_slot_close(make_slot("x", 4, 4096));
	for (int i = 0; i < 5; i++) {
		char text[64], wanted[16];

		mount_start(NULL);
		snprintf(text, sizeof(text), "echo %d > x/latest", i);
		shell_run("bash", text);
		mount_stop();
		mount_start(NULL);
		snprintf(wanted, sizeof(wanted), "%d\n", i);
		assert_file(in_mount("x", "latest"), wanted);
		mount_stop();
	}
}

/* --- coming back ----------------------------------------------------------------- */

static void a_stale_mount_is_taken_over(void **state)
{
	babus_slot *slot = make_slot("x", 4, 4096);

	(void)state;
	publish_text(slot, "kept");
	for (int i = 0; i < 5; i++) {
		mount_start(NULL);
		assert_file(in_mount("x", "latest"), "kept");
		mount_crash();
	}
	babusfs_start("test $P", mount_point);
	assert_file(in_mount("x", "latest"), "kept");
	mount_stop();
	babus_slot_close(slot);
}

static void native_clients_do_not_notice_a_killed_daemon(void **state)
{
	babus_slot *slot = make_slot("x", 4, 4096);
	struct babus_message message;
	babus_reader *reader;
	int fds[4];

	(void)state;
	assert_int_equal(babus_reader_open(slot, BABUS_START_NEXT, 0, &reader), 0);
	mount_start(NULL);
	/* It dies with messages held, one half written, and a reader waiting. */
	publish_text(slot, "one");
	for (int i = 0; i < 3; i++)
		fds[i] = open(in_mount("x", "latest"), O_RDONLY | O_CLOEXEC);
	fds[3] = open(in_mount("x", "latest"), O_WRONLY | O_CLOEXEC);
	assert_int_equal(write(fds[3], "half", 4), 4);
	mount_crash();
	for (int i = 0; i < 4; i++)
		close(fds[i]);
	for (int i = 0; i < 100; i++)
		publish_text(slot, "two");
	assert_int_equal(babus_reader_next(reader, &message), 0);
	assert_int_equal(message.seq + message.lost, 98 + 97);
	babus_message_release(&message);
	assert_int_equal(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
	assert_int_equal(message.seq, 101);
	assert_text(&message, "two");
	mount_start(NULL);
	assert_file(in_mount("x", "latest"), "two");
	babus_reader_close(reader);
	babus_slot_close(slot);
}

static void killing_the_daemon_ends_blocked_readers(void **state)
{
	struct native native;
	struct job jobs[BLOCKED];

	(void)state;
	native_open(&native);
	for (int i = 0; i < 3; i++) {
		mount_start(NULL);
		start_blocked(jobs);
		mount_crash();
		for (int j = 0; j < BLOCKED; j++) {
			struct outcome outcome;

			job_finish(&jobs[j], &outcome);
			assert_int_equal(outcome.status, 1);
			assert_int_equal(outcome.out_size, 0);
			outcome_free(&outcome);
		}
		/* Over the mount that the last one left. */
		assert_true(open(in_mount("x", "latest"), O_RDONLY | O_CLOEXEC) < 0);
		assert_int_equal(errno, ENOTCONN);
		assert_native(&native);
	}
	mount_start(NULL);
	assert_file(in_mount("x", "latest"), "native");
	native_close(&native);
}

static void a_live_mount_is_not_taken_over(void **state)
{
	struct outcome outcome;

	(void)state;
	babus_slot_close(make_slot("x", 4, 4096));
	mount_start(NULL);
	babusfs_run("test $P", &outcome);
	assert_int_equal(outcome.status, 1);
	assert_int_not_equal(outcome.err_size, 0);
	outcome_free(&outcome);
	shell_expect("bash", "echo still > x/latest; cat x/latest", "still\n");
}

static int run(void)
{
	const struct CMUnitTest tests[] = {
	    UNMOUNTED(each_signal_to_end_unmounts_and_exits_with_0),
	    UNMOUNTED(in_the_foreground_what_is_ignored_stays_ignored),
	    UNMOUNTED(in_the_background_no_signal_to_end_is_ignored),
	    UNMOUNTED(blocked_signals_end_it),
	    UNMOUNTED(unmounting_ends_the_daemon),
	    UNMOUNTED(a_busy_mount_is_not_unmounted_and_goes_on),
	    UNMOUNTED(a_lazy_unmount_waits_for_open_files),
	    UNMOUNTED(a_forced_unmount_ends_blocked_readers),
	    UNMOUNTED(sigterm_with_open_files_ends_in_order),
	    UNMOUNTED(messages_outlive_the_mount),
	    UNMOUNTED(a_stale_mount_is_taken_over),
	    UNMOUNTED(native_clients_do_not_notice_a_killed_daemon),
	    UNMOUNTED(killing_the_daemon_ends_blocked_readers),
	    UNMOUNTED(a_live_mount_is_not_taken_over),
	};

	return cmocka_run_group_tests_name("fs_down", tests, NULL, NULL);
}

int main(void)
{
	return mount_main(run, 180);
}
