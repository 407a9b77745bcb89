/* SPDX-License-Identifier: MIT */
/*
 * Thousands of readers in one waiter, measured by counts and not by time: a look at a reader is
 * one look at a cell. A wait costs looks at the readers whose slots share a mark with the slot
 * that has news. The re-check finds what no wake-up announced.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "domain.h"
#include "marks.h"
#include "slot.h"
#include "steps.h"
#include "waiting.h"

enum {
	SLOTS = 1000,
	EACH = 4, /* readers of each */
	READERS = SLOTS * EACH + 1,
	CHANNELS = BABUS_CHANNELS - 1, /* those that are reported in turn */
	ROOM = 64,
	FEW = 256 /* readers that each poll looks at, so they need no mark */
};

static struct {
	babus_slot *slots[SLOTS], *single;
	babus_reader *readers[READERS]; /* the last is the only one of `single` */
	babus_waiter *waiter;
	unsigned mates; /* readers whose slots share its mark, itself included */
} crowd;

static babus_reader *only_reader(void)
{
	return crowd.readers[READERS - 1];
}

static babus_reader *add_reader(babus_slot *slot)
{
	babus_reader *reader = open_reader(slot);

	assert_int_equal(babus_waiter_add(crowd.waiter, reader, NULL), 0);
	return reader;
}

static bool shares_its_mark(const babus_slot *slot)
{
	return slot->place.channel == crowd.single->place.channel &&
	       slot->place.mark == crowd.single->place.mark;
}

static void make_spinning_crowd(uint64_t spin_ns, uint64_t recheck_ns)
{
	crowd.waiter = open_waiter(spin_ns, recheck_ns);
	crowd.single = make_slot("single", 2, 16);
	crowd.mates = 1;
	for (unsigned i = 0; i < SLOTS; i++) {
		char name[16];

		snprintf(name, sizeof(name), "s%u", i);
		crowd.slots[i] = make_slot(name, 2, 16);
		for (unsigned n = 0; n < EACH; n++)
			crowd.readers[i * EACH + n] = add_reader(crowd.slots[i]);
		crowd.mates += shares_its_mark(crowd.slots[i]) ? EACH : 0;
	}
	crowd.readers[READERS - 1] = add_reader(crowd.single);
	/* Two in a thousand and one, if marks are random. */
	assert_in_range(crowd.mates, 1, READERS / 50);
}

static void make_crowd(uint64_t recheck_ns)
{
	make_spinning_crowd(0, recheck_ns);
}

static void end_crowd(void)
{
	babus_waiter_close(crowd.waiter);
	for (unsigned i = 0; i < READERS; i++)
		babus_reader_close(crowd.readers[i]);
	for (unsigned i = 0; i < SLOTS; i++)
		babus_slot_close(crowd.slots[i]);
	babus_slot_close(crowd.single);
}

/* Wait for a moment: how many readers were looked at. */
static unsigned looks_of_a_wait(int max, int expected)
{
	struct babus_event events[ROOM];

	steps_count();
	assert_int_equal(babus_waiter_wait(crowd.waiter, babus_deadline(MILLISECOND), events, max),
			 expected);
	for (int i = 0; i < expected; i++)
		assert_ptr_equal(events[i].reader, only_reader());
	return steps_counted("cell_get");
}

static void one_reader_s_news_costs_looks_at_its_mates_only(int max)
{
	publish_many(crowd.single, 1);
	assert_in_range(looks_of_a_wait(max, 1), 1, crowd.mates);
	/* The mark stays, and so do the looks at others. */
	assert_in_range(looks_of_a_wait(max, 1), 1, crowd.mates);
	take_next(only_reader());
	/* Once before the mark is set again, and once after. */
	assert_in_range(looks_of_a_wait(max, -ETIMEDOUT), 1, 2 * crowd.mates);
	assert_int_equal(looks_of_a_wait(max, -ETIMEDOUT), 0);
}

static void wait_costs_the_readers_of_marks_with_news(void **state)
{
	unsigned first;

	(void)state;
	make_crowd(NO_RECHECK);
	first = looks_of_a_wait(1, -ETIMEDOUT);
	assert_in_range(first, READERS, 2 * READERS);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(looks_of_a_wait(1, -ETIMEDOUT), 0);
		/*
		 * The first time, before and after the sleep, it looks at each channel, and
		 * little else.
		 */
		assert_in_range(steps_counted(NULL), 3 * CHANNELS, 3 * CHANNELS + 10);
	}
	one_reader_s_news_costs_looks_at_its_mates_only(1);
	one_reader_s_news_costs_looks_at_its_mates_only(ROOM);
	printf("# %d readers: %u looks at first, none without news\n", READERS, first);
	end_crowd();
}

static void poll_of_an_armed_descriptor_costs_the_same(void **state)
{
	struct babus_event event;
	int fd;

	(void)state;
	make_crowd(NO_RECHECK);
	assert_int_equal(babus_waiter_fd(crowd.waiter, &fd), 0);
	assert_no_news(crowd.waiter);
	for (int i = 0; i < 3; i++) {
		steps_count();
		assert_no_news(crowd.waiter);
		assert_int_equal(steps_counted("cell_get"), 0);
		publish_many(crowd.single, 1);
		steps_count();
		assert_int_equal(babus_waiter_wait(crowd.waiter, BABUS_NOW, &event, 1), 1);
		assert_in_range(steps_counted("cell_get"), 1, crowd.mates);
		take_next(only_reader());
		assert_no_news(crowd.waiter);
	}
	end_crowd();
}

/* Without a descriptor, and without a sleep. */
static void poll_for_many_readers_costs_the_same(void **state)
{
	struct babus_event event;

	(void)state;
	make_crowd(NO_RECHECK);
	assert_no_news(crowd.waiter);
	for (int i = 0; i < 3; i++) {
		steps_count();
		assert_no_news(crowd.waiter);
		assert_int_equal(steps_counted("cell_get"), 0);
		publish_many(crowd.single, 1);
		steps_count();
		assert_int_equal(babus_waiter_wait(crowd.waiter, BABUS_NOW, &event, 1), 1);
		assert_ptr_equal(event.reader, only_reader());
		assert_in_range(steps_counted("cell_get"), 1, crowd.mates);
		take_next(only_reader());
		assert_no_news(crowd.waiter);
	}
	end_crowd();
}

static void spinning_for_many_readers_looks_at_each_once(void **state)
{
	struct babus_event event;

	(void)state;
	make_spinning_crowd(20 * MILLISECOND, NO_RECHECK);
	steps_count();
	assert_int_equal(
	    babus_waiter_wait(crowd.waiter, babus_deadline(20 * MILLISECOND), &event, 1),
	    -ETIMEDOUT);
	/* Before it sets their marks, and after. */
	assert_in_range(steps_counted("cell_get"), READERS, 2 * READERS);
	end_crowd();
}

static void poll_marks_no_slot_for_few_readers(void **state)
{
	struct babus_event event;

	(void)state;
	make_crowd(NO_RECHECK);
	for (unsigned i = FEW; i < READERS; i++)
		assert_int_equal(babus_waiter_remove(crowd.waiter, crowd.readers[i]), 0);
	for (int i = 0; i < 3; i++) {
		steps_count();
		assert_no_news(crowd.waiter);
		assert_int_equal(steps_counted("cell_get"), FEW);
		assert_int_equal(steps_counted("mark_set"), 0);
	}
	assert_false(marks_any(bus->map));
	/* One more makes them many. */
	assert_int_equal(babus_waiter_add(crowd.waiter, only_reader(), NULL), 0);
	assert_no_news(crowd.waiter);
	assert_true(marks_any(bus->map));
	publish_many(crowd.single, 1);
	assert_int_equal(babus_waiter_wait(crowd.waiter, BABUS_NOW, &event, 1), 1);
	assert_ptr_equal(event.reader, only_reader());
	end_crowd();
}

static void added_reader_costs_looks_at_readers_of_its_mark_only(void **state)
{
	babus_reader *late;

	(void)state;
	make_crowd(NO_RECHECK);
	looks_of_a_wait(1, -ETIMEDOUT);
	late = open_reader(crowd.single);
	assert_int_equal(babus_waiter_add(crowd.waiter, late, NULL), 0);
	assert_in_range(looks_of_a_wait(1, -ETIMEDOUT), 1, 2 * (crowd.mates + 1));
	assert_int_equal(babus_waiter_remove(crowd.waiter, late), 0);
	assert_int_equal(looks_of_a_wait(1, -ETIMEDOUT), 0);
	babus_reader_close(late);
	end_crowd();
}

/* --- what no wake-up announced ------------------------------------------------------- */

static void die(void)
{
	kill(getpid(), SIGKILL);
}

/* The message is published; the mark is not looked at any more. */
static void publish_and_die(void *arg)
{
	babus_slot *slot = child_open_slot("single", BABUS_PUBLISH);

	(void)arg;
	steps_only_before("mark_get", die);
	babus_slot_publish(slot, "x", 1, NULL, NULL);
}

static void publish_without_a_wake_up(void)
{
	assert_int_equal(child_wait(child_start(publish_and_die, NULL)), -SIGKILL);
}

static void news_of_the_dead_is_found_at_the_re_check(void **state)
{
	int64_t began;

	(void)state;
	make_crowd(100 * MILLISECOND);
	for (int i = 0; i < 3; i++) {
		struct babus_event event;

		/* All channels are quiet now. */
		looks_of_a_wait(1, -ETIMEDOUT);
		publish_without_a_wake_up();
		began = now_ns();
		assert_int_equal(
		    babus_waiter_wait(crowd.waiter, babus_deadline(10 * SECOND), &event, 1), 1);
		assert_ptr_equal(event.reader, only_reader());
		assert_true(now_ns() - began < 30 * SECOND);
		take_next(only_reader());
	}
	end_crowd();
}

/*
 * How many waits that begin later than the re-check still do not report the only reader, while
 * another slot always has news.
 */
static unsigned late_waits(int max, useconds_t pace)
{
	int64_t due;
	unsigned late = 0;

	publish_without_a_wake_up();
	for (due = now_ns() + 50 * MILLISECOND; late < 1000; usleep(pace)) {
		struct babus_event events[ROOM];
		int64_t begins = now_ns();
		int count = babus_waiter_wait(crowd.waiter, BABUS_FOREVER, events, max);

		assert_true(count > 0);
		for (int i = 0; i < count; i++)
			if (events[i].reader == only_reader())
				return late;
		late += begins > due;
	}
	return late;
}

static void waiter_that_always_finds_news_looks_at_quiet_channels_too(void **state)
{
	(void)state;
	make_crowd(50 * MILLISECOND);
	looks_of_a_wait(1, -ETIMEDOUT);
	/* It is never read. */
	publish_many(crowd.slots[0], 1);
	for (int i = 0; i < 3; i++) {
		/*
		 * One at a time they are reported in turn: all of the busy channel's may be
		 * first.
		 */
		assert_in_range(late_waits(1, 0), 0, 64 + 2);
		take_next(only_reader());
		assert_in_range(late_waits(ROOM, 0), 0, 64 + 2);
		take_next(only_reader());
		assert_in_range(late_waits(ROOM, 200), 0, 64 + 2);
		take_next(only_reader());
	}
	end_crowd();
}

/*
 * The fewest looks of a wait some time after a re-check. On a busy machine several waits may
 * reach the next re-check, but not all.
 */
static unsigned looks_after_re_check(int max, int expected, unsigned enough)
{
	unsigned least = UINT_MAX;

	usleep(30000);
	looks_of_a_wait(max, expected);
	for (int i = 0; i < 100 && least > enough; i++) {
		unsigned looks = looks_of_a_wait(max, expected);

		least = looks < least ? looks : least;
	}
	return least;
}

static void readers_are_quiet_again_after_a_re_check(void **state)
{
	(void)state;
	make_crowd(20 * MILLISECOND);
	looks_of_a_wait(ROOM, -ETIMEDOUT);
	for (int i = 0; i < 5; i++)
		assert_int_equal(looks_after_re_check(ROOM, -ETIMEDOUT, 0), 0);
	/* Also where no wait reaches a sleep. It is never read. */
	publish_many(crowd.single, 1);
	for (int i = 0; i < 5; i++)
		assert_in_range(looks_after_re_check(ROOM, 1, crowd.mates), 1, crowd.mates);
	end_crowd();
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE(wait_costs_the_readers_of_marks_with_news),
	    CASE(poll_of_an_armed_descriptor_costs_the_same),
	    CASE(poll_for_many_readers_costs_the_same),
	    CASE(spinning_for_many_readers_looks_at_each_once),
	    CASE(poll_marks_no_slot_for_few_readers),
	    CASE(added_reader_costs_looks_at_readers_of_its_mark_only),
	    CASE(news_of_the_dead_is_found_at_the_re_check),
	    CASE(waiter_that_always_finds_news_looks_at_quiet_channels_too),
	    CASE(readers_are_quiet_again_after_a_re_check),
	};

	steps_init();
	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 120);
}
