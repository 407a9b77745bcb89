/* SPDX-License-Identifier: MIT */
#include "payload.h"

#include <string.h>

static uint64_t mix(uint64_t x)
{
	x ^= x >> 31;
	x *= UINT64_C(0x9e3779b97f4a7c15);
	x ^= x >> 29;
	x *= UINT64_C(0xbf58476d1ce4e5b9);
	return x ^ x >> 32;
}

static uint64_t seed_of(uint64_t tag, size_t size)
{
	return mix(tag + 1) ^ mix(size);
}

static uint64_t word_at(uint64_t seed, size_t i)
{
	return seed + i * UINT64_C(0x9e3779b97f4a7c15);
}

struct babus_stamp payload_fill(void *data, size_t size, uint64_t tag)
{
	uint64_t seed = seed_of(tag, size), word;
	size_t i;

	for (i = 0; i < size / 8; i++) {
		word = word_at(seed, i);
		memcpy((char *)data + i * 8, &word, 8);
	}
	word = word_at(seed, i);
	if (size % 8)
		memcpy((char *)data + i * 8, &word, size % 8);
	return (struct babus_stamp){.tag = tag, .source_time_ns = seed | 1};
}

bool payload_matches(const struct babus_message *message)
{
	uint64_t seed = seed_of(message->tag, message->size), word;
	const char *data = message->data;
	size_t i;

	if (message->source_time_ns != (seed | 1))
		return false;
	for (i = 0; i < message->size / 8; i++) {
		word = word_at(seed, i);
		if (memcmp(data + i * 8, &word, 8))
			return false;
	}
	word = word_at(seed, i);
	return !(message->size % 8) || !memcmp(data + i * 8, &word, message->size % 8);
}

uint64_t random_next(uint64_t *state)
{
	*state += UINT64_C(0x9e3779b97f4a7c15);
	return mix(*state);
}
