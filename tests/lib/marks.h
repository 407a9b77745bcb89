/* SPDX-License-Identifier: MIT */
/* All marks of a domain: they tell publishers where processes may sleep. */
#ifndef BABUS_TESTS_MARKS_H
#define BABUS_TESTS_MARKS_H

#include "layout.h"
#include "slot.h"
#include "support.h"
#include "wait.h"

static inline bool marks_any(const struct layout_domain *domain)
{
	for (uint32_t i = 0; i < LAYOUT_CHANNELS; i++)
		for (uint32_t j = 0; j < LAYOUT_MARKS; j++)
			if (mark_is_set(mark_get(&domain->channels[i].marks[j])))
				return true;
	return false;
}

/* Clear all marks, as a publisher of each slot does. */
static inline void marks_clear(struct layout_domain *domain)
{
	for (uint32_t i = 0; i < LAYOUT_CHANNELS; i++)
		for (uint32_t j = 0; j < LAYOUT_MARKS; j++)
			wait_notify(domain, (struct layout_place){i, j});
}

static inline void marks_put(struct layout_domain *domain, uint64_t value)
{
	for (uint32_t i = 0; i < LAYOUT_CHANNELS; i++)
		for (uint32_t j = 0; j < LAYOUT_MARKS; j++)
			counter_put(&domain->channels[i].marks[j], value);
}

/*
 * Make a slot on another slot's channel, with the same mark or a different one. Slots are made
 * until one fits.
 */
static inline babus_slot *marks_make_slot(const char *name, const struct babus_slot_options *opts,
					  const babus_slot *other, bool same)
{
	for (;;) {
		babus_slot *slot = make_slot_with(name, opts);

		assert_int_equal(slot->place.channel, other->place.channel);
		if ((slot->place.mark == other->place.mark) == same)
			return slot;
		babus_slot_close(slot);
		assert_int_equal(babus_domain_remove_slot(bus, name), 0);
	}
}

#endif
