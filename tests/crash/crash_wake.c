/* SPDX-License-Identifier: MIT */
/*
 * No lost wake-up, step by step. A waiter on its way to sleep is stopped before each of its steps
 * in shared memory, a publisher on its way to wake it before each of its own, and they go on in
 * either order. A second publisher, whose slot shares the mark, or only the channel, wakes in
 * between. The re-check is an hour: a waiter that is not woken stays asleep.
 *
 * And a publisher that is stopped at any of its steps delays no other's wake-up.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "marks.h"
#include "steps.h"
#include "support.h"

static babus_slot *mine, *mate, *neighbour; /* on one channel; the first two share a mark */

enum settled {
	ASLEEP,
	STOPPED,
	ENDED
};

/* Until a child sleeps on a futex, is stopped, or has ended with status 0. */
static enum settled settle(pid_t pid)
{
	int64_t patience = now_ns() + 20 * SECOND;
	char path[64], call[64];
	int status;

	snprintf(path, sizeof(path), "/proc/%d/syscall", (int)pid);
	while (now_ns() < patience) {
		FILE *file = fopen(path, "r");
		bool asleep = file && fgets(call, sizeof(call), file) && atoi(call) == SYS_futex;

		if (file)
			fclose(file);
		if (waitpid(pid, &status, WNOHANG | WUNTRACED) == pid) {
			if (WIFSTOPPED(status))
				return STOPPED;
			assert_int_equal(status, 0);
			return ENDED;
		}
		if (asleep)
			return ASLEEP;
		sched_yield();
	}
	fail_msg("time limit: process %d neither sleeps nor stops nor ends", (int)pid);
	return ENDED;
}

/* Let it run as far as it gets by itself: to sleep, or to its end. */
static enum settled go_on(pid_t pid)
{
	enum settled settled;

	do {
		kill(pid, SIGCONT);
		settled = settle(pid);
	} while (settled == STOPPED);
	return settled;
}

/* It ends, soon. */
static void assert_ends(pid_t pid)
{
	int64_t patience = now_ns() + 5 * SECOND * SUPPORT_SLOWER;
	enum settled settled;

	/* A waiter seen asleep for a moment, before it notices, is not asleep. */
	while ((settled = go_on(pid)) == ASLEEP && now_ns() < patience)
		sched_yield();
	assert_int_equal(settled, ENDED);
}

/* `slept`: its channel is marked and quiet first. It stops itself in between. */
static void wait_for_news(bool slept)
{
	babus_slot *slot = child_open_slot("mine", BABUS_READ);
	struct babus_event event;
	babus_waiter *waiter;
	babus_reader *reader;

	waiter = child_open_waiter(slot, NO_RECHECK, &reader);
	if (slept) {
		EXPECT_EQUAL(babus_waiter_wait(waiter, babus_deadline(1000), &event, 1),
			     -ETIMEDOUT);
		raise(SIGSTOP);
	}
	steps_arm();
	EXPECT_EQUAL(babus_waiter_wait(waiter, BABUS_FOREVER, &event, 1), 1);
	steps_disarm();
	EXPECT(event.reader == reader && event.status == 0);
	babus_waiter_close(waiter);
	babus_reader_close(reader);
	babus_slot_close(slot);
}

static void wait_for_one(void *arg)
{
	(void)arg;
	wait_for_news(false);
}

static void wait_for_one_again(void *arg)
{
	(void)arg;
	wait_for_news(true);
}

static void publish_one(void *arg)
{
	babus_slot *slot = child_open_slot("mine", BABUS_PUBLISH);

	(void)arg;
	steps_arm();
	EXPECT_EQUAL(babus_slot_publish(slot, "x", 1, NULL, NULL), 0);
	steps_disarm();
	babus_slot_close(slot);
}

/* Start a child that stops before step n, if it gets there. */
static pid_t start(void (*act)(void *arg), unsigned n, enum settled *settled)
{
	pid_t pid;

	steps_set(SIGSTOP, n);
	pid = child_start(act, NULL);
	*settled = settle(pid);
	return pid;
}

enum order {
	WAITER_FIRST,
	PUBLISHER_FIRST,
	MATE_BETWEEN, /* then the waiter */
	NEIGHBOUR_BETWEEN,
	ORDERS
};

static const char *const order_names[] = {"waiter first", "publisher first", "mate between",
					  "neighbour between"};

/* One round: whether each of them was stopped at its step. */
static void meet(unsigned waiter_step, unsigned publisher_step, enum order order,
		 bool *waiter_stopped, bool *publisher_stopped)
{
	enum settled waits, publishes;
	pid_t waiter, publisher;

	snprintf(support_context, sizeof(support_context),
		 "waiter at step %u, publisher at step %u, %s", waiter_step, publisher_step,
		 order_names[order]);
	waiter = start(wait_for_one, waiter_step, &waits);
	assert_int_not_equal(waits, ENDED);
	publisher = start(publish_one, publisher_step, &publishes);
	*waiter_stopped = waits == STOPPED;
	*publisher_stopped = publishes == STOPPED;
	if (order == MATE_BETWEEN)
		publish_many(mate, 1);
	if (order == NEIGHBOUR_BETWEEN)
		publish_many(neighbour, 1);
	if (order == PUBLISHER_FIRST && publishes == STOPPED) {
		kill(publisher, SIGCONT);
		child_join(publisher);
		publishes = ENDED;
	}
	if (publishes == STOPPED) {
		waits = go_on(waiter);
		kill(publisher, SIGCONT);
		child_join(publisher);
	}
	if (waits != ENDED)
		assert_ends(waiter);
}

static void waiter_is_woken_whichever_step_either_is_at(void **state)
{
	struct babus_slot_options opts = small_options(2, 16);
	unsigned meetings = 0;

	(void)state;
	opts.channel = 3;
	mine = make_slot_with("mine", &opts);
	mate = marks_make_slot("mate", &opts, mine, true);
	neighbour = marks_make_slot("neighbour", &opts, mine, false);
	for (enum order order = 0; order < ORDERS; order++) {
		bool waiter_stopped = true;

		for (unsigned i = 1; waiter_stopped; i++) {
			bool publisher_stopped = true;

			for (unsigned j = 1; publisher_stopped; j++, meetings++)
				meet(i, j, order, &waiter_stopped, &publisher_stopped);
		}
	}
	printf("# %u rounds\n", meetings);
	assert_true(meetings > 100);
	*support_context = '\0';
	babus_slot_close(mine);
	babus_slot_close(mate);
	babus_slot_close(neighbour);
}

/* Steps of a publisher that has a sleeper to wake, from its message on. */
static const char *const waking[] = {"cell_set",    "head_raise", "state_set",  "mark_get",
				     "mark_news",   "news_bump",  "event_bump", "futex_wake",
				     "futex_woken", "mark_clear"};

static void stop(void)
{
	raise(SIGSTOP);
}

/* How many steps precede these depends on the publisher: so choose them by name. */
static void publish_and_stop_before(void *arg)
{
	babus_slot *slot = child_open_slot("mine", BABUS_PUBLISH);

	steps_only_before(arg, stop);
	EXPECT_EQUAL(babus_slot_publish(slot, "x", 1, NULL, NULL), 0);
	steps_disarm();
	babus_slot_close(slot);
}

/*
 * A waiter whose channel is quiet looks only at the count of wake-ups. The publisher is stopped
 * first, then the waiter on its way back to sleep; the publisher ends, and the waiter goes on.
 * Returns whether the waiter was stopped at its step.
 */
static bool meet_again(unsigned waiter_step, const char *publisher_step)
{
	pid_t waiter, publisher;
	enum settled waits;
	int status;

	snprintf(support_context, sizeof(support_context),
		 "publisher at %s, then waiter at step %u", publisher_step, waiter_step);
	waiter = child_start(wait_for_one_again, NULL);
	assert_true(child_wait_stopped(waiter, &status));
	publisher = child_start(publish_and_stop_before, (void *)(uintptr_t)publisher_step);
	assert_true(child_wait_stopped(publisher, &status));
	steps_set(SIGSTOP, waiter_step);
	kill(waiter, SIGCONT);
	waits = settle(waiter);
	kill(publisher, SIGCONT);
	child_join(publisher);
	if (waits != ENDED)
		assert_ends(waiter);
	*support_context = '\0';
	return waits == STOPPED;
}

static void waiter_that_has_slept_is_woken_whichever_step_either_is_at(void **state)
{
	struct babus_slot_options opts = small_options(2, 16);
	unsigned meetings = 0;

	(void)state;
	mine = make_slot_with("mine", &opts);
	for (size_t i = 0; i < sizeof(waking) / sizeof(*waking); i++)
		for (unsigned step = 1; meet_again(step, waking[i]); step++)
			meetings++;
	printf("# %u rounds\n", meetings);
	assert_true(meetings > 40);
	babus_slot_close(mine);
}

/* --- a publisher that is stopped, and another ---------------------------------------- */

enum {
	FOLLOWED = 3 /* messages of the other, one for each sleep, while the first is stopped */
};

static _Atomic unsigned *heard; /* of the other's messages */

static void take_all(babus_reader *reader)
{
	struct babus_message message;

	while (!babus_reader_next(reader, &message)) {
		bool others = *(const char *)message.data == '2';

		babus_message_release(&message);
		atomic_fetch_add(heard, others);
	}
}

/* Sleep until all messages of the other are heard. */
static void wait_for_the_other(void *arg)
{
	static const char *const names[] = {"mine", "mate", "neighbour"};
	struct babus_waiter_options opts = {.recheck_ns = 3600 * SECOND};
	babus_reader *readers[3];
	struct babus_event event;
	babus_domain *domain;
	babus_waiter *waiter;
	babus_slot *slot;

	(void)arg;
	EXPECT_EQUAL(babus_domain_open("test", 0, NULL, &domain), 0);
	EXPECT_EQUAL(babus_waiter_open(domain, &opts, &waiter), 0);
	for (int i = 0; i < 3; i++) {
		EXPECT_EQUAL(babus_slot_open(domain, names[i], BABUS_READ, NULL, &slot), 0);
		EXPECT_EQUAL(babus_reader_open(slot, BABUS_START_NEXT, 0, &readers[i]), 0);
		EXPECT_EQUAL(babus_waiter_add(waiter, readers[i], NULL), 0);
	}
	while (atomic_load(heard) <= FOLLOWED) {
		EXPECT_EQUAL(babus_waiter_wait(waiter, BABUS_FOREVER, &event, 1), 1);
		EXPECT_EQUAL(event.status, 0);
		take_all(event.reader);
	}
}

/* The other publishes to a waiter that sleeps, which receives it soon. */
static void publish_and_be_heard(pid_t waiter, babus_slot *slot)
{
	unsigned before = atomic_load(heard);
	int64_t patience;

	assert_int_equal(settle(waiter), ASLEEP);
	assert_int_equal(babus_slot_publish(slot, "2", 1, NULL, NULL), 0);
	patience = now_ns() + 5 * SECOND * SUPPORT_SLOWER;
	while (atomic_load(heard) == before) {
		assert_true(now_ns() < patience);
		sched_yield();
	}
}

/* A publisher that stops: before the named step, or before step n. */
static pid_t start_publisher(const char *name, unsigned n, enum settled *settled)
{
	pid_t pid;
	int status;

	if (!name)
		return start(publish_one, n, settled);
	pid = child_start(publish_and_stop_before, (void *)(uintptr_t)name);
	assert_true(child_wait_stopped(pid, &status));
	*settled = STOPPED;
	return pid;
}

/* False: it has published before that step. */
static bool follow_one_that_stops(const char *name, unsigned step, babus_slot *others)
{
	enum settled publishes;
	pid_t waiter, publisher;

	snprintf(support_context, sizeof(support_context), "stopped at %s step %u, then on %s",
		 name ? name : "", step, babus_slot_name(others));
	atomic_store(heard, 0);
	waiter = child_start(wait_for_the_other, NULL);
	assert_int_equal(settle(waiter), ASLEEP);
	publisher = start_publisher(name, step, &publishes);
	for (int i = 0; i < FOLLOWED; i++)
		publish_and_be_heard(waiter, others);
	/* It goes on late, and clears no mark of a later sleep. */
	assert_int_equal(settle(waiter), ASLEEP);
	if (publishes == STOPPED) {
		kill(publisher, SIGCONT);
		child_join(publisher);
	}
	publish_and_be_heard(waiter, others);
	child_join(waiter);
	*support_context = '\0';
	return publishes == STOPPED;
}

static void publisher_stopped_anywhere_delays_no_others_wake_up(void **state)
{
	struct babus_slot_options opts = small_options(4, 16);
	babus_slot *others[3];
	unsigned stops = 0;

	(void)state;
	opts.channel = 3;
	mine = make_slot_with("mine", &opts);
	mate = marks_make_slot("mate", &opts, mine, true);
	neighbour = marks_make_slot("neighbour", &opts, mine, false);
	heard = mmap(NULL, sizeof(*heard), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		     0);
	assert_true(heard != MAP_FAILED);
	others[0] = mine;
	others[1] = mate;
	others[2] = neighbour;
	for (int i = 0; i < 3; i++) {
		for (unsigned step = 1; follow_one_that_stops(NULL, step, others[i]); step++)
			stops++;
		for (size_t n = 0; n < sizeof(waking) / sizeof(*waking); n++)
			stops += follow_one_that_stops(waking[n], 0, others[i]);
	}
	printf("# stopped %u times\n", stops);
	assert_true(stops > 30);
	munmap(heard, sizeof(*heard));
	babus_slot_close(mine);
	babus_slot_close(mate);
	babus_slot_close(neighbour);
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE(waiter_is_woken_whichever_step_either_is_at),
	    CASE(waiter_that_has_slept_is_woken_whichever_step_either_is_at),
	    CASE(publisher_stopped_anywhere_delays_no_others_wake_up),
	};

	steps_init();
	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 120);
}
