/* SPDX-License-Identifier: MIT */
/* Looking for news before sleeping: bounded, adaptive, and off where it cannot pay. */
#include <errno.h>

#include "waiting.h"

static void idle_waiter_uses_no_processor_time(void **state)
{
	babus_waiter *waiter = open_waiter(0, 10 * MILLISECOND);
	struct babus_event event;
	int64_t before = cpu_ns();

	(void)state;
	assert_int_equal(babus_waiter_wait(waiter, babus_deadline(300 * MILLISECOND), &event),
			 -ETIMEDOUT);
	assert_true(cpu_ns() - before < 30 * MILLISECOND * SUPPORT_SLOWER);
	babus_waiter_close(waiter);
}

static void spinning_is_bounded_and_given_up_when_it_does_not_pay(void **state)
{
	babus_waiter *waiter = open_waiter(10 * MILLISECOND, 0);
	struct babus_event event;
	int64_t before;

	(void)state;
	/* In vain time after time: it spins less and less. */
	for (int i = 0; i < 20; i++)
		assert_int_equal(
		    babus_waiter_wait(waiter, babus_deadline(30 * MILLISECOND), &event),
		    -ETIMEDOUT);
	before = cpu_ns();
	assert_int_equal(babus_waiter_wait(waiter, babus_deadline(100 * MILLISECOND), &event),
			 -ETIMEDOUT);
	assert_true(cpu_ns() - before < 5 * MILLISECOND * SUPPORT_SLOWER);
	babus_waiter_close(waiter);
}

static void spinning_waiter_sees_news_and_wakes(void **state)
{
	babus_slot *slot = make_slot("s", 4, 16);
	babus_waiter *waiter = open_waiter(30 * SECOND, NO_RECHECK);
	babus_reader *reader = open_reader(slot);
	struct sleeper sleeper;

	(void)state;
	assert_int_equal(babus_waiter_add(waiter, reader, NULL), 0);
	start_sleeper(&sleeper, waiter);
	publish_many(slot, 1);
	assert_int_equal(end_sleeper(&sleeper), 0);
	take_next(reader);
	start_sleeper(&sleeper, waiter);
	assert_int_equal(babus_waiter_wake(waiter), 0);
	assert_int_equal(end_sleeper(&sleeper), -ECANCELED);
	babus_waiter_close(waiter);
	babus_reader_close(reader);
	babus_slot_close(slot);
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE(idle_waiter_uses_no_processor_time),
	    CASE(spinning_is_bounded_and_given_up_when_it_does_not_pay),
	    CASE(spinning_waiter_sees_news_and_wakes),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 120);
}
