/* SPDX-License-Identifier: MIT */
/*
 * A copy is whole or not returned, whatever a hostile subscriber does to the reader's pin. In the
 * gap between the look at the record and the copying, the pin is cleared, and others do anything
 * with the buffer. Nothing is left to chance: counting steps of the core finds the gap.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "alloc.h"
#include "payload.h"
#include "slot.h"
#include "support.h"

enum {
	SIZE = 64 * 1024,
	DEPTH = 2
};

/* The reader's looks at a record before it copies, and the look at which others act. */
static unsigned looks, look_to_act, settled;
static atomic_bool counting;
static void (*act)(void);
static const char *act_before; /* each step of this name */
static void (*act_always)(void);

static babus_slot *reads, *publishes;
static char data[SIZE];
static int gate;

void babus_step(const struct babus_step *step)
{
	void (*once)(void) = act;

	if (!atomic_load(&counting))
		return;
	if (act_always && !strcmp(step->name, act_before)) {
		atomic_store(&counting, false);
		act_always();
		atomic_store(&counting, true);
	}
	settled += !strcmp(step->name, "pin_settle");
	if (strcmp(step->name, "record_get"))
		return;
	looks++;
	if (!once || looks != look_to_act)
		return;
	atomic_store(&counting, false);
	act = NULL;
	once();
	atomic_store(&counting, true);
}

static int copy(char *to, size_t capacity, struct babus_message *message)
{
	int error;

	looks = 0;
	atomic_store(&counting, true);
	error = babus_slot_copy(reads, BABUS_LATEST, 0, to, capacity, message);
	atomic_store(&counting, false);
	return error;
}

static uint64_t publish(babus_slot *slot)
{
	static uint64_t counter;
	struct babus_stamp stamp = payload_fill(data, SIZE, payload_tag(1, ++counter));
	uint64_t seq = 0;

	EXPECT_EQUAL(babus_slot_publish(slot, data, SIZE, &stamp, &seq), 0);
	return seq;
}

static void clear_pins(babus_slot *slot)
{
	for (uint32_t i = 0; i < slot->ring.g.pins; i++)
		pin_clear(&slot->pins[i].pin);
}

/* The buffer that holds the newest message. */
static uint32_t newest_buffer(babus_slot *slot)
{
	const struct ring *ring = &slot->ring;
	uint64_t newest = 0;

	EXPECT_EQUAL(ring_newest(ring, &newest), 0);
	return cell_buffer(cell_get(&ring->cells[ring_index(ring, newest)]));
}

/* Take loans until one is in this buffer, and fill all of them. */
static void fill_loan_of(babus_slot *slot, uint32_t buffer)
{
	struct babus_loan loan = {.buffer = UINT32_MAX};

	while (loan.buffer != buffer) {
		EXPECT_EQUAL(babus_slot_loan(slot, SIZE, &loan), 0);
		memset(loan.data, 'x', SIZE);
	}
}

/* A publisher fills a loan in the message's buffer; then it discards it, or dies. */
static void lend_and(void (*end)(uint32_t buffer))
{
	uint32_t buffer = newest_buffer(reads);

	clear_pins(reads);
	for (int i = 0; i < DEPTH; i++)
		publish(publishes);
	end(buffer);
}

static void close_with_it(uint32_t buffer)
{
	babus_slot *slot;

	EXPECT_EQUAL(babus_slot_open(bus, "s", BABUS_PUBLISH, NULL, &slot), 0);
	fill_loan_of(slot, buffer);
	babus_slot_close(slot);
}

static void hold_it(void *arg)
{
	babus_slot *slot = child_open_slot("s", BABUS_PUBLISH);

	fill_loan_of(slot, *(const uint32_t *)arg);
	gate_post(gate, 1);
	pause();
}

static void die_with_it(uint32_t buffer)
{
	struct babus_report report;
	pid_t child;

	gate = gate_open();
	child = child_start(hold_it, &buffer);
	gate_wait(gate);
	child_kill(child);
	gate_close(gate);
	EXPECT_EQUAL(babus_domain_recover(bus, 1, &report), 0);
	EXPECT(report.buffers > 0);
}

static void trim_it(uint32_t buffer)
{
	/*
	 * As left by a process that died in the middle of it: FREE, owned, its pages given back.
	 */
	struct ring *ring = &publishes->ring;

	EXPECT_EQUAL(alloc_reclaim(ring), 0);
	EXPECT_EQUAL(state_get(&ring->states[buffer]), STATE_FREE);
	EXPECT_EQUAL(babus_slot_trim(publishes, NULL), 0);
	EXPECT(state_swap(&ring->states[buffer], STATE_FREE, word_state(STATE_OWNED, 12345)));
	EXPECT_EQUAL(ring_bury_owners(ring, &(struct lease_set){(uint64_t[]){12345}, 1}), 1);
}

static void lend_and_close(void)
{
	lend_and(close_with_it);
}

static void lend_and_die(void)
{
	lend_and(die_with_it);
}

static void trim_and_die(void)
{
	lend_and(trim_it);
}

static void open_both(void)
{
	struct babus_slot_options opts = small_options(DEPTH, SIZE);

	opts.loans = 16;
	publishes = make_slot_with("s", &opts);
	reads = open_slot("s", BABUS_READ);
}

static void copy_is_whole_though(void (*trouble)(void))
{
	static char copied[SIZE];
	struct babus_message message;
	unsigned last;

	open_both();
	publish(publishes);
	assert_int_equal(copy(copied, SIZE, &message), 0);
	last = looks;
	assert_true(last > 5);
	for (look_to_act = 1; look_to_act <= last; look_to_act++) {
		uint64_t seq = publish(publishes);

		act = trouble;
		assert_int_equal(copy(copied, SIZE, &message), 0);
		assert_null(act);
		assert_true(payload_matches(&message));
		/* The message that was displaced meanwhile cannot be read any more. */
		assert_true(message.seq >= seq + DEPTH);
	}
	babus_slot_close(reads);
	babus_slot_close(publishes);
}

/* The buffer gets another message, and one more after that. */
static void use_it_again(void)
{
	uint32_t buffer = newest_buffer(reads);

	clear_pins(reads);
	do
		publish(publishes);
	while (newest_buffer(reads) != buffer);
	publish(publishes);
}

static void copy_whose_pin_was_taken_away_starts_over(void **state)
{
	(void)state;
	copy_is_whole_though(use_it_again);
}

/* Until a copy has tried often enough, if it does not give up. */
static void use_it_again_often(void)
{
	if (settled < 200)
		use_it_again();
}

static void copy_that_is_never_whole_is_ebusy(void **state)
{
	static char copied[SIZE];
	struct babus_message message;

	(void)state;
	open_both();
	publish(publishes);
	act_before = "pin_settle";
	act_always = use_it_again_often;
	settled = 0;
	assert_int_equal(copy(copied, SIZE, &message), -EBUSY);
	assert_int_equal(settled, 64);
	act_always = NULL;
	assert_int_equal(copy(copied, SIZE, &message), 0);
	assert_true(payload_matches(&message));
	babus_slot_close(reads);
	babus_slot_close(publishes);
}

/* Each cell is ahead of the last one that the reader looked at. */
static void run_ahead(void)
{
	static uint64_t seq = 1;
	static unsigned times;

	for (int i = 0; times < 1 << 20 && i < DEPTH; i++, times++, seq++)
		counter_put(&publishes->ring.cells[ring_index(&publishes->ring, seq + 1)],
			    word_cell(seq + 1, 0));
}

static void numbers_that_run_away_are_eproto(void **state)
{
	uint64_t newest;

	(void)state;
	open_both();
	publish(publishes);
	act_before = "cell_get";
	act_always = run_ahead;
	atomic_store(&counting, true);
	assert_int_equal(ring_newest(&publishes->ring, &newest), -EPROTO);
	atomic_store(&counting, false);
	act_always = NULL;
	babus_slot_close(reads);
	babus_slot_close(publishes);
}

static void publish_a_byte(void)
{
	EXPECT_EQUAL(babus_slot_publish(publishes, "x", 1, NULL, NULL), 0);
}

static void view_that_is_overtaken_each_time_is_ebusy(void **state)
{
	struct babus_slot_options opts = small_options(1, 64);
	struct babus_message message;

	(void)state;
	publishes = make_slot_with("s", &opts);
	reads = open_slot("s", BABUS_READ);
	publish_a_byte();
	/* Displaced between the look at the cell and the second look. */
	act_before = "pin_set";
	act_always = publish_a_byte;
	atomic_store(&counting, true);
	assert_int_equal(babus_slot_view(reads, BABUS_LATEST, 0, &message), -EBUSY);
	assert_int_equal(babus_slot_view(reads, BABUS_AFTER, 0, &message), -EBUSY);
	atomic_store(&counting, false);
	act_always = NULL;
	assert_int_equal(babus_slot_view(reads, BABUS_AFTER, 0, &message), 0);
	babus_message_release(&message);
	babus_slot_close(reads);
	babus_slot_close(publishes);
}

static void go_round(void)
{
	for (int i = 0; i < DEPTH; i++)
		publish(publishes);
}

/* Publishers honour its pin, so the copy is whole and need not start over. */
static void copy_of_a_message_that_is_displaced_meanwhile_is_whole(void **state)
{
	static char copied[SIZE];
	struct babus_message message;
	uint64_t seq;

	(void)state;
	open_both();
	seq = publish(publishes);
	act = go_round;
	look_to_act = 1;
	assert_int_equal(copy(copied, SIZE, &message), 0);
	assert_null(act);
	assert_int_equal(message.seq, seq);
	assert_true(payload_matches(&message));
	babus_slot_close(reads);
	babus_slot_close(publishes);
}

/* As left by a publisher that stops before it says that it is done. */
static void copy_of_a_message_that_is_owned_is_whole(void **state)
{
	static char copied[SIZE];
	struct babus_message message;

	(void)state;
	open_both();
	publish(publishes);
	state_set(&publishes->ring.states[newest_buffer(reads)], word_state(STATE_OWNED, 12345));
	assert_int_equal(copy(copied, SIZE, &message), 0);
	assert_true(payload_matches(&message));
	babus_slot_close(reads);
	babus_slot_close(publishes);
}

static void copy_of_an_empty_message_is_checked_too(void **state)
{
	struct babus_message message;

	(void)state;
	open_both();
	assert_int_equal(babus_slot_publish(publishes, NULL, 0, NULL, NULL), 0);
	settled = 0;
	assert_int_equal(copy(NULL, 0, &message), 0);
	assert_int_equal(settled, 1);
	babus_slot_close(reads);
	babus_slot_close(publishes);
}

static void copy_is_whole_though_a_publisher_closes_with_the_buffer_on_loan(void **state)
{
	(void)state;
	copy_is_whole_though(lend_and_close);
}

static void copy_is_whole_though_a_publisher_dies_with_the_buffer_on_loan(void **state)
{
	(void)state;
	copy_is_whole_though(lend_and_die);
}

static void copy_is_whole_though_a_trimming_publisher_dies(void **state)
{
	(void)state;
	if (!support_madvise_works()) {
		printf("skipped: MADV_REMOVE does nothing here\n");
		return;
	}
	copy_is_whole_though(trim_and_die);
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE(copy_whose_pin_was_taken_away_starts_over),
	    CASE(copy_that_is_never_whole_is_ebusy),
	    CASE(view_that_is_overtaken_each_time_is_ebusy),
	    CASE(numbers_that_run_away_are_eproto),
	    CASE(copy_of_a_message_that_is_displaced_meanwhile_is_whole),
	    CASE(copy_of_a_message_that_is_owned_is_whole),
	    CASE(copy_of_an_empty_message_is_checked_too),
	    CASE(copy_is_whole_though_a_publisher_closes_with_the_buffer_on_loan),
	    CASE(copy_is_whole_though_a_publisher_dies_with_the_buffer_on_loan),
	    CASE(copy_is_whole_though_a_trimming_publisher_dies),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 60);
}
