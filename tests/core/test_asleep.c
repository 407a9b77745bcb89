/* SPDX-License-Identifier: MIT */
/*
 * Events at the moment when a waiter falls asleep. The core calls babus_step() on the waiter's
 * way there; before a chosen step, others act.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "domain.h"
#include "slot.h"
#include "steps.h"
#include "waiting.h"

static babus_slot *slot;
static babus_waiter *waiter;
static babus_reader *reader;

static void open_all(void)
{
	slot = make_slot("s", 4, 16);
	waiter = open_waiter(0, NO_RECHECK);
	reader = open_reader(slot);
	assert_int_equal(babus_waiter_add(waiter, reader, NULL), 0);
}

static void close_all(void)
{
	babus_waiter_close(waiter);
	babus_reader_close(reader);
	babus_slot_close(slot);
}

static void publish_one(void)
{
	EXPECT_EQUAL(babus_slot_publish(slot, "x", 1, NULL, NULL), 0);
}

/* As it was reported once, and not read. */
static void assert_reported_again(void)
{
	struct babus_event event;

	for (int i = 0; i < 3; i++)
		assert_int_equal(babus_waiter_wait(waiter, BABUS_NOW, &event, 1), 1);
	take_next(reader);
	assert_no_news(waiter);
}

static void message_found_after_the_mark_is_reported_until_it_is_read(void **state)
{
	struct babus_event event;

	(void)state;
	open_all();
	steps_only_before("mark_set", publish_one);
	assert_int_equal(babus_waiter_wait(waiter, babus_deadline(10 * SECOND), &event, 1), 1);
	steps_disarm();
	assert_reported_again();
	close_all();
}

static void publish_after_the_sleep(void)
{
	steps_before("flag_get", publish_one);
}

static void message_that_comes_as_the_wait_ends_is_reported(void **state)
{
	struct babus_event event;

	(void)state;
	open_all();
	steps_only_before("futex_wait", publish_after_the_sleep);
	assert_int_equal(babus_waiter_wait(waiter, babus_deadline(MILLISECOND), &event, 1), 1);
	steps_disarm();
	close_all();
}

static bool readable(int fd)
{
	struct pollfd wait = {.fd = fd, .events = POLLIN};

	return poll(&wait, 1, 0) == 1;
}

static void message_found_while_it_is_armed_leaves_the_descriptor_readable(void **state)
{
	struct babus_event event;
	int fd;

	(void)state;
	open_all();
	assert_int_equal(babus_waiter_fd(waiter, &fd), 0);
	steps_only_before("mark_set", publish_one);
	assert_int_equal(babus_waiter_wait(waiter, BABUS_NOW, &event, 1), 1);
	steps_disarm();
	assert_true(readable(fd));
	assert_reported_again();
	assert_false(readable(fd));
	close_all();
}

/* --- a publisher between its steps -------------------------------------------------------- */

/* By a wake-up, and not at its deadline, when it looks once more. */
static bool is_woken(babus_waiter *sleeper)
{
	int64_t deadline = babus_deadline(10 * SECOND);
	struct babus_event event;

	return babus_waiter_wait(sleeper, deadline, &event, 1) == 1 && now_ns() < deadline;
}

static int held_up, go_on;
static pid_t sleeper_thread;

static void hold_up(void)
{
	sleeper_thread = gettid();
	gate_post(held_up, 1);
	gate_wait(go_on);
}

static bool sleeps_in_the_kernel(pid_t thread)
{
	char path[64], call[16];
	FILE *file;
	bool asleep;

	snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", (int)thread);
	file = fopen(path, "r");
	asleep = file && fgets(call, sizeof(call), file) && atoi(call) == SYS_futex;
	if (file)
		fclose(file);
	return asleep;
}

static void let_it_sleep(void)
{
	gate_post(go_on, 1);
	while (!sleeps_in_the_kernel(sleeper_thread))
		sched_yield();
}

static void *wait_for_it(void *arg)
{
	*(bool *)arg = is_woken(waiter);
	return NULL;
}

/* It has looked; the kernel only compares whether the event word has changed since. */
static void waiter_that_falls_asleep_before_the_event_word_changes_is_woken(void **state)
{
	pthread_t thread;
	bool woken = false;

	(void)state;
	open_all();
	held_up = gate_open();
	go_on = gate_open();
	steps_only_before("futex_wait", hold_up);
	assert_int_equal(pthread_create(&thread, NULL, wait_for_it, &woken), 0);
	gate_wait(held_up);
	steps_only_before("event_bump", let_it_sleep);
	publish_one();
	pthread_join(thread, NULL);
	steps_disarm();
	assert_true(woken);
	gate_close(held_up);
	gate_close(go_on);
	close_all();
}

/* The library's thread that serves descriptors. */
static void message_that_comes_as_the_librarys_thread_looks_makes_the_descriptor_readable(
    void **state)
{
	babus_slot *other = make_slot("other", 4, 16);
	babus_reader *another = open_reader(other);
	struct pollfd wait = {.events = POLLIN};

	(void)state;
	open_all();
	assert_int_equal(babus_waiter_fd(waiter, &wait.fd), 0);
	assert_no_news(waiter);
	steps_only_before("event_get", publish_one);
	/* It looks again. */
	assert_int_equal(babus_waiter_add(waiter, another, NULL), 0);
	assert_int_equal(poll(&wait, 1, 10000), 1);
	steps_disarm();
	close_all();
	babus_reader_close(another);
	babus_slot_close(other);
}

/* --- the domain ---------------------------------------------------------------------- */

static void expect_mark(void)
{
	EXPECT(mark_is_set(mark_get(wait_mark(bus->map, WAIT_CONTROL))));
}

static void waiter_that_watches_the_domain_sleeps_with_its_mark_set(void **state)
{
	struct babus_event event;

	(void)state;
	open_all();
	assert_int_equal(babus_waiter_watch_domain(waiter, NULL), 0);
	steps_only_before("futex_wait", expect_mark);
	assert_int_equal(babus_waiter_wait(waiter, babus_deadline(MILLISECOND), &event, 1),
			 -ETIMEDOUT);
	steps_disarm();
	close_all();
}

static void change_of_the_domain_wakes_the_waiters_that_set_its_mark(void **state)
{
	uint32_t before = event_get(&bus->map->event);

	(void)state;
	babus_slot_close(make_slot("s", 2, 16));
	assert_int_equal(event_get(&bus->map->event), before);
	mark_set(wait_mark(bus->map, WAIT_CONTROL));
	assert_int_equal(babus_domain_remove_slot(bus, "s"), 0);
	assert_int_not_equal(event_get(&bus->map->event), before);
}

static void removal_wakes_the_waiters_that_set_the_slots_mark(void **state)
{
	uint32_t before;

	(void)state;
	open_all();
	mark_set(wait_mark(bus->map, slot->place));
	before = event_get(&bus->map->event);
	assert_int_equal(babus_slot_remove(slot), 0);
	assert_int_not_equal(event_get(&bus->map->event), before);
	close_all();
}

static babus_slot *late;

static void make_late_slot(void)
{
	struct babus_slot_options opts = small_options(2, 16);

	EXPECT_EQUAL(babus_slot_open(bus, "late", BABUS_CREATE, &opts, &late), 0);
}

static bool reports_late_slot(void)
{
	struct babus_event event;

	while (babus_waiter_wait(waiter, BABUS_NOW, &event, 1) == 1)
		if (event.kind == BABUS_EVENT_APPEARED && !strcmp(event.slot, "late"))
			return true;
	return false;
}

static void slot_that_appears_at_any_step_of_a_look_is_reported(void **state)
{
	unsigned at = 0;

	(void)state;
	open_all();
	assert_int_equal(babus_waiter_watch_domain(waiter, NULL), 0);
	do {
		babus_slot *other = make_slot("other", 2, 16);
		bool reported;

		late = NULL;
		/* There is a change, so it looks for what has changed. */
		steps_act_at(++at, make_late_slot);
		reported = reports_late_slot();
		steps_disarm();
		if (late)
			assert_true(reported || reports_late_slot());
		babus_slot_close(late);
		babus_slot_close(other);
		assert_int_equal(babus_domain_remove_slot(bus, "other"), 0);
		if (late)
			assert_int_equal(babus_domain_remove_slot(bus, "late"), 0);
		reports_late_slot();
	} while (late);
	assert_true(at > 5);
	close_all();
}

static void slot_that_appears_at_any_step_of_its_opener_is_opened(void **state)
{
	unsigned at = 0;
	babus_slot *found;
	int error;

	(void)state;
	do {
		late = found = NULL;
		steps_act_at(++at, make_late_slot);
		error = babus_slot_await(bus, "late", 0, NULL, babus_deadline(SECOND / 2), &found);
		steps_disarm();
		assert_int_equal(error, late ? 0 : -ETIMEDOUT);
		babus_slot_close(found);
		babus_slot_close(late);
		if (late)
			assert_int_equal(babus_domain_remove_slot(bus, "late"), 0);
	} while (late);
	assert_true(at > 10);
}

/* --- all of them --------------------------------------------------------------------- */

enum {
	SLEEPERS = 3
};

struct dreamer {
	pthread_t thread;
	babus_waiter *waiter;
	babus_reader *reader;
	bool woken;
};

static void *dream(void *arg)
{
	struct dreamer *dreamer = arg;

	dreamer->woken = is_woken(dreamer->waiter);
	return NULL;
}

static bool all_are_marked(void)
{
	/* Each waiter that sets the mark makes a new epoch: 1, 3, 5. */
	return (uint32_t)mark_get(wait_mark(slot->domain_map, slot->place)) >= 2 * SLEEPERS - 1;
}

static void one_message_wakes_all_sleepers(void **state)
{
	struct dreamer dreamers[SLEEPERS];

	(void)state;
	slot = make_slot("s", 4, 16);
	for (int i = 0; i < SLEEPERS; i++) {
		struct dreamer *dreamer = &dreamers[i];

		dreamer->waiter = open_waiter(0, NO_RECHECK);
		dreamer->reader = open_reader(slot);
		assert_int_equal(babus_waiter_add(dreamer->waiter, dreamer->reader, NULL), 0);
		assert_int_equal(pthread_create(&dreamer->thread, NULL, dream, dreamer), 0);
	}
	while (!all_are_marked())
		sched_yield();
	publish_one();
	for (int i = 0; i < SLEEPERS; i++)
		assert_int_equal(pthread_join(dreamers[i].thread, NULL), 0);
	for (int i = 0; i < SLEEPERS; i++) {
		assert_true(dreamers[i].woken);
		babus_waiter_close(dreamers[i].waiter);
		babus_reader_close(dreamers[i].reader);
	}
	babus_slot_close(slot);
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE(message_found_after_the_mark_is_reported_until_it_is_read),
	    CASE(message_that_comes_as_the_wait_ends_is_reported),
	    CASE(message_found_while_it_is_armed_leaves_the_descriptor_readable),
	    CASE(waiter_that_falls_asleep_before_the_event_word_changes_is_woken),
	    CASE(message_that_comes_as_the_librarys_thread_looks_makes_the_descriptor_readable),
	    CASE(change_of_the_domain_wakes_the_waiters_that_set_its_mark),
	    CASE(removal_wakes_the_waiters_that_set_the_slots_mark),
	    CASE(waiter_that_watches_the_domain_sleeps_with_its_mark_set),
	    CASE(slot_that_appears_at_any_step_of_a_look_is_reported),
	    CASE(slot_that_appears_at_any_step_of_its_opener_is_opened),
	    CASE(one_message_wakes_all_sleepers),
	};

	steps_init();
	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 60);
}
