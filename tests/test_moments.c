/* SPDX-License-Identifier: MIT */
/* What holds at each step of an operation, and what the words of the dead mean. */
#include <stdatomic.h>
#include <string.h>

#include "accounts.h"
#include "slot.h"
#include "support.h"

enum {
	DEPTH = 3,
	SIZE = 64 * 1024,
	DEAD = 12345 /* an incarnation of no client */
};

static babus_slot *mine, *others;
static char data[SIZE];
static atomic_bool looking;
static void (*look)(void); /* at each step */
static unsigned looks;

void babus_step(const struct babus_step *step)
{
	(void)step;
	if (!atomic_load(&looking))
		return;
	atomic_store(&looking, false);
	looks++;
	look();
	atomic_store(&looking, true);
}

static void look_by(void (*fn)(void))
{
	look = fn;
	looks = 0;
	atomic_store(&looking, true);
}

static void look_no_more(void)
{
	atomic_store(&looking, false);
	assert_true(looks > 20);
}

static void open_both(void)
{
	others = make_slot("s", DEPTH, SIZE);
	mine = make_slot("s", DEPTH, SIZE);
}

static void publish_frames(babus_slot *slot, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		assert_int_equal(babus_slot_publish(slot, data, SIZE, NULL, NULL), 0);
}

static uint64_t newest_cell(void)
{
	const struct ring *ring = &others->ring;
	uint64_t newest = 0;

	assert_int_equal(ring_newest(ring, &newest), 0);
	return cell_get(&ring->cells[ring_index(ring, newest)]);
}

static void look_at_memory(void)
{
	EXPECT(accounts_have_memory(others));
}

static bool has_token(uint64_t incarnation)
{
	const struct lease_table *table = &others->token_table;

	for (uint32_t i = 0; i < table->count; i++)
		if (claim_get(&table->entries[i].claim) == incarnation)
			return true;
	return false;
}

/* Else nobody would find what it holds if it died there. */
static void look_at_tokens(void)
{
	const struct ring *ring = &others->ring;

	for (uint32_t i = 0; i < ring->g.buffers; i++) {
		uint64_t owned = state_get(&ring->states[i]);

		if (state_kind(owned) == STATE_OWNED)
			EXPECT(has_token(state_value(owned)));
	}
}

static void use_all_calls_that_own(void)
{
	struct babus_loan loan, lost;

	assert_int_equal(babus_slot_publish(mine, data, SIZE, NULL, NULL), 0);
	assert_int_equal(babus_slot_loan(mine, SIZE, &loan), 0);
	assert_int_equal(babus_slot_loan(mine, SIZE, &lost), 0);
	assert_int_equal(babus_loan_commit(&loan, NULL), 0);
	assert_int_equal(babus_slot_loan(mine, SIZE, &loan), 0);
	babus_loan_discard(&loan);
	assert_true(babus_slot_reserve(mine, 5, SIZE) > 0);
	assert_int_equal(babus_slot_trim(mine, NULL), 0);
	assert_int_equal(babus_slot_publish(mine, data, SIZE, NULL, NULL), 0);
	babus_slot_close(mine);
}

static void a_mark_never_promises_memory_that_is_not_there(void **state)
{
	(void)state;
	open_both();
	look_by(look_at_memory);
	use_all_calls_that_own();
	look_no_more();
	babus_slot_close(others);
}

static void who_owns_a_buffer_has_a_token(void **state)
{
	(void)state;
	open_both();
	look_by(look_at_tokens);
	use_all_calls_that_own();
	look_no_more();
	babus_slot_close(others);
}

static void recovery_takes_what_the_dead_own_before_their_tokens(void **state)
{
	struct babus_report report;
	struct lease_table *table;
	uint32_t buffer;

	(void)state;
	open_both();
	table = &others->token_table;
	assert_true(claim_swap(&table->entries[table->count - 1].claim, 0, DEAD));
	assert_int_equal(ring_take(&others->ring, DEAD, SIZE, true, &buffer), 0);
	look_by(look_at_tokens);
	assert_int_equal(babus_domain_recover(bus, 1, &report), 0);
	look_no_more();
	assert_int_equal(report.dead_publishers, 1);
	assert_int_equal(report.buffers, 1);
	babus_slot_close(mine);
	babus_slot_close(others);
}

/* What a buffer becomes whose owner died, by the number in its record. */
static uint64_t state_after_death(uint32_t buffer, uint64_t seq)
{
	struct ring *ring = &others->ring;
	uint64_t owned = word_state(STATE_OWNED, DEAD), got;

	record_put(&ring->records[buffer].seq, seq);
	state_set(&ring->states[buffer], owned);
	assert_int_equal(ring_bury_owners(ring, &(struct lease_set){(uint64_t[]){DEAD}, 1}), 1);
	got = state_get(&ring->states[buffer]);
	state_set(&ring->states[buffer], STATE_FREE);
	return got;
}

static void a_dead_owners_buffer_is_free_unless_its_number_was_published(void **state)
{
	struct ring *ring;
	uint64_t newest, cell;
	uint32_t buffer;

	(void)state;
	open_both();
	ring = &others->ring;
	publish_frames(others, 2 * DEPTH);
	assert_int_equal(ring_take(ring, DEAD, SIZE, true, &buffer), 0);
	cell = newest_cell();
	newest = cell_seq(cell);
	assert_int_equal(state_after_death(buffer, 0), STATE_FREE);
	assert_int_equal(state_after_death(buffer, newest + 1), STATE_FREE);
	assert_int_equal(state_after_death(buffer, newest), STATE_FREE);
	assert_int_equal(state_after_death(buffer, newest - DEPTH + 1), STATE_FREE);
	/* Not to be told from one that was published and displaced. */
	assert_int_equal(state_after_death(buffer, newest - DEPTH),
			 word_state(STATE_HISTORY, newest - DEPTH));
	/* Published, and its owner died before it said so. */
	assert_int_equal(state_after_death(cell_buffer(cell), newest),
			 word_state(STATE_HISTORY, newest));
	babus_slot_close(mine);
	babus_slot_close(others);
}

/* As one leaves it that died: its claim was taken back, the rest is for the next client. */
static void a_pin_that_nobody_claims_keeps_nothing(void **state)
{
	struct ring *ring;
	uint64_t cell;

	(void)state;
	open_both();
	ring = &mine->ring;
	publish_frames(others, 1);
	cell = newest_cell();
	assert_true(pin_set(&mine->pins[ring->g.pins - 1].hold, cell));
	extent_raise(&mine->pins_header->extent, ring->g.pins);
	publish_frames(others, DEPTH);
	assert_int_equal(ring_reclaim(ring), 0);
	assert_int_equal(state_get(&ring->states[cell_buffer(cell)]), STATE_FREE);
	babus_slot_close(mine);
	babus_slot_close(others);
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE(a_mark_never_promises_memory_that_is_not_there),
	    CASE(who_owns_a_buffer_has_a_token),
	    CASE(recovery_takes_what_the_dead_own_before_their_tokens),
	    CASE(a_dead_owners_buffer_is_free_unless_its_number_was_published),
	    CASE(a_pin_that_nobody_claims_keeps_nothing),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 60);
}
