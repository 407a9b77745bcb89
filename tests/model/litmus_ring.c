/* SPDX-License-Identifier: MIT */
/*
 * The orderings of the data path: what a reader, a publisher and a recoverer do, as in
 * core/ring.c and core/lease.c, each with as few steps as show what its order is for.
 *
 * A message is in buffer 0, (1, 0) in the cell. The next one displaces it, and buffer 0 is used
 * again. Payload is not atomic: the error to find is that two threads' accesses, one of them a
 * write, are not ordered. Only a copy of a payload that others may overwrite reads with relaxed
 * loads.
 */
#include "litmus.h"

#include <stddef.h>

#include "layout.h"

enum {
	READER = 7, /* incarnations */
	OTHER = 8,
	PUBLISHER = 9,
	TRIMMER = 10,
};

static shared64 cells[2], states[2], head, cursor, hold, claim, record_seq, alive;
static shared32 extent;
static uint64_t payload[2], entry_field;
static shared64 copied[2]; /* a payload that is overwritten while it is copied */

/* --- the steps -------------------------------------------------------------------------- */

static void first_message(void)
{
	cells[0] = word_cell(1, 0);
	cells[1] = 0;
	states[0] = word_state(STATE_HISTORY, 1);
	states[1] = word_state(STATE_OWNED, PUBLISHER);
	head = cursor = 1;
	hold = 0;
	claim = READER;
	extent = 1;
	record_seq = 1;
	alive = 1;
	payload[0] = payload[1] = 1;
	copied[0] = copied[1] = 1;
	entry_field = 0;
}

/* Displaced by others, and pinned. */
static void pinned_message(void)
{
	first_message();
	cells[0] = word_cell(2, 1);
	hold = word_cell(1, 0);
}

static void nothing_raised(void)
{
	first_message();
	extent = 0;
}

static void no_reader_yet(void)
{
	first_message();
	claim = 0;
	extent = 0;
}

/* find_pinned(), of the one pin and buffer 0. */
static bool is_pinned(void)
{
	uint64_t cell;

	if (!extent_get(&extent))
		return false;
	cell = pin_get(&hold);
	return cell && cell_buffer(cell) == 0 && claim_get(&claim);
}

/* reclaim() of buffer 0, the message having been displaced. */
static bool reclaim(void)
{
	uint64_t state;

	if (is_pinned())
		return false;
	state = state_get(&states[0]);
	return state == word_state(STATE_HISTORY, 1) && state_swap(&states[0], state, STATE_FREE);
}

/* take_free() and what the owner does first. */
static void take_and_write(void)
{
	if (state_get(&states[0]) != STATE_FREE ||
	    !state_swap(&states[0], STATE_FREE, word_state(STATE_OWNED, PUBLISHER)))
		return;
	record_put(&record_seq, 0);
	plain_write(&payload[0], 2);
	plain_write(&payload[1], 2);
}

static bool displace(void)
{
	return cell_set(&cells[0], word_cell(1, 0), word_cell(2, 1));
}

static bool is_displaced(void)
{
	return cell_get(&cells[0]) == word_cell(2, 1);
}

/* ring_pin() and the reader's look at the payload, in place. */
static void pin_and_read(void)
{
	const uint64_t cell = word_cell(1, 0);

	if (!pin_set(&hold, cell))
		return;
	if (cell_get(&cells[0]) == cell)
		require(plain_read(&payload[0]) == 1, "another message's payload");
	pin_clear(&hold);
}

/* --- CONTENT ---------------------------------------------------------------------------- */

static void publish(void)
{
	plain_write(&payload[1], 2);
	record_put(&record_seq, 2);
	cell_set(&cells[0], word_cell(1, 0), word_cell(2, 1));
}

static void read_what_the_cell_names(void)
{
	if (!is_displaced())
		return;
	require(record_get(&record_seq) == 2, "another message's record");
	require(plain_read(&payload[1]) == 2, "another message's payload");
}

/* The next publisher has seen the cell; a thread that reads its cell knows both. */
static void publish_after(void)
{
	if (is_displaced())
		cell_set(&cells[1], 0, word_cell(3, 0));
}

static void read_the_one_before(void)
{
	if (cell_get(&cells[1]) == word_cell(3, 0))
		require(plain_read(&payload[1]) == 2, "another message's payload");
}

/* --- the hint --------------------------------------------------------------------------- */

static void publish_and_raise(void)
{
	displace();
	head_raise(&head, 2);
}

static void follow_hint(void)
{
	if (head_get(&head) == 2)
		require(is_displaced(), "the hint is ahead of its cell");
}

/* --- PIN -------------------------------------------------------------------------------- */

static void displace_and_reuse(void)
{
	if (displace() && is_displaced() && reclaim())
		take_and_write();
}

static void displace_only(void)
{
	displace();
}

static void reuse(void)
{
	if (is_displaced() && reclaim())
		take_and_write();
}

/* A publisher of a number has looked at the cell of the number before; others look at its own. */
static void reuse_after_next(void)
{
	if (cell_get(&cells[1]) == word_cell(3, 0) && reclaim())
		take_and_write();
}

/* lease_take(), prepare(), then the first pin. */
static void register_and_read(void)
{
	if (claim_get(&claim) || !claim_swap(&claim, 0, READER))
		return;
	pin_clear(&hold);
	extent_raise(&extent, 1);
	pin_and_read();
}

/* A client that uses an entry before the one for which the extent was raised. */
static void raise_extent(void)
{
	extent_raise(&extent, 1);
}

static void read_below_extent(void)
{
	extent_raise(&extent, 1);
	pin_and_read();
}

/* --- CURSOR: a reader's position is read by other threads ------------------------------- */

static void advance(void)
{
	if (is_displaced())
		cursor_put(&cursor, 2);
}

static void look_after_cursor(void)
{
	if (cursor_get(&cursor) == 2)
		require(is_displaced(), "the cursor is ahead of its cell");
}

/* --- UNPIN ------------------------------------------------------------------------------- */

static void read_pinned(void)
{
	require(plain_read(&payload[0]) == 1, "another message's payload");
	pin_clear(&hold);
}

static void read_pinned_and_next(void)
{
	read_pinned();
	pin_set(&hold, word_cell(2, 1));
}

/* --- CLAIM -------------------------------------------------------------------------------- */

static void leave_table(uint64_t incarnation)
{
	claim_swap(&claim, incarnation, 0);
}

static void read_and_leave(void)
{
	read_pinned();
	plain_write(&entry_field, 1);
	leave_table(READER);
}

/* The kernel drops a lock: all earlier writes are visible. */
static void read_and_die(void)
{
	require(plain_read(&payload[0]) == 1, "another message's payload");
	model_store(&alive, 0, memory_order_release);
}

static void recover_reader(void)
{
	if (claim_get(&claim) == READER && !model_load(&alive, memory_order_acquire))
		leave_table(READER);
}

static void enter_after(void)
{
	if (claim_get(&claim) || !claim_swap(&claim, 0, OTHER))
		return;
	pin_clear(&hold);
	plain_write(&entry_field, 2);
	pin_set(&hold, word_cell(2, 1));
}

static void enter_and_leave(uint64_t incarnation)
{
	if (claim_get(&claim) || !claim_swap(&claim, 0, incarnation))
		return;
	plain_write(&entry_field, incarnation);
	leave_table(incarnation);
}

static void enter_and_leave_as_reader(void)
{
	enter_and_leave(READER);
}

static void enter_and_leave_as_other(void)
{
	enter_and_leave(OTHER);
}

/* --- OWN -------------------------------------------------------------------------------- */

static void owned(void)
{
	pinned_message();
	hold = 0;
	states[0] = word_state(STATE_OWNED, OTHER);
}

static void write_and_discard(void)
{
	plain_write(&payload[0], 3);
	state_set(&states[0], STATE_FREE);
}

static void trim(void)
{
	const uint64_t state = word_state(STATE_HISTORY, 1);

	if (!state_swap(&states[0], state, word_state(STATE_OWNED, TRIMMER)))
		return;
	plain_write(&payload[1], 0); /* its pages are given back */
	state_set(&states[0], state);
}

static void unpinned_message(void)
{
	pinned_message();
	hold = 0;
}

static void reclaim_for_others(void)
{
	reclaim();
}

static void take_what_is_free(void)
{
	take_and_write();
}

static void write_and_die(void)
{
	record_put(&record_seq, 3);
	plain_write(&payload[0], 3);
	model_store(&alive, 0, memory_order_release);
}

/* ring_bury_owners() */
static void recover_owner(void)
{
	uint64_t state = state_get(&states[0]);

	if (state != word_state(STATE_OWNED, OTHER) || model_load(&alive, memory_order_acquire))
		return;
	require(record_get(&record_seq) == 3, "the number is an older one");
	state_swap(&states[0], state, STATE_FREE);
}

/* --- COPY --------------------------------------------------------------------------------- */

static void copy(void)
{
	const uint64_t cell = word_cell(1, 0);
	uint64_t first, second;

	pin_set(&hold, cell);
	if (cell_get(&cells[0]) != cell)
		return;
	first = model_load(&copied[0], memory_order_relaxed);
	second = model_load(&copied[1], memory_order_relaxed);
	pin_settle(&hold);
	/* ring_still_holds() */
	if (cell_get(&cells[0]) == cell || state_get(&states[0]) == word_state(STATE_HISTORY, 1))
		require(first == 1 && second == 1, "a copy of two messages counts as whole");
}

/* Reuse of the buffer, after a hostile process has cleared the pin. */
static bool take_in_spite_of_pin(void)
{
	return state_swap(&states[0], word_state(STATE_HISTORY, 1), STATE_FREE) &&
	       state_swap(&states[0], STATE_FREE, word_state(STATE_OWNED, PUBLISHER));
}

static void overwrite(void)
{
	model_store(&copied[0], 2, memory_order_relaxed);
	model_store(&copied[1], 2, memory_order_relaxed);
}

static void displace_and_overwrite(void)
{
	if (!displace() || !take_in_spite_of_pin())
		return;
	overwrite();
	record_put(&record_seq, 3);
	cell_set(&cells[0], word_cell(2, 1), word_cell(3, 0));
	state_set(&states[0], word_state(STATE_HISTORY, 3));
}

static void overwrite_displaced(void)
{
	if (is_displaced() && take_in_spite_of_pin())
		overwrite();
}

static void overwrite_and_die(void)
{
	if (!displace() || !take_in_spite_of_pin())
		return;
	overwrite();
	model_store(&alive, 0, memory_order_release);
}

/* state_after_death() */
static void recover_overwriter(void)
{
	uint64_t seq;

	if (state_get(&states[0]) != word_state(STATE_OWNED, PUBLISHER) ||
	    model_load(&alive, memory_order_acquire))
		return;
	seq = record_get(&record_seq);
	if (cell_get(&cells[0]) != word_cell(seq, 0))
		seq |= STATE_TAINTED;
	state_swap(&states[0], word_state(STATE_OWNED, PUBLISHER), word_state(STATE_HISTORY, seq));
}

#define RING(order, claim_, setup, ...)                     \
	{                                                   \
		"ring", order, claim_, C11_ABSTRACT, setup, \
		{                                           \
			__VA_ARGS__                         \
		}                                           \
	}
#define COPY(claim_, memory, broken_, ...)                                                      \
	{                                                                                       \
		"ring", "COPY", claim_, memory, first_message, {__VA_ARGS__}, .broken = broken_ \
	}

const struct c11_program ring_programs[] = {
    RING("CONTENT", "a reader of a cell sees its message", first_message, publish,
	 read_what_the_cell_names),
    RING("CONTENT", "and the messages before it", first_message, publish, publish_after,
	 read_the_one_before),
    RING("HINT", "the hint is never ahead of its cell", first_message, publish_and_raise,
	 follow_hint),
    RING("PIN", "a pinned buffer is not used again", first_message, pin_and_read,
	 displace_and_reuse),
    RING("PIN", "nor by one that did not displace it", first_message, pin_and_read, displace_only,
	 reuse),
    RING("PIN", "nor by one that looked at a later cell", first_message, pin_and_read,
	 displace_only, publish_after, reuse_after_next),
    RING("PIN", "the pin of a new reader counts", no_reader_yet, register_and_read,
	 displace_and_reuse),
    RING("PIN", "also below an extent that another raised", nothing_raised, read_below_extent,
	 raise_extent, displace_and_reuse),
    RING("CURSOR", "a reader's position is never ahead of its cell", first_message, displace_only,
	 advance, look_after_cursor),
    RING("UNPIN", "the last read comes before reuse", pinned_message, read_pinned, reuse),
    RING("UNPIN", "also if the pin is set again", pinned_message, read_pinned_and_next, reuse),
    RING("CLAIM", "a pin without a claim is one that was left", pinned_message, read_and_leave,
	 reuse),
    RING("CLAIM", "or a dead reader's", pinned_message, read_and_die, recover_reader, reuse),
    RING("CLAIM", "an entry has one owner after the other", pinned_message, read_and_leave,
	 enter_after, reuse),
    RING("CLAIM", "also if it was free twice", no_reader_yet, enter_and_leave_as_reader,
	 enter_and_leave_as_other),
    RING("OWN", "a loan given back is the next owner's", owned, write_and_discard,
	 take_what_is_free),
    RING("OWN", "a trimmer is an owner", unpinned_message, trim, reuse),
    RING("OWN", "the one that reclaims need not be the one that takes", pinned_message, read_pinned,
	 reclaim_for_others, take_what_is_free),
    RING("OWN", "a dead owner is one", owned, write_and_die, recover_owner, take_what_is_free),
    COPY("a copy that counts as whole is whole", C11_AARCH64, false, copy, displace_and_overwrite),
    COPY("also if one displaces and another overwrites", C11_AARCH64, false, copy, displace_only,
	 overwrite_displaced),
    COPY("also if that one dies and is recovered", C11_AARCH64, false, copy, overwrite_and_die,
	 recover_overwriter),
    COPY("C11 does not promise that", C11_ABSTRACT, true, copy, displace_and_overwrite),
    {0},
};
