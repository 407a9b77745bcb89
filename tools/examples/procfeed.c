/* SPDX-License-Identifier: MIT */
/*
 * procfeed: publish a line about this machine periodically.
 *
 *     procfeed SLOT [PERIOD_MS [COUNT]]
 *
 * Each message is a line of text with the current load, memory and CPU time, from
 * /proc. It is written directly into the slot's memory. The domain is
 * $BABUS_DOMAIN, else "default". To compile it:
 *
 *     cc procfeed.c $(pkg-config --cflags --libs babus) -o procfeed
 */
#define _POSIX_C_SOURCE 200809L

#include <babus/babus.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static volatile sig_atomic_t ended;

static void on_signal(int number)
{
	ended = number;
}

/* The first line of a file, without its newline; "" if it cannot be read. */
static void first_line(const char *path, char *line, int size)
{
	FILE *file = fopen(path, "re");

	line[0] = '\0';
	if (!file)
		return;
	if (!fgets(line, size, file))
		line[0] = '\0';
	line[strcspn(line, "\n")] = '\0';
	fclose(file);
}

/* Memory that programs can still get, in kB; 0 if it is unknown. */
static unsigned long available_kb(void)
{
	FILE *file = fopen("/proc/meminfo", "re");
	unsigned long kb = 0;
	char line[128];

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "MemAvailable: %lu", &kb) == 1)
			break;
	if (file)
		fclose(file);
	return kb;
}

/* A loan is memory of the slot, so the message is written in place. */
static int publish_sample(babus_slot *slot)
{
	char load[128], cpu[256];
	struct babus_loan loan;
	struct timespec now;
	int error, length;

	first_line("/proc/loadavg", load, sizeof(load));
	first_line("/proc/stat", cpu, sizeof(cpu));
	clock_gettime(CLOCK_REALTIME, &now);

	error = babus_slot_loan(slot, 512, &loan);
	if (error)
		return error;
	length = snprintf(loan.data, loan.capacity, "%jd.%03ld load %s | available %lu kB | %s\n",
			  (intmax_t)now.tv_sec, now.tv_nsec / 1000000, load, available_kb(), cpu);
	loan.size = (size_t)length < loan.capacity ? (size_t)length : loan.capacity;
	loan.stamp.source_time_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	error = babus_loan_commit(&loan, NULL);
	if (error)
		babus_loan_discard(&loan);
	return error;
}

static int feed(babus_slot *slot, long period_ms, long count)
{
	struct timespec next;
	int error = 0;

	clock_gettime(CLOCK_MONOTONIC, &next);
	for (long i = 0; !error && !ended && i != count; i++) {
		error = publish_sample(slot);
		next.tv_nsec += period_ms % 1000 * 1000000;
		next.tv_sec += period_ms / 1000 + next.tv_nsec / 1000000000;
		next.tv_nsec %= 1000000000;
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
	}
	return error;
}

int main(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = on_signal};
	struct babus_slot_options options;
	babus_domain *domain = NULL;
	babus_slot *slot = NULL;
	long period_ms = argc > 2 ? atol(argv[2]) : 1000;
	long count = argc > 3 ? atol(argv[3]) : -1;
	int error;

	if (argc < 2 || argc > 4 || period_ms < 1) {
		fprintf(stderr, "Usage: procfeed SLOT [PERIOD_MS [COUNT]]\n");
		return 2;
	}
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);

	babus_slot_options_init(&options);
	options.depth = 64;
	options.max_size = 512;
	options.type = "text";
	options.description = "load, memory and CPU time of this machine";

	error = babus_domain_open(NULL, BABUS_CREATE, NULL, &domain);
	if (!error)
		error = babus_slot_open(domain, argv[1], BABUS_PUBLISH | BABUS_CREATE, &options,
					&slot);
	if (!error)
		error = feed(slot, period_ms, count);
	if (error)
		babus_perror("procfeed", error);
	babus_slot_close(slot);
	babus_domain_close(domain);
	return error ? 1 : 0;
}
