/* SPDX-License-Identifier: MIT */
/* Several events of one wait: each reader once, in turn, and again until it has caught up. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "waiting.h"

enum {
	CHANNELS = 3,
	EACH = 4, /* slots on a channel */
	READERS = CHANNELS * EACH,
	/*
	 * Waits until all were reported: two slots of a channel may share a mark, and take turns.
	 */
	LONGEST = CHANNELS * 6
};

static struct {
	babus_slot *slots[READERS];
	babus_reader *readers[READERS];
	babus_waiter *waiter;
} crowd;

static void make_crowd(void)
{
	crowd.waiter = open_waiter(0, NO_RECHECK);
	for (uintptr_t i = 0; i < READERS; i++) {
		struct babus_slot_options opts = small_options(4, 16);
		char name[16];

		snprintf(name, sizeof(name), "s%u", (unsigned)i);
		opts.channel = (int32_t)(7 * (i % CHANNELS));
		crowd.slots[i] = make_slot_with(name, &opts);
		crowd.readers[i] = open_reader(crowd.slots[i]);
		assert_int_equal(babus_waiter_add(crowd.waiter, crowd.readers[i], (void *)i), 0);
	}
}

static void end_crowd(void)
{
	babus_waiter_close(crowd.waiter);
	for (unsigned i = 0; i < READERS; i++) {
		babus_reader_close(crowd.readers[i]);
		babus_slot_close(crowd.slots[i]);
	}
}

/* Wait; assert that each reader comes once, in the order of adding: a bit for each. */
static unsigned wait_for_readers(struct babus_event *events, int max, int expected)
{
	unsigned bits = 0;

	memset(events, 0xff, (size_t)max * sizeof(*events));
	assert_int_equal(babus_waiter_wait(crowd.waiter, BABUS_NOW, events, max), expected);
	for (int i = 0; i < expected; i++) {
		uintptr_t n = (uintptr_t)events[i].user;

		assert_int_equal(events[i].kind, BABUS_EVENT_READER);
		assert_int_equal(events[i].status, 0);
		assert_true(n < READERS);
		assert_ptr_equal(events[i].reader, crowd.readers[n]);
		assert_null(events[i].slot);
		for (size_t k = 0; k < sizeof(events[i].reserved) / sizeof(uint64_t); k++)
			assert_int_equal(events[i].reserved[k], 0);
		assert_false(bits & 1u << n);
		bits |= 1u << n;
	}
	return bits;
}

static void all_readers_with_news_are_reported_at_once(void **state)
{
	struct babus_event events[READERS + 3];
	unsigned bits = 0;

	(void)state;
	make_crowd();
	assert_no_news(crowd.waiter);
	for (unsigned i = 0; i < READERS; i += 1 + i % 3) {
		publish_many(crowd.slots[i], 2);
		bits |= 1u << i;
		/* Twice: until it has caught up. */
		for (int twice = 0; twice < 2; twice++)
			assert_int_equal(
			    wait_for_readers(events, READERS + 3, __builtin_popcount(bits)), bits);
	}
	for (unsigned i = 0; i < READERS; i++) {
		if (!(bits & 1u << i))
			continue;
		take_next(crowd.readers[i]);
		wait_for_readers(events, READERS + 3, __builtin_popcount(bits));
		take_next(crowd.readers[i]);
		bits &= ~(1u << i);
		if (bits)
			wait_for_readers(events, READERS + 3, __builtin_popcount(bits));
	}
	assert_no_news(crowd.waiter);
	end_crowd();
}

static void a_sleeper_gets_several_events(void **state)
{
	struct babus_event events[READERS];
	unsigned bits = 0;

	(void)state;
	make_crowd();
	/* Its channels are quiet by then. */
	assert_int_equal(babus_waiter_wait(crowd.waiter, babus_deadline(MILLISECOND), events, 2),
			 -ETIMEDOUT);
	for (unsigned i = 0; i < READERS; i += 2) {
		publish_many(crowd.slots[i], 1);
		bits |= 1u << i;
	}
	assert_int_equal(wait_for_readers(events, READERS, READERS / 2), bits);
	end_crowd();
}

/* All readers always have news: none waits for long, whatever the room for events. */
static void each_reader_gets_its_turn_whatever_the_room_for_events(void **state)
{
	struct babus_event events[READERS];

	(void)state;
	make_crowd();
	for (unsigned i = 0; i < READERS; i++)
		publish_many(crowd.slots[i], 1);
	for (int max = 1; max <= READERS; max++) {
		int since[READERS] = {0}, patience = LONGEST / max + CHANNELS + 1;

		for (int wait = 0; wait < 10 * READERS; wait++) {
			unsigned bits = wait_for_readers(events, max, max);

			for (unsigned i = 0; i < READERS; i++) {
				since[i] = bits & 1u << i ? 0 : since[i] + 1;
				assert_in_range(since[i], 0, patience);
			}
		}
	}
	end_crowd();
}

static void removed_slots_are_reported_beside_news(void **state)
{
	struct babus_event events[READERS];
	unsigned gone = 0, news = 0;

	(void)state;
	make_crowd();
	publish_many(crowd.slots[2], 1);
	assert_int_equal(babus_domain_remove_slot(bus, "s5"), 0);
	assert_int_equal(babus_domain_remove_slot(bus, "s6"), 0);
	assert_int_equal(babus_waiter_wait(crowd.waiter, BABUS_NOW, events, READERS), 3);
	for (int i = 0; i < 3; i++) {
		gone += events[i].status == -ENODEV;
		news += events[i].reader == crowd.readers[2] && events[i].status == 0;
	}
	assert_int_equal(gone, 2);
	assert_int_equal(news, 1);
	end_crowd();
}

static void room_for_none_is_einval(void **state)
{
	struct babus_event event = {.user = &crowd};

	(void)state;
	make_crowd();
	publish_many(crowd.slots[0], 1);
	assert_int_equal(babus_waiter_wait(crowd.waiter, BABUS_NOW, &event, 0), -EINVAL);
	assert_int_equal(babus_waiter_wait(crowd.waiter, BABUS_FOREVER, &event, -1), -EINVAL);
	assert_ptr_equal(event.user, &crowd);
	wait_for_readers(&event, 1, 1);
	end_crowd();
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE(all_readers_with_news_are_reported_at_once),
	    CASE(a_sleeper_gets_several_events),
	    CASE(each_reader_gets_its_turn_whatever_the_room_for_events),
	    CASE(removed_slots_are_reported_beside_news),
	    CASE(room_for_none_is_einval),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 60);
}
