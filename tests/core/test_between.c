/* SPDX-License-Identifier: MIT */
/*
 * Between any two steps of an operation, others do whole operations of their own, as the kernel
 * may schedule it. Each operation runs with each of these at its first step, at its second, and
 * so on. After each round every message that is kept, held or was handed out is whole and in
 * order, and all buffers, tokens and pins are accounted for.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "accounts.h"
#include "alloc.h"
#include "payload.h"
#include "slot.h"
#include "support.h"

enum {
	DEPTH = 3,
	LARGE = 64 * 1024, /* its pins are looked at for each message */
	SMALL = 64,
	TAGS = 256,
	DEAD = 12345 /* an incarnation of no client */
};

static babus_slot *mine, *others;
static babus_reader *reader;
static size_t size;
static char my_data[LARGE], others_data[LARGE];

/* The tags of the last messages; numbers that were given out. */
static uint64_t tags[TAGS], counter;
static bool taken[TAGS];

static atomic_bool counting;
static unsigned step_number, act_at;
static void (*act)(void);
static bool acted;

static struct babus_message held; /* by the others */

void babus_step(const struct babus_step *step)
{
	(void)step;
	if (!atomic_load(&counting) || ++step_number != act_at)
		return;
	atomic_store(&counting, false);
	acted = true;
	act();
	atomic_store(&counting, true);
}

/* --- what is true at any time ---------------------------------------------------------- */

/* Message `seq` is this one, and no other message was published under its number. */
static void published(uint64_t seq, uint64_t tag)
{
	struct babus_message message;
	int error = babus_slot_view(others, BABUS_SEQ, seq, &message);

	if (!error) {
		EXPECT_EQUAL(message.tag, tag);
		babus_message_release(&message);
	} else {
		EXPECT_EQUAL(error, -ESTALE);
	}
	EXPECT(!taken[seq % TAGS]);
	taken[seq % TAGS] = true;
	taken[(seq + TAGS / 2) % TAGS] = false;
	tags[seq % TAGS] = tag;
}

static void publish(babus_slot *slot, char *data)
{
	struct babus_stamp stamp = payload_fill(data, size, payload_tag(1, ++counter));
	uint64_t seq = 0;

	EXPECT_EQUAL(babus_slot_publish(slot, data, size, &stamp, &seq), 0);
	published(seq, stamp.tag);
}

static void expect_whole(const struct babus_message *message)
{
	EXPECT(payload_matches(message));
}

/* The highest number in a cell, found without the core's help. */
static uint64_t newest_in_cells(void)
{
	const struct ring *ring = &others->ring;
	uint64_t newest = 0;

	for (uint32_t i = 0; i < ring->g.depth; i++)
		if (cell_seq(cell_get(&ring->cells[i])) > newest)
			newest = cell_seq(cell_get(&ring->cells[i]));
	return newest;
}

static void expect_latest_is_newest(void)
{
	struct babus_message message;

	EXPECT_EQUAL(babus_slot_view(others, BABUS_LATEST, 0, &message), 0);
	EXPECT_EQUAL(message.seq, newest_in_cells());
	expect_whole(&message);
	babus_message_release(&message);
}

static void expect_all_kept_are_whole(void)
{
	struct babus_message message;

	for (uint64_t age = 0; age < DEPTH; age++) {
		EXPECT_EQUAL(babus_slot_view(others, BABUS_AGE, age, &message), 0);
		EXPECT_EQUAL(message.seq, newest_in_cells() - age);
		EXPECT_EQUAL(message.tag, tags[message.seq % TAGS]);
		expect_whole(&message);
		babus_message_release(&message);
	}
}

/* --- what others do -------------------------------------------------------------------- */

static void others_read(void)
{
	expect_latest_is_newest();
}

static void others_publish_one(void)
{
	publish(others, others_data);
}

static void others_go_round(void)
{
	for (int i = 0; i < DEPTH + 1; i++)
		publish(others, others_data);
	/* A displaced buffer is free for all now. */
	EXPECT_EQUAL(alloc_reclaim(&others->ring), 0);
}

/* Often enough that every buffer that can be taken is taken. */
static void others_use_all_buffers(void)
{
	for (uint32_t i = 0; i < others->ring.g.buffers; i++) {
		publish(others, others_data);
		EXPECT_EQUAL(alloc_reclaim(&others->ring), 0);
	}
}

static void others_hold_what_goes(void)
{
	uint64_t age = DEPTH - 1;

	EXPECT_EQUAL(babus_slot_view(others, BABUS_AGE, age, &held), 0);
	for (int i = 0; i < DEPTH; i++)
		publish(others, others_data);
}

static void others_lend(void)
{
	struct babus_loan first, second;
	uint64_t seq = 0;

	EXPECT_EQUAL(babus_slot_loan(others, size, &first), 0);
	EXPECT_EQUAL(babus_slot_loan(others, size, &second), 0);
	memset(first.data, 'x', size);
	second.stamp = payload_fill(second.data, size, payload_tag(1, ++counter));
	babus_loan_discard(&first);
	EXPECT_EQUAL(babus_loan_commit(&second, &seq), 0);
	published(seq, payload_tag(1, counter));
}

static void others_trim(void)
{
	EXPECT_EQUAL(babus_slot_trim(others, NULL), 0);
}

static void others_bury(void)
{
	ring_bury_owners(&others->ring, &(struct lease_set){(uint64_t[]){DEAD}, 1});
}

static void others_use_what_they_bury(void)
{
	others_bury();
	publish(others, others_data);
}

static void (*const acts[])(void) = {
    others_read,           others_publish_one, others_go_round,           others_lend,
    others_hold_what_goes, others_trim,        others_use_what_they_bury, others_use_all_buffers};

/* --- the operations -------------------------------------------------------------------- */

static void arm(void)
{
	step_number = 0;
	atomic_store(&counting, true);
}

static void disarm(void)
{
	atomic_store(&counting, false);
}

static void op_publish(void)
{
	struct babus_stamp stamp = payload_fill(my_data, size, payload_tag(1, ++counter));
	uint64_t seq = 0;

	arm();
	assert_int_equal(babus_slot_publish(mine, my_data, size, &stamp, &seq), 0);
	disarm();
	published(seq, stamp.tag);
}

static void op_lend(void)
{
	struct babus_message message;
	struct babus_loan loan;
	uint64_t seq = 0, tag;

	arm();
	assert_int_equal(babus_slot_loan(mine, size, &loan), 0);
	disarm();
	tag = ++counter;
	loan.stamp = payload_fill(loan.data, size, payload_tag(1, tag));
	others_use_all_buffers();
	others_trim();
	message = (struct babus_message){.data = loan.data,
					 .size = size,
					 .tag = loan.stamp.tag,
					 .source_time_ns = loan.stamp.source_time_ns};
	assert_true(payload_matches(&message));
	assert_int_equal(babus_loan_commit(&loan, &seq), 0);
	published(seq, payload_tag(1, tag));
}

static void op_discard(void)
{
	struct babus_loan loan;

	arm();
	assert_int_equal(babus_slot_loan(mine, size, &loan), 0);
	memset(loan.data, 'x', size);
	babus_loan_discard(&loan);
	disarm();
}

static void view_and(enum babus_which which, uint64_t n)
{
	struct babus_message message;
	int error;

	arm();
	error = babus_slot_view(mine, which, n, &message);
	disarm();
	/* Displaced for good. */
	if (error == -ESTALE && acted)
		return;
	assert_int_equal(error, 0);
	assert_int_equal(message.tag, tags[message.seq % TAGS]);
	others_use_all_buffers();
	assert_true(payload_matches(&message));
	babus_message_release(&message);
}

static void op_view_latest(void)
{
	view_and(BABUS_LATEST, 0);
}

static void op_view_oldest(void)
{
	view_and(BABUS_SEQ, newest_in_cells() - DEPTH + 1);
}

static void op_copy(void)
{
	static char copied[LARGE];
	struct babus_message message;

	arm();
	assert_int_equal(babus_slot_copy(mine, BABUS_LATEST, 0, copied, size, &message), 0);
	disarm();
	assert_int_equal(message.tag, tags[message.seq % TAGS]);
	assert_true(payload_matches(&message));
}

/* Every message is received or counted as lost. */
static void op_next(void)
{
	struct babus_reader_stats before, after;
	struct babus_message message;

	assert_int_equal(babus_reader_stats(reader, &before), 0);
	arm();
	assert_int_equal(babus_reader_next(reader, &message), 0);
	disarm();
	assert_int_equal(message.seq, before.cursor + 1 + message.lost);
	assert_int_equal(message.tag, tags[message.seq % TAGS]);
	others_use_all_buffers();
	assert_true(payload_matches(&message));
	babus_message_release(&message);
	assert_int_equal(babus_reader_stats(reader, &after), 0);
	assert_int_equal(after.cursor - before.cursor,
			 after.received - before.received + after.lost - before.lost);
}

static void op_reclaim(void)
{
	arm();
	assert_int_equal(alloc_reclaim(&mine->ring), 0);
	disarm();
}

static void op_trim(void)
{
	arm();
	assert_int_equal(babus_slot_trim(mine, NULL), 0);
	disarm();
}

static void op_bury(void)
{
	arm();
	ring_bury_owners(&mine->ring, &(struct lease_set){(uint64_t[]){DEAD}, 1});
	disarm();
}

static void (*const ops[])(void) = {op_publish, op_lend, op_discard, op_view_latest, op_view_oldest,
				    op_copy,    op_next, op_reclaim, op_trim,        op_bury};

/* --- rounds ----------------------------------------------------------------------------- */

/* A buffer that a dead publisher has filled, or has published before it could say so. */
static void leave_a_dead_owner(void)
{
	struct ring *ring = &others->ring;
	uint64_t cell = cell_get(&ring->cells[ring_index(ring, newest_in_cells())]);
	uint32_t buffer;

	assert_true(state_swap(&ring->states[cell_buffer(cell)],
			       word_state(STATE_HISTORY, cell_seq(cell)),
			       word_state(STATE_OWNED, DEAD)));
	assert_int_equal(alloc_take_any(ring, DEAD, size, &buffer), 0);
	memset(ring_data(ring, buffer), 'x', size);
}

static bool run_round(void (*op)(void), void (*by_others)(void), unsigned at,
		      const struct accounts *fresh)
{
	babus_slot *slot = others;

	act = by_others;
	act_at = at;
	acted = false;
	/* The last displaced buffer is not free yet. */
	others_publish_one();
	leave_a_dead_owner();
	op();
	others_bury();
	expect_all_kept_are_whole();
	assert_true(accounts_balance(slot, fresh->tokens, fresh->pins));
	others_use_all_buffers();
	if (held.slot)
		assert_true(payload_matches(&held));
	babus_message_release(&held);
	expect_all_kept_are_whole();
	assert_int_equal(head_get(slot->ring.newest), newest_in_cells());
	assert_true(accounts_balance(slot, fresh->tokens, fresh->pins));
	return acted;
}

static void open_all(void)
{
	struct babus_slot_options opts = small_options(DEPTH, size);
	struct babus_message message;

	opts.loans = 6;
	mine = make_slot_with("s", &opts);
	others = make_slot_with("s", &opts);
	counter = 0;
	memset(taken, 0, sizeof(taken));
	for (int i = 0; i < DEPTH; i++)
		publish(others, others_data);
	assert_int_equal(babus_reader_open(mine, BABUS_START_OLDEST, 0, &reader), 0);
	/* Each view has its own pin. */
	for (int i = 0; i < 2; i++) {
		babus_slot *slot = i ? mine : others;

		assert_int_equal(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
		babus_message_release(&message);
	}
}

static void close_all(void)
{
	babus_reader_close(reader);
	babus_slot_close(mine);
	assert_int_equal(babus_slot_remove(others), 0);
	babus_slot_close(others);
}

static void others_may_do_anything_between_any_two_steps(size_t message_size)
{
	struct accounts fresh;
	unsigned rounds = 0;

	size = message_size;
	open_all();
	accounts_take(mine, &fresh);
	for (size_t op = 0; op < sizeof(ops) / sizeof(*ops); op++) {
		for (size_t i = 0; i < sizeof(acts) / sizeof(*acts); i++) {
			unsigned at = 0;

			do {
				rounds++;
				snprintf(support_context, sizeof(support_context),
					 "operation %zu, others do %zu at step %u", op, i, ++at);
			} while (run_round(ops[op], acts[i], at, &fresh));
		}
	}
	*support_context = '\0';
	printf("# %u rounds\n", rounds);
	assert_true(rounds > 1000);
	close_all();
}

static void others_may_do_anything_between_any_two_steps_of_small_messages(void **state)
{
	(void)state;
	others_may_do_anything_between_any_two_steps(SMALL);
}

static void and_of_large_ones(void **state)
{
	(void)state;
	others_may_do_anything_between_any_two_steps(LARGE);
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE(others_may_do_anything_between_any_two_steps_of_small_messages),
	    CASE(and_of_large_ones),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 120);
}
