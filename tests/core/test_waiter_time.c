/* SPDX-License-Identifier: MIT */
/* Deadlines of waits. */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "payload.h"
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

			assert_int_equal(babus_waiter_wait(waiter, deadline, &event, 1),
					 -ETIMEDOUT);
			assert_true(now_ns() >= deadline);
			assert_true(now_ns() < deadline + 500 * MILLISECOND * SUPPORT_SLOWER);
		}
		babus_waiter_close(waiter);
	}
}

static void deadline_in_the_past_polls_once(void **state)
{
	babus_slot *slot = make_slot("s", 4, 16);
	babus_waiter *waiter = open_waiter(0, 0);
	babus_reader *reader = open_reader(slot);
	struct babus_event event;

	(void)state;
	assert_int_equal(babus_waiter_add(waiter, reader, NULL), 0);
	assert_int_equal(babus_waiter_wait(waiter, 1, &event, 1), -ETIMEDOUT);
	publish_many(slot, 1);
	assert_int_equal(babus_waiter_wait(waiter, 1, &event, 1), 1);
	babus_waiter_close(waiter);
	babus_reader_close(reader);
	babus_slot_close(slot);
}

static void longest_times_do_not_overflow(void **state)
{
	babus_waiter *waiter = open_waiter(0, INT64_MAX);
	struct babus_event event;

	(void)state;
	assert_int_equal(babus_waiter_wait(waiter, babus_deadline(5 * MILLISECOND), &event, 1),
			 -ETIMEDOUT);
	assert_int_equal(babus_waiter_wake(waiter), 0);
	assert_int_equal(babus_waiter_wait(waiter, INT64_MAX, &event, 1), -ECANCELED);
	babus_waiter_close(waiter);
}

/* --- never early --------------------------------------------------------------------- */

enum {
	DEADLINES = 1000
};

static int by_lateness(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void report_lateness(int64_t late[DEADLINES])
{
	qsort(late, DEADLINES, sizeof(*late), by_lateness);
	printf("# %d deadlines: median %lld us late, at most %lld us\n", DEADLINES,
	       (long long)(late[DEADLINES / 2] / 1000), (long long)(late[DEADLINES - 1] / 1000));
}

static void no_wait_ends_before_its_deadline(void **state)
{
	static const uint64_t spins[] = {0, 50000, 2000000}, rechecks[] = {0, 300000, NO_RECHECK};
	static int64_t late[DEADLINES];
	babus_slot *slot = make_slot("s", 4, 16);
	babus_reader *reader = open_reader(slot);
	babus_waiter *waiters[3];
	uint64_t random = 1;

	(void)state;
	for (int i = 0; i < 3; i++) {
		waiters[i] = open_waiter(spins[i], rechecks[i]);
		assert_int_equal(babus_waiter_add(waiters[i], reader, NULL), 0);
	}
	for (int i = 0; i < DEADLINES; i++) {
		struct babus_event event;
		int64_t deadline = now_ns() + (int64_t)(random_next(&random) % 2000000);
		int result = i % 4 < 3 ? babus_waiter_wait(waiters[i % 4], deadline, &event, 1)
				       : babus_reader_wait(reader, deadline);

		late[i] = now_ns() - deadline;
		assert_int_equal(result, -ETIMEDOUT);
		assert_true(late[i] >= 0);
	}
	report_lateness(late);
	for (int i = 0; i < 3; i++)
		babus_waiter_close(waiters[i]);
	babus_reader_close(reader);
	babus_slot_close(slot);
}

struct neighbour {
	babus_slot *slot;
	atomic_bool stop;
};

static void *publish_until_stopped(void *arg)
{
	struct neighbour *neighbour = arg;

	while (!atomic_load(&neighbour->stop))
		EXPECT_EQUAL(babus_slot_publish(neighbour->slot, "x", 1, NULL, NULL), 0);
	return NULL;
}

/* If the deadline were a duration and not a moment, it would start again with each wake-up. */
static void wake_ups_for_others_do_not_move_the_deadline(void **state)
{
	struct babus_slot_options opts = small_options(4, 16);
	babus_waiter *waiter = open_waiter(0, NO_RECHECK);
	struct neighbour neighbour = {0};
	struct babus_event event;
	babus_reader *reader;
	pthread_t thread;
	int64_t deadline;
	babus_slot *mine;

	(void)state;
	opts.channel = 9;
	mine = make_slot_with("mine", &opts);
	neighbour.slot = make_slot_with("neighbour", &opts);
	reader = open_reader(mine);
	assert_int_equal(babus_waiter_add(waiter, reader, NULL), 0);
	assert_int_equal(pthread_create(&thread, NULL, publish_until_stopped, &neighbour), 0);
	for (int i = 0; i < 10; i++) {
		deadline = babus_deadline(20 * MILLISECOND);
		assert_int_equal(babus_waiter_wait(waiter, deadline, &event, 1), -ETIMEDOUT);
		assert_true(now_ns() >= deadline);
	}
	atomic_store(&neighbour.stop, true);
	pthread_join(thread, NULL);
	babus_waiter_close(waiter);
	babus_reader_close(reader);
	babus_slot_close(mine);
	babus_slot_close(neighbour.slot);
}

static void *wait_for_ever(void *arg)
{
	struct sleeper *sleeper = arg;

	sleeper->result = babus_waiter_wait(sleeper->waiter, BABUS_FOREVER, &sleeper->event, 1);
	return NULL;
}

static void wait_for_ever_outlasts_its_re_checks(void **state)
{
	struct timespec pause = {.tv_nsec = 100 * MILLISECOND};
	babus_slot *slot = make_slot("s", 4, 16);
	struct sleeper sleeper = {.waiter = open_waiter(0, MILLISECOND)};
	babus_reader *reader = open_reader(slot);

	(void)state;
	assert_int_equal(babus_waiter_add(sleeper.waiter, reader, NULL), 0);
	assert_int_equal(pthread_create(&sleeper.thread, NULL, wait_for_ever, &sleeper), 0);
	nanosleep(&pause, NULL);
	publish_many(slot, 1);
	assert_int_equal(end_sleeper(&sleeper), 1);
	assert_ptr_equal(sleeper.event.reader, reader);
	babus_waiter_close(sleeper.waiter);
	babus_reader_close(reader);
	babus_slot_close(slot);
}

static void deadline_is_the_timeout_from_now(void **state)
{
	static const int64_t timeouts[] = {0, 1, MILLISECOND, 3600 * SECOND};

	(void)state;
	for (size_t i = 0; i < sizeof(timeouts) / sizeof(*timeouts); i++) {
		int64_t before = now_ns(), deadline = babus_deadline(timeouts[i]);

		assert_true(deadline >= before + timeouts[i]);
		assert_true(deadline <= now_ns() + timeouts[i]);
	}
	assert_true(babus_deadline(-1) == BABUS_FOREVER);
	assert_true(babus_deadline(INT64_MIN) == BABUS_FOREVER);
	assert_true(babus_deadline(INT64_MAX) == BABUS_FOREVER);
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE(wait_ends_at_its_deadline_and_not_before),
	    CASE(deadline_in_the_past_polls_once),
	    CASE(longest_times_do_not_overflow),
	    CASE(no_wait_ends_before_its_deadline),
	    CASE(wake_ups_for_others_do_not_move_the_deadline),
	    CASE(wait_for_ever_outlasts_its_re_checks),
	    CASE(deadline_is_the_timeout_from_now),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 120);
}
