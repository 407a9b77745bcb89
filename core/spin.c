/* SPDX-License-Identifier: MIT */
#include "spin.h"

#include <babus/babus.h>
#include <sched.h>

static bool one_processor(void)
{
	cpu_set_t set;

	return !sched_getaffinity(0, sizeof(set), &set) && CPU_COUNT(&set) == 1;
}

void spin_init(struct spin *spin, uint64_t max_ns)
{
	spin->max_ns = max_ns && !one_processor() ? max_ns : 0;
	spin->now_ns = spin->max_ns;
}

int64_t spin_deadline(const struct spin *spin, int64_t now_ns)
{
	int64_t deadline;

	if (__builtin_add_overflow(now_ns, (int64_t)spin->now_ns, &deadline))
		return BABUS_FOREVER;
	return deadline;
}

void spin_adapt(struct spin *spin, int64_t waited_ns)
{
	if (waited_ns >= 0 && (uint64_t)waited_ns <= spin->max_ns)
		spin->now_ns = spin->max_ns;
	else
		spin->now_ns /= 2;
}
