/* SPDX-License-Identifier: MIT */
#include "metric.h"

#include <stdbool.h>
#include <string.h>

#define COUNTER_END "_total"

void metric_head(FILE *out, const char *name, const char *help)
{
	size_t length = strlen(name), end = strlen(COUNTER_END);
	bool counts = length > end && strcmp(name + length - end, COUNTER_END) == 0;

	fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name,
		counts ? "counter" : "gauge");
}
