/* SPDX-License-Identifier: MIT */
/*
 * Which buffer the next message gets. Like ring.h it knows cells, buffers and pins only.
 *
 *     HISTORY, displaced and not pinned -> FREE     alloc_reclaim
 *     FREE -> OWNED                                 alloc_take_warm, alloc_take_any
 *     OWNED -> FREE                                 alloc_discard
 *
 * Publishing does not free the buffer that it displaces. HISTORY(seq) whose cell holds a
 * later message means that a buffer is displaced, and alloc_reclaim() looks for those.
 *
 * New memory is touched reluctantly. A handle takes buffers from its window, the first ones of
 * the slot, which have memory and which it has used before. There are two policies:
 *
 * - Small messages rotate through the window, and the pins are looked at when none of its
 *   buffers is FREE. So one look serves many publishes.
 * - Large messages take the first buffer that is free, which is the warmest, and look at the
 *   pins each time. That costs less than the first cache lines of such a message.
 */
#ifndef BABUS_ALLOC_H
#define BABUS_ALLOC_H

#include "ring.h"

/*
 * Make a FREE buffer of the window OWNED by `owner`: one that has memory for `size` bytes if
 * there is one. RING_NONE; -EPROTO.
 */
int alloc_take_warm(struct ring *ring, uint64_t owner, uint64_t size, uint32_t *buffer);

/* The same among all buffers. There always is one, see DESIGN.md; -EPROTO. */
int alloc_take_any(struct ring *ring, uint64_t owner, uint64_t size, uint32_t *buffer);

void alloc_discard(struct ring *ring, uint32_t buffer);

/* The buffer has memory now: extend the window to it. */
void alloc_keep_warm(struct ring *ring, uint32_t buffer);

/* Turn displaced buffers that no reader has pinned into FREE. 0 or -EPROTO. */
int alloc_reclaim(struct ring *ring);

#endif
