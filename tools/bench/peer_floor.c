/* SPDX-License-Identifier: MIT */
/*
 * The floors: a buffer and a word in shared memory for each channel. The publisher writes
 * the buffer and then the word; readers spin on the word, or sleep on it as a futex. There
 * is no queue, and nothing keeps the publisher from writing while a reader reads, so this
 * serves only where the publisher waits for the readers by other means. No way of passing
 * bytes through memory can do less.
 *
 * A bus keeps its last message, so it cannot write the next one to the same buffer. The
 * second floor therefore has two buffers, used in turn: for large messages they need twice
 * as much of the processor's cache.
 */
#include <limits.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "peer.h"

struct line {
	_Alignas(64) _Atomic uint32_t word; /* the number of the last message */
	_Alignas(64) char data[];
};

struct state {
	uint32_t sent, seen[CHANNELS_MAX];
};

static size_t memory(const struct rig *rig)
{
	return sizeof(struct line) + (rig->peer == &peer_floor_2 ? 2 : 1) * rig->size;
}

static struct line *line(const struct rig *rig, unsigned channel)
{
	return peer_memory(rig, channel);
}

static char *data_of(const struct rig *rig, struct line *line, uint32_t number)
{
	return line->data + (rig->peer == &peer_floor_2 ? number % 2 * rig->size : 0);
}

static void *buffer(struct end *end)
{
	return data_of(end->rig, line(end->rig, (unsigned)end->publishes), end->state->sent + 1);
}

static void send(struct end *end)
{
	struct line *to = line(end->rig, (unsigned)end->publishes);
	struct state *state = end->state;

	to->word = ++state->sent;
	if (end->rig->mode == MODE_BLOCK)
		syscall(SYS_futex, &to->word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static bool receive(struct end *end, struct received *message)
{
	unsigned channel = peer_channel(end);
	struct line *from = line(end->rig, channel);
	struct state *state = end->state;
	uint32_t seen = state->seen[channel], word;

	while ((word = from->word) == seen) {
		if (end->rig->mode == MODE_POLL)
			return false;
		syscall(SYS_futex, &from->word, FUTEX_WAIT, seen, NULL, NULL, 0);
	}
	state->seen[channel] = word;
	*message = (struct received){
	    .data = data_of(end->rig, from, word), .size = end->rig->size, .channel = channel};
	return true;
}

#define FLOOR(variable, title, text)            \
	const struct peer variable = {          \
	    .name = (title),                    \
	    .what = (text),                     \
	    .group = GROUP_FLOOR,               \
	    .readers_max = 1000,                \
	    .in_place = true,                   \
	    .state_size = sizeof(struct state), \
	    .memory = memory,                   \
	    .buffer = buffer,                   \
	    .send = send,                       \
	    .receive = receive,                 \
	}

FLOOR(peer_floor, "floor", "a word and a buffer in shared memory: spinning on it, or a futex");
FLOOR(peer_floor_2, "floor-2", "the same with two buffers in turn");
