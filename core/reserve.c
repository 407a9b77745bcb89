/* SPDX-License-Identifier: MIT */
/* Giving buffers memory before messages need it. */
#include <stdlib.h>

#include "alloc.h"
#include "memory.h"
#include "publish.h"
#include "recover.h"

/* One call of babus_slot_reserve(), and what it has done. */
struct reservation {
	babus_slot *slot;
	uint64_t size;
	uint32_t wanted, done;
	uint8_t *seen; /* a byte for each buffer: 1: done */
};

/* All before the buffers, and the pins. */
static int prefault_tables(babus_slot *slot)
{
	int error = memory_prefault(slot->header, slot->ring.g.payload);

	return error ? error : memory_prefault(slot->pins_header, slot->ring.g.pins_size);
}

/* Own the buffer for a moment, even with a message in it, as trim.c. 1: it has memory now. */
static int populate_unowned(babus_slot *slot, uint32_t buffer, uint64_t size)
{
	shared64 *place = &slot->ring.states[buffer];
	uint64_t state = state_get(place);
	int error;

	if (state_kind(state) == STATE_OWNED ||
	    !state_swap(place, state, word_state(STATE_OWNED, slot_publisher(slot))))
		return 0;
	error = memory_make(slot, buffer, size);
	state_set(place, state);
	return error ? error : 1;
}

static int reserve_buffer(struct reservation *r, uint32_t buffer)
{
	babus_slot *slot = r->slot;
	int result = 1;

	if (buffer >= slot->ring.g.buffers || r->seen[buffer] || r->done >= r->wanted)
		return 0;
	if (record_get(&slot->ring.backed[buffer]) < r->size)
		result = populate_unowned(slot, buffer, r->size);
	if (result <= 0)
		return result;
	r->seen[buffer] = 1;
	r->done++;
	alloc_keep_warm(&slot->ring, buffer);
	return memory_prefault_buffer(slot, buffer, r->size);
}

static int reserve_free(struct reservation *r, uint32_t limit)
{
	int error = 0;

	for (uint32_t i = 0; i < limit && !error; i++)
		if (state_get(&r->slot->ring.states[i]) == STATE_FREE)
			error = reserve_buffer(r, i);
	return error;
}

/* Buffers of messages, the oldest first: the next publishes get them in this order. */
static int reserve_kept(struct reservation *r)
{
	const struct ring *ring = &r->slot->ring;
	uint64_t newest;
	int error = ring_newest(ring, &newest);

	for (uint32_t i = 1; i <= ring->g.depth && !error; i++) {
		uint64_t cell = cell_get(&ring->cells[ring_index(ring, newest + i)]);

		if (cell)
			error = reserve_buffer(r, cell_buffer(cell));
	}
	return error;
}

static int reserve_any(struct reservation *r)
{
	int error = 0;

	for (uint32_t i = 0; i < r->slot->ring.g.buffers && !error; i++)
		error = reserve_buffer(r, i);
	return error;
}

/*
 * Publishes prefer buffers with memory, and so they come to buffers that readers or other
 * publishers hold now. These are not counted, because it is unknown when they will be free.
 */
static int prefault_rest(struct reservation *r)
{
	const struct ring *ring = &r->slot->ring;
	int error = 0;

	for (uint32_t i = 0; i < ring->g.buffers && r->done && !error; i++)
		if (!r->seen[i] && ring_is_mapped(ring, i) &&
		    record_get(&ring->backed[i]) >= r->size)
			error = memory_prefault_buffer(r->slot, i, r->size);
	return error;
}

/*
 * In the order in which publishes come to them: free and warm buffers, those of messages, free
 * and cold ones; then those that readers hold, and those that others have given memory.
 */
static int reserve(struct reservation *r)
{
	struct ring *ring = &r->slot->ring;
	int error = prefault_tables(r->slot);

	recover_all_dead(r->slot);
	if (!error)
		error = alloc_reclaim(ring);
	if (!error)
		error = reserve_free(r, (uint32_t)local_get(&ring->window));
	if (!error)
		error = reserve_kept(r);
	if (!error)
		error = reserve_free(r, ring->g.buffers);
	if (!error)
		error = reserve_any(r);
	return error ? error : prefault_rest(r);
}

int babus_slot_reserve(babus_slot *slot, uint32_t count, size_t size)
{
	struct reservation r = {.slot = slot, .size = size, .wanted = count};
	uint32_t token;
	int error = publish_begin(slot, size, &token);

	if (error)
		return error;
	/* Small messages rotate through all that is warm. */
	if (count && slot->ring.batch > 1 && count < local_get(&slot->ring.window))
		r.wanted = (uint32_t)local_get(&slot->ring.window);
	r.seen = calloc(slot->ring.g.buffers, 1);
	error = r.seen ? reserve(&r) : -ENOMEM;
	error = memory_explain(slot, error);
	free(r.seen);
	publish_end(slot, token);
	if (slot_was_cut(slot))
		return -EIO;
	return error ? error : (int)r.done;
}
