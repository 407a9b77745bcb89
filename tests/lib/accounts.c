/* SPDX-License-Identifier: MIT */
#include "accounts.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "slot.h"

/* Whether the cell of this message names this buffer. */
static bool in_cell(const struct ring *ring, uint64_t seq, uint32_t buffer)
{
	return cell_get(&ring->cells[ring_index(ring, seq)]) == word_cell(seq, buffer);
}

void accounts_take(babus_slot *slot, struct accounts *accounts)
{
	const struct ring *ring = &slot->ring;

	*accounts = (struct accounts){0};
	for (uint32_t i = 0; i < ring->g.buffers; i++) {
		uint64_t state = state_get(&ring->states[i]);

		if (state_kind(state) == STATE_FREE)
			accounts->free++;
		else if (state_kind(state) == STATE_OWNED)
			accounts->owned++;
		else if (in_cell(ring, state_value(state), i))
			accounts->kept++;
		else
			accounts->stale++;
	}
	for (uint32_t i = 0; i < ring->g.loans; i++)
		accounts->tokens += claim_get(&slot->leases[SLOT_FILE].table.entries[i].claim) != 0;
	for (uint32_t i = 0; i < ring->g.pins; i++) {
		bool claimed = claim_get(&slot->pins[i].claim) != 0;

		accounts->pins += claimed;
		accounts->holds += claimed && pin_get(&slot->pins[i].pin);
	}
}

static bool equal(const char *what, uint64_t got, uint64_t wanted)
{
	if (got != wanted)
		fprintf(stderr, "accounts: %s: %" PRIu64 ", expected %" PRIu64 "\n", what, got,
			wanted);
	return got == wanted;
}

/* No two cells name the same buffer, and the numbers in the cells are consecutive. */
static bool cells_are_sound(const struct ring *ring, uint64_t newest)
{
	uint8_t *seen = calloc(1, ring->g.buffers);
	bool sound = seen != NULL;

	for (uint64_t seq = ring->g.first_seq; sound && seq <= newest; seq++) {
		uint64_t cell;

		if (seq + ring->g.depth <= newest)
			continue;
		cell = cell_get(&ring->cells[ring_index(ring, seq)]);
		sound = equal("number in its cell", cell_seq(cell), seq) &&
			cell_buffer(cell) < ring->g.buffers &&
			equal("cells of one buffer", seen[cell_buffer(cell)]++, 0);
	}
	free(seen);
	return sound;
}

bool accounts_have_memory(babus_slot *slot)
{
	const struct layout_geometry *g = &slot->ring.g;
	struct stat st;
	int fd = slot_reopen(slot, SLOT_FILE, O_RDONLY, &st);
	bool sound = fd >= 0;

	for (uint32_t i = 0; sound && i < g->buffers; i++) {
		uint64_t backed = record_get(&slot->ring.backed[i]);
		off_t start = (off_t)(g->payload + i * g->stride);

		if (backed && lseek(fd, start, SEEK_HOLE) < start + (off_t)backed)
			sound = equal("memory of the backed bytes of a buffer", 0, backed);
	}
	if (fd >= 0)
		close(fd);
	return sound;
}

bool accounts_balance(babus_slot *slot, uint32_t tokens, uint32_t pins)
{
	const struct ring *ring = &slot->ring;
	struct accounts accounts;
	uint64_t newest, kept;
	bool holds = true;

	if (ring_newest(ring, &newest))
		return equal("error from ring_newest", 1, 0);
	kept = newest - (ring->g.first_seq - 1);
	if (kept > ring->g.depth)
		kept = ring->g.depth;
	accounts_take(slot, &accounts);
	/* Check all, also after the first that fails: each prints its own line. */
	holds &= equal("owned buffers", accounts.owned, 0);
	holds &= equal("kept", accounts.kept, kept);
	holds &= equal("buffers", accounts.free + accounts.kept + accounts.stale, ring->g.buffers);
	holds &= equal("tokens in use", accounts.tokens, tokens);
	holds &= equal("pins in use", accounts.pins, pins);
	holds &= cells_are_sound(ring, newest);
	holds &= accounts_have_memory(slot);
	return holds;
}
