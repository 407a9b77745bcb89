/* SPDX-License-Identifier: MIT */
/*
 * The floor of a queue: a ring for one publisher and one reader, where the publisher
 * waits for room. The publisher looks at the reader's position only when the ring seems
 * full, and the reader writes its position only once in READ_STEP messages.
 */
#include <stdatomic.h>

#include "peer.h"

enum {
	READ_STEP = 64 /* messages between two writes of the reader's position */
};

struct ring {
	_Alignas(128) _Atomic uint64_t written;
	_Alignas(128) _Atomic uint64_t read;
	_Alignas(128) char cells[];
};

struct state {
	uint64_t mask;
	size_t stride;
	uint64_t written, room_until; /* the publisher's */
	uint64_t read, filled_until;  /* the reader's */
	struct ring *to, *from;
};

static size_t stride(const struct rig *rig)
{
	return (rig->size + 63) / 64 * 64;
}

/* A power of two, so that a place is found without a division. */
static uint64_t cells(const struct rig *rig)
{
	uint64_t count = 1;

	while (count < rig->depth)
		count *= 2;
	return count;
}

static size_t memory(const struct rig *rig)
{
	return sizeof(struct ring) + cells(rig) * stride(rig);
}

static void open_end(struct end *end)
{
	struct state *state = end->state;

	*state = (struct state){.mask = cells(end->rig) - 1, .stride = stride(end->rig)};
	if (end->publishes >= 0)
		state->to = peer_memory(end->rig, (unsigned)end->publishes);
	if (end->subscribes)
		state->from = peer_memory(end->rig, peer_channel(end));
}

static void *buffer(struct end *end)
{
	struct state *state = end->state;

	while (state->written >= state->room_until) {
		state->room_until = state->to->read + end->rig->depth;
		if (state->written >= state->room_until)
			bench_pause();
	}
	return state->to->cells + (state->written & state->mask) * state->stride;
}

static void send(struct end *end)
{
	bench_release(&end->state->to->written, ++end->state->written);
}

static bool receive(struct end *end, struct received *message)
{
	struct state *state = end->state;

	if (state->read == state->filled_until) {
		state->filled_until = state->from->written;
		if (state->read == state->filled_until)
			return false;
	}
	*message = (struct received){.data = state->from->cells +
					     (state->read & state->mask) * state->stride,
				     .size = end->rig->size,
				     .channel = peer_channel(end)};
	return true;
}

static void release(struct end *end)
{
	struct state *state = end->state;

	state->read++;
	if (state->read % READ_STEP == 0 || end->rig->depth <= READ_STEP)
		bench_release(&state->from->read, state->read);
}

const struct peer peer_ring = {
    .name = "ring",
    .what = "a ring in shared memory for one publisher and one reader",
    .group = GROUP_FLOOR,
    .modes = 1 << MODE_POLL,
    .readers_max = 1,
    .in_place = true,
    .queues = true,
    .state_size = sizeof(struct state),
    .memory = memory,
    .open = open_end,
    .buffer = buffer,
    .send = send,
    .receive = receive,
    .release = release,
};
