/* SPDX-License-Identifier: MIT */
/*
 * All cases of this run of the benchmark. Cases that belong together are a
 * group, and the repeats of a group's cases are interleaved: each runs once,
 * then each again, so that a machine that changes its speed changes it for all
 * of them. What counts is the median of the ratios within a repeat.
 */
#ifndef BABUS_BENCH_PLAN_H
#define BABUS_BENCH_PLAN_H

#include "work.h"

enum {
	REPEATS_MAX = 99
};

/* Of one number for each repeat. Of four or more, the range omits the farthest one. */
struct summary {
	double median, low, high; /* NaN: there are none */
};

enum extent {
	EXTENT_SMOKE,
	EXTENT_QUICK,
	EXTENT_FULL
};

struct options {
	unsigned repeats;
	uint64_t run_ns;
	enum extent extent;
	const char *works, *peers; /* names with commas between, NULL: all */
	size_t size;               /* only this one; 0: all */
	bool progress;             /* on stderr */
	char arguments[256];       /* of the command line that chose all this */
};

struct plan {
	const struct options *options;
	struct bench_case *cases;
	size_t count;
};

void plan_init(struct plan *plan, const struct options *options);
void plan_finish(struct plan *plan);

/* Add a case, unless the options leave its peer or size out. */
void plan_add(struct plan *plan, const struct bench_case *bench);

/*
 * Add a case like this one for each peer that has its mode and fits. Floors are compared
 * with nothing.
 */
void plan_peers(struct plan *plan, struct bench_case bench,
		bool (*fits)(const struct bench_case *bench));

/* Run all. 0; -EINTR: asked to stop; -ECHILD: something failed, the rest ran. */
int plan_run(struct plan *plan);

/* Puts the values in order. */
struct summary summary_of(double *values, unsigned count);

/* Median over the repeats; NaN if it was not measured. */
double case_median(const struct bench_case *bench, enum metric metric);

/* Of the key metric, to what it is measured against, within a repeat. */
struct summary case_ratios(const struct bench_case *bench);

/* Whether the repeats agree well enough to conclude from them. */
bool summary_is_steady(const struct summary *summary);

#endif
