/* SPDX-License-Identifier: MIT */
#include "plan.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEADY_MAX 1.25 /* the highest ratio by the lowest */

static const struct options *in_force;

uint64_t run_ns(void)
{
	return in_force->run_ns;
}

bool run_is_quick(void)
{
	return in_force->extent != EXTENT_FULL;
}

/* Whether a name is in this list; NULL has all. */
static bool chosen(const char *list, const char *name)
{
	size_t length = strlen(name);

	if (!list)
		return true;
	for (const char *at = list; *at; at += strcspn(at, ",")) {
		at += *at == ',';
		if (strncmp(at, name, length) == 0 && (at[length] == ',' || !at[length]))
			return true;
	}
	return false;
}

void plan_add(struct plan *plan, const struct bench_case *bench)
{
	const struct options *options = plan->options;
	bool floor = bench->peer && bench->peer->group == GROUP_FLOOR;

	if (bench->peer && !floor && !chosen(options->peers, bench->name))
		return;
	if (options->size && bench->size && bench->size != options->size)
		return;
	plan->cases = realloc(plan->cases, (plan->count + 1) * sizeof(*plan->cases));
	if (!plan->cases)
		bench_fail("no memory");
	plan->cases[plan->count] = *bench;
	if (!bench->parts)
		plan->cases[plan->count].parts = 1;
	if (!bench->touch)
		plan->cases[plan->count].touch = bench->size;
	plan->cases[plan->count].result = bench_memory(options->repeats * sizeof(struct result));
	plan->count++;
}

void plan_peers(struct plan *plan, struct bench_case bench,
		bool (*fits)(const struct bench_case *bench))
{
	const char *floor = bench.floor;

	for (size_t i = 0; i < peer_count; i++) {
		bench.peer = peers[i];
		bench.name = peers[i]->name;
		bench.what = peers[i]->what;
		bench.floor = peers[i]->group == GROUP_FLOOR ? NULL : floor;
		if (peer_has(peers[i], bench.mode) && fits(&bench))
			plan_add(plan, &bench);
	}
}

static bool same(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") == 0;
}

/* Whether both are run in turn with each other. */
static bool same_group(const struct bench_case *a, const struct bench_case *b)
{
	return a->work == b->work && a->size == b->size && a->touch == b->touch &&
	       (!a->peer || a->readers == b->readers) && a->place == b->place &&
	       a->threads == b->threads && same(a->variant, b->variant);
}

static void find_floors(struct plan *plan)
{
	for (size_t i = 0; i < plan->count; i++) {
		struct bench_case *bench = &plan->cases[i];

		for (size_t j = 0; j < plan->count && bench->floor; j++) {
			struct bench_case *other = &plan->cases[j];

			if (other != bench && strcmp(other->name, bench->floor) == 0 &&
			    other->mode == bench->floor_mode && same(other->row, bench->row) &&
			    same_group(other, bench))
				bench->against = other;
		}
	}
}

void plan_init(struct plan *plan, const struct options *options)
{
	*plan = (struct plan){.options = options};
	in_force = options;
	for (size_t i = 0; i < work_count; i++) {
		if (chosen(options->works, works[i]->name))
			works[i]->plan(plan);
	}
	find_floors(plan);
}

void plan_finish(struct plan *plan)
{
	for (size_t i = 0; i < plan->count; i++)
		free(plan->cases[i].result);
	free(plan->cases);
}

/* --- running -------------------------------------------------------------------------- */

/* The results of a run belong to a case and those that are its parts. */
static void keep(struct bench_case *bench, const struct result *results)
{
	for (unsigned i = 0; i < bench->parts; i++)
		bench[i].result[bench[i].done++] = results[i];
}

static void complain(const struct bench_case *bench, const char *what)
{
	fprintf(stderr, "babus-bench: %s: %s %s, %zu B: %s\n", bench->work->name, bench->name,
		mode_name(bench->mode), bench->size, what);
}

static void give_up(struct bench_case *bench, int error, const struct result *result)
{
	for (unsigned i = 0; i < bench->parts; i++) {
		struct result *to = &bench[i].result[bench[i].done];

		result_init(to);
		bench[i].status = error;
		snprintf(to->why, sizeof(to->why), "%s",
			 result->why[0]     ? result->why
			 : error == -ECHILD ? "one of its processes failed"
					    : strerror(-error));
	}
	complain(bench, bench->result[bench->done].why);
}

/*
 * A peer that hangs or fails gets a second try, with a new daemon: a few do so rarely.
 * Floors and babus must not.
 */
static bool deserves_another(const struct bench_case *bench, int error)
{
	if (!error || error == -EINTR || error == -ENOTSUP || !bench->peer ||
	    bench->peer->group != GROUP_PEER)
		return false;
	complain(bench, error == -ETIMEDOUT ? "hangs; once more" : "fails; once more");
	if (bench->peer->service)
		bench->peer->service->stop();
	return true;
}

static void run_one(struct bench_case *bench)
{
	unsigned parts = bench->parts;
	bool again = false;
	struct result *results;
	int error = 0;

	if (bench->status || bench->part)
		return;
	results = bench_memory(parts * sizeof(*results));
	do {
		for (unsigned i = 0; i < parts; i++)
			result_init(&results[i]);
		error = bench->work->run ? bench->work->run(bench, results)
					 : work_team(bench, bench->work->team, results);
		again = !again && deserves_another(bench, error);
	} while (again);
	if (!error)
		keep(bench, results);
	else if (error != -EINTR)
		give_up(bench, error, results);
	free(results);
}

int plan_run(struct plan *plan)
{
	size_t start = 0, end;
	int error = 0;

	for (; start < plan->count; start = end) {
		for (end = start;
		     end < plan->count && same_group(&plan->cases[start], &plan->cases[end]);)
			end++;
		if (plan->options->progress)
			fprintf(stderr, "%s, %zu B: %zu results\n", plan->cases[start].work->name,
				plan->cases[start].size, end - start);
		for (unsigned n = 0; n < plan->options->repeats; n++) {
			for (size_t i = start; i < end; i++) {
				run_one(&plan->cases[i]);
				if (bench_interrupted())
					return -EINTR;
			}
		}
	}
	for (size_t i = 0; i < plan->count; i++) {
		if (plan->cases[i].status && plan->cases[i].status != -ENOTSUP)
			error = -ECHILD;
	}
	return error;
}

/* --- results over the repeats --------------------------------------------------------- */

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

double case_median(const struct bench_case *bench, enum metric metric)
{
	double values[REPEATS_MAX];

	for (unsigned i = 0; i < bench->done; i++)
		values[i] = bench->result[i].value[metric];
	return summary_of(values, bench->done).median;
}

struct summary case_ratios(const struct bench_case *bench)
{
	const struct bench_case *other = bench->against;
	enum metric key = bench->work->key;
	double ratios[REPEATS_MAX];
	unsigned count = 0;

	for (; other && count < bench->done && count < other->done; count++)
		ratios[count] = bench->result[count].value[key] / other->result[count].value[key];
	return summary_of(ratios, count);
}
