/* SPDX-License-Identifier: MIT */
#include "report.h"

#include <math.h>
#include <string.h>

const char *metric_name(enum metric metric)
{
	static const char *const names[METRICS] = {
	    "typical", "p50", "p90", "p99", "p99.9", "max", "cpu", "rate", "lost", "mean", "sent"};

	return names[metric];
}

const char *place_name(enum place place)
{
	static const char *const names[PLACES] = {"free", "apart"};

	return names[place];
}

/* A duration in at most 7 characters. */
static void print_ns(double ns, FILE *to)
{
	if (isnan(ns))
		fprintf(to, " %9s", "-");
	else if (ns < 1000)
		fprintf(to, " %6.4g ns", ns);
	else if (ns < 1e6)
		fprintf(to, " %6.4g us", ns / 1e3);
	else if (ns < 1e9)
		fprintf(to, " %6.4g ms", ns / 1e6);
	else
		fprintf(to, " %6.4g s ", ns / 1e9);
}

static void print_value(enum metric metric, double value, FILE *to)
{
	if (metric == RATE && !isnan(value))
		fprintf(to, " %7.3gM/s", value / 1e6);
	else if ((metric == LOST || metric == SENT) && !isnan(value))
		fprintf(to, " %9.0f", value);
	else
		print_ns(value, to);
}

/* Whether any case of the group has it. */
static bool has(const struct bench_case *start, const struct bench_case *end, enum metric metric)
{
	for (; start < end; start++) {
		if (start->done && !isnan(case_median(start, metric)))
			return true;
	}
	return false;
}

static void print_size(size_t size, FILE *to)
{
	if (size >= 1 << 20 && size % (1 << 20) == 0)
		fprintf(to, "%zu MiB", size >> 20);
	else if (size >= 1 << 10 && (size & (size - 1)) == 0)
		fprintf(to, "%zu KiB", size >> 10);
	else
		fprintf(to, "%zu B", size);
}

static void print_title(const struct bench_case *bench, FILE *to)
{
	fprintf(to, "\n%s: %s", bench->work->name, bench->work->what);
	if (bench->size) {
		fputs(", ", to);
		print_size(bench->size, to);
	}
	if (bench->touch != bench->size)
		fprintf(to, " of which %zu B are touched", bench->touch);
	if (bench->peer && bench->readers > 1)
		fprintf(to, ", %u readers", bench->readers);
	if (bench->variant)
		fprintf(to, ", %s", bench->variant);
	if (bench->parts)
		fputs(bench->threads ? ", threads" : ", processes", to);
	if (bench->place == PLACE_APART)
		fputs(", a processor each", to);
	fputc('\n', to);
}

static void print_case(const struct bench_case *at, const struct bench_case *start,
		       const struct bench_case *end, FILE *to)
{
	const char *mode = at->peer ? mode_name(at->mode) : "";
	struct summary ratios = case_ratios(at);

	if (at->row)
		fprintf(to, "%-26s %-11s %-6s", at->row, at->name, mode);
	else
		fprintf(to, "%-22s %-6s", at->name, mode);
	if (!at->done) {
		fprintf(to, " %s: %s\n", at->status ? "not done" : "not run", at->result[0].why);
		return;
	}
	for (int m = 0; m < METRICS; m++) {
		if (has(start, end, (enum metric)m))
			print_value((enum metric)m, case_median(at, (enum metric)m), to);
	}
	if (at->against && at->against->done && !isnan(case_median(at, at->work->key)))
		fprintf(to, "  %s%.2f x %s", summary_is_steady(&ratios) ? "" : "~", ratios.median,
			at->against->name);
	fputc('\n', to);
}

/* Where a case has parts, what is compared stands together. */
static void print_group(const struct bench_case *start, const struct bench_case *end, FILE *to)
{
	unsigned parts = start->parts ? start->parts : 1;

	print_title(start, to);
	fprintf(to, "%*s", start->row ? 45 : 29, "");
	for (int m = 0; m < METRICS; m++) {
		if (has(start, end, (enum metric)m))
			fprintf(to, " %9s", metric_name((enum metric)m));
	}
	fputs("  ratio to\n", to);
	for (unsigned i = 0; i < parts; i++) {
		for (const struct bench_case *at = start + i; at < end; at += parts)
			print_case(at, start, end, to);
	}
}

void table_print(const struct plan *plan, FILE *to)
{
	const struct bench_case *end = plan->cases + plan->count;

	for (const struct bench_case *start = plan->cases, *next; start < end; start = next) {
		for (next = start; next < end && plan_same_group(start, next);)
			next++;
		print_group(start, next, to);
	}
	fprintf(to,
		"\nMedians of %u repeats, in turn. Times differ from machine to machine and from\n"
		"minute to minute; the ratios, medians of those within a repeat, are what to\n"
		"compare; ~ marks those that differed too much from repeat to repeat.\n",
		plan->options->repeats);
}
