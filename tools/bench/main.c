/* SPDX-License-Identifier: MIT */
/* babus-bench: runs the cases in turn and prints medians and ratios. */
#include "bench.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

enum {
	REPEATS_MAX = 99
};

struct result {
	const struct bench_case *bench;
	double ns[REPEATS_MAX]; /* one operation, by repeat */
};

static babus_domain *domain;
static pid_t self;
static char root[] = "/dev/shm/babus-bench.XXXXXX";

double bench_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

void bench_check(int error, const char *what)
{
	if (!error)
		return;
	fprintf(stderr, "babus-bench: %s: %s\n", what, babus_strerror(error));
	if (getpid() == self)
		exit(1);
	_exit(1); /* the other process: cleaning up is not its business */
}

babus_domain *bench_domain(void)
{
	return domain;
}

babus_slot *bench_slot(const char *name, size_t size)
{
	struct babus_slot_options opts;
	babus_slot *slot;

	babus_slot_options_init(&opts);
	opts.max_size = size;
	bench_check(babus_slot_open(domain, name, BABUS_PUBLISH | BABUS_CREATE, &opts, &slot),
		    name);
	return slot;
}

/* --- results ------------------------------------------------------------------------ */

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(const double *values, int count)
{
	double sorted[REPEATS_MAX];

	memcpy(sorted, values, (size_t)count * sizeof(*values));
	qsort(sorted, (size_t)count, sizeof(*sorted), by_value);
	return count % 2 ? sorted[count / 2] : (sorted[count / 2 - 1] + sorted[count / 2]) / 2;
}

/* The median over the repeats of this case by its floor; 0 without one. */
static double ratio(const struct result *results, size_t count, size_t i, int repeats)
{
	double ratios[REPEATS_MAX];

	for (size_t j = 0; j < count && results[i].bench->floor; j++) {
		if (strcmp(results[j].bench->name, results[i].bench->floor) != 0)
			continue;
		for (int n = 0; n < repeats; n++)
			ratios[n] = results[i].ns[n] / results[j].ns[n];
		return median(ratios, repeats);
	}
	return 0;
}

static void print_machine(bool json)
{
	struct utsname name;
	double load = 0;

	uname(&name);
	if (getloadavg(&load, 1) < 1)
		load = -1;
	if (json)
		printf("{\"kernel\":\"%s\",\"machine\":\"%s\",\"processors\":%ld,\"load\":%.2f,"
		       "\"version\":\"%s\",\"cases\":[",
		       name.release, name.machine, sysconf(_SC_NPROCESSORS_ONLN), load,
		       babus_version());
	else
		printf("babus %s, Linux %s %s, %ld processors, load %.2f\n\n", babus_version(),
		       name.release, name.machine, sysconf(_SC_NPROCESSORS_ONLN), load);
}

static void print_json(const struct result *results, size_t count, int repeats)
{
	for (size_t i = 0; i < count; i++) {
		const struct bench_case *bench = results[i].bench;

		printf("%s{\"name\":\"%s\",\"what\":\"%s\",\"median_ns\":%.1f", i ? "," : "",
		       bench->name, bench->what, median(results[i].ns, repeats));
		if (bench->floor)
			printf(",\"floor\":\"%s\",\"ratio\":%.3f", bench->floor,
			       ratio(results, count, i, repeats));
		printf("}");
	}
	printf("]}\n");
}

static void print_table(const struct result *results, size_t count, int repeats)
{
	printf("%-20s %12s  %-24s %s\n", "CASE", "MEDIAN ns", "RATIO TO", "WHAT");
	for (size_t i = 0; i < count; i++) {
		const struct bench_case *bench = results[i].bench;
		char text[64] = "";

		if (bench->floor)
			snprintf(text, sizeof(text), "%.2f x %s", ratio(results, count, i, repeats),
				 bench->floor);
		printf("%-20s %12.1f  %-24s %s\n", bench->name, median(results[i].ns, repeats),
		       text, bench->what);
	}
	printf("\nMedians of %d runs of each, in turn. Times differ from machine to machine and\n"
	       "from minute to minute; the ratios are what to compare.\n",
	       repeats);
}

/* --- running -------------------------------------------------------------------------- */

static void clean_up(void)
{
	struct babus_domain_options opts;

	babus_domain_options_init(&opts);
	opts.root = root;
	babus_domain_close(domain);
	babus_domain_remove("bench", &opts);
	rmdir(root);
}

static void set_up(void)
{
	if (!mkdtemp(root)) {
		perror("babus-bench: /dev/shm");
		exit(1);
	}
	self = getpid();
	setenv("BABUS_ROOT", root, 1);
	bench_check(babus_domain_open("bench", BABUS_CREATE, NULL, &domain), "domain");
	atexit(clean_up);
}

static void run_all(struct result *results, size_t count, int repeats)
{
	for (int n = 0; n < repeats; n++) {
		for (size_t i = 0; i < count; i++) {
			const struct bench_case *bench = results[i].bench;

			results[i].ns[n] = bench->run(bench) / (double)bench->count;
		}
	}
}

static void usage(FILE *to)
{
	fputs("Usage: babus-bench [--repeats N] [--json]\n\n"
	      "What babus costs on this machine, next to the least that any way of doing the\n"
	      "same must cost. Each case runs N times (default 5), all of them in turn.\n\n"
	      "Exit status: 0 done, 1 failed, 2 wrong usage.\n",
	      to);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"repeats", required_argument, NULL, 'n'},
						{"json", no_argument, NULL, 'j'},
						{"help", no_argument, NULL, 'h'},
						{0}};
	size_t count = loop_case_count + trip_case_count;
	struct result *results;
	bool json = false;
	int repeats = 5, option;

	while ((option = getopt_long(argc, argv, "n:jh", options, NULL)) != -1) {
		if (option == 'j') {
			json = true;
		} else if (option == 'n' && atoi(optarg) >= 1 && atoi(optarg) <= REPEATS_MAX) {
			repeats = atoi(optarg);
		} else {
			usage(option == 'h' ? stdout : stderr);
			return option == 'h' ? 0 : 2;
		}
	}
	results = calloc(count, sizeof(*results));
	if (!results)
		return 1;
	for (size_t i = 0; i < count; i++)
		results[i].bench = i < loop_case_count ? &loop_cases[i]
						       : &trip_cases[i - loop_case_count];
	set_up();
	print_machine(json);
	fflush(stdout);
	run_all(results, count, repeats);
	(json ? print_json : print_table)(results, count, repeats);
	free(results);
	return 0;
}
