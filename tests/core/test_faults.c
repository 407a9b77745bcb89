/* SPDX-License-Identifier: MIT */
/*
 * Faults of an earlier implementation of this idea that must not come back:
 *
 *     every slot on channel 0             here, and test_slot.c
 *     a lost wake-up                      stress_wake.c
 *     the length read before the lock     here
 *     32-bit numbers compared with >      test_seq.c
 *     a race between create and open      here, and test_slot.c
 *     a dead process blocks all           crash_kill.c, crash_stop.c
 *     a system call for every message     test_quiet.c
 *     no history                          test_read.c
 */
#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "payload.h"
#include "support.h"

/* --- every slot on channel 0 ---------------------------------------------------------- */

static int ready, done;

static void sleep_through_it(void *arg)
{
	babus_slot *slot = child_open_slot("calm", BABUS_READ);
	struct rusage before, after;
	struct babus_event event;
	babus_waiter *waiter;
	babus_reader *reader;

	(void)arg;
	waiter = child_open_waiter(slot, NO_RECHECK, &reader);
	gate_post(ready, 1);
	getrusage(RUSAGE_SELF, &before);
	EXPECT_EQUAL(babus_waiter_wait(waiter, babus_deadline(60 * SECOND), &event, 1), 1);
	getrusage(RUSAGE_SELF, &after);
	/* It went to sleep, and woke up for its own message. */
	EXPECT(after.ru_nvcsw - before.ru_nvcsw < 10);
}

static void listen_to_the_busy_one(void *arg)
{
	struct babus_message message;
	babus_reader *reader;
	babus_slot *slot = child_open_slot("busy", BABUS_READ);

	(void)arg;
	EXPECT_EQUAL(babus_reader_open(slot, BABUS_START_OLDEST, 0, &reader), 0);
	for (int i = 0; i < 500; i++) {
		EXPECT_EQUAL(babus_reader_wait(reader, babus_deadline(60 * SECOND)), 0);
		EXPECT_EQUAL(babus_reader_next(reader, &message), 0);
		babus_message_release(&message);
		gate_post(done, 1);
	}
}

static void busy_slot_does_not_wake_waiters_of_another(void **state)
{
	babus_slot *calm = make_slot("calm", 4, 16), *busy = make_slot("busy", 4, 16);
	pid_t sleeper, listener;

	(void)state;
	ready = gate_open();
	done = gate_open();
	sleeper = child_start(sleep_through_it, NULL);
	listener = child_start(listen_to_the_busy_one, NULL);
	gate_wait(ready);
	for (int i = 0; i < 500; i++) {
		publish_many(busy, 1);
		gate_wait(done);
	}
	publish_many(calm, 1);
	child_join(sleeper);
	child_join(listener);
	babus_slot_close(calm);
	babus_slot_close(busy);
	gate_close(ready);
	gate_close(done);
}

/* --- the length read before the lock ---------------------------------------------------- */

/* Other processes repeat something meanwhile; each must have made progress. */
enum {
	RIVALS = 2
};

static struct race {
	atomic_bool stop;
	_Atomic uint64_t got[RIVALS];
} * race;

static pid_t rivals[RIVALS];

/* `act` gets the place where it counts its progress. */
static void start_race(void (*act)(void *arg))
{
	ready = gate_open();
	race = mmap(NULL, sizeof(*race), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(race, MAP_FAILED);
	for (int i = 0; i < RIVALS; i++)
		rivals[i] = child_start(act, (void *)&race->got[i]);
	for (int i = 0; i < RIVALS; i++)
		gate_wait(ready);
}

static bool race_goes_on(int64_t until_ns)
{
	bool all = true;

	for (int i = 0; i < RIVALS; i++)
		all = all && race->got[i] > 0;
	return !all || now_ns() < until_ns;
}

static void end_race(void)
{
	race->stop = true;
	for (int i = 0; i < RIVALS; i++)
		child_join(rivals[i]);
	munmap(race, sizeof(*race));
	gate_close(ready);
}

static void watch_lengths(void *arg)
{
	_Atomic uint64_t *got = arg;
	struct babus_message message;
	babus_slot *slot = child_open_slot("s", BABUS_READ);
	uint64_t seen = 0;
	char copy[4096];

	gate_post(ready, 1);
	while (!race->stop) {
		int error = babus_slot_copy(slot, BABUS_LATEST, 0, copy, sizeof(copy), &message);

		EXPECT(!error || error == -EBUSY || error == -ENODATA);
		if (error)
			continue;
		EXPECT(payload_matches(&message));
		EXPECT(message.seq >= seen);
		seen = message.seq;
		++*got;
	}
}

static void messages_that_grow_and_shrink_are_never_torn(void **state)
{
	babus_slot *slot = make_slot("s", 1, 4096);
	char data[4096];
	int64_t until;

	(void)state;
	start_race(watch_lengths);
	until = now_ns() + SECOND;
	for (uint64_t n = 0; race_goes_on(until); n++) {
		size_t size = n % 2 ? 4096 : 1 + n % 64;
		struct babus_stamp stamp = payload_fill(data, size, payload_tag(1, n));

		assert_int_equal(babus_slot_publish(slot, data, size, &stamp, NULL), 0);
	}
	end_race();
	babus_slot_close(slot);
}

/* --- a race between create and open ------------------------------------------------------- */

static void open_again_and_again(void *arg)
{
	_Atomic uint64_t *got = arg;
	struct babus_message message;
	babus_domain *domain;

	EXPECT_EQUAL(babus_domain_open("test", 0, NULL, &domain), 0);
	gate_post(ready, 1);
	while (!race->stop) {
		babus_slot *slot = NULL;
		int error = babus_slot_open(domain, "s", BABUS_READ, NULL, &slot);

		/* It is there or not; never half of it. */
		EXPECT(!error || error == -ENOENT || error == -ENODEV);
		if (error)
			continue;
		++*got;
		error = babus_slot_view(slot, BABUS_LATEST, 0, &message);
		EXPECT(!error || error == -ENODATA || error == -ENODEV);
		if (!error)
			babus_message_release(&message);
		babus_slot_close(slot);
	}
}

static void slot_appears_complete_or_not_at_all(void **state)
{
	int64_t until;

	(void)state;
	start_race(open_again_and_again);
	until = now_ns() + SECOND;
	while (race_goes_on(until)) {
		babus_slot *slot = make_slot("s", 2, 64);

		publish_text(slot, "x");
		sched_yield();
		babus_slot_close(slot);
		assert_int_equal(babus_domain_remove_slot(bus, "s"), 0);
	}
	end_race();
}

static void open_domain_again_and_again(void *arg)
{
	_Atomic uint64_t *got = arg;

	gate_post(ready, 1);
	while (!race->stop) {
		babus_domain *domain = NULL;
		int error = babus_domain_open("brief", 0, NULL, &domain);

		EXPECT(!error || error == -ENOENT || error == -ENODEV);
		*got += !error;
		babus_domain_close(domain);
	}
}

static void domain_appears_complete_or_not_at_all(void **state)
{
	int64_t until;

	(void)state;
	start_race(open_domain_again_and_again);
	until = now_ns() + SECOND / 2;
	while (race_goes_on(until)) {
		babus_domain *domain = NULL;

		assert_int_equal(babus_domain_open("brief", BABUS_CREATE, NULL, &domain), 0);
		sched_yield();
		babus_domain_close(domain);
		assert_int_equal(babus_domain_remove("brief", NULL), 0);
	}
	end_race();
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE(busy_slot_does_not_wake_waiters_of_another),
	    CASE(messages_that_grow_and_shrink_are_never_torn),
	    CASE(slot_appears_complete_or_not_at_all),
	    CASE(domain_appears_complete_or_not_at_all),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 60);
}
