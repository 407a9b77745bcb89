/* SPDX-License-Identifier: MIT */
/* Programs that serve `wait` and `stream` of several slots in one event loop, of every kind. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "looper.h"
#include "shell.h"
#include "uring.h"

enum {
	MESSAGES = 600, /* to each slot, which keeps them all */
	BURST = 8
};

/* What is served; the publisher sends to "x" and "y". */
static const struct served {
	const char *slot, *file;
} served[] = {{"x", "stream"}, {"y", "stream"}, {"x", "wait"}};

enum {
	SERVED = sizeof(served) / sizeof(served[0])
};

static void make_slots(void)
{
	babus_slot_close(make_slot("x", 1024, 64));
	babus_slot_close(make_slot("y", 1024, 64));
}

/* Bursts, and pauses in which the loop falls asleep. */
static void publish_bursts(void *arg)
{
	babus_slot *slots[2];
	int sent[2] = {0, 0};
	unsigned random = 1;

	(void)arg;
	EXPECT_EQUAL(babus_domain_open("test", 0, NULL, &bus), 0);
	EXPECT_EQUAL(babus_slot_open(bus, "x", BABUS_PUBLISH, NULL, &slots[0]), 0);
	EXPECT_EQUAL(babus_slot_open(bus, "y", BABUS_PUBLISH, NULL, &slots[1]), 0);
	while (sent[0] < MESSAGES || sent[1] < MESSAGES) {
		int to = rand_r(&random) % 2;

		for (int n = rand_r(&random) % BURST; n >= 0 && sent[to] < MESSAGES; n--) {
			char text[16];
			int size = snprintf(text, sizeof(text), "%d", ++sent[to]);

			EXPECT_EQUAL(babus_slot_publish(slots[to], text, (size_t)size, NULL, NULL),
				     0);
		}
		poll(NULL, 0, rand_r(&random) % 3);
	}
	babus_slot_close(slots[0]);
	babus_slot_close(slots[1]);
	babus_domain_close(bus);
}

/* Read all there is: each message once, in order. */
static void drain(int fd, int *last)
{
	char text[16];

	for (;;) {
		ssize_t got = read(fd, text, sizeof(text) - 1);

		if (got < 0)
			break;
		if (got == 0) { /* `wait`: on to the next one */
			assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
			continue;
		}
		text[got] = '\0';
		assert_int_equal(strtol(text, NULL, 10), ++*last);
	}
	assert_int_equal(errno, EAGAIN);
}

static bool all_came(const int *last)
{
	for (int i = 0; i < SERVED; i++)
		if (last[i] < MESSAGES)
			return false;
	return true;
}

static void serve_by(const struct looper_kind *kind)
{
	struct looper looper;
	int fds[SERVED], last[SERVED] = {0};
	pid_t publisher;

	snprintf(support_context, sizeof(support_context), "%s", kind->name);
	make_slots();
	for (int i = 0; i < SERVED; i++) {
		fds[i] = open(in_mount(served[i].slot, served[i].file),
			      O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		assert_true(fds[i] >= 0);
	}
	looper_open(&looper, kind, fds, SERVED);
	publisher = child_start(publish_bursts, NULL);
	while (!all_came(last)) {
		uint32_t ready = kind->wait(&looper, SHELL_TIMEOUT_MS);

		assert_true(ready);
		for (int i = 0; i < SERVED; i++)
			if (ready >> i & 1)
				drain(fds[i], &last[i]);
	}
	child_join(publisher);
	kind->close(&looper);
	for (int i = 0; i < SERVED; i++)
		close(fds[i]);
	*support_context = '\0';
}

static void poll_serves_files(void **state)
{
	(void)state;
	serve_by(&looper_poll);
}

static void select_serves_files(void **state)
{
	(void)state;
	serve_by(&looper_select);
}

static void level_triggered_epoll_serves_files(void **state)
{
	(void)state;
	serve_by(&looper_epoll_level);
}

static void edge_triggered_epoll_serves_files(void **state)
{
	(void)state;
	serve_by(&looper_epoll_edge);
}

static void one_shot_epoll_serves_files(void **state)
{
	(void)state;
	serve_by(&looper_epoll_oneshot);
}

static bool have_uring(void)
{
	int error = uring_check();

	if (error)
		print_message("skipped: no io_uring here: %s\n", strerror(-error));
	return !error;
}

static void single_polls_of_io_uring_serve_files(void **state)
{
	(void)state;
	if (have_uring())
		serve_by(&looper_uring_single);
}

static void multishot_polls_of_io_uring_serve_files(void **state)
{
	(void)state;
	if (have_uring())
		serve_by(&looper_uring_multishot);
}

static void asyncio_serves_files(void **state)
{
	pid_t publisher;
	struct job job;
	struct outcome outcome;
	const char *const argv[] = {
	    "python3", "-c",
	    "import asyncio, os, sys\n"
	    "fds = [os.open(p, os.O_RDONLY | os.O_NONBLOCK)"
	    " for p in ('x/stream', 'y/stream', 'x/wait')]\n"
	    "last = [0, 0, 0]\n"
	    "async def main():\n"
	    "    loop, done = asyncio.get_running_loop(), asyncio.Event()\n"
	    "    def drain(i):\n"
	    "        try:\n"
	    "            while True:\n"
	    "                data = os.read(fds[i], 100)\n"
	    "                if not data:\n"
	    "                    os.lseek(fds[i], 0, 0)\n"
	    "                    continue\n"
	    "                if int(data) != last[i] + 1: sys.exit('%d: %s' % (last[i], data))\n"
	    "                last[i] += 1\n"
	    "        except BlockingIOError: pass\n"
	    "        if min(last) == 600: done.set()\n"
	    "    for i, fd in enumerate(fds): loop.add_reader(fd, drain, i)\n"
	    "    os.write(2, b'ready')\n"
	    "    await done.wait()\n"
	    "asyncio.run(main())\n",
	    NULL};
	char ready[8];

	(void)state;
	make_slots();
	job_start(&job, argv);
	assert_int_equal(read(job.err, ready, 5), 5);
	publisher = child_start(publish_bursts, NULL);
	job_finish(&job, &outcome);
	if (outcome.status)
		print_error("%s\n", outcome.err);
	assert_int_equal(outcome.status, 0);
	outcome_free(&outcome);
	child_join(publisher);
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    MOUNTED(poll_serves_files),
	    MOUNTED(select_serves_files),
	    MOUNTED(level_triggered_epoll_serves_files),
	    MOUNTED(edge_triggered_epoll_serves_files),
	    MOUNTED(one_shot_epoll_serves_files),
	    MOUNTED(single_polls_of_io_uring_serve_files),
	    MOUNTED(multishot_polls_of_io_uring_serve_files),
	    MOUNTED(asyncio_serves_files),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return mount_main(run, 120);
}
