/* SPDX-License-Identifier: MIT */
/*
 * What is in a message: two words that the work uses, then words that follow
 * from the message's number, so that each byte has to be written by the one and
 * read by the other, and a wrong one is found. Messages are 16 bytes or more.
 */
#ifndef BABUS_BENCH_PAYLOAD_H
#define BABUS_BENCH_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAYLOAD_LAST (UINT64_C(1) << 63) /* in the number: no message after it */

struct payload {
	uint64_t time; /* of sending, where that is asked for */
	uint64_t number;
};

/* Write the first `size` bytes of message `number`; the time is left alone. */
void payload_write(void *data, size_t size, uint64_t number);

/* Read `size` bytes; whether they are what was written. */
bool payload_read(const void *data, size_t size);

/* Look at its ends only. At least 40 bytes. */
bool payload_ends(const void *data, size_t size);

#endif
