/* SPDX-License-Identifier: MIT */
/* After all the deaths: is each slot as good as a new one? */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accounts.h"
#include "kill_stage.h"
#include "marks.h"
#include "payload.h"
#include "slot.h"
#include "support.h"

enum {
	ROOM = 128 /* more than the loans, pins or buffers of a slot */
};

/* What can be used of a slot at once. */
struct stock {
	uint64_t loans, pins, buffers;
	uint64_t bytes_used; /* when all are used, and spare memory is given back */
};

static struct babus_message held[ROOM];
static struct babus_loan loans[ROOM];
static char data[KILL_LARGEST];

static void publish_full(babus_slot *slot, uint64_t size, uint64_t counter)
{
	struct babus_stamp stamp = payload_fill(data, size, counter);

	assert_int_equal(babus_slot_publish(slot, data, size, &stamp, NULL), 0);
}

static int compare(const void *a, const void *b)
{
	const void *const *x = a, *const *y = b;

	return (*x > *y) - (*x < *y);
}

static uint64_t count_distinct(const void **places, size_t count)
{
	uint64_t distinct = 0;

	qsort(places, count, sizeof(*places), compare);
	for (size_t i = 0; i < count; i++)
		distinct += !i || places[i] != places[i - 1];
	return distinct;
}

/* Pin messages until no pin is left. Each message is displaced after it was pinned. */
static size_t pin_all(babus_slot *slot, uint64_t size, const void **places)
{
	size_t n = 0;
	int error;

	publish_full(slot, size, 0);
	while (!(error = babus_slot_view(slot, BABUS_LATEST, 0, &held[n]))) {
		assert_true(n + 1 < ROOM);
		places[n] = held[n].data;
		publish_full(slot, size, ++n);
	}
	assert_int_equal(error, -ENOBUFS);
	return n;
}

static size_t lend_all(babus_slot *slot, uint64_t size, const void **places)
{
	size_t n = 0;
	int error;

	while (!(error = babus_slot_loan(slot, size, &loans[n]))) {
		assert_true(n + 1 < ROOM);
		memset(loans[n].data, 0xee, size);
		places[n] = loans[n].data;
		n++;
	}
	assert_int_equal(error, -ENOBUFS);
	return n;
}

/* Read all kept messages through a free pin. */
static size_t see_all(babus_slot *slot, uint32_t depth, const void **places)
{
	struct babus_message message;

	for (uint32_t age = 0; age < depth; age++) {
		assert_int_equal(babus_slot_view(slot, BABUS_AGE, age, &message), 0);
		assert_true(payload_matches(&message));
		places[age] = message.data;
		babus_message_release(&message);
	}
	assert_int_equal(babus_slot_view(slot, BABUS_AGE, depth, &message), -ESTALE);
	return depth;
}

/* Use up everything at once, and give it back. */
static void take_stock(babus_slot *slot, const struct kill_slot *is, struct stock *stock)
{
	const void *places[2 * ROOM];
	struct babus_slot_info info;
	size_t count;

	stock->pins = pin_all(slot, is->max_size, places);
	for (uint32_t i = 0; i < is->depth; i++)
		publish_full(slot, is->max_size, i);
	stock->loans = lend_all(slot, is->max_size, places + stock->pins);
	for (size_t i = 0; i < stock->pins; i++) {
		assert_true(payload_matches(&held[i]));
		babus_message_release(&held[i]);
	}
	count = stock->pins + stock->loans;
	count += see_all(slot, is->depth, places + count);
	stock->buffers = count_distinct(places, count);
	for (size_t i = 0; i < stock->loans; i++)
		babus_loan_discard(&loans[i]);
	assert_int_equal(babus_slot_trim(slot, NULL), 0);
	assert_int_equal(babus_slot_info(slot, &info), 0);
	assert_int_equal(info.kept, is->depth);
	assert_int_equal(info.publishers, 1);
	stock->bytes_used = info.bytes_used;
}

static void audit_slot(unsigned index)
{
	const struct kill_slot *is = &kill_slots[index];
	struct babus_slot_options opts = kill_options(index);
	babus_slot *slot = open_slot(is->name, BABUS_PUBLISH);
	babus_slot *fresh = make_slot_with("fresh", &opts);
	struct stock got, wanted;

	snprintf(support_context, sizeof(support_context), "audit of '%s'", is->name);
	assert_true(accounts_balance(slot, 1, 0));
	take_stock(fresh, is, &wanted);
	take_stock(slot, is, &got);
	assert_int_equal(got.pins, wanted.pins);
	assert_int_equal(got.loans, wanted.loans);
	assert_int_equal(got.buffers, wanted.buffers);
	assert_int_equal(got.buffers, opts.depth + opts.loans + opts.pins);
	assert_int_equal(got.bytes_used, wanted.bytes_used);
	babus_slot_close(fresh);
	assert_int_equal(babus_domain_remove_slot(bus, "fresh"), 0);
	babus_slot_close(slot);
	*support_context = '\0';
}

/* All counted messages are there. Of the others, at most one of each dead publisher is. */
static void audit_numbers(unsigned index)
{
	babus_slot *slot = open_slot(kill_slots[index].name, BABUS_READ);
	uint64_t counted = atomic_load(&kill_stage->published[index]), deaths = 0;
	struct babus_slot_info info;

	for (unsigned i = 0; i < VICTIMS; i++)
		deaths += atomic_load(&kill_stage->lives[i]);
	assert_int_equal(babus_slot_info(slot, &info), 0);
	assert_int_equal(info.readers, 0);
	assert_int_equal(info.publishers, 0);
	assert_in_range(info.seq, counted, counted + deaths);
	babus_slot_close(slot);
}

/* A mark that dead processes left costs one wake-up, which clears it. */
static void audit_marks(void)
{
	babus_slot *slot = NULL;

	for (unsigned i = 0; i < KILL_SLOTS; i++) {
		babus_slot_close(slot);
		slot = open_slot(kill_slots[i].name, BABUS_PUBLISH);
		publish_full(slot, 1, 0);
	}
	assert_false(marks_any(slot->domain_map));
	assert_int_equal(flag_get(&slot->domain_map->gone), 0);
	babus_slot_close(slot);
}

/* No file but the domain's and the two of each slot. */
static void audit_files(void)
{
	DIR *dir = opendir(domain_file("."));
	struct dirent *entry;
	unsigned count = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		count += entry->d_name[0] != '.';
		if (strstr(entry->d_name, ".gone"))
			fprintf(stderr, "left over: %s\n", entry->d_name);
	}
	closedir(dir);
	assert_int_equal(count, 1 + 2 * KILL_SLOTS);
}

void kill_audit(void)
{
	struct babus_report report;
	int error;

	assert_int_equal(babus_domain_recover(bus, 1, &report), 0);
	printf("# the last ones left %u publishers, %u readers, %u buffers, %u files\n",
	       report.dead_publishers, report.dead_readers, report.buffers, report.leftovers);
	assert_int_equal(report.damaged, 0);
	assert_int_equal(babus_domain_recover(bus, 0, &report), 0);
	assert_int_equal(report.dead_publishers + report.dead_readers + report.leftovers, 0);
	for (unsigned i = 0; i < KILL_SLOTS; i++)
		audit_numbers(i);
	for (unsigned i = 0; i < KILL_SLOTS; i++)
		audit_slot(i);
	error = babus_domain_remove_slot(bus, kill_slots[KILL_OTHER].name);
	assert_true(!error || error == -ENOENT);
	audit_marks();
	audit_files();
}
