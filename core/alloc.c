/* SPDX-License-Identifier: MIT */
#include "alloc.h"

#include <string.h>

enum {
	/* FREE buffers without memory that a small message passes over for one with memory.
	   All of them get memory soon, as they rotate. */
	SKIPS_SMALL = 256,
	/* Buffers looked at in all before a table counts as damaged: 256 times the largest. */
	VISITS = 1 << 24,
};

/* --- reclaiming ------------------------------------------------------------------ */

/* Which of the buffers from `first` on are pinned; so many at a time, as stacks are small. */
enum {
	CHUNK = 8192
};

struct pinned {
	uint32_t first, count;
	uint64_t bits[CHUNK / 64];
};

static void find_pinned(const struct ring *ring, struct pinned *pinned)
{
	uint32_t extent = extent_get(ring->pins_extent);

	if (extent > ring->g.pins)
		extent = ring->g.pins;
	memset(pinned->bits, 0, (pinned->count + 63) / 64 * sizeof(pinned->bits[0]));
	for (uint32_t i = 0; i < extent; i++) {
		uint64_t cell = pin_get(&ring->pins[i].pin);
		uint32_t at = cell_buffer(cell) - pinned->first;

		/* The claim is looked at last: a pin that counts was set after its entry was
		   claimed. */
		if (cell && at < pinned->count && claim_get(&ring->pins[i].claim))
			pinned->bits[at / 64] |= UINT64_C(1) << at % 64;
	}
}

/* Free what is displaced and not pinned. Returns how many of the buffers are FREE then. */
static uint32_t free_unpinned(const struct ring *ring, const struct pinned *pinned, uint64_t newest)
{
	uint32_t unused = 0;

	for (uint32_t n = 0; n < pinned->count; n++) {
		shared64 *place = &ring->states[pinned->first + n];
		uint64_t state = state_get(place);

		unused += state == STATE_FREE;
		if (state_kind(state) != STATE_HISTORY || state_seq(state) + ring->g.depth > newest)
			continue;
		if (pinned->bits[n / 64] & UINT64_C(1) << n % 64)
			continue;
		unused += state_swap(place, state, STATE_FREE);
	}
	return unused;
}

/*
 * PIN: the newest message is found first, the pins are looked at next, and a buffer is freed
 * only if its number tells that its message was displaced by then. A reader that pins it
 * from now on finds another message in its cell. The swap fails if the buffer was used for
 * another message meanwhile, because a number is published once. `unused`: how many of the
 * first `limit` buffers are FREE afterwards.
 */
static int reclaim(const struct ring *ring, struct effort *effort, uint32_t limit, uint32_t *unused)
{
	struct pinned pinned;
	uint64_t newest;
	int error = ring_find_newest(ring, effort, &newest);

	if (error)
		return error;
	*unused = 0;
	for (uint32_t first = 0; first < limit; first += CHUNK) {
		pinned.first = first;
		pinned.count = limit - first < CHUNK ? limit - first : CHUNK;
		find_pinned(ring, &pinned);
		*unused += free_unpinned(ring, &pinned, newest);
	}
	return 0;
}

int alloc_reclaim(struct ring *ring)
{
	struct effort effort = ring_effort(ring);
	uint32_t unused;

	return reclaim(ring, &effort, ring->g.buffers, &unused);
}

/* --- taking a FREE buffer ---------------------------------------------------------- */

/* What is wanted, and where to look for it: among the first `limit`, starting at `from`. */
struct search {
	uint64_t owner, size;
	uint32_t from, limit;
	uint32_t skips; /* FREE buffers without memory to pass over for one that has it */
};

/* The n-th buffer of the search, which goes round. */
static uint32_t place(const struct search *search, uint32_t n)
{
	uint32_t i = search->from + n;

	return i < search->limit ? i : i - search->limit;
}

static bool own(struct ring *ring, const struct search *search, uint32_t buffer)
{
	return state_swap(&ring->states[buffer], STATE_FREE,
			  word_state(STATE_OWNED, search->owner));
}

/* One that has memory for the message. `skipped`: how many without were passed over. */
static bool take_backed(struct ring *ring, const struct search *search, uint32_t *skipped,
			uint32_t *buffer)
{
	*skipped = 0;
	for (uint32_t n = 0; n < search->limit; n++) {
		uint32_t i = place(search, n);

		if (state_get(&ring->states[i]) != STATE_FREE)
			continue;
		if (record_get(&ring->backed[i]) < search->size) {
			if ((*skipped)++ < search->skips)
				continue;
			return false;
		}
		if (own(ring, search, i)) {
			*buffer = i;
			return true;
		}
	}
	return false;
}

/* Any. */
static bool take_first(struct ring *ring, const struct search *search, uint32_t *buffer)
{
	for (uint32_t n = 0; n < search->limit; n++) {
		uint32_t i = place(search, n);

		if (state_get(&ring->states[i]) == STATE_FREE && own(ring, search, i)) {
			*buffer = i;
			return true;
		}
	}
	return false;
}

static bool take_free(struct ring *ring, const struct search *search, uint32_t *buffer)
{
	uint32_t skipped;

	return take_backed(ring, search, &skipped, buffer) ||
	       (skipped && take_first(ring, search, buffer));
}

/* --- large messages ------------------------------------------------------------------ */

static int take_large(struct ring *ring, struct search *search, struct effort *effort,
		      uint32_t *buffer)
{
	uint32_t unused;
	int error = reclaim(ring, effort, search->limit, &unused);

	if (error)
		return error;
	return take_free(ring, search, buffer) ? 0 : RING_NONE;
}

/* --- small messages ------------------------------------------------------------------ */

/*
 * Buffers are taken in turn, and the lines of the next one are still with the process that
 * read it last. Ask for them a message ahead, so that the next publish need not wait.
 */
static void expect_writes(const struct ring *ring, uint32_t buffer)
{
	if (buffer >= ring->g.buffers)
		return;
	soon_written(&ring->records[buffer]);
	soon_written(ring_data(ring, buffer));
}

/*
 * How many FREE buffers a reclaim must leave in the window, so that it serves many publishes
 * though readers keep buffers. Where there are no buffers beyond, one will do.
 */
static uint32_t least_unused(const struct ring *ring, uint32_t limit)
{
	return limit < ring->g.buffers ? (ring->batch + 1) / 2 : 1;
}

static int take_small(struct ring *ring, struct search *search, struct effort *effort,
		      uint32_t *buffer)
{
	uint32_t unused;
	int error;

	search->from = (uint32_t)local_get(&ring->next);
	if (search->from >= search->limit)
		search->from = 0;
	if (!take_free(ring, search, buffer)) {
		error = reclaim(ring, effort, search->limit, &unused);
		if (error)
			return error;
		if (unused < least_unused(ring, search->limit) || !take_free(ring, search, buffer))
			return RING_NONE;
	}
	local_put(&ring->next, *buffer + 1);
	expect_writes(ring, *buffer + 1);
	return 0;
}

/* --- both ---------------------------------------------------------------------------- */

static int take(struct ring *ring, struct search *search, struct effort *effort, uint32_t *buffer)
{
	return ring->batch == 1 ? take_large(ring, search, effort, buffer)
				: take_small(ring, search, effort, buffer);
}

int alloc_take_warm(struct ring *ring, uint64_t owner, uint64_t size, uint32_t *buffer)
{
	struct search search = {
	    .owner = owner,
	    .size = size,
	    .limit = (uint32_t)local_get(&ring->window),
	    .skips = ring->batch == 1 ? ring->g.buffers : SKIPS_SMALL,
	};
	struct effort effort = ring_effort(ring);

	return take(ring, &search, &effort, buffer);
}

void alloc_keep_warm(struct ring *ring, uint32_t buffer)
{
	if (local_get(&ring->window) <= buffer)
		local_put(&ring->window, buffer + 1);
}

/* After `window` was not enough: keep the buffer, and for small messages a batch more. */
static void widen(struct ring *ring, uint32_t window, uint32_t buffer)
{
	uint32_t wider = ring->batch == 1 ? window : window + ring->batch;

	local_put(&ring->window, wider < ring->g.buffers ? wider : ring->g.buffers);
	alloc_keep_warm(ring, buffer);
}

/*
 * With a token in hand there always is a buffer: depth buffers are in cells, pins of them are
 * pinned, and each other holder of a token owns one. But others may be faster. In a damaged
 * table there may be none; in a large one the same number of tries takes longer.
 */
int alloc_take_any(struct ring *ring, uint64_t owner, uint64_t size, uint32_t *buffer)
{
	struct search search = {
	    .owner = owner,
	    .size = size,
	    .limit = ring->g.buffers,
	    .skips = ring->g.buffers,
	};
	struct effort effort = ring_effort(ring);
	uint32_t window = (uint32_t)local_get(&ring->window);
	int error = RING_NONE;

	if (effort.tries > VISITS / ring->g.buffers)
		effort.tries = VISITS / ring->g.buffers;
	while (error == RING_NONE && effort_try(&effort))
		error = take(ring, &search, &effort, buffer);
	if (error == RING_NONE)
		return ring_damaged("no buffer is free although a token is");
	if (!error)
		widen(ring, window, *buffer);
	return error;
}

void alloc_discard(struct ring *ring, uint32_t buffer)
{
	state_set(&ring->states[buffer], STATE_FREE);
}
