/* SPDX-License-Identifier: MIT */
#include "past.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
	REPEATS_MOST = 99
};

static bool text_is(const struct value *of, const char *key, const char *wanted)
{
	return !wanted || strcmp(value_at(of, key)->text, wanted) == 0;
}

static bool number_is(const struct value *of, const char *key, double wanted)
{
	return wanted == 0 || value_at(of, key)->number == wanted;
}

static bool is_picked(const struct value *of, const struct pick *pick)
{
	return text_is(of, "work", pick->work) && text_is(of, "name", pick->name) &&
	       text_is(of, "mode", pick->mode) && text_is(of, "place", pick->place) &&
	       text_is(of, "variant", pick->variant) && text_is(of, "row", pick->row) &&
	       number_is(of, "size", pick->size) && number_is(of, "touch", pick->touch) &&
	       number_is(of, "readers", pick->readers) &&
	       (!pick->threads || (value_at(of, "threads")->number > 0) == (pick->threads > 0));
}

const struct value *past_find(const struct value *run, const struct pick *pick)
{
	const struct value *cases = value_at(run, "cases");

	for (size_t i = 0; i < cases->count; i++) {
		if (is_picked(&cases->items[i], pick) &&
		    value_at(&cases->items[i], "metrics")->count)
			return &cases->items[i];
	}
	return NULL;
}

static const struct value *metric_of(const struct value *of, const char *metric)
{
	return value_at(value_at(of, "metrics"), metric);
}

double past_median(const struct value *of, const char *metric)
{
	return of ? value_at(metric_of(of, metric), "median")->number : NAN;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static struct ratios summary(double *ratios, size_t count)
{
	struct ratios found;

	qsort(ratios, count, sizeof(*ratios), by_value);
	found.median = count % 2 ? ratios[count / 2]
				 : (ratios[count / 2 - 1] + ratios[count / 2]) / 2;
	found.low = ratios[0];
	found.high = ratios[count - 1];
	if (count < 4)
		return found;
	if (found.high * found.low > found.median * found.median)
		found.high = ratios[count - 2];
	else
		found.low = ratios[1];
	return found;
}

struct ratios past_ratios(const struct value *of, const struct value *to, const char *metric)
{
	const struct ratios none = {NAN, NAN, NAN};
	const struct value *above, *below;
	double ratios[REPEATS_MOST];
	size_t count;

	if (!of || !to)
		return none;
	above = value_at(metric_of(of, metric), "repeats");
	below = value_at(metric_of(to, metric), "repeats");
	count = above->count < below->count ? above->count : below->count;
	if (count > REPEATS_MOST)
		count = REPEATS_MOST;
	for (size_t i = 0; i < count; i++)
		ratios[i] = above->items[i].number / below->items[i].number;
	return count ? summary(ratios, count) : none;
}

double past_ratio(const struct value *of, const struct value *to, const char *metric)
{
	return past_ratios(of, to, metric).median;
}

void past_print_ns(double ns, FILE *to)
{
	static const char *const units[] = {"ns", "us", "ms", "s"};
	int unit = 0;

	for (; ns >= 999.5 && unit < 3; unit++)
		ns /= 1000;
	if (isnan(ns))
		fputs("-", to);
	else
		fprintf(to, "%.*f %s", ns < 9.95 ? 2 : ns < 99.5 ? 1 : 0, ns, units[unit]);
}
