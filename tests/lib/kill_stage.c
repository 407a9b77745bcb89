/* SPDX-License-Identifier: MIT */
#include "kill_stage.h"

#include "payload.h"
#include "support.h"

/* The three ways to find a buffer: one by one, in batches, with a large payload. See alloc.c. */
const struct kill_slot kill_slots[KILL_SLOTS + 1] = {
    {"one", 1, 64}, {"two", 2, KILL_LARGEST}, {"eight", 8, 3000}, {"other", 3, 6000}};

struct kill_stage *kill_stage;

struct babus_slot_options kill_options(unsigned slot)
{
	struct babus_slot_options opts = small_options(kill_slots[slot].depth,
						       kill_slots[slot].max_size);

	opts.loans = 16;
	opts.pins = 40;
	/* Each slot has a channel of its own: a waiter wakes only for its own slots. */
	opts.channel = (int32_t)slot;
	return opts;
}

/* 16 bits of a tag are the publisher, here with the slot, and 48 the counter. */
uint64_t kill_tag(unsigned slot, unsigned publisher, uint64_t counter)
{
	return payload_tag(slot * PUBLISHERS + publisher, counter);
}

uint64_t kill_other_tag(unsigned publisher, uint64_t instance)
{
	return kill_tag(KILL_OTHER, publisher, instance >> 16);
}

static unsigned slot_of(const struct babus_message *message)
{
	return payload_publisher(message->tag) / PUBLISHERS;
}

bool kill_matches(const struct babus_message *message, unsigned slot)
{
	return slot_of(message) == slot && payload_matches(message);
}

bool kill_other_matches(const struct babus_message *message, uint64_t instance)
{
	return kill_matches(message, KILL_OTHER) && payload_counter(message->tag) == instance >> 16;
}
