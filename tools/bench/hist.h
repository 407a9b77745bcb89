/* SPDX-License-Identifier: MIT */
/*
 * A histogram of durations in buckets of 1.6% of their value, and exact below
 * 128. It holds no pointer, so it can be in shared memory.
 */
#ifndef BABUS_BENCH_HIST_H
#define BABUS_BENCH_HIST_H

#include <stdint.h>

enum {
	HIST_BUCKETS = 128 + 38 * 64 /* up to 2^45 */
};

struct hist {
	uint64_t count, sum, max;
	uint32_t bucket[HIST_BUCKETS];
};

void hist_add(struct hist *hist, uint64_t value);
void hist_merge(struct hist *into, const struct hist *from);

/* The value that `part` (0 to 1) of all are not above; 0 if there is none. */
double hist_part(const struct hist *hist, double part);

/* The middle of a bucket. */
double hist_value(unsigned bucket);

#endif
