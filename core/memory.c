/* SPDX-License-Identifier: MIT */
#include "memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cancel.h"
#include "error.h"
#include "far.h"
#include "publish.h"
#include "recover.h"
#include "shm.h"

/* --- one buffer ------------------------------------------------------------------ */

/* Do to the slot's file what cannot be done through the mapping. */
static int through_file(babus_slot *slot, int (*act)(int fd, uint64_t offset, uint64_t size),
			uint64_t offset, uint64_t size)
{
	NO_CANCELLATION;
	struct stat st;
	int fd = slot_reopen(slot, SLOT_FILE, O_RDWR, &st);
	int error;

	if (fd < 0)
		return fd;
	error = act(fd, offset, size);
	close(fd);
	return error;
}

/* Whether buffers share no pages, so that the memory of each can be given back. */
static bool has_own_pages(const struct ring *ring)
{
	return (ring->g.payload | ring->g.stride) % (uint64_t)sysconf(_SC_PAGESIZE) == 0;
}

/* Give back the memory of an OWNED buffer beyond its first `keep` bytes. */
static int give_pages(babus_slot *slot, uint32_t buffer, uint64_t keep)
{
	struct ring *ring = &slot->ring;
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t size;

	keep = (keep + page - 1) & ~(page - 1);
	if (keep >= ring->g.stride)
		return 0;
	/* The mark first: who dies in between leaves memory that is not known of,
	   which is harmless, and not a mark without memory, which is SIGBUS. */
	if (record_get(&ring->marks[buffer]) > keep)
		record_put(&ring->marks[buffer], keep);
	size = ring->g.stride - keep;
	STEP("give_pages");
	if (ring_is_mapped(ring, buffer)) {
		if (!madvise(ring_data(ring, buffer) + keep, size, MADV_REMOVE))
			return 0;
		if (errno != EINVAL)
			return -errno;
		/* It is locked in memory. */
	}
	return through_file(slot, shm_punch, ring->g.payload + buffer * ring->g.stride + keep,
			    size);
}

/* A failed population: is tmpfs full, or has the file been cut off? */
static int explain(babus_slot *slot, int error)
{
	NO_CANCELLATION;
	struct stat st;
	int fd;

	if (error != -ENOSPC)
		return error;
	fd = slot_reopen(slot, SLOT_FILE, O_RDONLY, &st);
	babus_fail_clear();
	if (fd < 0)
		return error;
	close(fd);
	return (uint64_t)st.st_size < slot->ring.g.slot_size ? -EIO : error;
}

/* Whole pages that hold so much of a buffer, in the slot's file. */
struct span {
	uint64_t from, to;
};

static struct span span_of(const struct layout_geometry *g, uint32_t buffer, uint64_t begin,
			   uint64_t end)
{
	uint64_t start = g->payload + buffer * g->stride;
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	struct span span = {(start + begin) & ~(page - 1), (start + end + page - 1) & ~(page - 1)};

	if (span.to > g->slot_size)
		span.to = g->slot_size;
	return span;
}

static uint8_t *address_of(const struct ring *ring, uint32_t buffer, const struct span *span)
{
	uint64_t start = ring->g.payload + buffer * ring->g.stride;

	return (uint8_t *)((uintptr_t)ring_data(ring, buffer) + span->from - start);
}

static int populate(babus_slot *slot, uint32_t buffer, uint64_t size)
{
	const struct layout_geometry *g = &slot->ring.g;
	uint64_t mark = record_get(&slot->ring.marks[buffer]);
	/* Whole pages: neighbours of a small message get theirs early. */
	struct span span = span_of(g, buffer, mark, size);
	uint64_t known = span.to - (g->payload + buffer * g->stride);
	int error = shm_populate(address_of(&slot->ring, buffer, &span), span.to - span.from);

	/* Before Linux 5.14. It is not in our page table then. */
	if (error == -EOPNOTSUPP)
		error = through_file(slot, shm_allocate, span.from, span.to - span.from);
	if (error) {
		/* Others can use the part that there was room for. */
		if (has_own_pages(&slot->ring))
			give_pages(slot, buffer, mark);
		return explain(slot, error);
	}
	record_put(&slot->ring.marks[buffer], known < g->stride ? known : g->stride);
	return 0;
}

int memory_make(babus_slot *slot, uint32_t buffer, uint64_t size)
{
	int error = ring_is_mapped(&slot->ring, buffer) ? 0 : far_map(slot);

	if (error || size <= record_get(&slot->ring.marks[buffer]))
		return error;
	return populate(slot, buffer, size);
}

/* --- ahead ------------------------------------------------------------------------- */

/* What one call of babus_slot_reserve() has done. */
struct reservation {
	babus_slot *slot;
	uint64_t size;
	uint32_t wanted, done;
	uint8_t *seen; /* a byte for each buffer: done */
};

/* Into this process's page tables, so that touching it does not fault. */
static int prefault(void *start, uint64_t size)
{
	int error = shm_populate(start, size);

	return error == -EOPNOTSUPP ? 0 : error;
}

static int prefault_buffer(babus_slot *slot, uint32_t buffer, uint64_t size)
{
	struct span span = span_of(&slot->ring.g, buffer, 0, size);

	int error = ring_is_mapped(&slot->ring, buffer) ? 0 : far_map(slot);

	if (error || !size)
		return error;
	return prefault(address_of(&slot->ring, buffer, &span), span.to - span.from);
}

/* Cells, states, marks, records and tokens; and the pins. */
static int prefault_tables(babus_slot *slot)
{
	int error = prefault(slot->header, slot->ring.g.payload);

	return error ? error : prefault(slot->pins_header, slot->ring.g.pins_size);
}

/* As trimming: owned for a moment, also with a message in it. 1: it has memory now. */
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
	if (record_get(&slot->ring.marks[buffer]) < r->size)
		result = populate_unowned(slot, buffer, r->size);
	if (result <= 0)
		return result;
	r->seen[buffer] = 1;
	r->done++;
	ring_keep_warm(&slot->ring, buffer);
	return prefault_buffer(slot, buffer, r->size);
}

static int reserve_free(struct reservation *r, uint32_t limit)
{
	int error = 0;

	for (uint32_t i = 0; i < limit && !error; i++)
		if (state_get(&r->slot->ring.states[i]) == STATE_FREE)
			error = reserve_buffer(r, i);
	return error;
}

/* Those of messages, the oldest first, since the next publishes get them in that order. */
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
 * Publishes prefer buffers with memory, also such as readers or other publishers hold
 * now. Not counted, since nothing is known of when they are free.
 */
static int prefault_rest(struct reservation *r)
{
	const struct ring *ring = &r->slot->ring;
	int error = 0;

	for (uint32_t i = 0; i < ring->g.buffers && r->done && !error; i++)
		if (!r->seen[i] && ring_is_mapped(ring, i) &&
		    record_get(&ring->marks[i]) >= r->size)
			error = prefault_buffer(r->slot, i, r->size);
	return error;
}

/*
 * In the order in which publishes come to them: what is free and warm, what messages
 * hold, what is free and cold; then what readers hold, and what others have given
 * memory already.
 */
static int reserve(struct reservation *r)
{
	struct ring *ring = &r->slot->ring;
	int error = prefault_tables(r->slot);

	recover_all_dead(r->slot);
	if (!error)
		error = ring_reclaim(ring);
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
	error = explain(slot, error);
	free(r.seen);
	publish_end(slot, token);
	if (slot_was_cut(slot))
		return -EIO;
	return error ? error : (int)r.done;
}

/* --- back -------------------------------------------------------------------------- */

/* Bytes that a kept message needs of its buffer, which we own. */
static uint64_t bytes_needed(const struct ring *ring, uint32_t buffer, uint64_t seq)
{
	const struct layout_record *record = &ring->records[buffer];
	uint64_t size = record_get(&record->size);

	/* Damaged: not for us to make it worse. */
	return record_get(&record->seq) == seq && size <= ring->g.max_size ? size : ring->g.stride;
}

/*
 * Owned for a moment, also with a message in it: that is what a publisher leaves
 * who stops right after its message is out, and as harmless to readers, who have
 * no business beyond the message's end.
 */
static int trim_buffer(babus_slot *slot, uint32_t buffer)
{
	struct ring *ring = &slot->ring;
	shared64 *place = &ring->states[buffer];
	uint64_t state = state_get(place), keep = 0;
	int error;

	if (state_kind(state) != STATE_HISTORY && state != STATE_FREE)
		return 0;
	if (!state_swap(place, state, word_state(STATE_OWNED, slot_publisher(slot))))
		return 0;
	if (state_kind(state) == STATE_HISTORY)
		keep = bytes_needed(ring, buffer, state_seq(state));
	error = give_pages(slot, buffer, keep);
	state_set(place, state);
	return error;
}

/* Bytes of tmpfs that the slot's file has now. -EIO: it was truncated. */
static int file_bytes(babus_slot *slot, uint64_t *bytes)
{
	struct stat st;
	int fd = slot_reopen(slot, SLOT_FILE, O_RDONLY, &st);

	if (fd < 0)
		return fd;
	close(fd);
	if ((uint64_t)st.st_size < slot->ring.g.slot_size)
		return -EIO;
	*bytes = (uint64_t)st.st_blocks * 512;
	return 0;
}

static int trim_buffers(babus_slot *slot)
{
	struct ring *ring = &slot->ring;
	uint32_t limit = ring->g.buffers;
	int error = ring_reclaim(ring);

	if (!ring_is_mapped(ring, limit - 1) && far_is_empty(slot))
		limit = ring->g.near;
	for (uint32_t i = 0; i < limit && !error; i++)
		error = trim_buffer(slot, i);
	local_put(&ring->cursor, 0);
	/* Cut off meanwhile? Then there was no file behind what we gave back. */
	return slot_was_cut(slot) ? -EIO : error;
}

int babus_slot_trim(babus_slot *slot, uint64_t *freed)
{
	NO_CANCELLATION;
	uint64_t before = 0, after = 0;
	uint32_t token;
	int error = publish_begin(slot, 0, &token);

	if (error)
		return error;
	error = file_bytes(slot, &before);
	if (!error && has_own_pages(&slot->ring))
		error = trim_buffers(slot);
	if (!error && freed)
		error = file_bytes(slot, &after);
	publish_end(slot, token);
	if (!error && freed)
		*freed = before > after ? before - after : 0;
	return error;
}
