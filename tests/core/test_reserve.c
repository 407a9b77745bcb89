/* SPDX-License-Identifier: MIT */
/*
 * After babus_slot_reserve() the next publishes take no page fault and no memory, whatever
 * happened to the slot before. It returns how much it has done.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support.h"

#define MIB ((size_t)1 << 20)

enum {
	DEPTH = 4,
	LOANS = 4,
	PINS = 8,
	BUFFERS = DEPTH + LOANS + PINS
};

static char data[MIB];

static long faults(void)
{
	struct rusage usage;

	assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
	return usage.ru_minflt + usage.ru_majflt;
}

static void publish_some(babus_slot *slot, size_t size, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		assert_int_equal(babus_slot_publish(slot, data, size, NULL, NULL), 0);
}

/* Room for the odd page that the kernel moves; not for one a message. */
static void assert_no_fault(babus_slot *slot, size_t size, unsigned count)
{
	uint64_t bytes = bytes_of_slot();
	long before = faults();

	publish_some(slot, size, count);
	assert_in_range(faults() - before, 0, 2);
	assert_int_equal(bytes_of_slot(), bytes);
}

/*
 * A handle whose page tables are empty, after one publish elsewhere, so that the code is in
 * memory.
 */
static babus_slot *open_cold(void)
{
	static bool warm;

	memset(data, 1, sizeof(data));
	if (!warm) {
		babus_slot *other = make_slot("other", 2, MIB);

		publish_some(other, MIB, 3);
		assert_int_equal(babus_slot_reserve(other, 1, MIB), 1);
		publish_some(other, MIB, 1);
		babus_slot_close(other);
	}
	warm = true;
	return open_slot("s", BABUS_PUBLISH);
}

static void make(size_t max_size)
{
	struct babus_slot_options opts = small_options(DEPTH, max_size);

	babus_slot_close(make_slot_with("s", &opts));
}

static void reserve_in_a_fresh_slot(void **state)
{
	babus_slot *slot;

	(void)state;
	make(MIB);
	slot = open_cold();
	assert_int_equal(babus_slot_reserve(slot, DEPTH + 2, MIB), DEPTH + 2);
	assert_no_fault(slot, MIB, 40);
	babus_slot_close(slot);
}

static void reserve_after_small_messages(void **state)
{
	babus_slot *slot, *others;

	(void)state;
	for (unsigned history = 1; history < 12; history++) {
		make(MIB);
		others = open_slot("s", BABUS_PUBLISH);
		publish_some(others, 5000, history);
		slot = open_cold();
		assert_int_equal(babus_slot_reserve(slot, DEPTH + 2, MIB), DEPTH + 2);
		assert_no_fault(slot, MIB, 40);
		assert_int_equal(babus_slot_remove(slot), 0);
		babus_slot_close(slot);
		babus_slot_close(others);
	}
}

static void reserve_where_memory_is_there_already(void **state)
{
	babus_slot *slot, *others;
	uint64_t bytes;

	(void)state;
	make(MIB);
	others = open_slot("s", BABUS_PUBLISH);
	assert_int_equal(babus_slot_reserve(others, DEPTH + 2, MIB), DEPTH + 2);
	publish_some(others, MIB, 11);
	bytes = bytes_of_slot();
	slot = open_cold();
	assert_int_equal(babus_slot_reserve(slot, DEPTH + 2, MIB), DEPTH + 2);
	assert_int_equal(bytes_of_slot(), bytes);
	assert_no_fault(slot, MIB, 40);
	babus_slot_close(slot);
	babus_slot_close(others);
}

static void reserve_after_a_trim(void **state)
{
	babus_slot *slot;

	(void)state;
	if (!support_madvise_works()) {
		printf("skipped: MADV_REMOVE does nothing here\n");
		return;
	}
	make(MIB);
	slot = open_cold();
	for (unsigned i = 1; i < 8; i++) {
		publish_some(slot, i % 2 ? MIB : 100, i);
		assert_int_equal(babus_slot_trim(slot, NULL), 0);
		assert_int_equal(babus_slot_reserve(slot, DEPTH + 2, MIB), DEPTH + 2);
		assert_no_fault(slot, MIB, 20);
	}
	babus_slot_close(slot);
}

/* Fewer than the slot keeps: that many publishes take no fault. */
static void reserve_of_a_few(void **state)
{
	babus_slot *slot;

	(void)state;
	for (unsigned history = 0; history < 10; history++) {
		for (unsigned count = 1; count <= DEPTH + 2; count++) {
			make(MIB);
			slot = open_slot("s", BABUS_PUBLISH);
			publish_some(slot, 5000, history);
			babus_slot_close(slot);
			slot = open_cold();
			assert_int_equal(babus_slot_reserve(slot, count, MIB), count);
			assert_no_fault(slot, MIB, count);
			assert_int_equal(babus_slot_remove(slot), 0);
			babus_slot_close(slot);
		}
	}
}

static void reserve_while_readers_hold_messages(void **state)
{
	enum {
		HELD = 3
	};
	struct babus_message held[HELD];
	babus_slot *slot, *reads;

	(void)state;
	make(MIB);
	slot = open_cold();
	reads = open_slot("s", BABUS_READ);
	publish_some(slot, 100, 1);
	for (int i = 0; i < HELD; i++) {
		assert_int_equal(babus_slot_view(reads, BABUS_LATEST, 0, &held[i]), 0);
		publish_some(slot, 100, 1);
	}
	assert_int_equal(babus_slot_reserve(slot, DEPTH + 2 + HELD, MIB), DEPTH + 2 + HELD);
	assert_no_fault(slot, MIB, 40);
	for (int i = 0; i < HELD; i++)
		babus_message_release(&held[i]);
	babus_slot_close(reads);
	babus_slot_close(slot);
}

static const size_t held_sizes[] = {4096, 65536, MIB};

/* Readers release them after the reserve, and publishes reach their buffers. */
static void reserve_while_readers_hold_displaced_messages(void **state)
{
	enum {
		HELD = 3
	};
	struct babus_message held[HELD];
	babus_slot *slot, *others, *reads;

	(void)state;
	for (size_t i = 0; i < sizeof(held_sizes) / sizeof(*held_sizes); i++) {
		size_t size = held_sizes[i];

		make(size);
		others = open_slot("s", BABUS_PUBLISH);
		reads = open_slot("s", BABUS_READ);
		for (int n = 0; n < HELD; n++) {
			publish_some(others, size, 1);
			assert_int_equal(babus_slot_view(reads, BABUS_LATEST, 0, &held[n]), 0);
		}
		publish_some(others, size, 4 * DEPTH);
		slot = open_cold();
		assert_true(babus_slot_reserve(slot, DEPTH + 2 + HELD, size) >= DEPTH + 2 + HELD);
		for (int n = 0; n < HELD; n++)
			babus_message_release(&held[n]);
		assert_no_fault(slot, size, 100);
		assert_int_equal(babus_slot_remove(slot), 0);
		babus_slot_close(reads);
		babus_slot_close(others);
		babus_slot_close(slot);
	}
}

static void reserve_while_others_hold_loans(void **state)
{
	enum {
		LENT = LOANS - 2 /* and a token for each publisher */
	};
	struct babus_loan loans[LENT];
	babus_slot *slot, *others;

	(void)state;
	for (size_t i = 0; i < sizeof(held_sizes) / sizeof(*held_sizes); i++) {
		size_t size = held_sizes[i];

		make(size);
		others = open_slot("s", BABUS_PUBLISH);
		for (int n = 0; n < LENT; n++)
			assert_int_equal(babus_slot_loan(others, size, &loans[n]), 0);
		slot = open_cold();
		assert_true(babus_slot_reserve(slot, DEPTH + 2, size) >= DEPTH + 2);
		for (int n = 0; n < LENT; n++)
			babus_loan_discard(&loans[n]);
		assert_no_fault(slot, size, 100);
		assert_int_equal(babus_slot_remove(slot), 0);
		babus_slot_close(others);
		babus_slot_close(slot);
	}
}

static void small_messages_rotate_and_all_they_use_is_there(void **state)
{
	static const size_t sizes[] = {64, 500, 1024, 4000, 4096, 9000};
	struct babus_slot_options opts;
	babus_slot *slot;

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		babus_slot_options_init(&opts);
		opts.max_size = sizes[i];
		babus_slot_close(make_slot_with("s", &opts));
		slot = open_cold();
		assert_true(babus_slot_reserve(slot, 1, sizes[i]) >= (int)opts.depth + 1);
		assert_no_fault(slot, sizes[i], 2000);
		assert_int_equal(babus_slot_remove(slot), 0);
		babus_slot_close(slot);
	}
}

/* --- what it returns ------------------------------------------------------------------- */

static void reserve_returns_how_many_buffers_are_populated(void **state)
{
	babus_slot *slot;

	(void)state;
	make(MIB);
	slot = open_slot("s", BABUS_PUBLISH);
	assert_int_equal(babus_slot_reserve(slot, 0, MIB), 0);
	assert_int_equal(babus_slot_reserve(slot, 1, MIB), 1);
	assert_int_equal(babus_slot_reserve(slot, 7, MIB), 7);
	publish_some(slot, 100, 2 * DEPTH);
	assert_int_equal(babus_slot_reserve(slot, 1000000, 10), BUFFERS);
	assert_int_equal(babus_slot_reserve(slot, 1000000, MIB), BUFFERS);
	assert_true(bytes_of_slot() >= BUFFERS * MIB);
	babus_slot_close(slot);
}

static void reserve_leaves_out_what_others_are_filling(void **state)
{
	babus_slot *slot, *others;
	struct babus_loan loan;

	(void)state;
	make(MIB);
	slot = open_slot("s", BABUS_PUBLISH);
	others = open_slot("s", BABUS_PUBLISH);
	assert_int_equal(babus_slot_loan(others, 1, &loan), 0);
	assert_int_equal(babus_slot_reserve(slot, 1000000, MIB), BUFFERS - 1);
	assert_true(bytes_of_slot() >= (BUFFERS - 1) * MIB);
	babus_loan_discard(&loan);
	assert_int_equal(babus_slot_reserve(slot, 1000000, MIB), BUFFERS);
	babus_slot_close(others);
	babus_slot_close(slot);
}

static void messages_survive_a_reserve(void **state)
{
	struct babus_message message;
	babus_slot *slot, *reads;
	babus_reader *reader;

	(void)state;
	make(MIB);
	slot = open_slot("s", BABUS_PUBLISH);
	reads = open_slot("s", BABUS_READ);
	assert_int_equal(babus_reader_open(reads, BABUS_START_NEXT, 0, &reader), 0);
	publish_text(slot, "one");
	publish_text(slot, "two");
	publish_text(slot, "three");
	assert_int_equal(babus_slot_reserve(slot, 1000000, MIB), BUFFERS);
	assert_int_equal(babus_reader_next(reader, &message), 0);
	assert_text(&message, "one");
	assert_int_equal(babus_reader_next(reader, &message), 0);
	assert_text(&message, "two");
	assert_int_equal(babus_slot_reserve(slot, 1000000, MIB), BUFFERS);
	assert_int_equal(babus_reader_next(reader, &message), 0);
	assert_text(&message, "three");
	babus_reader_close(reader);
	babus_slot_close(reads);
	babus_slot_close(slot);
}

static int run(void)
{
	const struct CMUnitTest quiet[] = {
	    CASE(reserve_in_a_fresh_slot),
	    CASE(reserve_after_small_messages),
	    CASE(reserve_where_memory_is_there_already),
	    CASE(reserve_after_a_trim),
	    CASE(reserve_of_a_few),
	    CASE(reserve_while_readers_hold_messages),
	    CASE(reserve_while_readers_hold_displaced_messages),
	    CASE(reserve_while_others_hold_loans),
	    CASE(small_messages_rotate_and_all_they_use_is_there),
	};
	const struct CMUnitTest counts[] = {
	    CASE(reserve_returns_how_many_buffers_are_populated),
	    CASE(reserve_leaves_out_what_others_are_filling),
	    CASE(messages_survive_a_reserve),
	};
	int failed = 0;

	/* A sanitizer or an emulator takes faults of its own. */
	if (!SUPPORT_SANITIZED && support_madvise_works())
		failed = cmocka_run_group_tests_name("publishes_after_a_reserve_do_not_fault",
						     quiet, NULL, NULL);
	return failed + cmocka_run_group_tests(counts, NULL, NULL);
}

int main(void)
{
	return support_main(run, 120);
}
