/* SPDX-License-Identifier: MIT */
/* Waiting: events, deadlines, sets that change; stress_wake.c has the races. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "support.h"

static babus_waiter *open_waiter(uint64_t spin_ns, uint64_t recheck_ns)
{
	struct babus_waiter_options opts = {.spin_ns = spin_ns, .recheck_ns = recheck_ns};
	babus_waiter *waiter = NULL;

	assert_int_equal(babus_waiter_open(bus, &opts, &waiter), 0);
	return waiter;
}

static babus_reader *open_reader(babus_slot *slot)
{
	babus_reader *reader = NULL;

	assert_int_equal(babus_reader_open(slot, BABUS_START_NEXT, 0, &reader), 0);
	return reader;
}

static void assert_quiet(babus_waiter *waiter)
{
	struct babus_event event;

	assert_int_equal(babus_waiter_wait(waiter, BABUS_NOW, &event), -ETIMEDOUT);
}

static void take_next(babus_reader *reader)
{
	struct babus_message message;

	assert_int_equal(babus_reader_next(reader, &message), 0);
	babus_message_release(&message);
}

static void event_names_the_reader_until_it_has_caught_up(void **state)
{
	babus_slot *slot = make_slot("s", 4, 16);
	babus_waiter *waiter = open_waiter(0, 0);
	babus_reader *reader = open_reader(slot);
	struct babus_event event = {0};
	int user;

	(void)state;
	assert_int_equal(babus_waiter_add(waiter, reader, &user), 0);
	assert_quiet(waiter);
	publish_many(slot, 2);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(babus_waiter_wait(waiter, BABUS_FOREVER, &event), 0);
		assert_ptr_equal(event.reader, reader);
		assert_ptr_equal(event.user, &user);
		assert_int_equal(event.status, 0);
		take_next(reader);
	}
	assert_quiet(waiter);
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

		assert_int_equal(babus_waiter_wait(waiter, BABUS_NOW, &event), 0);
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

/* --- deadlines ---------------------------------------------------------------------- */

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

/* --- others act while it sleeps -------------------------------------------------------- */

struct sleeper {
	babus_waiter *waiter;
	struct babus_event event;
	int result;
	pthread_t thread;
};

static void *sleep_on(void *arg)
{
	struct sleeper *sleeper = arg;

	sleeper->result = babus_waiter_wait(sleeper->waiter, babus_deadline(30 * SECOND),
					    &sleeper->event);
	return NULL;
}

static void start_sleeper(struct sleeper *sleeper, babus_waiter *waiter)
{
	struct timespec moment = {.tv_nsec = MILLISECOND};

	sleeper->waiter = waiter;
	assert_int_equal(pthread_create(&sleeper->thread, NULL, sleep_on, sleeper), 0);
	/* Mostly asleep by then; it must work in any case. */
	nanosleep(&moment, NULL);
}

static int end_sleeper(struct sleeper *sleeper)
{
	pthread_join(sleeper->thread, NULL);
	return sleeper->result;
}

static void message_wakes_the_sleeper_at_once(void **state)
{
	babus_slot *slot = make_slot("s", 4, 16);
	babus_waiter *waiter = open_waiter(0, 3600 * SECOND);
	babus_reader *reader = open_reader(slot);
	struct sleeper sleeper;

	(void)state;
	assert_int_equal(babus_waiter_add(waiter, reader, NULL), 0);
	start_sleeper(&sleeper, waiter);
	publish_many(slot, 1);
	assert_int_equal(end_sleeper(&sleeper), 0);
	assert_ptr_equal(sleeper.event.reader, reader);
	babus_waiter_close(waiter);
	babus_reader_close(reader);
	babus_slot_close(slot);
}

static void wake_is_ecanceled_once_now_or_later(void **state)
{
	babus_waiter *waiter = open_waiter(0, 3600 * SECOND);
	struct babus_event event;
	struct sleeper sleeper;

	(void)state;
	start_sleeper(&sleeper, waiter);
	assert_int_equal(babus_waiter_wake(waiter), 0);
	assert_int_equal(end_sleeper(&sleeper), -ECANCELED);
	assert_quiet(waiter);
	assert_int_equal(babus_waiter_wake(waiter), 0);
	assert_int_equal(babus_waiter_wait(waiter, BABUS_FOREVER, &event), -ECANCELED);
	assert_quiet(waiter);
	babus_waiter_close(waiter);
}

static void reader_added_while_it_sleeps_is_heard(void **state)
{
	babus_slot *slot = make_slot("s", 4, 16);
	babus_waiter *waiter = open_waiter(0, 3600 * SECOND);
	babus_reader *reader = open_reader(slot);
	struct sleeper sleeper;

	(void)state;
	start_sleeper(&sleeper, waiter);
	assert_int_equal(babus_waiter_add(waiter, reader, NULL), 0);
	publish_many(slot, 1);
	assert_int_equal(end_sleeper(&sleeper), 0);
	assert_ptr_equal(sleeper.event.reader, reader);
	babus_waiter_close(waiter);
	babus_reader_close(reader);
	babus_slot_close(slot);
}

static void reader_removed_while_it_sleeps_is_not_heard(void **state)
{
	babus_slot *one = make_slot("one", 4, 16), *two = make_slot("two", 4, 16);
	babus_reader *first = open_reader(one), *second = open_reader(two);
	babus_waiter *waiter = open_waiter(0, 3600 * SECOND);
	struct sleeper sleeper;

	(void)state;
	assert_int_equal(babus_waiter_add(waiter, first, NULL), 0);
	assert_int_equal(babus_waiter_add(waiter, second, NULL), 0);
	start_sleeper(&sleeper, waiter);
	assert_int_equal(babus_waiter_remove(waiter, first), 0);
	babus_reader_close(first);
	publish_many(one, 1);
	publish_many(two, 1);
	assert_int_equal(end_sleeper(&sleeper), 0);
	assert_ptr_equal(sleeper.event.reader, second);
	babus_waiter_close(waiter);
	babus_reader_close(second);
	babus_slot_close(one);
	babus_slot_close(two);
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

static volatile sig_atomic_t signals;

static void on_signal(int number)
{
	(void)number;
	signals++;
}

static void signal_handler_is_eintr(void **state)
{
	struct sigaction action = {.sa_handler = on_signal};
	babus_slot *slot = make_slot("s", 4, 16);
	babus_reader *reader = open_reader(slot);
	babus_waiter *waiter = open_waiter(0, 3600 * SECOND);
	struct itimerval timer = {{.tv_usec = 20000}, {.tv_usec = 20000}}, off = {0};
	struct babus_event event;

	(void)state;
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
	assert_int_equal(babus_waiter_wait(waiter, babus_deadline(30 * SECOND), &event), -EINTR);
	assert_int_equal(babus_reader_wait(reader, babus_deadline(30 * SECOND)), -EINTR);
	setitimer(ITIMER_REAL, &off, NULL);
	assert_true(signals >= 2);
	babus_waiter_close(waiter);
	babus_reader_close(reader);
	babus_slot_close(slot);
}

static void domain_watch_reports_slots_that_come_and_go(void **state)
{
	babus_waiter *waiter = open_waiter(0, 3600 * SECOND);
	struct babus_event event = {0};
	struct sleeper sleeper;
	int user;

	(void)state;
	babus_slot_close(make_slot("before", 1, 16));
	assert_int_equal(babus_waiter_watch_domain(waiter, &user), 0);
	assert_quiet(waiter);
	babus_slot_close(make_slot("s", 1, 16));
	assert_int_equal(babus_waiter_wait(waiter, BABUS_FOREVER, &event), 0);
	assert_null(event.reader);
	assert_ptr_equal(event.user, &user);
	assert_int_equal(event.status, 0);
	assert_quiet(waiter);
	start_sleeper(&sleeper, waiter);
	assert_int_equal(babus_slot_remove(bus, "s"), 0);
	assert_int_equal(end_sleeper(&sleeper), 0);
	assert_null(sleeper.event.reader);
	start_sleeper(&sleeper, waiter);
	babus_slot_close(make_slot("again", 1, 16));
	/* Perhaps the end of the removal was told apart from its start. */
	assert_int_equal(end_sleeper(&sleeper), 0);
	babus_waiter_close(waiter);
}

/* --- more than the channels ------------------------------------------------------------ */

static void slots_beyond_the_channels_share_them_and_each_is_heard(void **state)
{
	enum {
		SLOTS = 100
	};
	babus_waiter *waiter = open_waiter(0, 3600 * SECOND);
	babus_slot *slots[SLOTS];
	babus_reader *readers[SLOTS];
	struct sleeper sleeper;

	(void)state;
	for (int i = 0; i < SLOTS; i++) {
		char name[16];

		snprintf(name, sizeof(name), "s%d", i);
		slots[i] = make_slot(name, 4, 16);
		readers[i] = open_reader(slots[i]);
		assert_int_equal(babus_waiter_add(waiter, readers[i], slots[i]), 0);
	}
	for (int i = 0; i < SLOTS; i++) {
		start_sleeper(&sleeper, waiter);
		publish_many(slots[i], 1);
		assert_int_equal(end_sleeper(&sleeper), 0);
		assert_ptr_equal(sleeper.event.reader, readers[i]);
		assert_ptr_equal(sleeper.event.user, slots[i]);
		take_next(readers[i]);
	}
	assert_quiet(waiter);
	babus_waiter_close(waiter);
	for (int i = 0; i < SLOTS; i++) {
		babus_reader_close(readers[i]);
		babus_slot_close(slots[i]);
	}
}

static void neighbour_on_the_same_channel_does_not_end_a_wait(void **state)
{
	struct babus_slot_options opts = small_options(4, 16);
	babus_slot *mine, *neighbour;
	babus_waiter *waiter = open_waiter(0, 3600 * SECOND);
	babus_reader *reader;
	struct sleeper sleeper;

	(void)state;
	opts.channel = 9;
	mine = make_slot_with("mine", &opts);
	neighbour = make_slot_with("neighbour", &opts);
	reader = open_reader(mine);
	assert_int_equal(babus_waiter_add(waiter, reader, NULL), 0);
	start_sleeper(&sleeper, waiter);
	for (int i = 0; i < 200; i++)
		publish_many(neighbour, 1);
	publish_many(mine, 1);
	assert_int_equal(end_sleeper(&sleeper), 0);
	assert_ptr_equal(sleeper.event.reader, reader);
	babus_waiter_close(waiter);
	babus_reader_close(reader);
	babus_slot_close(mine);
	babus_slot_close(neighbour);
}

/* --- spinning ----------------------------------------------------------------------------- */

static int64_t cpu_ns(void)
{
	struct timespec used;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
	return used.tv_sec * SECOND + used.tv_nsec;
}

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
	babus_waiter *waiter = open_waiter(30 * SECOND, 3600 * SECOND);
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
	    CASE(event_names_the_reader_until_it_has_caught_up),
	    CASE(readers_with_news_are_reported_in_turn),
	    CASE(wait_ends_at_its_deadline_and_not_before),
	    CASE(deadline_in_the_past_looks_once),
	    CASE(bad_options_are_einval),
	    CASE(longest_times_do_not_overflow),
	    CASE(message_wakes_the_sleeper_at_once),
	    CASE(wake_is_ecanceled_once_now_or_later),
	    CASE(reader_added_while_it_sleeps_is_heard),
	    CASE(reader_removed_while_it_sleeps_is_not_heard),
	    CASE(set_errors_are_as_documented),
	    CASE(signal_handler_is_eintr),
	    CASE(domain_watch_reports_slots_that_come_and_go),
	    CASE(slots_beyond_the_channels_share_them_and_each_is_heard),
	    CASE(neighbour_on_the_same_channel_does_not_end_a_wait),
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
