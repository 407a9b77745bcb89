/* SPDX-License-Identifier: MIT */
/* `wait`: what it gives and when, and how a blocked read ends. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "shell.h"

enum {
	KILLS = 15
};

static int opened;

static int open_wait(const char *slot, int flags)
{
	int fd = open(in_mount(slot, "wait"), O_RDONLY | O_CLOEXEC | flags);

	if (fd < 0)
		fail_msg("%s/wait: %s", slot, strerror(errno));
	return fd;
}

/* A child: open, report, read to the end, and compare. */
struct reading {
	const char *slot;
	const char *text; /* NULL: the read must fail */
	int error;        /* with this error, 0: any */
};

static void read_wait(void *arg)
{
	const struct reading *reading = arg;
	int fd = open(in_mount(reading->slot, "wait"), O_RDONLY);
	char text[4096];
	size_t size = 0;
	ssize_t got;

	EXPECT(fd >= 0);
	gate_post(opened, 1);
	while ((got = read(fd, text + size, sizeof(text) - size - 1)) > 0)
		size += (size_t)got;
	text[size] = '\0';
	if (reading->text) {
		EXPECT_EQUAL(got, 0);
		EXPECT(strcmp(text, reading->text) == 0);
	} else {
		EXPECT_EQUAL(got, -1);
		EXPECT(!reading->error || errno == reading->error);
	}
}

static pid_t start_blocked(const struct reading *reading)
{
	pid_t pid = child_start(read_wait, (void *)reading);

	gate_wait(opened);
	await_blocked(pid);
	return pid;
}

static void join_soon(pid_t pid)
{
	int status = 0;

	if (await_end(pid, now_ns(), &status) < 0) {
		child_kill(pid);
		fail_msg("a blocked read did not end");
	}
	assert_int_equal(status, 0);
}

static int wait_setup(void **state)
{
	opened = gate_open();
	return mount_setup(state);
}

static int wait_teardown(void **state)
{
	gate_close(opened);
	return mount_teardown(state);
}

#define WAITING(claim) cmocka_unit_test_setup_teardown(claim, wait_setup, wait_teardown)

/* --- what it gives -------------------------------------------------------------------- */

static void wait_gives_the_next_native_message_and_ends(void **state)
{
	const struct reading reading = {"x", "news", 0};
	babus_slot *slot = make_slot("x", 4, 4096);
	pid_t pid;

	(void)state;
	publish_text(slot, "old");
	pid = start_blocked(&reading);
	publish_text(slot, "news");
	join_soon(pid);
	babus_slot_close(slot);
}

static void wait_gives_the_next_message_published_through_the_mount(void **state)
{
	const struct reading reading = {"x", "news\n", 0};
	pid_t pid;

	(void)state;
	babus_slot_close(make_slot("x", 4, 4096));
	pid = start_blocked(&reading);
	shell_run("bash", "echo news > x/latest");
	join_soon(pid);
}

static void cat_gives_the_next_message(void **state)
{
	const char *const argv[] = {"cat", "x/wait", NULL};
	babus_slot *slot = make_slot("x", 4, 4096);
	struct outcome outcome;
	struct job job;

	(void)state;
	publish_text(slot, "old");
	job_start(&job, argv);
	await_blocked(job.pid);
	publish_text(slot, "news\n");
	job_finish(&job, &outcome);
	assert_int_equal(outcome.status, 0);
	assert_string_equal(outcome.out, "news\n");
	outcome_free(&outcome);
	babus_slot_close(slot);
}

static void a_message_between_open_and_read_is_read(void **state)
{
	babus_slot *slot = make_slot("x", 4, 4096);
	char text[16];
	int fd;

	(void)state;
	publish_text(slot, "old");
	fd = open_wait("x", 0);
	publish_text(slot, "first");
	publish_text(slot, "second");
	assert_int_equal(read(fd, text, sizeof(text)), 5);
	assert_memory_equal(text, "first", 5);
	assert_int_equal(read(fd, text, sizeof(text)), 0);
	close(fd);
	babus_slot_close(slot);
}

static void small_reads_give_one_message_in_parts(void **state)
{
	babus_slot *slot = make_slot("x", 2, 4096);
	char text[16];
	int fd;

	(void)state;
	fd = open_wait("x", 0);
	publish_text(slot, "abcdefg");
	assert_int_equal(read(fd, text, 3), 3);
	for (int i = 0; i < 5; i++)
		publish_text(slot, "another message");
	assert_int_equal(read(fd, text + 3, 3), 3);
	assert_int_equal(read(fd, text + 6, 3), 1);
	assert_memory_equal(text, "abcdefg", 7);
	assert_int_equal(read(fd, text, 3), 0);
	assert_int_equal(read(fd, text, 3), 0);
	close(fd);
	babus_slot_close(slot);
}

static void an_empty_message_ends_the_wait(void **state)
{
	const struct reading reading = {"x", "", 0};
	babus_slot *slot = make_slot("x", 4, 4096);
	pid_t pid;

	(void)state;
	pid = start_blocked(&reading);
	publish_text(slot, "");
	join_soon(pid);
	babus_slot_close(slot);
}

static void a_read_from_the_start_after_the_end_arms_again(void **state)
{
	babus_slot *slot = make_slot("x", 8, 4096);
	char text[16];
	int fd;

	(void)state;
	fd = open_wait("x", O_NONBLOCK);
	publish_text(slot, "a");
	assert_int_equal(read(fd, text, sizeof(text)), 1);
	assert_int_equal(read(fd, text, sizeof(text)), 0);
	/* A message in between is not missed. */
	publish_text(slot, "b");
	publish_text(slot, "c");
	for (int i = 1; i < 3; i++) {
		assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
		assert_int_equal(read(fd, text, sizeof(text)), 1);
		assert_int_equal(text[0], 'a' + i);
		assert_int_equal(read(fd, text, sizeof(text)), 0);
	}
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(read(fd, text, sizeof(text)), -1);
	assert_int_equal(errno, EAGAIN);
	close(fd);
	babus_slot_close(slot);
}

static void read_a_thousand(void *arg)
{
	int fd = open(in_mount("x", "wait"), O_RDONLY);
	char text[32], wanted[32];
	ssize_t got;

	(void)arg;
	EXPECT(fd >= 0);
	gate_post(opened, 1);
	for (int i = 0; i < 1000; i++) {
		snprintf(wanted, sizeof(wanted), "message %d", i);
		EXPECT(lseek(fd, 0, SEEK_SET) == 0);
		got = read(fd, text, sizeof(text) - 1);
		EXPECT(got > 0);
		text[got] = '\0';
		EXPECT(strcmp(text, wanted) == 0);
		EXPECT_EQUAL(read(fd, text, sizeof(text)), 0);
	}
}

static void a_loop_over_wait_misses_no_kept_message(void **state)
{
	babus_slot *slot = make_slot("x", 1024, 64);
	char text[32];
	pid_t pid;

	(void)state;
	pid = child_start(read_a_thousand, NULL);
	gate_wait(opened);
	for (int i = 0; i < 1000; i++) {
		snprintf(text, sizeof(text), "message %d", i);
		publish_text(slot, text);
		/* Sometimes it finds nothing and goes to sleep. */
		if (i % 100 == 0)
			await_blocked(pid);
	}
	join_soon(pid);
	babus_slot_close(slot);
}

static void nonblocking_reads_are_eagain(void **state)
{
	babus_slot *slot = make_slot("x", 4, 4096);
	char text[16];
	int fd;

	(void)state;
	publish_text(slot, "old");
	fd = open_wait("x", O_NONBLOCK);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(read(fd, text, sizeof(text)), -1);
		assert_int_equal(errno, EAGAIN);
	}
	publish_text(slot, "new");
	assert_int_equal(read(fd, text, sizeof(text)), 3);
	assert_memory_equal(text, "new", 3);
	close(fd);
	shell_run("bash", "dd if=x/wait iflag=nonblock of=/dev/null 2>&1"
			  " | grep -q 'Resource temporarily unavailable'");
	babus_slot_close(slot);
}

static void only_the_slot_s_own_readers_wake(void **state)
{
	enum {
		SLOTS = 40 /* more than there are channels */
	};
	struct reading readings[SLOTS];
	char names[SLOTS][16];
	babus_slot *slots[SLOTS];
	pid_t pids[SLOTS];

	(void)state;
	for (int i = 0; i < SLOTS; i++) {
		snprintf(names[i], sizeof(names[i]), "x%d", i);
		slots[i] = make_slot(names[i], 2, 64);
		readings[i] = (struct reading){names[i], names[i], 0};
		pids[i] = start_blocked(&readings[i]);
	}
	for (int i = 0; i < SLOTS; i++) {
		publish_text(slots[i], names[i]);
		join_soon(pids[i]);
		for (int k = i + 1; k < SLOTS; k++)
			assert_int_equal(process_state(pids[k]), 'S');
	}
	for (int i = 0; i < SLOTS; i++)
		babus_slot_close(slots[i]);
}

/* --- how it ends ------------------------------------------------------------------------------ */

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

/* How long a blocked reader takes to end after a signal; 0: after a message. */
static int64_t time_of_end(babus_slot *slot, int number)
{
	const char *const argv[] = {"cat", "x/wait", NULL};
	struct outcome outcome;
	struct job job;
	int64_t start;

	job_start(&job, argv);
	await_blocked(job.pid);
	assert_int_equal(process_state(job.pid), 'S');
	start = now_ns();
	if (number)
		kill(job.pid, number);
	else
		publish_text(slot, "news");
	job_finish(&job, &outcome);
	assert_int_equal(outcome.status, -number);
	outcome_free(&outcome);
	return now_ns() - start;
}

static void a_signal_ends_blocked_readers_at_once(void **state)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGKILL};
	babus_slot *slot = make_slot("x", 4, 4096);
	int64_t killed[KILLS], answered[KILLS];

	(void)state;
	for (int k = 0; k < 3; k++) {
		for (int i = 0; i < KILLS; i++) {
			killed[i] = time_of_end(slot, signals[k]);
			answered[i] = time_of_end(slot, 0);
		}
		qsort(killed, KILLS, sizeof(killed[0]), by_value);
		qsort(answered, KILLS, sizeof(answered[0]), by_value);
		/* Nearly as soon as a message ends it, on a busy machine as on an idle one. */
		assert_in_range(killed[KILLS / 2], 0,
				4 * answered[KILLS / 2] + 50 * MILLISECOND * SUPPORT_SLOWER);
	}
	babus_slot_close(slot);
}

static void handle_alarm(int number)
{
	(void)number;
}

static void read_interrupted(void *arg)
{
	struct sigaction action = {.sa_handler = handle_alarm};
	int fd = open(in_mount("x", "wait"), O_RDONLY);
	char text[8];

	(void)arg;
	sigaction(SIGUSR1, &action, NULL);
	gate_post(opened, 1);
	EXPECT_EQUAL(read(fd, text, sizeof(text)), -1);
	EXPECT_EQUAL(errno, EINTR);
	/* The descriptor can be read again. */
	gate_post(opened, 1);
	EXPECT_EQUAL(read(fd, text, sizeof(text)), 4);
}

static void a_handled_signal_interrupts_and_the_read_can_be_repeated(void **state)
{
	babus_slot *slot = make_slot("x", 4, 4096);
	pid_t pid;

	(void)state;
	pid = child_start(read_interrupted, NULL);
	gate_wait(opened);
	await_blocked(pid);
	kill(pid, SIGUSR1);
	gate_wait(opened);
	publish_text(slot, "news");
	join_soon(pid);
	babus_slot_close(slot);
}

/* The kernel interrupts the read of a stopped process; cat repeats it. */
static void a_stopped_cat_goes_on_where_it_was(void **state)
{
	const char *const argv[] = {"cat", "x/wait", NULL};
	babus_slot *slot = make_slot("x", 4, 4096);
	struct outcome outcome;
	struct job job;
	int status;

	(void)state;
	job_start(&job, argv);
	await_blocked(job.pid);
	kill(job.pid, SIGSTOP);
	assert_true(child_wait_stopped(job.pid, &status));
	publish_text(slot, "while you slept");
	kill(job.pid, SIGCONT);
	job_finish(&job, &outcome);
	assert_int_equal(outcome.status, 0);
	assert_string_equal(outcome.out, "while you slept");
	outcome_free(&outcome);
	babus_slot_close(slot);
}

static void killed_readers_leave_nothing_in_the_daemon(void **state)
{
	const struct reading reading = {"x", "", 0};
	babus_slot *slot = make_slot("x", 2, 64);
	struct babus_slot_info info;
	pid_t pids[50];

	(void)state;
	for (int round = 0; round < 4; round++) {
		for (int i = 0; i < 50; i++)
			pids[i] = child_start(read_wait, (void *)&reading);
		for (int i = 0; i < 50; i++)
			gate_wait(opened);
		for (int i = 0; i < 50; i++)
			child_kill(pids[i]);
		publish_text(slot, "");
	}
	/* The next reader finds everything in order. */
	pids[0] = start_blocked(&reading);
	publish_text(slot, "");
	join_soon(pids[0]);
	assert_int_equal(babus_slot_info(slot, &info), 0);
	assert_in_range(info.readers, 0, 4);
	shell_run("bash", "grep -qx 'babus_fs_waiting 0' .bus/metrics");
	babus_slot_close(slot);
}

static void rmdir_ends_blocked_readers(void **state)
{
	const struct reading reading = {"x", NULL, ENODEV};
	pid_t pids[5];

	(void)state;
	babus_slot_close(make_slot("x", 4, 4096));
	for (int i = 0; i < 5; i++)
		pids[i] = start_blocked(&reading);
	assert_int_equal(rmdir(in_mount("x", "")), 0);
	for (int i = 0; i < 5; i++)
		join_soon(pids[i]);
}

static void native_removal_ends_blocked_readers(void **state)
{
	const struct reading reading = {"x", NULL, ENODEV};
	babus_slot *slot = make_slot("x", 4, 4096);
	pid_t pid = start_blocked(&reading);

	(void)state;
	assert_int_equal(babus_domain_remove_slot(bus, "x"), 0);
	babus_slot_close(slot);
	/* They do not wait for a slot that is made again. */
	slot = make_slot("x", 4, 4096);
	publish_text(slot, "other");
	join_soon(pid);
	babus_slot_close(slot);
}

static void sigterm_of_the_daemon_ends_blocked_readers_and_unmounts(void **state)
{
	const struct reading reading = {"x", NULL, 0};
	pid_t pids[50];

	(void)state;
	babus_slot_close(make_slot("x", 4, 4096));
	for (int i = 0; i < 50; i++)
		pids[i] = start_blocked(&reading);
	mount_stop();
	for (int i = 0; i < 50; i++)
		join_soon(pids[i]);
}

static void a_killed_daemon_ends_blocked_readers(void **state)
{
	const struct reading reading = {"x", NULL, 0};
	pid_t pid;

	(void)state;
	babus_slot_close(make_slot("x", 4, 4096));
	pid = start_blocked(&reading);
	mount_crash();
	join_soon(pid);
	mount_start(NULL);
}

static int run(void)
{
	const struct CMUnitTest tests[] = {
	    WAITING(wait_gives_the_next_native_message_and_ends),
	    WAITING(wait_gives_the_next_message_published_through_the_mount),
	    WAITING(cat_gives_the_next_message),
	    WAITING(a_message_between_open_and_read_is_read),
	    WAITING(small_reads_give_one_message_in_parts),
	    WAITING(an_empty_message_ends_the_wait),
	    WAITING(a_read_from_the_start_after_the_end_arms_again),
	    WAITING(a_loop_over_wait_misses_no_kept_message),
	    WAITING(nonblocking_reads_are_eagain),
	    WAITING(only_the_slot_s_own_readers_wake),
	    WAITING(a_signal_ends_blocked_readers_at_once),
	    WAITING(a_handled_signal_interrupts_and_the_read_can_be_repeated),
	    WAITING(a_stopped_cat_goes_on_where_it_was),
	    WAITING(killed_readers_leave_nothing_in_the_daemon),
	    WAITING(rmdir_ends_blocked_readers),
	    WAITING(native_removal_ends_blocked_readers),
	    WAITING(sigterm_of_the_daemon_ends_blocked_readers_and_unmounts),
	    WAITING(a_killed_daemon_ends_blocked_readers),
	};

	return cmocka_run_group_tests_name("fs_wait", tests, NULL, NULL);
}

int main(void)
{
	return mount_main(run, 120);
}
