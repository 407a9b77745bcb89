/* SPDX-License-Identifier: MIT */
/* The machine: what it is, and how much others used it during the run. */
#ifndef BABUS_BENCH_MACHINE_H
#define BABUS_BENCH_MACHINE_H

#include "plan.h"

enum {
	REASONS_MAX = 8
};

struct machine {
	char system[256], processor[160];
	long processors;
	double load; /* before */
	/* shares of the machine's whole processor time during the run */
	double steal, others;
	unsigned compared, unsteady; /* ratios to floors; those that are not steady */
	/* why no conclusions can be drawn from this run */
	char reason[REASONS_MAX][160];
	unsigned reasons; /* 0: none, it was quiet */
	/* private: counters at the start */
	double start_steal, start_busy, start_total, start_ours;
};

void machine_start(struct machine *machine);

/* After the run: judge it. */
void machine_judge(struct machine *machine, const struct plan *plan);

#endif
