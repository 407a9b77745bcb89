/* SPDX-License-Identifier: MIT */
#include "report.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SCRIPT "babus-bench-report"

/* --- JSON ------------------------------------------------------------------------------ */

static const char *const metric_names[METRICS] = {"typical", "p50",  "p90",  "p99",  "p99.9", "max",
						  "cpu",     "rate", "lost", "mean", "sent"};
static const char *const group_names[] = {"peer", "babus", "floor"};
static const char *const place_names[PLACES] = {"free", "apart"};

static void string(FILE *to, const char *text)
{
	fputc('"', to);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fprintf(to, "\\%c", *text);
		else if ((unsigned char)*text < ' ')
			fprintf(to, "\\u%04x", *text);
		else
			fputc(*text, to);
	}
	fputc('"', to);
}

static void key_string(FILE *to, const char *key, const char *text)
{
	fprintf(to, "\"%s\":", key);
	string(to, text);
	fputc(',', to);
}

static void number(FILE *to, double value)
{
	if (isnan(value) || isinf(value))
		fputs("null", to);
	else
		fprintf(to, "%.6g", value);
}

static void write_machine(const struct machine *machine, FILE *to)
{
	fputs("\"machine\":{", to);
	key_string(to, "system", machine->system);
	key_string(to, "processor", machine->processor);
	fprintf(to,
		"\"processors\":%ld,\"load\":%.2f,\"steal\":%.4f,\"others\":%.4f,"
		"\"compared\":%u,\"unsteady\":%u},\n\"noisy\":[",
		machine->processors, machine->load, machine->steal, machine->others,
		machine->compared, machine->unsteady);
	for (unsigned i = 0; i < machine->reasons; i++) {
		fputs(i ? "," : "", to);
		string(to, machine->reason[i]);
	}
	fputs("],\n", to);
}

static void write_metrics(const struct bench_case *bench, FILE *to)
{
	fputs("\"metrics\":{", to);
	for (int m = 0, first = 1; m < METRICS; m++) {
		double middle = case_median(bench, (enum metric)m);

		if (isnan(middle))
			continue;
		fprintf(to, "%s\"%s\":{\"median\":", first ? "" : ",", metric_names[m]);
		number(to, middle);
		fputs(",\"repeats\":[", to);
		for (unsigned i = 0; i < bench->done; i++) {
			fputs(i ? "," : "", to);
			number(to, bench->result[i].value[m]);
		}
		fputs("]}", to);
		first = 0;
	}
	fputs("}", to);
}

/* Pairs of nanoseconds and how many, of all repeats together. */
static void write_histogram(const struct bench_case *bench, FILE *to)
{
	struct hist *all = bench_memory(sizeof(*all));

	for (unsigned i = 0; i < bench->done; i++)
		hist_merge(all, &bench->result[i].hist);
	fputs(",\"histogram\":[", to);
	for (unsigned i = 0, first = 1; i < HIST_BUCKETS; i++) {
		if (!all->bucket[i])
			continue;
		fprintf(to, "%s[%.0f,%u]", first ? "" : ",", hist_value(i), all->bucket[i]);
		first = 0;
	}
	fputc(']', to);
	free(all);
}

static void write_case(const struct bench_case *bench, FILE *to)
{
	fputc('{', to);
	key_string(to, "work", bench->work->name);
	key_string(to, "name", bench->name);
	key_string(to, "what", bench->what ? bench->what : "");
	if (bench->peer) {
		key_string(to, "group", group_names[bench->peer->group]);
		key_string(to, "mode", mode_name(bench->mode));
	}
	if (bench->variant)
		key_string(to, "variant", bench->variant);
	if (bench->row)
		key_string(to, "row", bench->row);
	fprintf(to, "\"size\":%zu,\"touch\":%zu,\"readers\":%u,\"threads\":%s,", bench->size,
		bench->touch, bench->readers, bench->threads ? "true" : "false");
	key_string(to, "place", place_names[bench->place]);
	key_string(to, "key", metric_names[bench->work->key]);
	if (!bench->done)
		key_string(to, "not_done", bench->result[0].why);
	if (bench->against) {
		struct summary ratios = case_ratios(bench);

		key_string(to, "floor", bench->against->name);
		fputs("\"ratio\":", to);
		number(to, ratios.median);
		fprintf(to, ",\"steady\":%s", summary_is_steady(&ratios) ? "true" : "false");
		fputc(',', to);
	}
	write_metrics(bench, to);
	write_histogram(bench, to);
	fputs("}", to);
}

/* What the works are, and the order of the metrics. */
static void write_names(FILE *to)
{
	fputs("\"works\":{", to);
	for (size_t i = 0; i < work_count; i++) {
		string(to, works[i]->name);
		fputc(':', to);
		string(to, works[i]->what);
		fputs(i + 1 < work_count ? "," : "},\n\"metrics\":[", to);
	}
	for (int m = 0; m < METRICS; m++)
		fprintf(to, "\"%s\"%s", metric_names[m], m + 1 < METRICS ? "," : "],\n");
}

void report_write(const struct plan *plan, const struct machine *machine, FILE *to)
{
	fprintf(to, "{\"version\":\"%s\",\"repeats\":%u,", BABUS_VERSION, plan->options->repeats);
	key_string(to, "arguments", plan->options->arguments);
	write_names(to);
	write_machine(machine, to);
	fputs("\"cases\":[\n", to);
	for (size_t i = 0; i < plan->count; i++) {
		fputs(i ? ",\n" : "", to);
		write_case(&plan->cases[i], to);
	}
	fputs("\n]}\n", to);
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
