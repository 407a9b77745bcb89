/* SPDX-License-Identifier: MIT */
/*
 * The memory of a slot's buffers: populated before a buffer is filled further than ever
 * before, ahead of that on request, and given back on request. A buffer's mark says how
 * many bytes of it have memory for certain.
 */
#ifndef BABUS_MEMORY_H
#define BABUS_MEMORY_H

#include "slot.h"

/* The slow half of memory_ensure(). */
int memory_populate(babus_slot *slot, uint32_t buffer, uint64_t size);

/* Make sure that `size` bytes of an OWNED buffer have memory. Mostly costs one load. */
static inline int memory_ensure(babus_slot *slot, uint32_t buffer, uint64_t size)
{
	if (__builtin_expect(size <= record_get(&slot->ring.marks[buffer]), 1))
		return 0;
	return memory_populate(slot, buffer, size);
}

#endif
