/* SPDX-License-Identifier: MIT */
#include "actors.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "payload.h"
#include "support.h"

const struct actor_slot actor_slots[ACTOR_SLOTS] = {
    {"one-tiny", 1, 64},     {"two-large", 2, 1 << 20}, {"eight", 8, 4096},
    {"thousand", 1024, 256}, {"one-page", 1, 10000},
};

enum {
	LOANS = 12,
	PINS = 64
};

void actors_make_slots(void)
{
	for (unsigned i = 0; i < ACTOR_SLOTS; i++) {
		struct babus_slot_options opts = small_options(actor_slots[i].depth,
							       actor_slots[i].max_size);

		opts.loans = LOANS;
		opts.pins = PINS;
		babus_slot_close(make_slot_with(actor_slots[i].name, &opts));
	}
}

void actors_open_slots(struct actor *actor)
{
	EXPECT_EQUAL(babus_domain_open("test", 0, NULL, &actor->domain), 0);
	for (unsigned i = 0; i < ACTOR_SLOTS; i++) {
		unsigned flags = actor->act == act_publish || !actor->act ? BABUS_PUBLISH : 0;

		if (actor->act && actor->act != act_wait && i != actor->number % ACTOR_SLOTS)
			continue;
		EXPECT_EQUAL(babus_slot_open(actor->domain, actor_slots[i].name, flags, NULL,
					     &actor->slots[i]),
			     0);
	}
}

void actors_close_slots(struct actor *actor)
{
	for (unsigned i = 0; i < ACTOR_SLOTS; i++)
		babus_slot_close(actor->slots[i]);
	babus_domain_close(actor->domain);
}

unsigned actors_seconds(unsigned seconds)
{
	const char *text = getenv("BABUS_STRESS_SECONDS");

	return text ? (unsigned)atoi(text) : seconds;
}

static bool goes_on(struct actor *actor)
{
	return !atomic_load(&actor->stage->stop);
}

static uint64_t chance(struct actor *actor, uint64_t n)
{
	return random_next(&actor->random) % n;
}

/* Let other processes run, so that readers fall behind and catch up. */
static void dawdle(struct actor *actor)
{
	struct timespec moment = {.tv_nsec = (long)chance(actor, 300000)};

	if (!chance(actor, 16))
		nanosleep(&moment, NULL);
	else if (!chance(actor, 8))
		sched_yield();
}

/* --- publishing -------------------------------------------------------------------- */

static size_t choose_size(struct actor *actor, uint64_t max_size)
{
	uint64_t most = chance(actor, 4) ? 200 : max_size;

	return 1 + chance(actor, most < max_size ? most : max_size);
}

static void publish_in_pieces(struct actor *actor, babus_slot *slot, char *data, size_t size,
			      const struct babus_stamp *stamp)
{
	size_t first = chance(actor, size + 1);
	struct iovec pieces[2] = {{data, first}, {data + first, size - first}};

	EXPECT_EQUAL(babus_slot_publishv(slot, pieces, 2, stamp, NULL), 0);
}

/* Returns whether it published. */
static bool publish_loan(struct actor *actor, babus_slot *slot, size_t size, uint64_t tag)
{
	struct babus_loan loan;

	EXPECT_EQUAL(babus_slot_loan(slot, size, &loan), 0);
	loan.size = 1 + chance(actor, size);
	loan.stamp = payload_fill(loan.data, loan.size, tag);
	if (!chance(actor, 5)) {
		memset(loan.data, 0xee, loan.size);
		babus_loan_discard(&loan);
		return false;
	}
	EXPECT_EQUAL(babus_loan_commit(&loan, NULL), 0);
	return true;
}

void act_publish(struct actor *actor)
{
	unsigned index = actor->number % ACTOR_SLOTS;
	babus_slot *slot = actor->slots[index];
	uint64_t max_size = actor_slots[index].max_size;
	char *data = malloc(max_size);

	EXPECT(data != NULL);
	while (goes_on(actor)) {
		uint64_t counter = atomic_fetch_add(&actor->stage->counters[actor->number], 1);
		uint64_t tag = payload_tag(actor->number, counter);
		size_t size = choose_size(actor, max_size);
		bool published = true;

		if (chance(actor, 2)) {
			published = publish_loan(actor, slot, size, tag);
		} else {
			struct babus_stamp stamp = payload_fill(data, size, tag);

			if (chance(actor, 4))
				EXPECT_EQUAL(babus_slot_publish(slot, data, size, &stamp, NULL), 0);
			else
				publish_in_pieces(actor, slot, data, size, &stamp);
		}
		atomic_fetch_add(&actor->stage->published[index], published);
		dawdle(actor);
	}
	free(data);
}

/* --- reading ----------------------------------------------------------------------- */

/* What one reader has seen of a slot. */
struct history {
	uint64_t seq;
	uint64_t next_counter[ACTOR_PUBLISHERS];
};

/* A message with a higher number than the last one. */
static void check_later(struct history *history, unsigned index,
			const struct babus_message *message)
{
	uint32_t publisher = payload_publisher(message->tag);
	uint64_t counter = payload_counter(message->tag);

	EXPECT(message->seq > history->seq);
	EXPECT(publisher < ACTOR_PUBLISHERS && publisher % ACTOR_SLOTS == index);
	EXPECT(counter >= history->next_counter[publisher]);
	EXPECT(payload_matches(message));
	history->seq = message->seq;
	history->next_counter[publisher] = counter + 1;
}

/* The next message: exactly the messages in between are lost. */
static void check_next(struct history *history, unsigned index, const struct babus_message *message)
{
	EXPECT_EQUAL(message->seq, history->seq + 1 + message->lost);
	check_later(history, index, message);
}

static void follow_once(struct actor *actor, babus_reader *reader, struct history *history)
{
	unsigned index = actor->number % ACTOR_SLOTS;
	struct babus_message message;
	int error = babus_reader_next(reader, &message);

	if (error == -EAGAIN || (error == -EBUSY && actor_slots[index].depth == 1)) {
		sched_yield();
		return;
	}
	EXPECT_EQUAL(error, 0);
	check_next(history, index, &message);
	if (!chance(actor, 64)) {
		dawdle(actor);
		EXPECT(payload_matches(&message));
	}
	babus_message_release(&message);
}

static babus_reader *begin(struct actor *actor, unsigned index, struct history *history)
{
	enum babus_start start = chance(actor, 2) ? BABUS_START_NEXT : BABUS_START_OLDEST;
	struct babus_reader_stats stats;
	babus_reader *reader;

	memset(history, 0, sizeof(*history));
	EXPECT_EQUAL(babus_reader_open(actor->slots[index], start, 0, &reader), 0);
	EXPECT_EQUAL(babus_reader_stats(reader, &stats), 0);
	history->seq = stats.cursor;
	return reader;
}

static void end(struct actor *actor, unsigned index, babus_reader *reader, uint64_t began,
		uint64_t ended)
{
	struct babus_reader_stats stats;

	EXPECT_EQUAL(babus_reader_stats(reader, &stats), 0);
	EXPECT_EQUAL(stats.cursor, ended);
	EXPECT_EQUAL(stats.received + stats.lost, ended - began);
	atomic_fetch_add(&actor->stage->received[index], stats.received);
	atomic_fetch_add(&actor->stage->lost[index], stats.lost);
	babus_reader_close(reader);
}

void act_follow(struct actor *actor)
{
	unsigned index = actor->number % ACTOR_SLOTS;
	struct history history;

	while (goes_on(actor)) {
		babus_reader *reader = begin(actor, index, &history);
		uint64_t began = history.seq;

		for (uint64_t n = 1000 + chance(actor, 20000); n && goes_on(actor); n--)
			follow_once(actor, reader, &history);
		end(actor, index, reader, began, history.seq);
	}
}

/* A message by age or by number: either that message, or an error because it is gone. */
static void look_back(struct actor *actor, unsigned index, uint64_t newest)
{
	uint32_t depth = actor_slots[index].depth;
	struct babus_message message;
	uint64_t n = chance(actor, depth + 2);
	int error;

	if (chance(actor, 2)) {
		error = babus_slot_view(actor->slots[index], BABUS_AGE, n, &message);
	} else {
		n = newest > n ? newest - n : 1;
		error = babus_slot_view(actor->slots[index], BABUS_SEQ, n, &message);
		EXPECT(error || message.seq == n);
	}
	EXPECT(!error || error == -ESTALE || (error == -EBUSY && depth == 1));
	if (error)
		return;
	EXPECT(payload_matches(&message));
	babus_message_release(&message);
}

void act_watch(struct actor *actor)
{
	unsigned index = actor->number % ACTOR_SLOTS;
	char *data = malloc(actor_slots[index].max_size);
	struct history history = {0};

	EXPECT(data != NULL);
	while (goes_on(actor)) {
		struct babus_message message;
		int error = chance(actor, 2)
				? babus_slot_view(actor->slots[index], BABUS_LATEST, 0, &message)
				: babus_slot_copy(actor->slots[index], BABUS_LATEST, 0, data,
						  actor_slots[index].max_size, &message);

		if (error == -ENODATA || (error == -EBUSY && actor_slots[index].depth == 1))
			continue;
		EXPECT_EQUAL(error, 0);
		EXPECT(message.seq >= history.seq);
		if (message.seq > history.seq)
			check_later(&history, index, &message);
		babus_message_release(&message);
		look_back(actor, index, history.seq);
		dawdle(actor);
	}
	free(data);
}

void act_hold(struct actor *actor)
{
	enum {
		HELD = 4
	};
	unsigned index = actor->number % ACTOR_SLOTS;
	struct babus_message held[HELD] = {0};
	unsigned turn = 0;

	while (goes_on(actor)) {
		struct babus_message *message = &held[turn++ % HELD];
		int error;

		if (message->data)
			EXPECT(payload_matches(message));
		babus_message_release(message);
		message->data = NULL;
		error = babus_slot_view(actor->slots[index], BABUS_LATEST, 0, message);
		EXPECT(!error || error == -ENODATA || error == -EBUSY);
		dawdle(actor);
	}
	for (turn = 0; turn < HELD; turn++) {
		if (held[turn].data)
			EXPECT(payload_matches(&held[turn]));
		babus_message_release(&held[turn]);
	}
}

/* --- waiting ----------------------------------------------------------------------- */

struct sleeper {
	babus_waiter *waiter;
	babus_reader *readers[ACTOR_SLOTS];
	struct history histories[ACTOR_SLOTS];
	uint64_t began[ACTOR_SLOTS];
};

static void wait_once(struct actor *actor, struct sleeper *sleeper)
{
	struct babus_message message;
	struct babus_event event;
	unsigned index;
	int result = babus_waiter_wait(sleeper->waiter, babus_deadline(10 * SECOND), &event, 1);

	if (!goes_on(actor))
		return;
	EXPECT_EQUAL(result, 1);
	EXPECT_EQUAL(event.status, 0);
	index = (unsigned)((struct history *)event.user - sleeper->histories);
	EXPECT(event.reader == sleeper->readers[index]);
	EXPECT_EQUAL(babus_reader_next(event.reader, &message), 0);
	check_next(&sleeper->histories[index], index, &message);
	babus_message_release(&message);
	atomic_fetch_add(&actor->stage->woken, 1);
	/* Catch up. Else there is always news, and no sleep. */
	while (!babus_reader_latest(event.reader, &message)) {
		EXPECT_EQUAL(message.seq, sleeper->histories[index].seq + 1 + message.skipped);
		sleeper->began[index] += message.skipped;
		check_later(&sleeper->histories[index], index, &message);
		babus_message_release(&message);
	}
}

void act_wait(struct actor *actor)
{
	struct babus_waiter_options opts = {.spin_ns = chance(actor, 2) * 20000};
	struct sleeper sleeper;

	EXPECT_EQUAL(babus_waiter_open(actor->domain, &opts, &sleeper.waiter), 0);
	for (unsigned i = 0; i < ACTOR_SLOTS; i++) {
		sleeper.readers[i] = begin(actor, i, &sleeper.histories[i]);
		sleeper.began[i] = sleeper.histories[i].seq;
		EXPECT_EQUAL(
		    babus_waiter_add(sleeper.waiter, sleeper.readers[i], &sleeper.histories[i]), 0);
	}
	while (goes_on(actor))
		wait_once(actor, &sleeper);
	babus_waiter_close(sleeper.waiter);
	for (unsigned i = 0; i < ACTOR_SLOTS; i++)
		end(actor, i, sleeper.readers[i], sleeper.began[i], sleeper.histories[i].seq);
}
