/* SPDX-License-Identifier: MIT */
/* Thousands of slots in a domain: one waiter watches all; what opening one costs. */
#include <stdio.h>
#include <stdlib.h>

#include "support.h"
#include "watch.h"

enum {
	SLOTS = 2000
};

static int ready; /* gate: children post it */

static int setup(void **state)
{
	ready = gate_open();
	return support_setup(state);
}

static int teardown(void **state)
{
	gate_close(ready);
	return support_teardown(state);
}

/* --- slots ------------------------------------------------------------------------- */

static const char *slot_name(unsigned number)
{
	static char name[16];

	snprintf(name, sizeof(name), "s%u", number);
	return name;
}

/* Slots `first` to `end`; the handles of this process. */
static void make_slots(babus_slot **slots, unsigned first, unsigned end)
{
	for (unsigned i = first; i < end; i++)
		slots[i] = make_slot(slot_name(i), 2, 64);
}

static void close_slots(babus_slot **slots)
{
	for (unsigned i = 0; i < SLOTS; i++)
		babus_slot_close(slots[i]);
}

static int tick(void *arg, const char *name)
{
	unsigned char *seen = arg;
	unsigned long number = strtoul(name + 1, NULL, 10);

	assert_true(name[0] == 's' && number < SLOTS);
	seen[number]++;
	return 0;
}

static void assert_all_listed(void)
{
	unsigned char seen[SLOTS] = {0};
	struct babus_report report;

	assert_int_equal(babus_domain_list(bus, tick, seen), 0);
	for (unsigned i = 0; i < SLOTS; i++)
		assert_int_equal(seen[i], 1);
	assert_int_equal(babus_domain_recover(bus, 0, &report), 0);
	assert_int_equal(report.slots, SLOTS);
}

/* Sleep for news on all slots, until each has had one message. */
static void wait_for_each(void *arg)
{
	static babus_reader *readers[SLOTS];
	static babus_slot *slots[SLOTS];
	unsigned char heard[SLOTS] = {0};
	babus_domain *domain = child_open_domain();
	babus_waiter *waiter;
	unsigned descriptors = count_descriptors();

	(void)arg;
	EXPECT_EQUAL(babus_waiter_open(domain, NULL, &waiter), 0);
	for (uintptr_t i = 0; i < SLOTS; i++) {
		EXPECT_EQUAL(
		    babus_slot_open(domain, slot_name((unsigned)i), BABUS_READ, NULL, &slots[i]),
		    0);
		EXPECT_EQUAL(babus_reader_open(slots[i], BABUS_START_NEXT, 0, &readers[i]), 0);
		EXPECT_EQUAL(babus_waiter_add(waiter, readers[i], (void *)i), 0);
	}
	EXPECT_EQUAL(count_descriptors(), descriptors);
	gate_post(ready, 1);
	for (unsigned n = 0; n < SLOTS; n++) {
		struct babus_message message;
		struct babus_event event;
		uintptr_t number;

		EXPECT_EQUAL(babus_waiter_wait(waiter, babus_deadline(20 * SECOND), &event, 1), 1);
		number = (uintptr_t)event.user;
		EXPECT(number < SLOTS && event.reader == readers[number] && !heard[number]++);
		EXPECT_EQUAL(babus_reader_next(event.reader, &message), 0);
		EXPECT_EQUAL(message.tag, number);
		babus_message_release(&message);
		gate_post(ready, 1);
	}
}

static void one_waiter_reports_each_of_2000_slots(void **state)
{
	static babus_slot *slots[SLOTS];
	pid_t pid;

	(void)state;
	make_slots(slots, 0, SLOTS);
	assert_all_listed();
	pid = child_start(wait_for_each, NULL);
	gate_wait(ready);
	for (unsigned n = 0; n < SLOTS; n++) {
		unsigned i = n * 7 % SLOTS; /* in some order, and each once */
		struct babus_stamp stamp = {.tag = i};

		assert_int_equal(babus_slot_publish(slots[i], "x", 1, &stamp, NULL), 0);
		/* The first one by one, asleep each time; the others as they come. */
		if (n < 50)
			gate_wait(ready);
		if (n < 49)
			watch_asleep(pid);
	}
	child_join(pid);
	close_slots(slots);
}

/* --- opening ------------------------------------------------------------------------ */

static char traced_slot[] = "s5";
static babus_domain *traced_domain;

static void use_slot(const char *name)
{
	struct babus_message message;
	babus_slot *slot;

	EXPECT_EQUAL(babus_slot_open(traced_domain, name, BABUS_PUBLISH, NULL, &slot), 0);
	EXPECT_EQUAL(babus_slot_publish(slot, "x", 1, NULL, NULL), 0);
	EXPECT_EQUAL(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
	babus_message_release(&message);
	babus_slot_close(slot);
}

static void prepare_to_open(void *arg)
{
	traced_domain = child_open_domain();
	/* What only the first one of a process costs: its allocator's memory, its guards. */
	use_slot(arg);
}

static void open_one(void *arg)
{
	use_slot(arg);
}

/* The least that opening one more takes while the open ones stay open. */
static int64_t time_of_opening(void)
{
	babus_slot *more[50];
	int64_t best = INT64_MAX;

	for (unsigned i = 0; i < 50; i++) {
		int64_t start = now_ns(), took;

		more[i] = open_slot("s0", BABUS_READ);
		took = now_ns() - start;
		best = took < best ? took : best;
	}
	for (unsigned i = 0; i < 50; i++)
		babus_slot_close(more[i]);
	return best;
}

static void opening_costs_the_same_among_10_slots_and_2000(void **state)
{
	static babus_slot *slots[SLOTS];
	static unsigned few[WATCH_CALLS], many[WATCH_CALLS];
	int64_t time_few, time_many;
	unsigned sum = 0;
	bool traced;

	(void)state;
	make_slots(slots, 0, 10);
	time_few = time_of_opening();
	traced = watch_calls(prepare_to_open, open_one, traced_slot, few);
	make_slots(slots, 10, SLOTS);
	time_many = time_of_opening();
	if (traced)
		traced = watch_calls(prepare_to_open, open_one, traced_slot, many);
	close_slots(slots);
	for (unsigned i = 0; i < WATCH_CALLS && traced; i++) {
		assert_int_equal(few[i], many[i]);
		sum += few[i];
	}
	print_message("# open: %.1f us with 10 open, %.1f us with %d; %u system calls to open, "
		      "publish, view, close\n",
		      (double)time_few / 1e3, (double)time_many / 1e3, SLOTS, sum);
	/* One step for each open slot would take several times as long. */
	assert_true(time_many < 3 * time_few);
	if (traced)
		assert_in_range(sum, 5, 60);
	else
		print_message("# skipped: no tracing here, so system calls are not counted\n");
}

static int run(void)
{
#define SCALE(claim) cmocka_unit_test_setup_teardown(claim, setup, teardown)
	const struct CMUnitTest cases[] = {
	    SCALE(one_waiter_reports_each_of_2000_slots),
	    SCALE(opening_costs_the_same_among_10_slots_and_2000),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 120);
}
