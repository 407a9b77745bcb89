/* SPDX-License-Identifier: MIT */
/* The results of a run of the benchmark that is over, as its JSON tells them. */
#ifndef BABUS_BENCH_PAST_H
#define BABUS_BENCH_PAST_H

#include <stdbool.h>
#include <stdio.h>

#include "summary.h"
#include "value.h"

/* Which case: what is NULL or 0 may be anything. */
struct pick {
	const char *work, *name, *mode, *place, *variant, *row;
	double size, touch, readers;
	int threads; /* 1: threads, -1: processes */
};

/* The first such case that was done; NULL: there is none. */
const struct value *past_find(const struct value *run, const struct pick *pick);

/* Of a metric over the repeats; NaN if `of` is NULL or it was not measured. */
struct summary past_summary(const struct value *of, const char *metric);
double past_median(const struct value *of, const char *metric);

/* Of the ratios within a repeat; NaN too. */
struct summary past_ratios(const struct value *of, const struct value *to, const char *metric);

/* A duration for people. */
void past_print_ns(double ns, FILE *to);

/*
 * What is made of a run: a section of README, pictures of gnuplot's, and whether
 * the goals were met. Each returns the exit status.
 */
int section_main(const char *json, const char *file);
int plot_main(const char *json, const char *directory);
int goals_main(const char *json);

#endif
