/* SPDX-License-Identifier: MIT */
/* Clocks and deadlines, in nanoseconds. */
#ifndef BABUS_CLOCK_H
#define BABUS_CLOCK_H

#include <stdint.h>

/* Now, of CLOCK_REALTIME, CLOCK_BOOTTIME and CLOCK_MONOTONIC. */
uint64_t clock_realtime(void);
uint64_t clock_boottime(void);
int64_t clock_monotonic(void);

/* CLOCK_MONOTONIC as of the last tick, some milliseconds ago, at a third of the cost. */
int64_t clock_monotonic_coarse(void);

/* `time_ns` and `interval_ns` later, or the latest time there is. */
static inline int64_t clock_after(int64_t time_ns, uint64_t interval_ns)
{
	int64_t later;

	return __builtin_add_overflow(time_ns, interval_ns, &later) ? INT64_MAX : later;
}

/* The earlier of two deadlines. A negative one never comes. */
static inline int64_t clock_sooner(int64_t a, int64_t b)
{
	return a < 0 || (b >= 0 && b < a) ? b : a;
}

#endif
