/* SPDX-License-Identifier: MIT */
/* More slots than channels: slots of one channel are reported apart. */
#include <stdio.h>

#include "waiting.h"

static void slots_beyond_the_channels_share_them_and_each_is_reported(void **state)
{
	enum {
		SLOTS = 100
	};
	babus_waiter *waiter = open_waiter(0, NO_RECHECK);
	babus_slot *slots[SLOTS];
	babus_reader *readers[SLOTS];
	struct sleeper sleeper;

	(void)state;
	for (int i = 0; i < SLOTS; i++) {
		char name[16];

		snprintf(name, sizeof(name), "s%d", i);
		slots[i] = make_slot(name, 4, 16);
		readers[i] = open_reader(slots[i]);
		assert_int_equal(babus_waiter_add(waiter, readers[i], slots[i]), 0);
	}
	for (int i = 0; i < SLOTS; i++) {
		start_sleeper(&sleeper, waiter);
		publish_many(slots[i], 1);
		assert_int_equal(end_sleeper(&sleeper), 1);
		assert_ptr_equal(sleeper.event.reader, readers[i]);
		assert_ptr_equal(sleeper.event.user, slots[i]);
		take_next(readers[i]);
	}
	assert_no_news(waiter);
	babus_waiter_close(waiter);
	for (int i = 0; i < SLOTS; i++) {
		babus_reader_close(readers[i]);
		babus_slot_close(slots[i]);
	}
}

static void neighbour_on_the_same_channel_does_not_end_a_wait(void **state)
{
	struct babus_slot_options opts = small_options(4, 16);
	babus_slot *mine, *neighbour;
	babus_waiter *waiter = open_waiter(0, NO_RECHECK);
	babus_reader *reader;
	struct sleeper sleeper;

	(void)state;
	opts.channel = 9;
	mine = make_slot_with("mine", &opts);
	neighbour = make_slot_with("neighbour", &opts);
	reader = open_reader(mine);
	assert_int_equal(babus_waiter_add(waiter, reader, NULL), 0);
	start_sleeper(&sleeper, waiter);
	for (int i = 0; i < 200; i++)
		publish_many(neighbour, 1);
	publish_many(mine, 1);
	assert_int_equal(end_sleeper(&sleeper), 1);
	assert_ptr_equal(sleeper.event.reader, reader);
	babus_waiter_close(waiter);
	babus_reader_close(reader);
	babus_slot_close(mine);
	babus_slot_close(neighbour);
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE(slots_beyond_the_channels_share_them_and_each_is_reported),
	    CASE(neighbour_on_the_same_channel_does_not_end_a_wait),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 120);
}
