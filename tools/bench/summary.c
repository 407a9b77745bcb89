/* SPDX-License-Identifier: MIT */
#include "summary.h"

#include <math.h>
#include <stdlib.h>

#define STEADY_MAX 1.25 /* the highest by the lowest */

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

struct summary summary_of(double *values, unsigned count)
{
	struct summary summary = {NAN, NAN, NAN};

	if (!count)
		return summary;
	qsort(values, count, sizeof(*values), by_value);
	summary = (struct summary){(values[(count - 1) / 2] + values[count / 2]) / 2, values[0],
				   values[count - 1]};
	if (count < 4)
		return summary;
	if (summary.high * summary.low > summary.median * summary.median)
		summary.high = values[count - 2];
	else
		summary.low = values[1];
	return summary;
}

bool summary_is_steady(const struct summary *summary)
{
	return !(summary->high > summary->low * STEADY_MAX);
}
