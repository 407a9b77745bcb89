/* SPDX-License-Identifier: MIT */
/* Giving memory back that no kept message needs. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "alloc.h"
#include "cancel.h"
#include "far.h"
#include "memory.h"
#include "publish.h"

/* How many bytes of its buffer, which we own, a kept message needs. */
static uint64_t bytes_needed(const struct ring *ring, uint32_t buffer, uint64_t seq)
{
	const struct layout_record *record = &ring->records[buffer];
	uint64_t size = record_get(&record->size);

	/* If the record is damaged, keep all. */
	return record_get(&record->seq) == seq && size <= ring->g.max_size ? size : ring->g.stride;
}

/*
 * Own the buffer for a moment, even with a message in it. A publisher that stops right after
 * its message is out leaves the same, which is harmless to readers: they do not read beyond
 * the message's end.
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
	error = memory_give_back(slot, buffer, keep);
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
	int error = alloc_reclaim(ring);

	if (!ring_is_mapped(ring, limit - 1) && far_is_empty(slot))
		limit = ring->g.near;
	for (uint32_t i = 0; i < limit && !error; i++)
		error = trim_buffer(slot, i);
	local_put(&ring->next, 0);
	/* If the file was truncated meanwhile, we gave back nothing of it. */
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
	if (!error && memory_has_own_pages(&slot->ring))
		error = trim_buffers(slot);
	if (!error && freed)
		error = file_bytes(slot, &after);
	publish_end(slot, token);
	if (!error && freed)
		*freed = before > after ? before - after : 0;
	return error;
}
