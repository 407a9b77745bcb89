/* SPDX-License-Identifier: MIT */
/*
 * Payloads that can be checked: every byte follows from the message's tag (publisher and counter)
 * and its size. So a byte of another message, or of this one at another length, does not match.
 */
#ifndef BABUS_TESTS_PAYLOAD_H
#define BABUS_TESTS_PAYLOAD_H

#include <stdbool.h>

#include <babus/babus.h>

static inline uint64_t payload_tag(uint32_t publisher, uint64_t counter)
{
	return (uint64_t)publisher << 48 | counter;
}

static inline uint32_t payload_publisher(uint64_t tag)
{
	return (uint32_t)(tag >> 48);
}

static inline uint64_t payload_counter(uint64_t tag)
{
	return tag & ((UINT64_C(1) << 48) - 1);
}

/* Write `size` bytes and return the stamp that belongs to them. */
struct babus_stamp payload_fill(void *data, size_t size, uint64_t tag);

/* Whether all of a message is what its tag says. */
bool payload_matches(const struct babus_message *message);

/* A fast pseudo-random sequence. */
uint64_t random_next(uint64_t *state);

#endif
