/* SPDX-License-Identifier: MIT */
/*
 * Publishers that die with large loans. Their buffers are used again before new memory is, and
 * before a full tmpfs is an error.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "small.h"
#include "support.h"

enum {
	FRAME = 6 << 20,
	DEPTH = 8
};

static char data[FRAME];
static int filled, go_on;

/* The directory of the case is a tmpfs of its own. */
static int setup(void **state)
{
	filled = gate_open();
	go_on = gate_open();
	return small_setup(state, "128m");
}

static int teardown(void **state)
{
	gate_close(filled);
	gate_close(go_on);
	return support_teardown(state);
}

static void hold_a_frame(void *arg)
{
	struct babus_loan loan;

	(void)arg;
	EXPECT_EQUAL(babus_slot_loan(child_open_slot("s", BABUS_PUBLISH), FRAME, &loan), 0);
	memset(loan.data, 'x', FRAME);
	gate_post(filled, 1);
	pause();
}

/* Take a buffer with little memory, and give it back when all others have memory. */
static void hold_a_byte(void *arg)
{
	babus_slot *slot = child_open_slot("s", BABUS_PUBLISH);
	struct babus_loan loan;

	(void)arg;
	EXPECT_EQUAL(babus_slot_loan(slot, 1, &loan), 0);
	gate_post(filled, 1);
	gate_wait(go_on);
	babus_loan_discard(&loan);
	babus_slot_close(slot);
}

static babus_slot *make(void)
{
	struct babus_slot_options opts;
	babus_slot *slot;

	babus_slot_options_init(&opts);
	opts.depth = DEPTH;
	opts.max_size = FRAME;
	slot = make_slot_with("s", &opts);
	for (int i = 0; i < DEPTH; i++)
		assert_int_equal(babus_slot_publish(slot, data, FRAME, NULL, NULL), 0);
	return slot;
}

static void assert_frames_in_use(babus_slot *slot, uint64_t most)
{
	struct babus_slot_info info;

	assert_int_equal(babus_slot_info(slot, &info), 0);
	assert_true(info.bytes_used < most * FRAME + (1 << 20));
}

static void publisher_that_dies_repeatedly_takes_no_more_memory(void **state)
{
	babus_slot *slot = make();

	(void)state;
	for (int round = 0; round < 60; round++) {
		pid_t child = child_start(hold_a_frame, NULL);

		gate_wait(filled);
		child_kill(child);
		assert_frames_in_use(slot, DEPTH + 2);
	}
	for (int i = 0; i < 3 * DEPTH; i++)
		assert_int_equal(babus_slot_publish(slot, data, FRAME, NULL, NULL), 0);
	assert_frames_in_use(slot, DEPTH + 2);
	babus_slot_close(slot);
}

static void many_that_die_at_once_leave_room_for_the_living(void **state)
{
	enum {
		DEAD = 11
	};
	babus_slot *slot = make();
	pid_t children[DEAD];

	(void)state;
	for (int i = 0; i < DEAD; i++) {
		children[i] = child_start(hold_a_frame, NULL);
		gate_wait(filled);
	}
	for (int i = 0; i < DEAD; i++)
		child_kill(children[i]);
	small_fill();
	for (int i = 0; i < 3 * DEPTH; i++)
		assert_int_equal(babus_slot_publish(slot, data, FRAME, NULL, NULL), 0);
	babus_slot_close(slot);
}

static void full_tmpfs_is_no_error_while_the_dead_hold_memory(void **state)
{
	babus_slot *slot = make(), *fresh;
	pid_t byte, dead;

	(void)state;
	byte = child_start(hold_a_byte, NULL);
	gate_wait(filled);
	dead = child_start(hold_a_frame, NULL);
	gate_wait(filled);
	gate_post(go_on, 1);
	child_join(byte);
	child_kill(dead);
	small_fill();
	/* It finds a free buffer at once, but one without memory. */
	fresh = open_slot("s", BABUS_PUBLISH);
	for (int i = 0; i < 3 * DEPTH; i++)
		assert_int_equal(babus_slot_publish(fresh, data, FRAME, NULL, NULL), 0);
	babus_slot_close(fresh);
	babus_slot_close(slot);
}

#define SMALL(claim) cmocka_unit_test_setup_teardown(claim, setup, teardown)

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    SMALL(publisher_that_dies_repeatedly_takes_no_more_memory),
	    SMALL(many_that_die_at_once_leave_room_for_the_living),
	    SMALL(full_tmpfs_is_no_error_while_the_dead_hold_memory),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	if (!small_possible())
		return SKIPPED;
	return support_main(run, 60);
}
