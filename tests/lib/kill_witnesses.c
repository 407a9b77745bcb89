/* SPDX-License-Identifier: MIT */
/*
 * Witnesses: a publisher, a reader in order, a waiter, a reader of the newest, and a user of the
 * slot that is removed and remade. A witness that sees an error ends by itself.
 *
 * No clock measures that no process waits for the dead and the stopped: on a busy machine a clock
 * measures the machine. A witness that makes progress while all victims are stopped does not wait
 * for them. That it does not even sleep for a while is known from the kernel, which counts how
 * often a thread gave up the processor by itself.
 */
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <time.h>

#include "kill_stage.h"
#include "payload.h"
#include "support.h"

/* What a witness has seen of a slot. */
struct seen {
	unsigned slot;
	uint64_t seq;
	struct {
		bool any;
		uint64_t next;
		uint64_t
		    passed; /* messages of any publisher that it has not seen since its last one */
	} of[PUBLISHERS];
};

struct witness {
	uint64_t random;
	babus_domain *domain;
	babus_slot *slots[KILL_SLOTS];
	babus_reader *readers[KILL_SLOTS];
	struct seen seen[KILL_SLOTS];
	uint32_t noticed, answered; /* vigils */
	unsigned rounds;
	uint64_t sleeps;
};

static char data[KILL_LARGEST];

static bool goes_on(void)
{
	return !atomic_load(&kill_stage->over);
}

static uint64_t chance(struct witness *witness, uint64_t n)
{
	return random_next(&witness->random) % n;
}

/* Let other processes run, so that readers fall behind and waiters fall asleep. */
static void dawdle(struct witness *witness)
{
	struct timespec moment = {.tv_nsec = (long)chance(witness, 300000)};

	nanosleep(&moment, NULL);
}

static void calls_begin(struct witness *witness)
{
	witness->sleeps = count_sleeps(0);
}

static void calls_end(struct witness *witness, uint64_t calls)
{
	atomic_fetch_add(&kill_stage->blocked, count_sleeps(0) - witness->sleeps);
	atomic_fetch_add(&kill_stage->calls, calls);
}

/*
 * It made progress: in all slots, since the last time. The first round may have begun before the
 * vigil. True: it noticed a vigil just now.
 */
static bool got_on(struct witness *witness)
{
	uint32_t vigil = atomic_load(&kill_stage->vigil);

	if (vigil != witness->noticed) {
		witness->noticed = vigil;
		witness->rounds = 0;
		return true;
	}
	if (vigil != witness->answered && ++witness->rounds == 2) {
		witness->answered = vigil;
		gate_post(kill_stage->gate, 1);
	}
	return false;
}

static void enter(struct witness *witness, unsigned flags)
{
	witness->random = kill_stage->seed ^ (uint64_t)(uintptr_t)&witness->rounds;
	EXPECT_EQUAL(babus_domain_open("test", 0, NULL, &witness->domain), 0);
	for (unsigned i = 0; i < KILL_SLOTS; i++) {
		EXPECT_EQUAL(babus_slot_open(witness->domain, kill_slots[i].name, flags, NULL,
					     &witness->slots[i]),
			     0);
		witness->seen[i].slot = i;
	}
}

static void open_readers(struct witness *witness)
{
	for (unsigned i = 0; i < KILL_SLOTS; i++) {
		struct babus_reader_stats stats;

		EXPECT_EQUAL(
		    babus_reader_open(witness->slots[i], BABUS_START_NEXT, 0, &witness->readers[i]),
		    0);
		EXPECT_EQUAL(babus_reader_stats(witness->readers[i], &stats), 0);
		witness->seen[i].seq = stats.cursor;
	}
}

static void leave(struct witness *witness)
{
	for (unsigned i = 0; i < KILL_SLOTS; i++) {
		babus_reader_close(witness->readers[i]);
		babus_slot_close(witness->slots[i]);
	}
	babus_domain_close(witness->domain);
}

/* --- checking ---------------------------------------------------------------------- */

/*
 * A later message than the last one. Numbers have no gaps, so the lost messages are known. Of the
 * witness that publishes, which never dies, no more than those are missing.
 */
static void check_later(struct seen *seen, const struct babus_message *message)
{
	unsigned who = payload_publisher(message->tag) % PUBLISHERS;
	uint64_t counter = payload_counter(message->tag);

	EXPECT(kill_matches(message, seen->slot));
	EXPECT(message->seq > seen->seq);
	for (unsigned i = 0; i < PUBLISHERS; i++)
		seen->of[i].passed += message->seq - seen->seq - 1;
	if (seen->of[who].any) {
		EXPECT(counter >= seen->of[who].next);
		if (who == WITNESS)
			EXPECT(counter - seen->of[who].next <= seen->of[who].passed);
	}
	seen->of[who].any = true;
	seen->of[who].next = counter + 1;
	seen->of[who].passed = 0;
	seen->seq = message->seq;
}

/* The next message: exactly the messages in between are lost. */
static void check_next(struct seen *seen, const struct babus_message *message)
{
	EXPECT_EQUAL(message->seq, seen->seq + 1 + message->lost);
	check_later(seen, message);
	atomic_fetch_add(&kill_stage->read, 1);
	atomic_fetch_add(&kill_stage->missed, message->lost);
}

/* --- the witnesses ------------------------------------------------------------------ */

static void publish_one(struct witness *witness, unsigned slot)
{
	uint64_t counter = atomic_fetch_add(&kill_stage->counters[WITNESS][slot], 1);
	size_t size = 1 + chance(witness, kill_slots[slot].max_size);
	struct babus_loan loan;

	if (chance(witness, 2)) {
		struct babus_stamp stamp = payload_fill(data, size,
							kill_tag(slot, WITNESS, counter));

		EXPECT_EQUAL(babus_slot_publish(witness->slots[slot], data, size, &stamp, NULL), 0);
	} else {
		if (!chance(witness, 4)) {
			EXPECT_EQUAL(babus_slot_loan(witness->slots[slot], size, &loan), 0);
			babus_loan_discard(&loan);
		}
		EXPECT_EQUAL(babus_slot_loan(witness->slots[slot], size, &loan), 0);
		loan.stamp = payload_fill(loan.data, size, kill_tag(slot, WITNESS, counter));
		EXPECT_EQUAL(babus_loan_commit(&loan, NULL), 0);
	}
	atomic_fetch_add(&kill_stage->published[slot], 1);
}

static void publish(void *arg)
{
	struct witness witness = {0};

	(void)arg;
	enter(&witness, BABUS_PUBLISH);
	while (!atomic_load(&kill_stage->all_over)) {
		uint64_t burst = 1 + chance(&witness, 8);

		calls_begin(&witness);
		for (uint64_t n = 0; n < burst; n++)
			for (unsigned i = 0; i < KILL_SLOTS; i++)
				publish_one(&witness, i);
		calls_end(&witness, burst * KILL_SLOTS);
		got_on(&witness);
		dawdle(&witness);
	}
	leave(&witness);
}

/* Read what there is: how many messages. */
static unsigned follow(struct witness *witness, unsigned slot)
{
	struct babus_message message;
	unsigned count = 0;
	int error;

	/* Bounded: publishers may be as fast. */
	while (count < 100 && !(error = babus_reader_next(witness->readers[slot], &message))) {
		check_next(&witness->seen[slot], &message);
		babus_message_release(&message);
		count++;
	}
	EXPECT(count == 100 || error == -EAGAIN ||
	       (error == -EBUSY && kill_slots[slot].depth == 1));
	return count;
}

static void read_in_order(void *arg)
{
	struct witness witness = {0};
	bool news[KILL_SLOTS] = {false};

	(void)arg;
	enter(&witness, BABUS_READ);
	open_readers(&witness);
	while (goes_on()) {
		bool all = true;

		calls_begin(&witness);
		for (unsigned i = 0; i < KILL_SLOTS; i++) {
			news[i] |= follow(&witness, i) > 0;
			all &= news[i];
		}
		calls_end(&witness, KILL_SLOTS);
		if (all) {
			got_on(&witness);
			memset(news, 0, sizeof(news));
		}
		dawdle(&witness);
	}
	leave(&witness);
}

static void wait_for_news(void *arg)
{
	struct witness witness = {0};
	struct babus_event event;
	babus_waiter *waiter;

	(void)arg;
	enter(&witness, BABUS_READ);
	open_readers(&witness);
	EXPECT_EQUAL(babus_waiter_open(witness.domain, NULL, &waiter), 0);
	for (unsigned i = 0; i < KILL_SLOTS; i++)
		EXPECT_EQUAL(babus_waiter_add(waiter, witness.readers[i], &witness.seen[i]), 0);
	while (goes_on()) {
		int64_t began = now_ns();
		struct seen *seen;

		EXPECT_EQUAL(babus_waiter_wait(waiter, BABUS_FOREVER, &event, 1), 1);
		EXPECT_EQUAL(event.status, 0);
		atomic_fetch_add(&kill_stage->late, now_ns() - began >= SECOND);
		seen = event.user;
		EXPECT(event.reader == witness.readers[seen->slot]);
		EXPECT(follow(&witness, seen->slot) > 0);
		atomic_fetch_add(&kill_stage->heard, 1);
		if (got_on(&witness))
			atomic_store(&kill_stage->sleeps, count_sleeps(0));
	}
	babus_waiter_close(waiter);
	leave(&witness);
}

/* The newest, in place or copied: never older than the newest so far. */
static bool look(struct witness *witness, unsigned slot)
{
	struct seen *seen = &witness->seen[slot];
	struct babus_message message;
	int error = chance(witness, 2)
			? babus_slot_view(witness->slots[slot], BABUS_LATEST, 0, &message)
			: babus_slot_copy(witness->slots[slot], BABUS_LATEST, 0, data, sizeof(data),
					  &message);
	bool later;

	if (error == -EBUSY && kill_slots[slot].depth == 1)
		return false;
	EXPECT_EQUAL(error, 0);
	EXPECT(message.seq >= seen->seq);
	later = message.seq > seen->seq;
	if (later)
		check_later(seen, &message);
	else
		EXPECT(kill_matches(&message, slot));
	babus_message_release(&message);
	return later;
}

/* By number: that message, or an error. */
static void look_back(struct witness *witness, unsigned slot)
{
	uint64_t n = witness->seen[slot].seq - chance(witness, kill_slots[slot].depth + 1);
	struct babus_message message;
	int error = babus_slot_view(witness->slots[slot], BABUS_SEQ, n, &message);

	EXPECT(!error || error == -ESTALE || error == -EAGAIN || error == -EBUSY);
	if (error)
		return;
	EXPECT(message.seq == n && kill_matches(&message, slot));
	babus_message_release(&message);
}

static void read_the_newest(void *arg)
{
	struct witness witness = {0};
	bool news[KILL_SLOTS] = {false};

	(void)arg;
	enter(&witness, BABUS_READ);
	while (goes_on()) {
		bool all = true;

		calls_begin(&witness);
		for (unsigned i = 0; i < KILL_SLOTS; i++) {
			news[i] |= look(&witness, i);
			all &= news[i];
			look_back(&witness, i);
		}
		calls_end(&witness, UINT64_C(2) * KILL_SLOTS);
		if (all) {
			got_on(&witness);
			memset(news, 0, sizeof(news));
		}
		dawdle(&witness);
	}
	leave(&witness);
}

/* One instance of "other", until it is removed. True: it was used, and all was right. */
static bool visit(struct witness *witness, babus_slot *other, uint64_t instance)
{
	size_t size = 1 + chance(witness, kill_slots[KILL_OTHER].max_size);
	struct babus_stamp stamp = payload_fill(data, size, kill_other_tag(WITNESS, instance));
	struct babus_message message;
	int error = babus_slot_publish(other, data, size, &stamp, NULL);

	if (!error)
		error = babus_slot_view(other, BABUS_LATEST, 0, &message);
	if (!error) {
		EXPECT(kill_other_matches(&message, instance));
		babus_message_release(&message);
	}
	EXPECT(!error || error == -ENODEV);
	return !error;
}

static void visit_other(void *arg)
{
	struct babus_slot_options opts = kill_options(KILL_OTHER);
	struct witness witness = {0};

	(void)arg;
	enter(&witness, BABUS_READ);
	while (goes_on()) {
		struct babus_slot_info info;
		babus_slot *other;
		int error = babus_slot_open(witness.domain, kill_slots[KILL_OTHER].name,
					    BABUS_PUBLISH | BABUS_CREATE, &opts, &other);

		if (!error) {
			error = babus_slot_info(other, &info);
			while (!error && chance(&witness, 8) &&
			       visit(&witness, other, info.instance))
				got_on(&witness);
			babus_slot_close(other);
		}
		if (error != -ENODEV)
			EXPECT_EQUAL(error, 0);
		dawdle(&witness);
	}
	leave(&witness);
}

const struct kill_witness kill_witnesses[] = {
    {"publisher", publish},
    {"reader in order", read_in_order},
    {"waiter", wait_for_news},
    {"reader of the newest", read_the_newest},
    {"user of \"other\"", visit_other},
};

const unsigned kill_witness_count = sizeof(kill_witnesses) / sizeof(*kill_witnesses);
