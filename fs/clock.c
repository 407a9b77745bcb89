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

/* Between the two clocks: differs by what passes while they are read. */
static int64_t measure_offset(uint64_t time_ns)
{
	return (int64_t)(babus_wall_time(time_ns) - time_ns);
}

uint64_t fs_wall_time(struct fs *fs, uint64_t time_ns)
{
	enum {
		ATTEMPTS = 3,     /* reading the clocks may be interrupted for long */
		STEP_NS = 1000000 /* a smaller step of the wall clock is not shown */
	};
	int64_t kept = fs->wall_offset_ns, found = kept;

	if (!time_ns)
		return 0;
	for (int i = 0; i < ATTEMPTS; i++) {
		found = measure_offset(time_ns);
		if (found - kept < STEP_NS && kept - found < STEP_NS)
			return time_ns + (uint64_t)kept;
	}
	fs->wall_offset_ns = found;
	return time_ns + (uint64_t)found;
}
