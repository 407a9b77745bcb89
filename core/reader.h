/* SPDX-License-Identifier: MIT */
/* The inside of a reader, for the waiters that look at it. */
#ifndef BABUS_READER_H
#define BABUS_READER_H

#include "slot.h"

struct babus_reader {
	babus_slot *slot;
	struct layout_lease *entry; /* what others see */
	uint32_t pin;
	shared64 cursor; /* written by the reader's thread, read by waiters */
	uint64_t received, lost, skipped;
	babus_waiter *waiter; /* of babus_reader_wait(), made when first needed */
};

/* Whether there is a message after the cursor; negative errno if the slot is gone. */
static inline int reader_look(const babus_reader *reader, bool *news)
{
	int error = slot_check(reader->slot);

	*news = !error && ring_has_after(&reader->slot->ring, cursor_get(&reader->cursor));
	return error;
}

#endif
