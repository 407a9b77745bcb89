/* SPDX-License-Identifier: MIT */
/* Clocks and deadlines for programs. */
#include <babus/babus.h>

#include "shm.h"
#include "sync.h"

int64_t babus_deadline(int64_t timeout_ns)
{
	int64_t deadline;

	if (timeout_ns < 0 || __builtin_add_overflow(shm_monotonic(), timeout_ns, &deadline))
		return BABUS_FOREVER;
	return deadline;
}

uint64_t babus_now(void)
{
	return shm_boottime();
}

enum {
	TRIES = 16,
	SHARP_NS = 1000, /* between the looks at one clock, for a look at the other */
};

/*
 * CLOCK_REALTIME less CLOCK_BOOTTIME. Only a step of the clock changes it, so what
 * differs less than can be measured is the same: a message's wall time stays what it was.
 */
static uint64_t clock_offset(void)
{
	static shared64 known;
	uint64_t offset = 0, span = UINT64_MAX, was = local_get(&known);

	for (int i = 0; i < TRIES && span > SHARP_NS; i++) {
		uint64_t before = shm_boottime();
		uint64_t wall = shm_realtime();
		uint64_t took = shm_boottime() - before;

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
	return time_ns ? time_ns + clock_offset() : 0;
}
