/* SPDX-License-Identifier: MIT */
/* Deadlines of waits. */
#include <errno.h>

#include "waiting.h"

static void wait_ends_at_its_deadline_and_not_before(void **state)
{
	static const uint64_t spins[] = {0, 100000, 1000000000};
	static const uint64_t rechecks[] = {1000000, 7000000, 0};
	struct babus_event event;

	(void)state;
	for (int i = 0; i < 3; i++) {
		babus_waiter *waiter = open_waiter(spins[i], rechecks[i]);

		for (int64_t ms = 1; ms <= 81; ms += 20) {
			int64_t deadline = babus_deadline(ms * MILLISECOND);

			assert_int_equal(babus_waiter_wait(waiter, deadline, &event), -ETIMEDOUT);
			assert_true(now_ns() >= deadline);
			assert_true(now_ns() < deadline + 500 * MILLISECOND * SUPPORT_SLOWER);
		}
		babus_waiter_close(waiter);
	}
}

static void deadline_in_the_past_looks_once(void **state)
{
	babus_slot *slot = make_slot("s", 4, 16);
	babus_waiter *waiter = open_waiter(0, 0);
	babus_reader *reader = open_reader(slot);
	struct babus_event event;

	(void)state;
	assert_int_equal(babus_waiter_add(waiter, reader, NULL), 0);
	assert_int_equal(babus_waiter_wait(waiter, 1, &event), -ETIMEDOUT);
	publish_many(slot, 1);
	assert_int_equal(babus_waiter_wait(waiter, 1, &event), 0);
	babus_waiter_close(waiter);
	babus_reader_close(reader);
	babus_slot_close(slot);
}

static void longest_times_do_not_overflow(void **state)
{
	babus_waiter *waiter = open_waiter(0, INT64_MAX);
	struct babus_event event;

	(void)state;
	assert_int_equal(babus_waiter_wait(waiter, babus_deadline(5 * MILLISECOND), &event),
			 -ETIMEDOUT);
	assert_int_equal(babus_waiter_wake(waiter), 0);
	assert_int_equal(babus_waiter_wait(waiter, INT64_MAX, &event), -ECANCELED);
	babus_waiter_close(waiter);
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE(wait_ends_at_its_deadline_and_not_before),
	    CASE(deadline_in_the_past_looks_once),
	    CASE(longest_times_do_not_overflow),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 120);
}
