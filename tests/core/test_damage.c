/* SPDX-License-Identifier: MIT */
/*
 * Files are input, whatever they hold: each field of a header is checked, and a
 * damaged table is an error at most.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "layout.h"
#include "shm.h"
#include "slot.h"
#include "support.h"

static void put(const char *path, uint64_t offset, const void *bytes, size_t size)
{
	int fd = open(path, O_WRONLY);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, size, (off_t)offset), size);
	close(fd);
}

/*
 * With `size` bytes at `offset` set to `value`, opening gives `error`. Then the bytes are
 * restored.
 */
static void check_field(const char *path, uint64_t offset, size_t size, uint64_t value, int error)
{
	int fd = open(path, O_RDONLY);
	babus_slot *slot = NULL;
	uint64_t before = 0;

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &before, size, (off_t)offset), size);
	close(fd);
	put(path, offset, &value, size);
	assert_int_equal(babus_slot_open(bus, "s", BABUS_PUBLISH, NULL, &slot), error);
	if (error)
		assert_true(strlen(babus_error_detail()) > 0);
	babus_slot_close(slot);
	put(path, offset, &before, size);
	assert_int_equal(babus_slot_open(bus, "s", BABUS_PUBLISH, NULL, &slot), 0);
	babus_slot_close(slot);
}

#define REFUSED(path, type, field, value) \
	check_field(path, offsetof(type, field), sizeof(((type *)0)->field), value, -EPROTO)

static void each_wrong_field_of_a_slot_is_eproto(void **state)
{
	const char *path = domain_file("s.slot");

	(void)state;
	babus_slot_close(make_slot("s", 4, 100));
	REFUSED(path, struct layout_slot, head.magic, 0);
	REFUSED(path, struct layout_slot, head.magic, LAYOUT_PINS_MAGIC);
	REFUSED(path, struct layout_slot, head.abi, LAYOUT_ABI + 1);
	REFUSED(path, struct layout_slot, head.abi, 0);
	REFUSED(path, struct layout_slot, head.features_required, 1);
	REFUSED(path, struct layout_slot, head.features_required, 0x80000000);
	REFUSED(path, struct layout_slot, head.instance, 0);
	REFUSED(path, struct layout_slot, depth, 0);
	REFUSED(path, struct layout_slot, depth, 500);
	REFUSED(path, struct layout_slot, depth, UINT32_MAX);
	REFUSED(path, struct layout_slot, loans, 0);
	REFUSED(path, struct layout_slot, loans, 500);
	REFUSED(path, struct layout_slot, loans, UINT32_MAX);
	REFUSED(path, struct layout_slot, pins, 0);
	REFUSED(path, struct layout_slot, pins, 500);
	REFUSED(path, struct layout_slot, pins, UINT32_MAX);
	REFUSED(path, struct layout_slot, channel, 32);
	REFUSED(path, struct layout_slot, channel, UINT32_MAX);
	REFUSED(path, struct layout_slot, max_size, 0);
	REFUSED(path, struct layout_slot, max_size, 5000);
	REFUSED(path, struct layout_slot, max_size, UINT64_MAX);
	REFUSED(path, struct layout_slot, first_seq, 0);
	REFUSED(path, struct layout_slot, first_seq, UINT64_MAX);
	REFUSED(path, struct layout_slot, file_size, 0);
	REFUSED(path, struct layout_slot, file_size, UINT64_MAX);
}

static void each_wrong_field_of_the_pins_is_eproto(void **state)
{
	babus_slot *slot = make_slot("s", 4, 100);
	char path[512];

	(void)state;
	snprintf(path, sizeof(path), "%s", pins_file(slot));
	babus_slot_close(slot);
	REFUSED(path, struct layout_pins, head.magic, 0);
	REFUSED(path, struct layout_pins, head.magic, LAYOUT_SLOT_MAGIC);
	REFUSED(path, struct layout_pins, head.abi, LAYOUT_ABI + 1);
	REFUSED(path, struct layout_pins, head.features_required, 4);
	REFUSED(path, struct layout_pins, head.instance, 0);
	REFUSED(path, struct layout_pins, head.instance, 12345);
	REFUSED(path, struct layout_pins, pins, 0);
	REFUSED(path, struct layout_pins, pins, 9);
	REFUSED(path, struct layout_pins, pins, UINT32_MAX);
}

static void optional_features_are_ignored(void **state)
{
	(void)state;
	babus_slot_close(make_slot("s", 4, 100));
	check_field(domain_file("s.slot"), offsetof(struct layout_head, features_optional), 4,
		    UINT32_MAX, 0);
}

static void check_domain_field(uint64_t offset, size_t size, uint64_t value)
{
	const char *path = domain_file("domain");
	int fd = open(path, O_RDONLY);
	babus_domain *domain = NULL;
	uint64_t before = 0;

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &before, size, (off_t)offset), size);
	close(fd);
	put(path, offset, &value, size);
	assert_int_equal(babus_domain_open("test", 0, NULL, &domain), -EPROTO);
	assert_int_equal(babus_domain_open("test", BABUS_CREATE, NULL, &domain), -EPROTO);
	assert_true(strlen(babus_error_detail()) > 0);
	put(path, offset, &before, size);
	assert_int_equal(babus_domain_open("test", 0, NULL, &domain), 0);
	babus_domain_close(domain);
}

static void each_wrong_field_of_the_domain_is_eproto(void **state)
{
	babus_domain *domain = NULL;

	(void)state;
	check_domain_field(offsetof(struct layout_domain, head.magic), 8, 1);
	check_domain_field(offsetof(struct layout_domain, head.abi), 4, LAYOUT_ABI + 1);
	check_domain_field(offsetof(struct layout_domain, head.features_required), 4, 1);
	check_domain_field(offsetof(struct layout_domain, head.instance), 8, 0);
	/* A file that ends in the middle would be a SIGBUS. */
	assert_int_equal(truncate(domain_file("domain"), 4096), 0);
	assert_int_equal(babus_domain_open("test", 0, NULL, &domain), -EPROTO);
}

static void resize_and_check(const char *path, off_t size)
{
	babus_slot *slot = NULL;
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(truncate(path, size), 0);
	assert_int_equal(babus_slot_open(bus, "s", BABUS_READ, NULL, &slot), -EPROTO);
	assert_null(slot);
}

static void files_of_another_size_are_eproto(void **state)
{
	static const off_t sizes[] = {1 << 20, 4096, 100, 0};
	char path[512];

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		babus_slot_close(make_slot("s", 4, 100));
		resize_and_check(domain_file("s.slot"), sizes[i]);
		assert_int_equal(unlink(domain_file("s.slot")), 0);
		babus_slot *slot = make_slot("s", 4, 100);
		snprintf(path, sizeof(path), "%s", pins_file(slot));
		babus_slot_close(slot);
		resize_and_check(path, sizes[i] == 4096 ? 4095 : sizes[i]);
		assert_int_equal(unlink(domain_file("s.slot")), 0);
	}
}

/* --- while in use ----------------------------------------------------------------------- */

static void assert_damaged(babus_slot *slot)
{
	struct babus_message message;

	assert_int_equal(babus_slot_view(slot, BABUS_LATEST, 0, &message), -EPROTO);
}

static void cell_that_names_no_buffer_is_eproto(void **state)
{
	babus_slot *slot = make_slot("s", 1, 100);

	(void)state;
	publish_text(slot, "x");
	put(domain_file("s.slot"), slot->ring.g.cells, &(uint64_t){word_cell(1, 60000)}, 8);
	assert_damaged(slot);
	babus_slot_close(slot);
}

static void message_in_the_wrong_cell_is_eproto(void **state)
{
	babus_slot *slot = make_slot("s", 4, 100);
	struct babus_slot_info info;

	(void)state;
	publish_text(slot, "x");
	put(domain_file("s.slot"), slot->ring.g.cells + 16, &(uint64_t){word_cell(7, 0)}, 8);
	assert_damaged(slot);
	assert_int_equal(babus_slot_info(slot, &info), -EPROTO);
	assert_int_equal(babus_slot_publish(slot, "y", 1, NULL, NULL), -EPROTO);
	babus_slot_close(slot);
}

static void record_of_another_message_is_eproto(void **state)
{
	babus_slot *slot = make_slot("s", 1, 100);
	uint32_t buffer;

	(void)state;
	publish_text(slot, "x");
	buffer = cell_buffer(cell_get(&slot->ring.cells[0]));
	record_put(&slot->ring.records[buffer].seq, 99);
	assert_damaged(slot);
	record_put(&slot->ring.records[buffer].seq, 1);
	record_put(&slot->ring.records[buffer].size, 101);
	assert_damaged(slot);
	record_put(&slot->ring.records[buffer].size, UINT64_MAX);
	assert_damaged(slot);
	/* Beyond the backed bytes there may be no memory. */
	record_put(&slot->ring.records[buffer].size, 100);
	record_put(&slot->ring.backed[buffer], 99);
	assert_damaged(slot);
	babus_slot_close(slot);
}

/* The cell of the message a lap before the next one is empty. */
static void publish_after_a_missing_message_is_eproto(void **state)
{
	babus_slot *slot = make_slot("s", 4, 100);

	(void)state;
	publish_many(slot, 6);
	put(domain_file("s.slot"), slot->ring.g.cells + 24, &(uint64_t){0}, 8);
	assert_int_equal(babus_slot_publish(slot, "x", 1, NULL, NULL), -EPROTO);
	babus_slot_close(slot);
}

static void extents_are_never_trusted(void **state)
{
	babus_slot *slot = make_slot("s", 1, 65536);
	struct babus_slot_info info;

	(void)state;
	put(pins_file(slot), offsetof(struct layout_pins, extent), &(uint32_t){UINT32_MAX}, 4);
	put(domain_file("s.slot"), offsetof(struct layout_slot, extent), &(uint32_t){UINT32_MAX},
	    4);
	/* Each publish looks at all pins. */
	publish_many(slot, 10);
	assert_int_equal(babus_slot_info(slot, &info), 0);
	assert_int_equal(info.publishers, 1);
	babus_slot_close(slot);
}

static void hint_at_the_newest_is_never_trusted(void **state)
{
	static const uint64_t hints[] = {0, 1, 7, 10, 11, 1000, BABUS_SEQ_MAX, UINT64_MAX};
	babus_slot *slot = make_slot("s", 4, 100);
	struct babus_message message;

	(void)state;
	for (size_t i = 0; i < sizeof(hints) / sizeof(*hints); i++) {
		publish_many(slot, 10);
		counter_put(slot->ring.newest, hints[i]);
		assert_int_equal(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
		assert_int_equal(message.seq, 11 * i + 10);
		babus_message_release(&message);
		publish_text(slot, "on");
		assert_int_equal(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
		assert_text(&message, "on");
	}
	babus_slot_close(slot);
}

static void used_up_incarnations_are_eproto(void **state)
{
	babus_slot *slot = make_slot("s", 4, 100), *second = NULL;

	(void)state;
	counter_put(&slot->header->next_incarnation, CLAIM_INCARNATION_MAX + 1);
	assert_int_equal(babus_slot_open(bus, "s", BABUS_PUBLISH, NULL, &second), -EPROTO);
	publish_text(slot, "on");
	babus_slot_close(slot);
}

/*
 * The message is in its cell, after an empty cell: a waiter is woken for a message that cannot be
 * read.
 */
static void message_after_a_missing_one_is_eproto(void **state)
{
	babus_slot *slot = make_slot("s", 4, 100);
	struct babus_message message;
	babus_reader *reader;

	(void)state;
	publish_many(slot, 2);
	assert_int_equal(babus_reader_open(slot, BABUS_START_NEXT, 0, &reader), 0);
	put(domain_file("s.slot"), slot->ring.g.cells + 16, &(uint64_t){0}, 8);
	put(domain_file("s.slot"), slot->ring.g.cells + 24, &(uint64_t){word_cell(3, 1)}, 8);
	counter_put(slot->ring.newest, 1);
	assert_int_equal(babus_reader_wait(reader, BABUS_NOW), 0);
	assert_int_equal(babus_reader_next(reader, &message), -EPROTO);
	babus_reader_close(reader);
	babus_slot_close(slot);
}

static void message_that_left_its_cell_empty_is_eproto(void **state)
{
	babus_slot *slot = make_slot("s", 4, 100);
	struct babus_message message;

	(void)state;
	publish_many(slot, 3);
	put(domain_file("s.slot"), slot->ring.g.cells + 8, &(uint64_t){0}, 8);
	assert_int_equal(babus_slot_view(slot, BABUS_SEQ, 1, &message), -EPROTO);
	assert_int_equal(babus_slot_view(slot, BABUS_AGE, 2, &message), -EPROTO);
	assert_int_equal(babus_slot_view(slot, BABUS_AFTER, 0, &message), -EPROTO);
	assert_int_equal(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
	babus_message_release(&message);
	babus_slot_close(slot);
}

/* No messages precede those of the first lap. */
static void message_of_the_first_lap_that_left_its_cell_empty_is_eproto(void **state)
{
	babus_slot *slot = make_slot("s", 4, 100);
	struct babus_message message;

	(void)state;
	publish_many(slot, 5);
	put(domain_file("s.slot"), slot->ring.g.cells, &(uint64_t){0}, 8);
	assert_int_equal(babus_slot_view(slot, BABUS_AFTER, 3, &message), -EPROTO);
	babus_slot_close(slot);
}

static int count_client(void *arg, const struct babus_client_info *info)
{
	*(unsigned *)arg += info->alive == 0;
	return 0;
}

/* Incarnations that no client gets, and that the kernel cannot be asked about. */
static void claims_of_impossible_clients_are_recovered(void **state)
{
	static const uint64_t claims[] = {CLAIM_INCARNATION_MAX + 1, SHM_CREATION_BYTE, INT64_MAX,
					  UINT64_C(1) << 63, UINT64_MAX};
	babus_slot *slot = make_slot("s", 4, 100);
	struct babus_report report;
	unsigned dead = 0;

	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		claim_swap(&slot->pins[i].claim, 0, claims[i]);
		counter_put(&slot->pins[i].pid, LEASE_READER);
	}
	claim_swap(&slot->leases[SLOT_FILE].table.entries[3].claim, 0, UINT64_MAX);
	assert_int_equal(babus_slot_clients(slot, count_client, &dead), 0);
	assert_int_equal(dead, 5);
	assert_int_equal(babus_domain_recover(bus, 1, &report), 0);
	assert_int_equal(report.dead_readers, 5);
	assert_int_equal(report.dead_publishers, 1);
	assert_int_equal(babus_domain_recover(bus, 0, &report), 0);
	assert_int_equal(report.dead_readers + report.dead_publishers, 0);
	babus_slot_close(slot);
}

/* --- the largest tables --------------------------------------------------------------------- */

static babus_slot *make_largest(uint32_t depth, uint32_t loans)
{
	struct babus_slot_options opts = small_options(depth, 16);

	opts.loans = loans;
	opts.pins = BABUS_BUFFERS_MAX - depth - loans;
	return make_slot_with("s", &opts);
}

/*
 * However large and however damaged the tables are, a call takes no longer than this. A call that
 * goes through its tables a few times needs a tenth of it; one that does so for each entry, more
 * than twice as much.
 */
static void assert_soon(int64_t began)
{
	assert_in_range(cpu_ns() - began, 0, 250 * MILLISECOND * SUPPORT_SLOWER);
}

static void publish_where_no_buffer_is_free_fails_soon(void **state)
{
	babus_slot *slot = make_largest(30000, 16000);
	int64_t began;

	(void)state;
	for (uint32_t i = 0; i < slot->ring.g.buffers; i++)
		state_set(&slot->ring.states[i], word_state(STATE_OWNED, 77));
	began = cpu_ns();
	assert_int_equal(babus_slot_publish(slot, "x", 1, NULL, NULL), -EPROTO);
	assert_soon(began);
	babus_slot_close(slot);
}

static void dead_clients_in_all_entries_are_recovered_soon(void **state)
{
	babus_slot *slot = make_largest(30000, 16000);
	struct babus_report report;
	int64_t began;

	(void)state;
	for (uint32_t i = 0; i < slot->ring.g.pins; i++)
		claim_swap(&slot->pins[i].claim, 0, 1000000 - i);
	for (uint32_t i = 0; i < slot->ring.g.loans; i++)
		claim_swap(&slot->leases[SLOT_FILE].table.entries[i].claim, 0, 1000000 - i);
	for (uint32_t i = 0; i < slot->ring.g.buffers; i++)
		state_set(&slot->ring.states[i], word_state(STATE_OWNED, 1000000 - 1 - i % 15000));
	/* The hint points nowhere. */
	counter_put(slot->ring.newest, UINT64_MAX);
	began = cpu_ns();
	assert_int_equal(babus_domain_recover(bus, 1, &report), 0);
	assert_soon(began);
	assert_int_equal(report.dead_readers, slot->ring.g.pins);
	assert_int_equal(report.dead_publishers, slot->ring.g.loans - 1);
	assert_int_equal(report.buffers, slot->ring.g.buffers);
	publish_text(slot, "on");
	babus_slot_close(slot);
}

static void message_missing_from_the_deepest_slot_is_found_soon(void **state)
{
	babus_slot *slot = make_largest(65000, 4);
	struct babus_message message;
	int64_t began;

	(void)state;
	publish_many(slot, 10);
	put(domain_file("s.slot"), slot->ring.g.cells + 5 * sizeof(uint64_t), &(uint64_t){0}, 8);
	counter_put(slot->ring.newest, UINT64_MAX);
	began = cpu_ns();
	assert_int_equal(babus_slot_view(slot, BABUS_SEQ, 5, &message), -EPROTO);
	assert_soon(began);
	babus_slot_close(slot);
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE(each_wrong_field_of_a_slot_is_eproto),
	    CASE(each_wrong_field_of_the_pins_is_eproto),
	    CASE(optional_features_are_ignored),
	    CASE(each_wrong_field_of_the_domain_is_eproto),
	    CASE(files_of_another_size_are_eproto),
	    CASE(cell_that_names_no_buffer_is_eproto),
	    CASE(message_in_the_wrong_cell_is_eproto),
	    CASE(record_of_another_message_is_eproto),
	    CASE(publish_after_a_missing_message_is_eproto),
	    CASE(extents_are_never_trusted),
	    CASE(hint_at_the_newest_is_never_trusted),
	    CASE(used_up_incarnations_are_eproto),
	    CASE(message_after_a_missing_one_is_eproto),
	    CASE(message_that_left_its_cell_empty_is_eproto),
	    CASE(message_of_the_first_lap_that_left_its_cell_empty_is_eproto),
	    CASE(claims_of_impossible_clients_are_recovered),
	    CASE(publish_where_no_buffer_is_free_fails_soon),
	    CASE(dead_clients_in_all_entries_are_recovered_soon),
	    CASE(message_missing_from_the_deepest_slot_is_found_soon),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 120);
}
