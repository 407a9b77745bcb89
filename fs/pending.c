/* SPDX-License-Identifier: MIT */
#include "pending.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int grow(struct pending *pending, struct budget *budget, size_t size, uint64_t max_size)
{
	size_t room = pending->room;
	char *data;

	if (size > max_size)
		return -EFBIG;
	if (size <= room)
		return 0;
	/* Twice as much each time, but never more than can be used. */
	room = room ? 2 * room : 4096;
	if (room > max_size)
		room = max_size;
	if (room < size)
		room = size;
	if (!budget_take(budget, room - pending->room)) {
		room = size;
		if (!budget_take(budget, room - pending->room))
			return -EDQUOT;
	}
	data = realloc(pending->data, room);
	if (!data) {
		budget_give(budget, room - pending->room);
		return -ENOMEM;
	}
	pending->data = data;
	pending->room = room;
	return 0;
}

/* Make the message begin `shift` bytes earlier. */
static int extend_front(struct pending *pending, struct budget *budget, size_t shift,
			uint64_t max_size)
{
	int error = grow(pending, budget, pending->size + shift, max_size);

	if (error)
		return error;
	memmove(pending->data + shift, pending->data, pending->size);
	memset(pending->data, 0, shift);
	pending->size += shift;
	pending->base -= (off_t)shift;
	return 0;
}

int pending_write(struct pending *pending, struct budget *budget, const void *data, size_t size,
		  off_t offset, uint64_t max_size)
{
	size_t at;
	int error;

	if (offset < 0)
		offset = pending->base + (off_t)pending->size;
	if (!pending->dirty && (pending->floats || offset < pending->base))
		pending->base = offset;
	if ((uint64_t)size > max_size ||
	    (offset > pending->base && (uint64_t)(offset - pending->base) > max_size - size))
		return -EFBIG;
	if (offset < pending->base) {
		error = extend_front(pending, budget, (size_t)(pending->base - offset), max_size);
		if (error)
			return error;
	}
	at = (size_t)(offset - pending->base);
	error = grow(pending, budget, at + size, max_size);
	if (error)
		return error;
	if (at > pending->size)
		memset(pending->data + pending->size, 0, at - pending->size);
	memcpy(pending->data + at, data, size);
	if (at + size > pending->size)
		pending->size = at + size;
	pending->dirty = true;
	return 0;
}

int pending_truncate(struct pending *pending, struct budget *budget, off_t offset,
		     uint64_t max_size)
{
	size_t size;
	int error;

	if (!pending->dirty)
		return 0;
	if (offset <= pending->base) {
		pending_clear(pending, budget);
		pending->base = offset;
		return 0;
	}
	if ((uint64_t)(offset - pending->base) > max_size)
		return -EFBIG;
	size = (size_t)(offset - pending->base);
	error = grow(pending, budget, size, max_size);
	if (error)
		return error;
	if (size > pending->size)
		memset(pending->data + pending->size, 0, size - pending->size);
	pending->size = size;
	return 0;
}

void pending_clear(struct pending *pending, struct budget *budget)
{
	pending->base += (off_t)pending->size;
	free(pending->data);
	budget_give(budget, pending->room);
	pending->data = NULL;
	pending->size = pending->room = 0;
	pending->dirty = false;
}
