/* SPDX-License-Identifier: MIT */
/*
 * The data path of one mapped slot: publishing and reading. It knows cells, buffers and pins,
 * and nothing of files, processes or sleeping. Each index and length from shared memory is
 * checked here before it is used, and all loops are bounded.
 *
 * The life of a buffer; layout.h has the words:
 *
 *     FREE -> OWNED -> HISTORY -> FREE      alloc.h, ring_commit, alloc.h
 *             OWNED -> HISTORY or FREE      ring_bury_owners, of dead ones
 */
#ifndef BABUS_RING_H
#define BABUS_RING_H

#include <babus/babus.h>

#include "layout.h"
#include "lease.h"

struct ring {
	/* constant after ring_attach; pointers into the mappings */
	struct layout_geometry g;
	uint64_t depth_mask; /* depth - 1 if that is a power of two, else 0 */
	shared64 *cells, *states, *backed;
	struct layout_record *records;
	uint8_t *payload;
	shared64 far; /* see far.h: where buffer 0 would be in that mapping; 0: not mapped */
	shared64 *newest;
	const struct layout_lease *pins;
	const shared32 *pins_extent;
	uint32_t batch; /* small messages: buffers to use from one reclaim to the next;
			   1: large messages */

	/* hints of this handle, see alloc.h */
	shared64 next;   /* small messages: where to look for a free buffer */
	shared64 window; /* how many buffers to look at first */
};

/* Results that are no errors, and that no public call returns. */
enum ring_result {
	RING_AGAIN = 1, /* another process was faster: look again */
	RING_PIN_BUSY,  /* the pin is in use: take another */
	RING_NONE,      /* no such buffer is free */
	RING_SPENT,     /* the effort that a call may make is used up */
	RING_FAR,       /* the message lies in a buffer that is not mapped yet */
};

static inline bool ring_is_mapped(const struct ring *ring, uint32_t buffer)
{
	return buffer < ring->g.near || local_get(&ring->far);
}

/* The buffer is mapped. */
static inline uint8_t *ring_data(const struct ring *ring, uint32_t buffer)
{
	if (__builtin_expect(buffer < ring->g.near, 1))
		return ring->payload + buffer * ring->g.stride;
	return (uint8_t *)(uintptr_t)(local_get(&ring->far) + buffer * ring->g.stride);
}

/* Fill in the ring of a slot from the mappings of its two files. */
void ring_attach(struct ring *ring, const struct layout_geometry *geometry, void *slot, void *pins);

static inline uint64_t ring_index(const struct ring *ring, uint64_t seq)
{
	return ring->depth_mask || ring->g.depth == 1 ? seq & ring->depth_mask
						      : seq % ring->g.depth;
}

/*
 * What one call may spend on shared tables. Honest peers overtake a call a few times in a row;
 * the bounds are for tables that a peer scribbles over.
 */
struct effort {
	uint32_t tries; /* attempts that others may overtake */
	uint32_t steps; /* cells to look at for the newest message; some for each attempt */
};

enum {
	EFFORT_TRIES = 1 << 16
};

static inline struct effort ring_effort(const struct ring *ring)
{
	return (struct effort){EFFORT_TRIES, 8 * EFFORT_TRIES + 4 * ring->g.depth};
}

/* Whether another attempt is allowed. */
static inline bool effort_try(struct effort *effort)
{
	return effort->tries && effort->tries--;
}

static inline void effort_spend(struct effort *effort, uint32_t steps)
{
	effort->steps -= effort->steps < steps ? effort->steps : steps;
}

/* -EPROTO, with the text. */
int ring_damaged(const char *what);

/* As ring_newest(), as a part of a call. */
int ring_find_newest(const struct ring *ring, struct effort *effort, uint64_t *newest);

/* Sequence of the newest message, first_seq - 1 if none. -EPROTO. */
int ring_newest(const struct ring *ring, uint64_t *seq);

/* Whether a message after `seq` is published: the test of waiters. */
static inline bool ring_has_after(const struct ring *ring, uint64_t seq)
{
	return cell_seq(cell_get(&ring->cells[ring_index(ring, seq + 1)])) > seq;
}

/*
 * Pin a message with `pin` and describe it. RING_PIN_BUSY, RING_FAR; otherwise as
 * babus_slot_view().
 */
int ring_pin(const struct ring *ring, shared64 *pin, enum babus_which which, uint64_t n,
	     struct babus_message *message);

/*
 * Whether a message that was pinned is still in its buffer, whatever other subscribers did to
 * the pin. Also false if the message was displaced while its publisher, or a trim, worked on
 * the buffer's state.
 */
bool ring_still_holds(const struct ring *ring, const struct babus_message *message);

/* What a publisher writes into the record of a message. */
struct ring_label {
	uint64_t size, time_ns, source_time_ns, tag, origin, publisher;
	uint32_t pid;
};

/* Publish an OWNED buffer. After -EOVERFLOW or -EPROTO it is still OWNED. */
int ring_commit(struct ring *ring, uint32_t buffer, const struct ring_label *label, uint64_t *seq);

/* Take back the buffers of dead owners. Returns how many. */
uint32_t ring_bury_owners(struct ring *ring, const struct lease_set *dead);

#endif
