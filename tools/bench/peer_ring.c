/* SPDX-License-Identifier: MIT */
/*
 * The floor of what queues: a ring for one publisher and one reader, where the
 * publisher waits for room. It looks at the reader's place only when the ring
 * seems full, and is told of it only now and then.
 */
#include <stdatomic.h>
#include <stdlib.h>

#include "peers.h"

enum {
	READ_STEP = 64 /* how often the publisher is told what has been read */
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

static size_t ring_size(const struct rig *rig)
{
	return (sizeof(struct ring) + cells(rig) * stride(rig) + 4095) / 4096 * 4096;
}

static struct ring *ring(const struct rig *rig, unsigned channel)
{
	return (struct ring *)((char *)rig->state + channel * ring_size(rig));
}

static int prepare(struct rig *rig, char *why, size_t why_size)
{
	(void)why;
	(void)why_size;
	rig->state = bench_shared(rig->channels * ring_size(rig));
	return 0;
}

static void open_end(struct end *end)
{
	struct state *state = bench_memory(sizeof(*state));

	*state = (struct state){.mask = cells(end->rig) - 1, .stride = stride(end->rig)};
	if (end->publishes >= 0)
		state->to = ring(end->rig, (unsigned)end->publishes);
	if (end->subscribes)
		state->from = ring(end->rig, (unsigned)__builtin_ctz(end->subscribes));
	end->state = state;
}

static void *buffer(struct end *end, size_t size)
{
	struct state *state = end->state;

	(void)size;
	while (state->written >= state->room_until) {
		state->room_until = state->to->read + end->rig->depth;
		if (state->written >= state->room_until)
			bench_pause();
	}
	return state->to->cells + (state->written & state->mask) * state->stride;
}

static void send(struct end *end, size_t size)
{
	struct state *state = end->state;

	(void)size;
	bench_release(&state->to->written, ++state->written);
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
				     .channel = (unsigned)__builtin_ctz(end->subscribes)};
	return true;
}

static void release(struct end *end, struct received *message)
{
	struct state *state = end->state;

	(void)message;
	state->read++;
	if (state->read % READ_STEP == 0 || end->rig->depth <= READ_STEP)
		bench_release(&state->from->read, state->read);
}

static void close_end(struct end *end)
{
	free(end->state);
}

static void finish(struct rig *rig)
{
	bench_unshare(rig->state, rig->channels * ring_size(rig));
}

const struct peer peer_ring = {
    .name = "ring",
    .what = "a ring in shared memory for one publisher and one reader",
    .group = "floor",
    .modes = 1 << MODE_POLL,
    .readers_max = 1,
    .in_place = true,
    .queues = true,
    .prepare = prepare,
    .open = open_end,
    .buffer = buffer,
    .send = send,
    .receive = receive,
    .release = release,
    .close = close_end,
    .finish = finish,
};
