/* SPDX-License-Identifier: MIT */
/*
 * The memory of a slot's buffers. A buffer's `backed` word says how many bytes of it have
 * memory for certain. Pages are populated before a buffer is filled further than that.
 */
#ifndef BABUS_MEMORY_H
#define BABUS_MEMORY_H

#include "slot.h"

/* The slow half of memory_ensure(). */
int memory_make(babus_slot *slot, uint32_t buffer, uint64_t size);

/*
 * Make sure that `size` bytes of an OWNED buffer are mapped and have memory. Costs one load
 * if they have.
 */
static inline int memory_ensure(babus_slot *slot, uint32_t buffer, uint64_t size)
{
	if (__builtin_expect(
		buffer < slot->ring.g.near && size <= record_get(&slot->ring.backed[buffer]), 1))
		return 0;
	return memory_make(slot, buffer, size);
}

/* Whether buffers share no pages, so that each can give its memory back. */
bool memory_has_own_pages(const struct ring *ring);

/* Give back the memory of an OWNED buffer beyond its first `keep` bytes. */
int memory_give_back(babus_slot *slot, uint32_t buffer, uint64_t keep);

/* Fill this process's page tables, so that touching what has memory does not fault. */
int memory_prefault(void *start, uint64_t size);
int memory_prefault_buffer(babus_slot *slot, uint32_t buffer, uint64_t size);

/* What the error of a population means: -EIO, and not -ENOSPC, if the file was truncated. */
int memory_explain(babus_slot *slot, int error);

#endif
