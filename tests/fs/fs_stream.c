/* SPDX-License-Identifier: MIT */
/* `stream`: all messages in order without end; poll and epoll on it and on `wait`. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <unistd.h>

#include "file.h"
#include "shell.h"

static int opened;

static int open_file(const char *file, int flags)
{
	int fd = open(in_mount("x", file), O_RDONLY | O_CLOEXEC | flags);

	if (fd < 0)
		fail_msg("%s: %s", file, strerror(errno));
	return fd;
}

static void join_soon(pid_t pid)
{
	int status = 0;

	if (await_end(pid, now_ns(), &status) < 0) {
		child_kill(pid);
		fail_msg("a child did not end");
	}
	assert_int_equal(status, 0);
}

static int stream_setup(void **state)
{
	opened = gate_open();
	return mount_setup(state);
}

static int stream_teardown(void **state)
{
	gate_close(opened);
	return mount_teardown(state);
}

#define STREAMING(claim) cmocka_unit_test_setup_teardown(claim, stream_setup, stream_teardown)

/* --- stream --------------------------------------------------------------------------- */

/* A shell that opens x/stream as descriptor 3, reports that, and goes on with `text`. */
static void start_streaming(struct job *job, const char *text)
{
	char line[512], said[8] = "";
	const char *argv[] = {"bash", "-c", line, NULL};
	struct pollfd wait;

	snprintf(line, sizeof(line), "exec 3< x/stream; echo ready; %s", text);
	job_start(job, argv);
	wait = (struct pollfd){.fd = job->out, .events = POLLIN};
	assert_int_equal(poll(&wait, 1, SHELL_TIMEOUT_MS), 1);
	assert_int_equal(read(job->out, said, 6), 6);
	assert_string_equal(said, "ready\n");
}

static void assert_says(struct job *job, const char *text)
{
	struct outcome outcome;

	job_finish(job, &outcome);
	if (outcome.status || outcome.err_size)
		fail_msg("it ended with %d and said '%s'", outcome.status,
			 outcome.err ? outcome.err : "");
	assert_non_null(outcome.out);
	assert_string_equal(outcome.out, text);
	outcome_free(&outcome);
}

static void stream_gives_every_later_message_in_order(void **state)
{
	babus_slot *slot = make_slot("x", 8, 4096);
	struct job job;

	(void)state;
	publish_text(slot, "before\n");
	start_streaming(&job, "head -c 19 <&3");
	publish_text(slot, "one\n");
	publish_text(slot, "two\n");
	shell_run("bash", "echo three > x/latest; echo four > x/pub; echo five > x/latest");
	assert_says(&job, "one\ntwo\nthree\nfour\n");
	babus_slot_close(slot);
}

/* The kernel splits such a read, and would go on with the next message. */
static void a_message_as_large_as_a_request_comes_without_waiting(void **state)
{
	enum {
		SIZE = 1 << 20
	};
	const char *const argv[] = {"dd", "if=x/stream", "of=/dev/null", "bs=4M", "count=1", NULL};
	babus_slot *slot = make_slot("x", 8, SIZE);
	char *data = calloc(1, SIZE);
	struct outcome outcome;
	struct job job;

	(void)state;
	assert_non_null(data);
	job_start(&job, argv);
	await_blocked(job.pid);
	assert_int_equal(babus_slot_publish(slot, data, SIZE, NULL, NULL), 0);
	job_finish(&job, &outcome);
	assert_int_equal(outcome.status, 0);
	outcome_free(&outcome);
	free(data);
	babus_slot_close(slot);
}

/* head seeks back to the end of its lines, as in any regular file. */
static void head_takes_lines_from_a_stream_without_complaint(void **state)
{
	const char *const argv[] = {"head", "-n", "2", "x/stream", NULL};
	babus_slot *slot = make_slot("x", 8, 4096);
	struct job job;

	(void)state;
	job_start(&job, argv);
	await_blocked(job.pid);
	publish_text(slot, "one\n");
	publish_text(slot, "two\n");
	assert_says(&job, "one\ntwo\n");
	babus_slot_close(slot);
}

static void a_shell_loop_reads_lines_from_a_stream(void **state)
{
	babus_slot *slot = make_slot("x", 64, 4096);
	struct job job;

	(void)state;
	start_streaming(&job, "while read -r l <&3; do echo \"<$l>\";"
			      " [ $l = last ] && exit; done");
	for (int i = 0; i < 3; i++)
		publish_text(slot, "line\n");
	publish_text(slot, "last\n");
	assert_says(&job, "<line>\n<line>\n<line>\n<last>\n");
	babus_slot_close(slot);
}

static void a_long_message_comes_in_parts_and_whole(void **state)
{
	babus_slot *slot = make_slot("x", 4, 100000);
	char *data = malloc(100000), *got = malloc(100000);
	int fd;

	(void)state;
	for (int i = 0; i < 100000; i++)
		data[i] = (char)(i * 7 + i / 256);
	fd = open_file("stream", 0);
	assert_int_equal(babus_slot_publish(slot, data, 100000, NULL, NULL), 0);
	for (size_t at = 0; at < 100000;) {
		ssize_t size = read(fd, got + at, 999);

		assert_true(size > 0 && size <= 999);
		at += (size_t)size;
		if (at < 50000)
			publish_text(slot, "another");
	}
	assert_memory_equal(got, data, 100000);
	close(fd);
	free(data);
	free(got);
	babus_slot_close(slot);
}

static void a_read_gives_no_part_of_the_next_message(void **state)
{
	babus_slot *slot = make_slot("x", 4, 4096);
	char text[64];
	int fd;

	(void)state;
	fd = open_file("stream", O_NONBLOCK);
	publish_text(slot, "one");
	publish_text(slot, "");
	publish_text(slot, "three");
	assert_int_equal(read(fd, text, sizeof(text)), 3);
	/* A message without bytes must not look like the end. */
	assert_int_equal(read(fd, text, sizeof(text)), 5);
	assert_memory_equal(text, "three", 5);
	assert_int_equal(read(fd, text, sizeof(text)), -1);
	assert_int_equal(errno, EAGAIN);
	close(fd);
	babus_slot_close(slot);
}

static void a_slow_reader_goes_on_with_kept_messages_and_the_loss_is_counted(void **state)
{
	babus_slot *slot = make_slot("x", 4, 4096);
	char text[64];
	int fd;

	(void)state;
	fd = open_file("stream", 0);
	for (int i = 0; i < 10; i++) {
		snprintf(text, sizeof(text), "%d", i);
		publish_text(slot, text);
	}
	for (int i = 6; i < 10; i++) {
		assert_int_equal(read(fd, text, sizeof(text)), 1);
		assert_int_equal(text[0], '0' + i);
	}
	shell_run("bash", "grep -qx 'babus_fs_lost_total 6' .bus/metrics");
	close(fd);
	babus_slot_close(slot);
}

static void signals_end_a_blocked_stream(void **state)
{
	const char *const argv[] = {"cat", "x/stream", NULL};
	static const int signals[] = {SIGINT, SIGTERM, SIGKILL};

	(void)state;
	babus_slot_close(make_slot("x", 4, 4096));
	for (int i = 0; i < 3; i++) {
		struct outcome outcome;
		struct job job;

		job_start(&job, argv);
		await_blocked(job.pid);
		kill(job.pid, signals[i]);
		job_finish(&job, &outcome);
		assert_int_equal(outcome.status, -signals[i]);
		outcome_free(&outcome);
	}
}

static void rmdir_ends_a_stream_with_an_error(void **state)
{
	const char *const argv[] = {"cat", "x/stream", NULL};
	struct outcome outcome;
	struct job job;

	(void)state;
	babus_slot_close(make_slot("x", 4, 4096));
	job_start(&job, argv);
	await_blocked(job.pid);
	assert_int_equal(rmdir(in_mount("x", "")), 0);
	job_finish(&job, &outcome);
	assert_int_equal(outcome.status, 1);
	assert_non_null(strstr(outcome.err, "No such device"));
	outcome_free(&outcome);
}

/* --- poll ------------------------------------------------------------------------------- */

static int events_of(int fd)
{
	struct pollfd wait = {.fd = fd, .events = POLLIN};

	assert_in_range(poll(&wait, 1, 0), 0, 1);
	return wait.revents;
}

static void poll_reports_whether_a_read_would_block(void **state)
{
	static const char *const files[] = {"wait", "stream"};
	babus_slot *slot = make_slot("x", 8, 4096);
	char text[16];

	(void)state;
	publish_text(slot, "old");
	for (int i = 0; i < 2; i++) {
		int fd = open_file(files[i], O_NONBLOCK);

		assert_int_equal(events_of(fd), 0);
		publish_text(slot, "new");
		assert_int_equal(events_of(fd), POLLIN);
		assert_int_equal(events_of(fd), POLLIN);
		assert_int_equal(read(fd, text, sizeof(text)), 3);
		assert_int_equal(lseek(fd, 0, SEEK_SET) < 0 && errno != ESPIPE, 0);
		assert_int_equal(events_of(fd), 0);
		close(fd);
	}
	babus_slot_close(slot);
}

/* In a child: wait by poll, select or epoll for each of 100 messages. */
static void follow_by(int how, int fd)
{
	struct epoll_event event = {.events = EPOLLIN};
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	char text[16];

	EXPECT(!epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
	for (int seen = 0; seen < 100;) {
		fd_set set;

		FD_ZERO(&set);
		FD_SET(fd, &set);
		if (how == 0)
			EXPECT_EQUAL(poll(&wait, 1, SHELL_TIMEOUT_MS), 1);
		else if (how == 1)
			EXPECT_EQUAL(select(fd + 1, &set, NULL, NULL, NULL), 1);
		else
			EXPECT_EQUAL(epoll_wait(epoll, &event, 1, SHELL_TIMEOUT_MS), 1);
		while (read(fd, text, sizeof(text)) > 0)
			seen++;
		EXPECT_EQUAL(errno, EAGAIN);
		gate_post(opened, 1);
	}
}

struct follower {
	const char *file;
	int how;
};

static void follow(void *arg)
{
	const struct follower *follower = arg;
	int fd = open(in_mount("x", follower->file), O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	EXPECT(fd >= 0);
	gate_post(opened, 1);
	follow_by(follower->how, fd);
}

static void poll_select_and_epoll_wake_for_each_message_of_a_stream(void **state)
{
	babus_slot *slot = make_slot("x", 8, 4096);

	(void)state;
	for (int how = 0; how < 3; how++) {
		struct follower follower = {"stream", how};
		pid_t pid = child_start(follow, &follower);

		gate_wait(opened);
		for (int i = 0; i < 100; i++) {
			/* Every tenth message finds it asleep. */
			if (i % 10 == 0)
				await_sleep(pid, "poll");
			publish_text(slot, "message");
			gate_wait(opened);
		}
		join_soon(pid);
	}
	babus_slot_close(slot);
}

static void poll_for_removal(void *arg)
{
	struct pollfd wait = {.fd = open(in_mount("x", arg), O_RDONLY | O_CLOEXEC),
			      .events = POLLIN};
	char text[16];

	EXPECT(wait.fd >= 0);
	EXPECT_EQUAL(poll(&wait, 1, SHELL_TIMEOUT_MS), 1);
	EXPECT_EQUAL(read(wait.fd, text, sizeof(text)), -1);
	EXPECT_EQUAL(errno, ENODEV);
}

static void removal_of_the_slot_ends_a_poll(void **state)
{
	static char files[2][8] = {"wait", "stream"};

	(void)state;
	for (int i = 0; i < 2; i++) {
		pid_t pid;

		babus_slot_close(make_slot("x", 8, 4096));
		pid = child_start(poll_for_removal, files[i]);
		await_sleep(pid, "poll");
		assert_int_equal(rmdir(in_mount("x", "")), 0);
		join_soon(pid);
	}
}

struct poller {
	int fd;
	pthread_barrier_t *both;
};

static void *poll_briefly(void *arg)
{
	const struct poller *poller = arg;
	struct pollfd wait = {.fd = poller->fd, .events = POLLIN};

	pthread_barrier_wait(poller->both);
	poll(&wait, 1, 1);
	return NULL;
}

static void two_threads_can_poll_a_file_and_close_it(void **state)
{
	babus_slot *slot = make_slot("x", 8, 4096);
	pthread_barrier_t both;

	(void)state;
	pthread_barrier_init(&both, NULL, 2);
	for (int i = 0; i < 200; i++) {
		struct poller poller = {open_file("wait", 0), &both};
		pthread_t thread;

		assert_int_equal(pthread_create(&thread, NULL, poll_briefly, &poller), 0);
		poll_briefly(&poller);
		pthread_join(thread, NULL);
		close(poller.fd);
	}
	pthread_barrier_destroy(&both);
	publish_text(slot, "news");
	shell_expect("bash", "cat x/latest", "news");
	babus_slot_close(slot);
}

static void latest_is_always_ready(void **state)
{
	int fd;

	(void)state;
	babus_slot_close(make_slot("x", 8, 4096));
	fd = open_file("latest", 0);
	assert_int_equal(events_of(fd), POLLIN);
	close(fd);
}

static void one_epoll_watches_many_slots(void **state)
{
	enum {
		SLOTS = 40
	};
	babus_slot *slots[SLOTS];
	int fds[SLOTS], epoll = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event event, events[SLOTS];
	char name[16], text[16];

	(void)state;
	for (int i = 0; i < SLOTS; i++) {
		snprintf(name, sizeof(name), "x%d", i);
		slots[i] = make_slot(name, 4, 64);
		fds[i] = open(in_mount(name, "wait"), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		assert_true(fds[i] >= 0);
		event = (struct epoll_event){.events = EPOLLIN, .data.u32 = (uint32_t)i};
		assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, fds[i], &event), 0);
	}
	assert_int_equal(epoll_wait(epoll, events, SLOTS, 0), 0);
	for (int i = SLOTS - 1; i >= 0; i--) {
		publish_text(slots[i], "news");
		assert_int_equal(epoll_wait(epoll, events, SLOTS, SHELL_TIMEOUT_MS), 1);
		assert_int_equal(events[0].data.u32, i);
		assert_int_equal(pread(fds[i], text, sizeof(text), 0), 4);
	}
	assert_int_equal(epoll_wait(epoll, events, SLOTS, 0), 0);
	for (int i = 0; i < SLOTS; i++) {
		close(fds[i]);
		babus_slot_close(slots[i]);
	}
	close(epoll);
}

static int run(void)
{
	const struct CMUnitTest tests[] = {
	    STREAMING(stream_gives_every_later_message_in_order),
	    STREAMING(a_message_as_large_as_a_request_comes_without_waiting),
	    STREAMING(head_takes_lines_from_a_stream_without_complaint),
	    STREAMING(a_shell_loop_reads_lines_from_a_stream),
	    STREAMING(a_long_message_comes_in_parts_and_whole),
	    STREAMING(a_read_gives_no_part_of_the_next_message),
	    STREAMING(a_slow_reader_goes_on_with_kept_messages_and_the_loss_is_counted),
	    STREAMING(signals_end_a_blocked_stream),
	    STREAMING(rmdir_ends_a_stream_with_an_error),
	    STREAMING(poll_reports_whether_a_read_would_block),
	    STREAMING(poll_select_and_epoll_wake_for_each_message_of_a_stream),
	    STREAMING(removal_of_the_slot_ends_a_poll),
	    STREAMING(two_threads_can_poll_a_file_and_close_it),
	    STREAMING(latest_is_always_ready),
	    STREAMING(one_epoll_watches_many_slots),
	};

	return cmocka_run_group_tests_name("fs_stream", tests, NULL, NULL);
}

int main(void)
{
	return mount_main(run, 60);
}
