/* SPDX-License-Identifier: MIT */
/* A peer that scribbles into the tables makes no call crash or hang. */
#include <stdio.h>
#include <unistd.h>

#include "payload.h"
#include "slot.h"
#include "support.h"

enum {
	SCRIBBLES = 300
};

static void call_everything(babus_slot *slot, babus_reader *reader, uint64_t *random)
{
	struct babus_message message;
	struct babus_slot_info info;
	struct babus_report report;
	struct babus_event event;
	babus_waiter *waiter;
	char data[100];

	for (int i = 0; i < 5; i++) {
		enum babus_which which = (enum babus_which)(random_next(random) % 4);

		babus_slot_publish(slot, data, random_next(random) % 100, NULL, NULL);
		if (!babus_slot_view(slot, which, random_next(random) % 20, &message))
			babus_message_release(&message);
		if (!babus_reader_next(reader, &message))
			babus_message_release(&message);
		babus_slot_copy(slot, which, random_next(random), data, sizeof(data), &message);
	}
	babus_slot_info(slot, &info);
	babus_slot_trim(slot, NULL);
	babus_slot_reserve(slot, 3, 100);
	babus_domain_recover(babus_slot_domain(slot), 1, &report);
	if (!babus_waiter_open(babus_slot_domain(slot), NULL, &waiter)) {
		babus_waiter_add(waiter, reader, NULL);
		babus_waiter_wait(waiter, babus_deadline(1000), &event, 1);
		babus_waiter_close(waiter);
	}
}

static uint64_t odd_value(uint64_t *random)
{
	static const uint64_t odd[] = {0, 1, UINT64_MAX, UINT64_C(1) << 63, BABUS_SEQ_MAX << 16};
	uint64_t value = random_next(random);

	switch (random_next(random) % 4) {
	case 0:
		return odd[value % 5];
	case 1:
		return word_cell(value % 30, (uint32_t)(value >> 32) % 30);
	case 2:
		return word_state((enum layout_kind)(value % 4), value >> 40);
	default:
		return value;
	}
}

/* Anything may be returned; nothing may crash or hang. */
static void scribble(void *arg)
{
	uint64_t random = *(uint64_t *)arg;
	babus_slot *slot = child_open_slot("s", BABUS_PUBLISH);
	babus_reader *reader;

	EXPECT_EQUAL(babus_reader_open(slot, BABUS_START_OLDEST, 0, &reader), 0);
	for (int i = 0; i < 10; i++) {
		uint64_t words = slot->ring.g.payload / 8;
		shared64 *word = (shared64 *)slot->header + random_next(&random) % words;

		if (random_next(&random) % 3 == 0) {
			words = slot->ring.g.pins_size / 8;
			word = (shared64 *)slot->pins_header + random_next(&random) % words;
		}
		counter_put(word, odd_value(&random));
		call_everything(slot, reader, &random);
	}
}

static void scribbled_tables_crash_and_hang_nothing(void **state)
{
	uint64_t random = 1;

	(void)state;
	for (int i = 0; i < SCRIBBLES; i++) {
		int64_t began = now_ns();
		babus_slot *slot = make_slot("s", 3, 100);

		snprintf(support_context, sizeof(support_context), "seed %llu",
			 (unsigned long long)random);
		publish_many(slot, 5);
		child_join(child_start(scribble, &random));
		assert_true(now_ns() - began < 20 * SECOND);
		babus_slot_close(slot);
		unlink(domain_file("s.slot"));
		random_next(&random);
	}
	*support_context = '\0';
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE(scribbled_tables_crash_and_hang_nothing),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 120);
}
