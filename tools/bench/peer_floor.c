/* SPDX-License-Identifier: MIT */
/*
 * The floors: one buffer and one word in shared memory for each channel. The
 * publisher writes the buffer and then the word; readers spin on the word, or
 * sleep on it as a futex. There is no queue, and nothing that keeps the
 * publisher from writing while somebody reads, so this serves only where the
 * publisher waits for the readers by other means. No way of passing bytes
 * through memory can do less.
 */
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "peer.h"

struct line {
	_Alignas(64) _Atomic uint32_t word;
	_Alignas(64) char data[];
};

struct state {
	uint32_t sent, seen[CHANNELS_MAX];
};

static size_t memory(const struct rig *rig)
{
	return sizeof(struct line) + rig->size;
}

static struct line *line(const struct rig *rig, unsigned channel)
{
	return peer_memory(rig, channel);
}

static void *buffer(struct end *end)
{
	return line(end->rig, (unsigned)end->publishes)->data;
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
	    .data = from->data, .size = end->rig->size, .channel = channel};
	return true;
}

const struct peer peer_floor = {
    .name = "floor",
    .what = "a word and a buffer in shared memory: spinning on it, or a futex",
    .group = "floor",
    .modes = 1 << MODE_POLL | 1 << MODE_BLOCK,
    .readers_max = 1000,
    .in_place = true,
    .state_size = sizeof(struct state),
    .memory = memory,
    .buffer = buffer,
    .send = send,
    .receive = receive,
};
