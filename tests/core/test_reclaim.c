/* SPDX-License-Identifier: MIT */
/* How often publishing looks at the readers' pins, counted in steps of the core. */
#include <stdatomic.h>
#include <string.h>

#include "support.h"
#include "sync.h"

enum {
	HELD = 100,
	PUBLISHED = 2000
};

static atomic_uint looks; /* one pin for each */

void babus_step(const struct babus_step *step)
{
	if (!strcmp(step->name, "pin_get"))
		atomic_fetch_add(&looks, 1);
}

/* How many pins one publish looks at while readers hold that many messages. */
static double looks_for_each(size_t size, unsigned held)
{
	struct babus_message messages[HELD];
	struct babus_slot_options opts;
	static char data[8192];
	babus_slot *slot;

	babus_slot_options_init(&opts);
	opts.max_size = size;
	slot = make_slot_with("s", &opts);
	for (unsigned i = 0; i < held; i++) {
		assert_int_equal(babus_slot_publish(slot, data, size, NULL, NULL), 0);
		assert_int_equal(babus_slot_view(slot, BABUS_LATEST, 0, &messages[i]), 0);
	}
	/* Once round the buffers, for the steady state. */
	for (unsigned i = 0; i < 2 * PUBLISHED; i++) {
		if (i == PUBLISHED)
			atomic_store(&looks, 0);
		assert_int_equal(babus_slot_publish(slot, data, size, NULL, NULL), 0);
	}
	for (unsigned i = 0; i < held; i++) {
		assert_int_equal(messages[i].seq, i + 1);
		babus_message_release(&messages[i]);
	}
	babus_slot_close(slot);
	assert_int_equal(babus_domain_remove_slot(bus, "s"), 0);
	return (double)atomic_load(&looks) / PUBLISHED;
}

static void one_look_at_the_pins_serves_many_small_messages(void **state)
{
	static const struct {
		size_t size;
		unsigned serves; /* publishes, at least: half of 64 KiB */
	} cases[] = {{64, 100}, {1024, 32}, {4096, 8}, {8192, 4}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_true(looks_for_each(cases[i].size, 0) == 0);
		assert_true(looks_for_each(cases[i].size, HELD) <= (double)HELD / cases[i].serves);
	}
}

static void publishing_takes_no_memory_that_is_not_needed(void **state)
{
	struct babus_slot_info before, after;
	struct babus_slot_options opts;
	char data[4096] = "";
	babus_slot *slot;

	(void)state;
	babus_slot_options_init(&opts);
	opts.max_size = sizeof(data);
	slot = make_slot_with("s", &opts);
	assert_int_equal(babus_slot_info(slot, &before), 0);
	for (unsigned i = 0; i < PUBLISHED; i++)
		assert_int_equal(babus_slot_publish(slot, data, sizeof(data), NULL, NULL), 0);
	assert_int_equal(babus_slot_info(slot, &after), 0);
	/* The messages kept, and 64 KiB. */
	assert_true(after.bytes_used - before.bytes_used <= (8 + 16) * sizeof(data));
	babus_slot_close(slot);
}

/* A pass over the pins notes 8,192 buffers at a time. */
static void slot_of_many_buffers_reuses_them(void **state)
{
	enum {
		DEPTH = 9000
	};
	babus_slot *slot = make_slot("s", DEPTH, 16);

	(void)state;
	publish_many(slot, 3 * DEPTH);
	babus_slot_close(slot);
}

/* They take the first free buffer that has warm memory, though others have some. */
static void large_messages_stay_in_few_buffers(void **state)
{
	enum {
		SIZE = 64 * 1024,
		LENT = 4,
		DEPTH = 2
	};
	const void *used[DEPTH + 1] = {NULL};
	struct babus_loan loans[LENT];
	struct babus_message message;
	babus_slot *slot = make_slot("s", DEPTH, SIZE);
	unsigned buffers = 0;

	(void)state;
	for (int i = 0; i < LENT; i++)
		assert_int_equal(babus_slot_loan(slot, SIZE, &loans[i]), 0);
	for (int i = 0; i < LENT; i++)
		babus_loan_discard(&loans[i]);
	for (int i = 0; i < 20; i++) {
		unsigned known = 0;

		assert_int_equal(babus_slot_publish(slot, "x", 1, NULL, NULL), 0);
		assert_int_equal(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
		while (known < buffers && used[known] != message.data)
			known++;
		assert_true(known < DEPTH + 1);
		used[known] = message.data;
		buffers += known == buffers;
		babus_message_release(&message);
	}
	babus_slot_close(slot);
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE(one_look_at_the_pins_serves_many_small_messages),
	    CASE(publishing_takes_no_memory_that_is_not_needed),
	    CASE(slot_of_many_buffers_reuses_them),
	    CASE(large_messages_stay_in_few_buffers),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 60);
}
