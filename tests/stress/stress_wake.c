/* SPDX-License-Identifier: MIT */
/*
 * No lost wake-up. The re-check of all waiters is an hour, so a lost one shows as a wait that
 * does not end. Publishers time their messages to hit a waiter that is just going to sleep: they
 * see its progress in plain shared memory, spin for a random moment, and publish.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "payload.h"
#include "waiting.h"

enum {
	MAX_SLOTS = 40,
	/* A case ends after its rounds, or earlier on a busy machine. */
	MOST_SECONDS = 4
};

/* In place of its number: a publisher's last message. */
#define LAST UINT64_MAX

static const struct babus_waiter_options patient = {.recheck_ns = 3600 * SECOND};

/* Shared by the processes: the last number that each slot's waiter has seen. */
static struct board {
	atomic_bool stop;
	_Atomic uint64_t seen[MAX_SLOTS];
} * board;

struct party {
	unsigned first, count; /* its slots */
	uint64_t messages;     /* to each */
	unsigned cpu;          /* stay on this one */
};

static void make_board(void)
{
	board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		     0);
	assert_true(board != MAP_FAILED);
}

static void name_of(char name[16], unsigned i)
{
	snprintf(name, 16, "s%u", i);
}

static void make_slots(unsigned count, int32_t channel)
{
	make_board();
	for (unsigned i = 0; i < count; i++) {
		struct babus_slot_options opts = small_options(2, 64);
		char name[16];

		name_of(name, i);
		opts.channel = channel;
		babus_slot_close(make_slot_with(name, &opts));
	}
}

/* Wait for all its slots until each has had its messages. */
static void wait_for_all(void *arg)
{
	const struct party *party = arg;
	babus_slot *slots[MAX_SLOTS];
	babus_reader *readers[MAX_SLOTS];
	unsigned left = party->count;
	babus_domain *domain;
	babus_waiter *waiter;

	stay_on_processor(party->cpu);
	EXPECT_EQUAL(babus_domain_open("test", 0, NULL, &domain), 0);
	EXPECT_EQUAL(babus_waiter_open(domain, &patient, &waiter), 0);
	for (unsigned i = 0; i < party->count; i++) {
		char name[16];

		name_of(name, party->first + i);
		EXPECT_EQUAL(babus_slot_open(domain, name, BABUS_READ, NULL, &slots[i]), 0);
		EXPECT_EQUAL(babus_reader_open(slots[i], BABUS_START_OLDEST, 0, &readers[i]), 0);
		EXPECT_EQUAL(babus_waiter_add(waiter, readers[i], &board->seen[party->first + i]),
			     0);
	}
	while (left) {
		struct babus_message message;
		struct babus_event event;

		EXPECT_EQUAL(babus_waiter_wait(waiter, babus_deadline(30 * SECOND), &event, 1), 1);
		EXPECT_EQUAL(babus_reader_next(event.reader, &message), 0);
		EXPECT_EQUAL(message.lost, 0);
		atomic_store((_Atomic uint64_t *)event.user, message.seq);
		left -= *(const uint64_t *)message.data == LAST;
		babus_message_release(&message);
	}
}

/* Publish to one slot after the other as soon as its waiter has seen the last message. */
static void publish_to_all(void *arg)
{
	const struct party *party = arg;
	uint64_t random = (uint64_t)getpid() << 20;
	int64_t end = now_ns() + MOST_SECONDS * SECOND;
	babus_slot *slots[MAX_SLOTS];
	babus_domain *domain;

	stay_on_processor(party->cpu);
	EXPECT_EQUAL(babus_domain_open("test", 0, NULL, &domain), 0);
	for (unsigned i = 0; i < party->count; i++) {
		char name[16];

		name_of(name, party->first + i);
		EXPECT_EQUAL(babus_slot_open(domain, name, BABUS_PUBLISH, NULL, &slots[i]), 0);
	}
	for (uint64_t n = 1; n; n++) {
		bool last = n == party->messages || now_ns() > end;
		uint64_t number = last ? LAST : n;

		for (unsigned i = 0; i < party->count; i++) {
			await_word(&board->seen[party->first + i], n - 1);
			pause_for_a_moment(&random);
			EXPECT_EQUAL(babus_slot_publish(slots[i], &number, 8, NULL, NULL), 0);
		}
		if (last)
			break;
	}
}

static uint64_t scaled(uint64_t n)
{
	return n / SUPPORT_SLOWER;
}

static void message_to_a_waiter_that_is_falling_asleep_wakes_it(void **state)
{
	struct party here = {0, 1, scaled(100000), 0}, there = {0, 1, scaled(100000), 1};
	pid_t waiter, publisher;

	(void)state;
	make_slots(1, -1);
	waiter = child_start(wait_for_all, &here);
	publisher = child_start(publish_to_all, &there);
	child_join(publisher);
	child_join(waiter);
}

static void message_to_a_waiter_that_is_falling_asleep_wakes_it_on_one_processor(void **state)
{
	struct party party = {0, 1, scaled(150000), 0};
	pid_t waiter, publisher;

	(void)state;
	make_slots(1, -1);
	waiter = child_start(wait_for_all, &party);
	publisher = child_start(publish_to_all, &party);
	child_join(publisher);
	child_join(waiter);
}

/* Each clears the mark that the waiter set for the other. */
static void publishers_on_one_channel_do_not_steal_each_others_wake_up(void **state)
{
	enum {
		PUBLISHERS = 3
	};
	struct party all = {0, PUBLISHERS, scaled(30000), 0}, one[PUBLISHERS];
	pid_t waiter, publishers[PUBLISHERS];

	(void)state;
	make_slots(PUBLISHERS, 5);
	waiter = child_start(wait_for_all, &all);
	for (unsigned i = 0; i < PUBLISHERS; i++) {
		one[i] = (struct party){i, 1, all.messages, i % 2};
		publishers[i] = child_start(publish_to_all, &one[i]);
	}
	for (unsigned i = 0; i < PUBLISHERS; i++)
		child_join(publishers[i]);
	child_join(waiter);
}

/*
 * One publisher's mark wakes several waiters, which look, find nothing, and set the mark again.
 */
static void each_waiter_of_more_slots_than_channels_is_woken(void **state)
{
	struct party all = {0, MAX_SLOTS, scaled(400), 1}, one[MAX_SLOTS];
	pid_t publisher, waiters[MAX_SLOTS];

	(void)state;
	make_slots(MAX_SLOTS, -1);
	for (unsigned i = 0; i < MAX_SLOTS; i++) {
		one[i] = (struct party){i, 1, all.messages, i % 2};
		waiters[i] = child_start(wait_for_all, &one[i]);
	}
	publisher = child_start(publish_to_all, &all);
	child_join(publisher);
	for (unsigned i = 0; i < MAX_SLOTS; i++)
		child_join(waiters[i]);
}

/* --- threads: waking, adding and removing while it sleeps ---------------------------- */

struct pair {
	babus_waiter *waiter;
	babus_reader *reader;
	babus_slot *slot;
	_Atomic uint64_t woken, last; /* rounds; 0: the last is not known yet */
	uint64_t rounds;
};

/* In the other thread, at the start of round n: is it the last? */
static bool tell_last(struct pair *pair, uint64_t n, int64_t end)
{
	bool last = n == pair->rounds || now_ns() > end;

	if (last)
		atomic_store(&pair->last, n);
	return last;
}

static void *wake_again_and_again(void *arg)
{
	struct pair *pair = arg;
	int64_t end = now_ns() + MOST_SECONDS * SECOND;
	uint64_t random = 7, n = 1;
	bool last;

	stay_on_processor(1);
	do {
		await_word(&pair->woken, n - 1);
		last = tell_last(pair, n++, end);
		pause_for_a_moment(&random);
		EXPECT_EQUAL(babus_waiter_wake(pair->waiter), 0);
	} while (!last);
	return NULL;
}

static void wake_of_a_waiter_that_is_falling_asleep_is_not_lost(void **state)
{
	struct pair pair = {.rounds = scaled(60000)};
	struct babus_event event;
	pthread_t thread;

	(void)state;
	assert_int_equal(babus_waiter_open(bus, &patient, &pair.waiter), 0);
	stay_on_processor(0);
	assert_int_equal(pthread_create(&thread, NULL, wake_again_and_again, &pair), 0);
	do
		assert_int_equal(
		    babus_waiter_wait(pair.waiter, babus_deadline(30 * SECOND), &event, 1),
		    -ECANCELED);
	while (atomic_fetch_add(&pair.woken, 1) + 1 != atomic_load(&pair.last));
	pthread_join(thread, NULL);
	babus_waiter_close(pair.waiter);
}

static void *add_again_and_again(void *arg)
{
	struct pair *pair = arg;
	int64_t end = now_ns() + MOST_SECONDS * SECOND;
	uint64_t random = 7, n = 1;
	bool last;

	stay_on_processor(1);
	do {
		await_word(&pair->woken, n - 1);
		EXPECT_EQUAL(babus_waiter_remove(pair->waiter, pair->reader), n > 1 ? 0 : -ENOENT);
		EXPECT_EQUAL(babus_reader_seek(pair->reader, BABUS_START_NEXT, 0), 0);
		EXPECT_EQUAL(babus_slot_publish(pair->slot, "x", 1, NULL, NULL), 0);
		last = tell_last(pair, n, end);
		pause_for_a_moment(&random);
		EXPECT_EQUAL(babus_waiter_add(pair->waiter, pair->reader, (void *)(uintptr_t)n++),
			     0);
	} while (!last);
	return NULL;
}

static void reader_added_to_a_waiter_that_is_falling_asleep_is_seen(void **state)
{
	struct pair pair = {.rounds = scaled(40000), .slot = make_slot("s", 2, 16)};
	struct babus_event event;
	pthread_t thread;

	(void)state;
	assert_int_equal(babus_reader_open(pair.slot, BABUS_START_NEXT, 0, &pair.reader), 0);
	assert_int_equal(babus_waiter_open(bus, &patient, &pair.waiter), 0);
	stay_on_processor(0);
	assert_int_equal(pthread_create(&thread, NULL, add_again_and_again, &pair), 0);
	for (uintptr_t n = 1; n - 1 != atomic_load(&pair.last) || n == 1; n++) {
		/* The last round's is reported until it is taken out. */
		do
			assert_int_equal(
			    babus_waiter_wait(pair.waiter, babus_deadline(30 * SECOND), &event, 1),
			    1);
		while ((uintptr_t)event.user != n);
		atomic_fetch_add(&pair.woken, 1);
	}
	pthread_join(thread, NULL);
	babus_waiter_close(pair.waiter);
	babus_reader_close(pair.reader);
	babus_slot_close(pair.slot);
}

/*
 * The added reader has no news yet: its message comes to a waiter that sleeps by then, or nearly.
 */
static void *add_and_publish_again_and_again(void *arg)
{
	struct pair *pair = arg;
	int64_t end = now_ns() + MOST_SECONDS * SECOND;
	uint64_t random = 7, n = 1;
	bool last;

	stay_on_processor(1);
	do {
		await_word(&pair->woken, n - 1);
		EXPECT_EQUAL(babus_waiter_remove(pair->waiter, pair->reader), n > 1 ? 0 : -ENOENT);
		EXPECT_EQUAL(babus_reader_seek(pair->reader, BABUS_START_NEXT, 0), 0);
		last = tell_last(pair, n, end);
		pause_for_a_moment(&random);
		EXPECT_EQUAL(babus_waiter_add(pair->waiter, pair->reader, (void *)(uintptr_t)n++),
			     0);
		pause_for_a_moment(&random);
		EXPECT_EQUAL(babus_slot_publish(pair->slot, "x", 1, NULL, NULL), 0);
	} while (!last);
	return NULL;
}

/* The same with the watch of a domain in place of a reader. */
static void *watch_and_create_again_and_again(void *arg)
{
	struct pair *pair = arg;
	struct babus_slot_options opts = small_options(1, 16);
	int64_t end = now_ns() + MOST_SECONDS * SECOND;
	uint64_t random = 7, n = 1;
	babus_slot *slot;
	bool last;

	stay_on_processor(1);
	do {
		await_word(&pair->woken, n - 1);
		EXPECT_EQUAL(babus_waiter_unwatch_domain(pair->waiter), n > 1 ? 0 : -ENOENT);
		EXPECT_EQUAL(babus_domain_remove_slot(bus, "new"), n > 1 ? 0 : -ENOENT);
		last = tell_last(pair, n, end);
		pause_for_a_moment(&random);
		EXPECT_EQUAL(babus_waiter_watch_domain(pair->waiter, (void *)(uintptr_t)n++), 0);
		pause_for_a_moment(&random);
		EXPECT_EQUAL(babus_slot_open(bus, "new", BABUS_CREATE, &opts, &slot), 0);
		babus_slot_close(slot);
	} while (!last);
	return NULL;
}

static void change_of_the_set_is_heard(void *(*change)(void *arg), uint64_t rounds)
{
	struct pair pair = {.rounds = scaled(rounds), .slot = make_slot("s", 2, 16)};
	struct babus_event event;
	pthread_t thread;

	assert_int_equal(babus_reader_open(pair.slot, BABUS_START_NEXT, 0, &pair.reader), 0);
	assert_int_equal(babus_waiter_open(bus, &patient, &pair.waiter), 0);
	stay_on_processor(0);
	assert_int_equal(pthread_create(&thread, NULL, change, &pair), 0);
	for (uintptr_t n = 1; n - 1 != atomic_load(&pair.last) || n == 1; n++) {
		int64_t deadline = babus_deadline(20 * SECOND);

		do
			assert_int_equal(babus_waiter_wait(pair.waiter, deadline, &event, 1), 1);
		while ((uintptr_t)event.user != n);
		/* At the deadline it looks once more, and would find what it missed. */
		assert_true(now_ns() < deadline);
		atomic_fetch_add(&pair.woken, 1);
	}
	pthread_join(thread, NULL);
	babus_waiter_close(pair.waiter);
	babus_reader_close(pair.reader);
	babus_slot_close(pair.slot);
}

static void news_of_a_reader_added_to_a_waiter_that_is_falling_asleep_is_reported(void **state)
{
	(void)state;
	change_of_the_set_is_heard(add_and_publish_again_and_again, 400000);
}

static void slot_created_while_a_watcher_is_falling_asleep_is_reported(void **state)
{
	(void)state;
	change_of_the_set_is_heard(watch_and_create_again_and_again, 400000);
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE(message_to_a_waiter_that_is_falling_asleep_wakes_it),
	    CASE(message_to_a_waiter_that_is_falling_asleep_wakes_it_on_one_processor),
	    CASE(publishers_on_one_channel_do_not_steal_each_others_wake_up),
	    CASE(each_waiter_of_more_slots_than_channels_is_woken),
	    CASE(wake_of_a_waiter_that_is_falling_asleep_is_not_lost),
	    CASE(reader_added_to_a_waiter_that_is_falling_asleep_is_seen),
	    CASE(news_of_a_reader_added_to_a_waiter_that_is_falling_asleep_is_reported),
	    CASE(slot_created_while_a_watcher_is_falling_asleep_is_reported),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 120);
}
