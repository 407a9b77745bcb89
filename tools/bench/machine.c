/* SPDX-License-Identifier: MIT */
#include "machine.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

/* What a quiet run stays below. */
#define LOAD_MAX   0.5  /* for each processor, before the run */
#define STEAL_MAX  0.01 /* of the processor time */
#define OTHERS_MAX 0.05 /* of the processor time, used by other processes */

static void read_processor(struct machine *machine)
{
	FILE *file = fopen("/proc/cpuinfo", "r");
	char line[256];

	snprintf(machine->processor, sizeof(machine->processor), "unknown processor");
	while (file && fgets(line, sizeof(line), file)) {
		if (strncmp(line, "model name", 10) == 0 && strchr(line, ':'))
			snprintf(machine->processor, sizeof(machine->processor), "%.*s",
				 (int)strcspn(strchr(line, ':') + 2, "\n"), strchr(line, ':') + 2);
	}
	if (file)
		fclose(file);
}

/* Seconds, of all processors together since the machine started. */
static void read_stat(double *steal, double *busy, double *total)
{
	double tick = 1.0 / (double)sysconf(_SC_CLK_TCK), v[8] = {0};
	FILE *file = fopen("/proc/stat", "r");

	if (file && fscanf(file, "cpu %lf %lf %lf %lf %lf %lf %lf %lf", &v[0], &v[1], &v[2], &v[3],
			   &v[4], &v[5], &v[6], &v[7]) == 8) {
		*busy = (v[0] + v[1] + v[2] + v[5] + v[6]) * tick;
		*steal = v[7] * tick;
		*total = *busy + *steal + (v[3] + v[4]) * tick;
	}
	if (file)
		fclose(file);
}

static double seconds(const struct rusage *usage)
{
	return (double)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) +
	       (double)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) * 1e-6;
}

/* Used by the benchmark and by its children that have ended; daemons must have. */
static double ours(void)
{
	struct rusage self, children;

	getrusage(RUSAGE_SELF, &self);
	getrusage(RUSAGE_CHILDREN, &children);
	return seconds(&self) + seconds(&children);
}

void machine_start(struct machine *machine)
{
	struct utsname name;

	*machine = (struct machine){.processors = sysconf(_SC_NPROCESSORS_ONLN)};
	uname(&name);
	snprintf(machine->system, sizeof(machine->system), "%s %s %s", name.sysname, name.release,
		 name.machine);
	read_processor(machine);
	if (getloadavg(&machine->load, 1) < 1)
		machine->load = 0;
	machine->start_ours = ours();
	read_stat(&machine->start_steal, &machine->start_busy, &machine->start_total);
}

static void __attribute__((format(printf, 2, 3)))
reason(struct machine *machine, const char *format, ...)
{
	va_list args;

	if (machine->reasons == REASONS_MAX)
		return;
	va_start(args, format);
	vsnprintf(machine->reason[machine->reasons++], sizeof(machine->reason[0]), format, args);
	va_end(args);
}

/* The speed of the machine may change between repeats; ratios must not. */
static void judge_ratios(struct machine *machine, const struct plan *plan)
{
	machine->compared = machine->unsteady = 0;
	for (size_t i = 0; i < plan->count; i++) {
		struct summary ratios;

		if (!plan->cases[i].against || !plan->cases[i].done)
			continue;
		machine->compared++;
		ratios = case_ratios(&plan->cases[i]);
		machine->unsteady += !summary_is_steady(&ratios);
	}
	if (machine->unsteady * 2 > machine->compared)
		reason(machine, "%u of %u ratios differ from repeat to repeat", machine->unsteady,
		       machine->compared);
}

void machine_judge(struct machine *machine, const struct plan *plan)
{
	double steal = 0, busy = 0, total = 0, used = ours() - machine->start_ours;

	read_stat(&steal, &busy, &total);
	total -= machine->start_total;
	if (total > 0) {
		machine->steal = (steal - machine->start_steal) / total;
		machine->others = fmax(0, busy - machine->start_busy - used) / total;
	}
	if (machine->load > LOAD_MAX * (double)machine->processors)
		reason(machine, "a load of %.2f before it started", machine->load);
	if (machine->steal > STEAL_MAX)
		reason(machine, "%.1f%% of the processor time was stolen", machine->steal * 100);
	if (machine->others > OTHERS_MAX)
		reason(machine, "other processes used %.1f%% of the processor time",
		       machine->others * 100);
	judge_ratios(machine, plan);
}
