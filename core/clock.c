/* SPDX-License-Identifier: MIT */
#include "clock.h"

#include <time.h>

#include <babus/babus.h>

#include "sync.h"

static uint64_t read_clock(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t clock_realtime(void)
{
	return read_clock(CLOCK_REALTIME);
}

uint64_t clock_boottime(void)
{
	return read_clock(CLOCK_BOOTTIME);
}

int64_t clock_monotonic(void)
{
	return (int64_t)read_clock(CLOCK_MONOTONIC);
}

int64_t clock_monotonic_coarse(void)
{
	return (int64_t)read_clock(CLOCK_MONOTONIC_COARSE);
}

int64_t babus_deadline(int64_t timeout_ns)
{
	int64_t deadline;

	if (timeout_ns < 0 || __builtin_add_overflow(clock_monotonic(), timeout_ns, &deadline))
		return BABUS_FOREVER;
	return deadline;
}

uint64_t babus_now(void)
{
	return clock_boottime();
}

enum {
	TRIES = 16,
	SHARP_NS = 1000, /* between two looks at one clock, with a look at the other in between */
};

/*
 * CLOCK_REALTIME minus CLOCK_BOOTTIME. Only a step of the clock changes it, so a difference
 * too small to measure counts as none: a message keeps its wall time.
 */
static uint64_t wall_offset(void)
{
	static shared64 known;
	uint64_t offset = 0, span = UINT64_MAX, was = local_get(&known);

	for (int i = 0; i < TRIES && span > SHARP_NS; i++) {
		uint64_t before = clock_boottime();
		uint64_t wall = clock_realtime();
		uint64_t took = clock_boottime() - before;

		if (took >= span)
			continue;
		span = took;
		offset = wall - before - took / 2;
	}
	if (was && offset - was + SHARP_NS + span <= 2 * (SHARP_NS + span))
		return was;
	local_put(&known, offset);
	return offset;
}

uint64_t babus_wall_time(uint64_t time_ns)
{
	return time_ns ? time_ns + wall_offset() : 0;
}
