/* SPDX-License-Identifier: MIT */
/*
 * What the repeats say together. A machine changes its speed from one minute to the
 * next, and with it all times; ratios of two times of the same repeat do not change,
 * and where they do nothing can be concluded from them.
 */
#ifndef BABUS_BENCH_SUMMARY_H
#define BABUS_BENCH_SUMMARY_H

#include <stdbool.h>

enum {
	REPEATS_MAX = 99
};

/* Of four repeats or more, the one farthest from the median is not in the range. */
struct summary {
	double median, low, high; /* NaN: there are none */
};

/* Of one number for each repeat; puts them in order. */
struct summary summary_of(double *values, unsigned count);

/* Whether they agree well enough to conclude from them. */
bool summary_is_steady(const struct summary *summary);

#endif
