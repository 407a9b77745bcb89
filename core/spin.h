/* SPDX-License-Identifier: MIT */
/*
 * How long a waiter looks for news before it sleeps: as long as it was told to at
 * most, for as long as that pays. Each wait that looking would not have shortened
 * halves the time, the first that it would have brings all of it back. On a single
 * processor it never pays: whoever has the news cannot run meanwhile.
 *
 * Used by the one thread that waits.
 */
#ifndef BABUS_SPIN_H
#define BABUS_SPIN_H

#include <stdbool.h>
#include <stdint.h>

struct spin {
	uint64_t max_ns; /* 0: never */
	uint64_t now_ns; /* what has proved worth while lately */
};

/* Up to `max_ns`, or never if the calling thread has a single processor to run on. */
void spin_init(struct spin *spin, uint64_t max_ns);

/* Until when to look for news, for a wait that starts now, on CLOCK_MONOTONIC; negative: for ever.
 */
int64_t spin_deadline(const struct spin *spin, int64_t now_ns);

/* Learn from a wait that had to sleep: how long it took from its start, negative: in vain. */
void spin_adapt(struct spin *spin, int64_t waited_ns);

#endif
