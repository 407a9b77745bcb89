/* SPDX-License-Identifier: MIT */
/* A full tmpfs is an error of the call that needs memory, and of no other. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "payload.h"
#include "small.h"
#include "support.h"

enum {
	MESSAGE = 100000,
	LARGEST = 1 << 20
};

static char data[LARGEST];

static int publish(babus_slot *slot, size_t size, uint64_t counter)
{
	struct babus_stamp stamp = payload_fill(data, size, payload_tag(1, counter));

	return babus_slot_publish(slot, data, size, &stamp, NULL);
}

static void assert_latest(babus_slot *slot, uint64_t counter)
{
	struct babus_message message;

	assert_int_equal(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
	assert_int_equal(payload_counter(message.tag), counter);
	assert_true(payload_matches(&message));
	babus_message_release(&message);
}

static void publish_without_room_is_enospc_and_the_slot_goes_on(void **state)
{
	babus_slot *slot = make_slot("s", 2, LARGEST), *small = make_slot("small", 2, 64);
	struct babus_loan loan;

	(void)state;
	for (uint64_t i = 0; i < 8; i++)
		assert_int_equal(publish(slot, MESSAGE, i), 0);
	publish_many(small, 1);
	small_fill();
	for (int i = 0; i < 100; i++) {
		assert_int_equal(publish(slot, LARGEST, 99), -ENOSPC);
		assert_int_equal(babus_slot_loan(slot, LARGEST, &loan), -ENOSPC);
		assert_int_equal(babus_slot_reserve(slot, 3, LARGEST), -ENOSPC);
	}
	assert_latest(slot, 7);
	/* What fits into existing memory still succeeds. */
	for (uint64_t i = 8; i < 50; i++) {
		assert_int_equal(publish(slot, MESSAGE, i), 0);
		assert_latest(slot, i);
		publish_many(small, 1);
	}
	small_empty();
	assert_int_equal(publish(slot, LARGEST, 51), 0);
	assert_latest(slot, 51);
	babus_slot_close(slot);
	babus_slot_close(small);
}

/* A message that does not fit must not use up what others could use. */
static void publish_without_room_keeps_no_part_of_it(void **state)
{
	babus_slot *slot = make_slot("s", 2, LARGEST), *other = make_slot("other", 2, LARGEST / 2);
	struct babus_slot_info before, after;
	struct babus_message pinned;

	(void)state;
	assert_int_equal(babus_slot_reserve(slot, 3, LARGEST), 3);
	assert_int_equal(publish(slot, LARGEST, 1), 0);
	assert_int_equal(publish(slot, LARGEST, 2), 0);
	assert_int_equal(publish(slot, LARGEST, 3), 0);
	assert_int_equal(babus_slot_info(slot, &before), 0);
	/* Two are kept and one, displaced, is held: a fourth buffer is needed. */
	assert_int_equal(babus_slot_view(slot, BABUS_AGE, 1, &pinned), 0);
	assert_int_equal(publish(slot, LARGEST, 4), 0);
	assert_int_equal(publish(slot, LARGEST, 5), -ENOSPC);
	babus_message_release(&pinned);
	assert_int_equal(babus_slot_info(slot, &after), 0);
	assert_int_equal(after.bytes_used, before.bytes_used);
	assert_int_equal(publish(other, LARGEST / 2, 6), 0);
	assert_latest(other, 6);
	assert_latest(slot, 4);
	babus_slot_close(slot);
	babus_slot_close(other);
}

static void removing_another_slot_makes_room(void **state)
{
	babus_slot *slot = make_slot("s", 2, LARGEST), *other = make_slot("other", 4, LARGEST);
	uint64_t n = 0;
	int error;

	(void)state;
	while (!(error = publish(other, LARGEST, n)))
		assert_true(++n < 10);
	assert_int_equal(error, -ENOSPC);
	assert_int_equal(publish(slot, LARGEST, 1), -ENOSPC);
	assert_int_equal(babus_domain_remove_slot(bus, "other"), 0);
	babus_slot_close(other);
	assert_int_equal(publish(slot, LARGEST, 2), 0);
	assert_latest(slot, 2);
	babus_slot_close(slot);
}

/* --- what the dead left ----------------------------------------------------------------- */

static const char dead_slot[] = "dead.0123456789abcdef.gone", dead_pins[] = "dead.pins";

/* A removal that ends before its last step leaves megabytes. */
static void leave_a_removed_slot(void)
{
	babus_slot *slot = make_slot("dead", 2, LARGEST);

	for (uint64_t i = 0; i < 3; i++)
		assert_int_equal(publish(slot, LARGEST, i), 0);
	assert_int_equal(link(domain_file("dead.slot"), domain_file(dead_slot)), 0);
	assert_int_equal(babus_slot_remove(slot), 0);
	babus_slot_close(slot);
}

/* A creation that ends before the slot has its name leaves 64 bytes for each pin. */
static void leave_pins(void)
{
	struct babus_slot_options opts = small_options(2, 64);
	babus_slot *slot;

	opts.pins = 18000;
	slot = make_slot_with("dead", &opts);
	assert_int_equal(rename(pins_file(slot), root_file(dead_pins)), 0);
	assert_int_equal(babus_slot_remove(slot), 0);
	assert_int_equal(rename(root_file(dead_pins), domain_file("dead.0123456789abcdef.pins")),
			 0);
	babus_slot_close(slot);
}

static void assert_nothing_is_left(void)
{
	struct babus_report report;

	assert_int_equal(babus_domain_recover(bus, 0, &report), 0);
	assert_int_equal(report.leftovers, 0);
	small_empty();
}

static void publish_takes_back_what_the_dead_left(void (*leave)(void))
{
	babus_slot *slot = make_slot("s", 2, LARGEST);

	leave();
	small_fill();
	assert_int_equal(publish(slot, LARGEST, 1), 0);
	assert_latest(slot, 1);
	assert_nothing_is_left();
	assert_int_equal(babus_slot_remove(slot), 0);
	babus_slot_close(slot);
}

static void create_takes_back_what_the_dead_left(void (*leave)(void))
{
	struct babus_slot_options opts = small_options(5000, 64);
	babus_slot *slot;

	leave();
	small_fill();
	slot = make_slot_with("s", &opts);
	assert_nothing_is_left();
	assert_int_equal(babus_slot_remove(slot), 0);
	babus_slot_close(slot);
}

static void files_of_the_dead_are_taken_back_before_a_full_tmpfs_is_an_error(void **state)
{
	(void)state;
	publish_takes_back_what_the_dead_left(leave_a_removed_slot);
	publish_takes_back_what_the_dead_left(leave_pins);
	create_takes_back_what_the_dead_left(leave_a_removed_slot);
	create_takes_back_what_the_dead_left(leave_pins);
}

static void trim_makes_room(void **state)
{
	babus_slot *slot = make_slot("s", 1, LARGEST), *other = make_slot("other", 1, LARGEST);
	uint64_t freed;

	(void)state;
	if (!support_madvise_works()) {
		printf("skipped: MADV_REMOVE does nothing here\n");
		return;
	}
	assert_int_equal(babus_slot_reserve(slot, 3, LARGEST), 3);
	assert_int_equal(publish(slot, 10, 1), 0);
	assert_int_equal(publish(other, LARGEST, 2), -ENOSPC);
	assert_int_equal(babus_slot_trim(slot, &freed), 0);
	/* All but the page of the kept message. */
	assert_int_equal(freed, 3 * LARGEST - 4096);
	assert_int_equal(publish(other, LARGEST, 3), 0);
	assert_latest(slot, 1);
	assert_latest(other, 3);
	babus_slot_close(slot);
	babus_slot_close(other);
}

static uint64_t blocks_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return (uint64_t)st.st_blocks * 512;
}

/* The report matches what tmpfs counts, and with all buffers full to the brim it is the bound. */
static void reported_memory_is_what_tmpfs_counts(void **state)
{
	babus_slot *slot = make_slot("s", 2, LARGEST / 4);
	const char *file = domain_file("s.slot"), *pins = pins_file(slot);
	struct babus_slot_info info;

	(void)state;
	for (uint64_t i = 0; i < 20; i++) {
		assert_int_equal(publish(slot, 1 + i * 13000, i), 0);
		assert_int_equal(babus_slot_info(slot, &info), 0);
		assert_int_equal(info.bytes_used, blocks_of(file) + blocks_of(pins));
		assert_true(info.bytes_used <= info.bytes_max);
	}
	assert_int_equal(babus_slot_reserve(slot, info.depth + info.loans + info.pins, LARGEST / 4),
			 info.depth + info.loans + info.pins);
	assert_int_equal(babus_slot_info(slot, &info), 0);
	assert_int_equal(info.bytes_used, info.bytes_max);
	assert_int_equal(info.bytes_used, blocks_of(file) + blocks_of(pins));
	babus_slot_close(slot);
}

static void create_without_room_is_enospc_and_leaves_nothing(void **state)
{
	struct babus_slot_options opts = small_options(20000, 64);
	struct babus_report report;
	babus_slot *slot = NULL;
	babus_domain *domain = NULL;

	(void)state;
	small_fill();
	assert_int_equal(babus_slot_open(bus, "s", BABUS_CREATE, &opts, &slot), -ENOSPC);
	assert_int_equal(babus_slot_open(bus, "s", BABUS_READ, NULL, &slot), -ENOENT);
	assert_int_equal(babus_domain_open("second", BABUS_CREATE, NULL, &domain), -ENOSPC);
	assert_int_equal(babus_domain_open("second", 0, NULL, &domain), -ENOENT);
	assert_int_equal(babus_domain_recover(bus, 1, &report), 0);
	assert_int_equal(report.slots + report.leftovers, 0);
	small_empty();
	assert_int_equal(babus_domain_open("second", BABUS_CREATE, NULL, &domain), 0);
	babus_domain_close(domain);
	opts.depth = 2;
	assert_int_equal(babus_slot_open(bus, "s", BABUS_CREATE, &opts, &slot), 0);
	babus_slot_close(slot);
}

static void reading_never_touches_memory_that_is_not_there(void **state)
{
	babus_slot *slot = make_slot("s", 4, LARGEST);
	struct babus_message message;
	struct babus_slot_info info;
	babus_reader *reader;

	(void)state;
	small_fill();
	/* An empty message takes no memory, and reading it takes none. */
	assert_int_equal(babus_reader_open(slot, BABUS_START_OLDEST, 0, &reader), 0);
	assert_int_equal(babus_slot_view(slot, BABUS_LATEST, 0, &message), -ENODATA);
	assert_int_equal(babus_slot_publish(slot, "", 0, NULL, NULL), 0);
	assert_int_equal(babus_reader_next(reader, &message), 0);
	assert_int_equal(message.size, 0);
	babus_message_release(&message);
	assert_int_equal(babus_slot_info(slot, &info), 0);
	assert_int_equal(babus_slot_publish(slot, "x", 1, NULL, NULL), -ENOSPC);
	assert_int_equal(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
	assert_int_equal(message.seq, 1);
	babus_message_release(&message);
	babus_reader_close(reader);
	babus_slot_close(slot);
}

static int setup(void **state)
{
	return small_setup(state, "4m");
}

#define SMALL(claim) cmocka_unit_test_setup_teardown(claim, setup, support_teardown)

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    SMALL(publish_without_room_is_enospc_and_the_slot_goes_on),
	    SMALL(publish_without_room_keeps_no_part_of_it),
	    SMALL(removing_another_slot_makes_room),
	    SMALL(files_of_the_dead_are_taken_back_before_a_full_tmpfs_is_an_error),
	    SMALL(trim_makes_room),
	    SMALL(reported_memory_is_what_tmpfs_counts),
	    SMALL(create_without_room_is_enospc_and_leaves_nothing),
	    SMALL(reading_never_touches_memory_that_is_not_there),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	if (!small_possible())
		return SKIPPED;
	return support_main(run, 60);
}
