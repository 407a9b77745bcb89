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
int memory_make(babus_slot *slot, uint32_t buffer, uint64_t size);

/*
 * Make sure that `size` bytes of an OWNED buffer are mapped and have memory. Mostly costs
 * one load.
 */
static inline int memory_ensure(babus_slot *slot, uint32_t buffer, uint64_t size)
{
	if (__builtin_expect(
		buffer < slot->ring.g.near && size <= record_get(&slot->ring.marks[buffer]), 1))
		return 0;
	return memory_make(slot, buffer, size);
}

#endif
