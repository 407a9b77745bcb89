/* SPDX-License-Identifier: MIT */
/* The clocks that babusfs shows. */
#include <time.h>

#include "fs.h"

static int64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t fs_monotonic(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

uint64_t fs_realtime(void)
{
	return (uint64_t)clock_ns(CLOCK_REALTIME);
}
