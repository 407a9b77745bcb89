/* SPDX-License-Identifier: MIT */
/* Clocks and deadlines for programs. */
#include <babus/babus.h>

#include "shm.h"

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

uint64_t babus_wall_time(uint64_t time_ns)
{
	/* The wall clock between two looks at the other: half of what passes between them
	   is the error. */
	uint64_t before = shm_boottime();
	uint64_t wall = shm_realtime();
	uint64_t boot = before + (shm_boottime() - before) / 2;

	return time_ns ? wall - boot + time_ns : 0;
}
