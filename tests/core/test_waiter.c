/* SPDX-License-Identifier: MIT */
/* Waiting: events, and sets that change. stress_wake.c has the races. */
#include <errno.h>
#include <stdio.h>

#include "waiting.h"

static void event_names_the_reader_until_it_has_caught_up(void **state)
{
	babus_slot *slot = make_slot("s", 4, 16);
	babus_waiter *waiter = open_waiter(0, 0);
	babus_reader *reader = open_reader(slot);
	struct babus_event event = {0};
	int user;

	(void)state;
	assert_int_equal(babus_waiter_add(waiter, reader, &user), 0);
	assert_no_news(waiter);
	publish_many(slot, 2);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(babus_waiter_wait(waiter, BABUS_FOREVER, &event, 1), 1);
		assert_ptr_equal(event.reader, reader);
		assert_ptr_equal(event.user, &user);
		assert_int_equal(event.status, 0);
		take_next(reader);
	}
	assert_no_news(waiter);
	babus_waiter_close(waiter);
	babus_reader_close(reader);
	babus_slot_close(slot);
}

static void readers_with_news_are_reported_in_turn(void **state)
{
	enum {
		SLOTS = 5
	};
	babus_waiter *waiter = open_waiter(0, 0);
	babus_slot *slots[SLOTS];
	babus_reader *readers[SLOTS];
	int seen[SLOTS] = {0};

	(void)state;
	for (long i = 0; i < SLOTS; i++) {
		char name[32];

		snprintf(name, sizeof(name), "s%ld", i);
		slots[i] = make_slot(name, 4, 16);
		readers[i] = open_reader(slots[i]);
		assert_int_equal(babus_waiter_add(waiter, readers[i], (void *)i), 0);
		publish_many(slots[i], 1);
	}
	/* None is read, so all have news all the time: each gets its turn. */
	for (int i = 0; i < 3 * SLOTS; i++) {
		struct babus_event event;

		assert_int_equal(babus_waiter_wait(waiter, BABUS_NOW, &event, 1), 1);
		seen[(long)event.user]++;
	}
	for (int i = 0; i < SLOTS; i++)
		assert_int_equal(seen[i], 3);
	babus_waiter_close(waiter);
	for (int i = 0; i < SLOTS; i++) {
		babus_reader_close(readers[i]);
		babus_slot_close(slots[i]);
	}
}

static void bad_options_are_einval(void **state)
{
	struct babus_waiter_options opts = {.reserved = {0, 0, 0, 1}};
	babus_waiter *waiter = NULL;

	(void)state;
	assert_int_equal(babus_waiter_open(bus, &opts, &waiter), -EINVAL);
	opts = (struct babus_waiter_options){.recheck_ns = UINT64_MAX};
	assert_int_equal(babus_waiter_open(bus, &opts, &waiter), -EINVAL);
	opts = (struct babus_waiter_options){.spin_ns = UINT64_MAX};
	assert_int_equal(babus_waiter_open(bus, &opts, &waiter), -EINVAL);
	assert_null(waiter);
}

/* --- others act while it sleeps -------------------------------------------------------- */

static void message_wakes_the_sleeper_at_once(void **state)
{
	babus_slot *slot = make_slot("s", 4, 16);
	babus_waiter *waiter = open_waiter(0, NO_RECHECK);
	babus_reader *reader = open_reader(slot);
	struct sleeper sleeper;

	(void)state;
	assert_int_equal(babus_waiter_add(waiter, reader, NULL), 0);
	start_sleeper(&sleeper, waiter);
	publish_many(slot, 1);
	assert_int_equal(end_sleeper(&sleeper), 1);
	assert_ptr_equal(sleeper.event.reader, reader);
	babus_waiter_close(waiter);
	babus_reader_close(reader);
	babus_slot_close(slot);
}

static void wake_is_reported_as_ecanceled_once_now_or_later(void **state)
{
	babus_waiter *waiter = open_waiter(0, NO_RECHECK);
	struct babus_event event;
	struct sleeper sleeper;

	(void)state;
	start_sleeper(&sleeper, waiter);
	assert_int_equal(babus_waiter_wake(waiter), 0);
	assert_int_equal(end_sleeper(&sleeper), -ECANCELED);
	assert_no_news(waiter);
	assert_int_equal(babus_waiter_wake(waiter), 0);
	assert_int_equal(babus_waiter_wait(waiter, BABUS_FOREVER, &event, 1), -ECANCELED);
	assert_no_news(waiter);
	babus_waiter_close(waiter);
}

static void reader_added_during_a_sleep_is_reported(void **state)
{
	babus_slot *slot = make_slot("s", 4, 16);
	babus_waiter *waiter = open_waiter(0, NO_RECHECK);
	babus_reader *reader = open_reader(slot);
	struct sleeper sleeper;

	(void)state;
	start_sleeper(&sleeper, waiter);
	assert_int_equal(babus_waiter_add(waiter, reader, NULL), 0);
	publish_many(slot, 1);
	assert_int_equal(end_sleeper(&sleeper), 1);
	assert_ptr_equal(sleeper.event.reader, reader);
	babus_waiter_close(waiter);
	babus_reader_close(reader);
	babus_slot_close(slot);
}

static void reader_removed_during_a_sleep_is_not_reported(void **state)
{
	babus_slot *one = make_slot("one", 4, 16), *two = make_slot("two", 4, 16);
	babus_reader *first = open_reader(one), *second = open_reader(two);
	babus_waiter *waiter = open_waiter(0, NO_RECHECK);
	struct sleeper sleeper;

	(void)state;
	assert_int_equal(babus_waiter_add(waiter, first, NULL), 0);
	assert_int_equal(babus_waiter_add(waiter, second, NULL), 0);
	start_sleeper(&sleeper, waiter);
	assert_int_equal(babus_waiter_remove(waiter, first), 0);
	babus_reader_close(first);
	publish_many(one, 1);
	publish_many(two, 1);
	assert_int_equal(end_sleeper(&sleeper), 1);
	assert_ptr_equal(sleeper.event.reader, second);
	babus_waiter_close(waiter);
	babus_reader_close(second);
	babus_slot_close(one);
	babus_slot_close(two);
}

static void reader_that_goes_back_during_a_sleep_is_reported(void **state)
{
	babus_slot *slot = make_slot("s", 4, 16);
	babus_waiter *waiter = open_waiter(0, NO_RECHECK);
	babus_reader *reader;
	struct sleeper sleeper;

	(void)state;
	publish_many(slot, 4);
	reader = open_reader(slot);
	assert_int_equal(babus_waiter_add(waiter, reader, NULL), 0);
	for (int i = 0; i < 50; i++) {
		start_sleeper(&sleeper, waiter);
		assert_int_equal(babus_reader_seek(reader, BABUS_START_OLDEST, 0), 0);
		assert_int_equal(end_sleeper(&sleeper), 1);
		assert_ptr_equal(sleeper.event.reader, reader);
		assert_int_equal(babus_reader_seek(reader, BABUS_START_NEXT, 0), 0);
	}
	babus_waiter_close(waiter);
	babus_reader_close(reader);
	babus_slot_close(slot);
}

static void set_errors_are_as_documented(void **state)
{
	babus_slot *slot = make_slot("s", 4, 16);
	babus_waiter *waiter = open_waiter(0, 0);
	babus_reader *reader = open_reader(slot);
	babus_domain *other = NULL;
	babus_waiter *stranger = NULL;

	(void)state;
	assert_int_equal(babus_waiter_remove(waiter, reader), -ENOENT);
	assert_int_equal(babus_waiter_add(waiter, reader, NULL), 0);
	assert_int_equal(babus_waiter_add(waiter, reader, NULL), -EEXIST);
	assert_int_equal(babus_domain_open("other", BABUS_CREATE, NULL, &other), 0);
	assert_int_equal(babus_waiter_open(other, NULL, &stranger), 0);
	assert_int_equal(babus_waiter_add(stranger, reader, NULL), -EINVAL);
	assert_int_equal(babus_waiter_remove(waiter, reader), 0);
	assert_int_equal(babus_waiter_remove(waiter, reader), -ENOENT);
	babus_waiter_close(stranger);
	babus_domain_close(other);
	babus_waiter_close(waiter);
	babus_reader_close(reader);
	babus_slot_close(slot);
}

static void domain_watch_reports_slots_that_come_and_go(void **state)
{
	babus_waiter *waiter = open_waiter(0, NO_RECHECK);
	struct babus_event event = {0};
	struct sleeper sleeper;
	int user;

	(void)state;
	babus_slot_close(make_slot("before", 1, 16));
	assert_int_equal(babus_waiter_watch_domain(waiter, &user), 0);
	assert_no_news(waiter);
	babus_slot_close(make_slot("s", 1, 16));
	assert_int_equal(babus_waiter_wait(waiter, BABUS_FOREVER, &event, 1), 1);
	assert_null(event.reader);
	assert_ptr_equal(event.user, &user);
	assert_int_equal(event.status, 0);
	assert_no_news(waiter);
	start_sleeper(&sleeper, waiter);
	assert_int_equal(babus_domain_remove_slot(bus, "s"), 0);
	assert_int_equal(end_sleeper(&sleeper), 1);
	assert_null(sleeper.event.reader);
	start_sleeper(&sleeper, waiter);
	babus_slot_close(make_slot("again", 1, 16));
	/* The end of the removal may be reported apart from its start. */
	assert_int_equal(end_sleeper(&sleeper), 1);
	babus_waiter_close(waiter);
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE(event_names_the_reader_until_it_has_caught_up),
	    CASE(readers_with_news_are_reported_in_turn),
	    CASE(bad_options_are_einval),
	    CASE(message_wakes_the_sleeper_at_once),
	    CASE(wake_is_reported_as_ecanceled_once_now_or_later),
	    CASE(reader_added_during_a_sleep_is_reported),
	    CASE(reader_removed_during_a_sleep_is_not_reported),
	    CASE(reader_that_goes_back_during_a_sleep_is_reported),
	    CASE(set_errors_are_as_documented),
	    CASE(domain_watch_reports_slots_that_come_and_go),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 120);
}
