/* SPDX-License-Identifier: MIT */
#include "past.h"

#include <math.h>
#include <string.h>

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

/* A number for each repeat into `values`; how many. */
static unsigned repeats_of(const struct value *of, const char *metric, double *values)
{
	const struct value *repeats;
	unsigned count = 0;

	if (!of)
		return 0;
	repeats = value_at(value_at(value_at(of, "metrics"), metric), "repeats");
	for (; count < repeats->count && count < REPEATS_MAX; count++)
		values[count] = repeats->items[count].number;
	return count;
}

struct summary past_summary(const struct value *of, const char *metric)
{
	double values[REPEATS_MAX];
	unsigned count = repeats_of(of, metric, values);

	return summary_of(values, count);
}

double past_median(const struct value *of, const char *metric)
{
	return past_summary(of, metric).median;
}

struct summary past_ratios(const struct value *of, const struct value *to, const char *metric)
{
	double values[REPEATS_MAX], below[REPEATS_MAX];
	unsigned count = repeats_of(of, metric, values), others = repeats_of(to, metric, below);

	if (others < count)
		count = others;
	for (unsigned i = 0; i < count; i++)
		values[i] /= below[i];
	return summary_of(values, count);
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
