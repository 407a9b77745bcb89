/* SPDX-License-Identifier: MIT */
#include "report.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/json.h"

#define SCRIPT "babus-bench-report"

/* --- JSON ------------------------------------------------------------------------------ */

static const char *const metric_names[METRICS] = {"typical", "p50",  "p90",  "p99",  "p99.9", "max",
						  "cpu",     "rate", "lost", "mean", "sent"};
static const char *const group_names[] = {"peer", "babus", "floor"};
static const char *const place_names[PLACES] = {"free", "apart"};

static void write_machine(struct json *json, const struct machine *machine)
{
	json_open(json, "machine", '{');
	json_string(json, "system", machine->system);
	json_string(json, "processor", machine->processor);
	json_number(json, "processors", (uint64_t)machine->processors);
	json_float(json, "load", machine->load);
	json_float(json, "steal", machine->steal);
	json_float(json, "others", machine->others);
	json_number(json, "compared", machine->compared);
	json_number(json, "unsteady", machine->unsteady);
	json_close(json, '}');
	json_open(json, "noisy", '[');
	for (unsigned i = 0; i < machine->reasons; i++)
		json_string(json, NULL, machine->reason[i]);
	json_close(json, ']');
}

static void write_metrics(struct json *json, const struct bench_case *bench)
{
	json_open(json, "metrics", '{');
	for (int m = 0; m < METRICS; m++) {
		double middle = case_median(bench, (enum metric)m);

		if (isnan(middle))
			continue;
		json_open(json, metric_names[m], '{');
		json_float(json, "median", middle);
		json_open(json, "repeats", '[');
		for (unsigned i = 0; i < bench->done; i++)
			json_float(json, NULL, bench->result[i].value[m]);
		json_close(json, ']');
		json_close(json, '}');
	}
	json_close(json, '}');
}

/* Pairs of nanoseconds and how many, of all repeats together. */
static void write_histogram(struct json *json, const struct bench_case *bench)
{
	struct hist *all = bench_memory(sizeof(*all));

	for (unsigned i = 0; i < bench->done; i++)
		hist_merge(all, &bench->result[i].hist);
	json_open(json, "histogram", '[');
	for (unsigned i = 0; i < HIST_BUCKETS; i++) {
		if (!all->bucket[i])
			continue;
		json_open(json, NULL, '[');
		json_float(json, NULL, hist_value(i));
		json_number(json, NULL, all->bucket[i]);
		json_close(json, ']');
	}
	json_close(json, ']');
	free(all);
}

static void write_case(struct json *json, const struct bench_case *bench)
{
	struct summary ratios = case_ratios(bench);

	json_open(json, NULL, '{');
	json_string(json, "work", bench->work->name);
	json_string(json, "name", bench->name);
	json_string(json, "what", bench->what);
	if (bench->peer) {
		json_string(json, "group", group_names[bench->peer->group]);
		json_string(json, "mode", mode_name(bench->mode));
	}
	if (bench->variant)
		json_string(json, "variant", bench->variant);
	if (bench->row)
		json_string(json, "row", bench->row);
	json_number(json, "size", bench->size);
	json_number(json, "touch", bench->touch);
	json_number(json, "readers", bench->readers);
	json_bool(json, "threads", bench->threads);
	json_string(json, "place", place_names[bench->place]);
	json_string(json, "key", metric_names[bench->work->key]);
	if (!bench->done)
		json_string(json, "not_done", bench->result[0].why);
	if (bench->against) {
		json_string(json, "floor", bench->against->name);
		json_float(json, "ratio", ratios.median);
		json_bool(json, "steady", summary_is_steady(&ratios));
	}
	write_metrics(json, bench);
	write_histogram(json, bench);
	json_close(json, '}');
}

/* A line for each case. */
void report_write(const struct plan *plan, const struct machine *machine, FILE *to)
{
	struct json json = {.out = to};

	json_open(&json, NULL, '{');
	json_string(&json, "version", BABUS_VERSION);
	json_number(&json, "repeats", plan->options->repeats);
	json_string(&json, "arguments", plan->options->arguments);
	json_open(&json, "works", '{');
	for (size_t i = 0; i < work_count; i++)
		json_string(&json, works[i]->name, works[i]->what);
	json_close(&json, '}');
	json_open(&json, "metrics", '[');
	for (int m = 0; m < METRICS; m++)
		json_string(&json, NULL, metric_names[m]);
	json_close(&json, ']');
	write_machine(&json, machine);
	json_open(&json, "cases", '[');
	for (size_t i = 0; i < plan->count; i++) {
		fputc('\n', to);
		write_case(&json, &plan->cases[i]);
	}
	json_close(&json, ']');
	json_end(&json);
	if (fflush(to) || ferror(to))
		bench_fail("JSON: %s", strerror(errno));
}

/* --- for people ------------------------------------------------------------------------ */

void report_check(void)
{
	if (!daemon_exists("python3"))
		bench_fail("python3 is not installed; only --json - and --list do without it");
}

void report_exec(char **argv)
{
	char path[PATH_MAX];

	report_check();
	daemon_find("", SCRIPT, path);
	argv[0] = path;
	execvp(path, argv);
	bench_fail("%s: %s", path, strerror(errno));
}

bool report_run(FILE *json, const char *verb, const char *file)
{
	const char *argv[] = {SCRIPT, verb, "-", file, NULL};
	int status = 1;
	pid_t pid;

	fflush(stdout);
	rewind(json);
	pid = crew_fork();
	bench_check(pid < 0 ? -errno : 0, "fork");
	if (!pid) {
		dup2(fileno(json), 0);
		report_exec((char **)(uintptr_t)argv);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}
