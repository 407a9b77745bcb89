/* SPDX-License-Identifier: MIT */
#include "ring.h"

#include <errno.h>
#include <string.h>

#include "error.h"

enum {
	/* Small messages: so many bytes of buffers are used in turn before the pins are looked
	   at again. */
	BATCH_BYTES = 64 * 1024,
	BATCH_MAX = 256,
};

void ring_attach(struct ring *ring, const struct layout_geometry *g, void *slot, void *pins)
{
	uint8_t *base = slot;
	struct layout_slot *header = slot;
	struct layout_pins *pins_header = pins;
	uint64_t batch = BATCH_BYTES / g->stride;
	uint64_t window;

	ring->g = *g;
	ring->depth_mask = g->depth & (g->depth - 1) ? 0 : g->depth - 1;
	ring->cells = (shared64 *)(base + g->cells);
	ring->states = (shared64 *)(base + g->states);
	ring->backed = (shared64 *)(base + g->backed);
	ring->records = (struct layout_record *)(base + g->records);
	ring->payload = base + g->payload;
	local_put(&ring->far, 0);
	ring->newest = &header->newest;
	ring->pins = (struct layout_lease *)((uint8_t *)pins + LAYOUT_PAGE);
	ring->pins_extent = &pins_header->extent;
	ring->batch = (uint32_t)(batch < 1 ? 1 : batch > BATCH_MAX ? BATCH_MAX : batch);
	window = (uint64_t)g->depth + ring->batch;
	local_put(&ring->window, window < g->buffers ? window : g->buffers);
	local_put(&ring->next, 0);
}

/* --- reading ---------------------------------------------------------------- */

int ring_damaged(const char *what)
{
	return babus_fail(-EPROTO, "slot damaged: %s; remove it and create it again", what);
}

/* The highest sequence number in any cell, for a hint that leads nowhere. */
static uint64_t search_newest(const struct ring *ring)
{
	uint64_t newest = ring->g.first_seq - 1;

	for (uint32_t i = 0; i < ring->g.depth; i++) {
		uint64_t seq = cell_seq(cell_get(&ring->cells[i]));

		if (seq > newest && ring_index(ring, seq) == i)
			newest = seq;
	}
	return newest;
}

/* The same from the hint on. */
static int find_newest(const struct ring *ring, struct effort *effort, uint64_t *newest)
{
	uint64_t seq = head_get(ring->newest);

	if (seq < ring->g.first_seq) {
		seq = ring->g.first_seq - 1;
	} else if (cell_seq(cell_get(&ring->cells[ring_index(ring, seq)])) < seq) {
		seq = search_newest(ring);
		effort_spend(effort, ring->g.depth);
	}
	/* A publisher may have stopped before it raised the hint: walk on. A cell that was
	   lapped meanwhile takes us further at once. */
	for (; effort->steps; --effort->steps) {
		uint64_t index = ring_index(ring, seq + 1);
		uint64_t next = cell_seq(cell_get(&ring->cells[index]));

		if (next <= seq) {
			*newest = seq;
			return 0;
		}
		if (ring_index(ring, next) != index)
			return ring_damaged("a message in the wrong cell");
		seq = next;
	}
	return RING_SPENT;
}

int ring_find_newest(const struct ring *ring, struct effort *effort, uint64_t *newest)
{
	int error = find_newest(ring, effort, newest);

	return error == RING_SPENT ? ring_damaged("sequence numbers run away") : error;
}

int ring_newest(const struct ring *ring, uint64_t *newest)
{
	struct effort effort = {.steps = EFFORT_TRIES + 2 * ring->g.depth};

	return ring_find_newest(ring, &effort, newest);
}

/* The sequence number that the caller asks for, given the newest. */
static int choose(const struct ring *ring, enum babus_which which, uint64_t n, uint64_t newest,
		  uint64_t *seq, uint64_t *lost)
{
	uint64_t first = ring->g.first_seq;
	uint64_t kept = newest - (first - 1);
	uint64_t oldest;

	if (kept > ring->g.depth)
		kept = ring->g.depth;
	oldest = newest - kept + 1;
	*seq = newest;
	*lost = 0;
	switch (which) {
	case BABUS_LATEST:
		return kept ? 0 : -ENODATA;
	case BABUS_AGE:
		if (!kept)
			return -ENODATA;
		*seq = newest - n;
		return n < kept ? 0 : -ESTALE;
	case BABUS_SEQ:
		if (n > newest)
			return -EAGAIN;
		*seq = n;
		return n >= oldest ? 0 : -ESTALE;
	case BABUS_AFTER:
		if (n >= newest)
			return -EAGAIN;
		if (n < first - 1)
			n = first - 1;
		*seq = n + 1 > oldest ? n + 1 : oldest;
		*lost = *seq - (n + 1);
		return 0;
	}
	return babus_fail(-EINVAL, "which %d: expected a value of enum babus_which", (int)which);
}

/* The record and payload of a pinned cell. */
static int describe(const struct ring *ring, uint64_t cell, uint64_t lost,
		    struct babus_message *message)
{
	uint32_t buffer = cell_buffer(cell);
	const struct layout_record *record = &ring->records[buffer];
	uint64_t size = record_get(&record->size);

	if (__builtin_expect(!ring_is_mapped(ring, buffer), 0))
		return RING_FAR;
	if (__builtin_expect(record_get(&record->seq) != cell_seq(cell), 0))
		return ring_damaged("a message's record is of another one");
	/* Beyond the backed bytes there may be no memory, and touching it is SIGBUS. */
	if (__builtin_expect(size > ring->g.max_size || size > record_get(&ring->backed[buffer]),
			     0))
		return ring_damaged("a message longer than its buffer");
	/* Field by field: the compiler would build a whole struct elsewhere and copy it. */
	message->data = ring_data(ring, buffer);
	message->size = size;
	message->seq = cell_seq(cell);
	message->lost = lost;
	message->skipped = 0;
	message->time_ns = record_get(&record->time_ns);
	message->source_time_ns = record_get(&record->source_time_ns);
	message->tag = record_get(&record->tag);
	message->origin = record_get(&record->origin);
	message->publisher = record_get(&record->publisher);
	message->pid = (uint32_t)record_get(&record->pid);
	message->reserved[0] = message->reserved[1] = message->reserved[2] = 0;
	return 0;
}

/* A reader that lags behind reads the next message soon. */
static void expect_reads(const struct ring *ring, uint64_t seq)
{
	uint64_t cell = cell_get(&ring->cells[ring_index(ring, seq)]);

	if (cell_seq(cell) != seq || cell_buffer(cell) >= ring->g.buffers)
		return;
	soon_read(&ring->records[cell_buffer(cell)]);
	soon_read(ring_data(ring, cell_buffer(cell)));
}

/* Pin what a cell was seen to name. RING_AGAIN: it names another message by now. */
static int pin_cell(const struct ring *ring, shared64 *pin, const shared64 *place, uint64_t cell,
		    uint64_t lost, struct babus_message *message)
{
	int error = RING_AGAIN;

	if (cell_buffer(cell) >= ring->g.buffers)
		return ring_damaged("a cell names no buffer");
	if (!pin_set(pin, cell))
		return RING_PIN_BUSY;
	expect_reads(ring, cell_seq(cell) + 1);
	if (cell_get(place) == cell)
		error = describe(ring, cell, lost, message);
	/* Not damaged if the cell has changed since: then the pin was taken away, or the
	   allocator did not see it, and the record is the next message's. */
	if (__builtin_expect(error == -EPROTO, 0)) {
		pin_settle(pin);
		if (cell_get(place) != cell) {
			babus_fail_clear();
			error = RING_AGAIN;
		}
	}
	if (error)
		pin_clear(pin);
	return error;
}

/*
 * For a reader that keeps up: the very next message, by its cell alone. So a polling reader
 * takes only the cell's line from publishers, and not the hint's, which they would have to get
 * back for each message. RING_AGAIN: the message takes the long way.
 */
static int pin_next(const struct ring *ring, shared64 *pin, uint64_t after,
		    struct babus_message *message)
{
	const shared64 *place;
	uint64_t cell, seq = after + 1;

	if (seq < ring->g.first_seq + ring->g.depth || seq > BABUS_SEQ_MAX)
		return RING_AGAIN;
	place = &ring->cells[ring_index(ring, seq)];
	cell = cell_get(place);
	if (cell_seq(cell) == seq - ring->g.depth)
		return -EAGAIN;
	return cell_seq(cell) == seq ? pin_cell(ring, pin, place, cell, 0, message) : RING_AGAIN;
}

int ring_pin(const struct ring *ring, shared64 *pin, enum babus_which which, uint64_t n,
	     struct babus_message *message)
{
	struct effort effort = ring_effort(ring);
	uint64_t least = 0;
	int error = which == BABUS_AFTER ? pin_next(ring, pin, n, message) : RING_AGAIN;

	while (error == RING_AGAIN && effort_try(&effort)) {
		uint64_t newest, seq, lost, cell;
		const shared64 *place;

		error = find_newest(ring, &effort, &newest);
		if (error)
			return error == RING_SPENT ? -EBUSY : error;
		/* Numbers are published in order, so a look after a displaced cell finds a later
		   message. */
		if (newest < least)
			return ring_damaged("a message is in no cell");
		least = newest + 1;
		error = choose(ring, which, n, newest, &seq, &lost);
		/* A message that the waiter's test sees must be readable. */
		if (error == -EAGAIN && which == BABUS_AFTER && n > newest && n <= BABUS_SEQ_MAX &&
		    ring_has_after(ring, n)) {
			error = RING_AGAIN;
			continue;
		}
		if (error)
			return error;
		place = &ring->cells[ring_index(ring, seq)];
		cell = cell_get(place);
		/* Displaced since? Choose again. */
		error = cell_seq(cell) == seq ? pin_cell(ring, pin, place, cell, lost, message)
					      : RING_AGAIN;
	}
	return error == RING_AGAIN ? -EBUSY : error;
}

static uint32_t buffer_at(const struct ring *ring, const void *data)
{
	uint64_t offset = (uintptr_t)data - (uintptr_t)ring->payload;

	if (offset >= ring->g.near * ring->g.stride)
		offset = (uintptr_t)data - local_get(&ring->far);
	return (uint32_t)(offset / ring->g.stride);
}

/*
 * A cell that names the buffer, or the state that publishing left. Both contain the message's
 * number, so neither comes back once it has changed.
 */
bool ring_still_holds(const struct ring *ring, const struct babus_message *message)
{
	/* A number is published once, so its cell names no other buffer. */
	if (cell_seq(cell_get(&ring->cells[ring_index(ring, message->seq)])) == message->seq)
		return true;
	return state_get(&ring->states[buffer_at(ring, message->data)]) ==
	       word_state(STATE_HISTORY, message->seq);
}

/* --- publishing --------------------------------------------------------------- */

static void describe_new(struct layout_record *record, const struct ring_label *label)
{
	record_put(&record->size, label->size);
	record_put(&record->time_ns, label->time_ns);
	record_put(&record->source_time_ns, label->source_time_ns);
	record_put(&record->tag, label->tag);
	record_put(&record->pid, label->pid);
	record_put(&record->publisher, label->publisher);
	record_put(&record->origin, label->origin);
}

/* Whether a cell may be followed by message `seq`. */
static bool is_predecessor(const struct ring *ring, uint64_t cell, uint64_t seq)
{
	if (seq < ring->g.first_seq + ring->g.depth)
		return cell == 0;
	return cell_seq(cell) == seq - ring->g.depth;
}

int ring_commit(struct ring *ring, uint32_t buffer, const struct ring_label *label,
		uint64_t *published)
{
	struct layout_record *record = &ring->records[buffer];
	struct effort effort = ring_effort(ring);

	describe_new(record, label);
	while (effort_try(&effort)) {
		uint64_t newest, seq, cell;
		shared64 *place;
		int error = find_newest(ring, &effort, &newest);

		if (error == RING_SPENT)
			break;
		if (error)
			return error;
		if (newest >= BABUS_SEQ_MAX)
			return -EOVERFLOW;
		seq = newest + 1;
		place = &ring->cells[ring_index(ring, seq)];
		cell = cell_get(place);
		if (cell_seq(cell) >= seq)
			continue; /* another publisher was faster */
		if (!is_predecessor(ring, cell, seq))
			return ring_damaged("sequence numbers are not consecutive");
		record_put(&record->seq, seq);
		if (!cell_set(place, cell, word_cell(seq, buffer)))
			continue;
		head_raise(ring->newest, seq);
		state_set(&ring->states[buffer], word_state(STATE_HISTORY, seq));
		*published = seq;
		return 0;
	}
	return ring_damaged("a cell changes without end");
}

/* --- recovering --------------------------------------------------------------- */

/*
 * What becomes of a buffer whose owner died. Its record has the number s of the last message
 * that was published in it, or was to be. While s's cell names the buffer, the buffer holds
 * that complete message. If s is not published yet, or its cell names another buffer, this
 * one was not published since it was FREE, and no valid pin names it. Otherwise s is
 * displaced: either it was published here and may be pinned, or the buffer was FREE since and
 * the owner has written to it. So it becomes displaced and tainted: copies must not accept
 * what is in it.
 */
static uint64_t state_after_death(const struct ring *ring, uint32_t buffer, uint64_t newest)
{
	uint64_t seq = record_get(&ring->records[buffer].seq);
	uint64_t cell;

	if (seq < ring->g.first_seq || seq > newest)
		return STATE_FREE;
	cell = cell_get(&ring->cells[ring_index(ring, seq)]);
	if (cell_seq(cell) == seq)
		return cell_buffer(cell) == buffer ? word_state(STATE_HISTORY, seq) : STATE_FREE;
	return word_state(STATE_HISTORY, seq | STATE_TAINTED);
}

uint32_t ring_bury_owners(struct ring *ring, const struct lease_set *dead)
{
	uint64_t newest = 0;
	uint32_t buried = 0;
	bool known = false;

	for (uint32_t i = 0; i < ring->g.buffers; i++) {
		uint64_t state = state_get(&ring->states[i]);

		if (state_kind(state) != STATE_OWNED || !lease_set_has(dead, state_value(state)))
			continue;
		/* Once is enough: the dead publish no more. */
		if (!known && ring_newest(ring, &newest))
			return 0;
		known = true;
		buried += state_swap(&ring->states[i], state, state_after_death(ring, i, newest));
	}
	return buried;
}
