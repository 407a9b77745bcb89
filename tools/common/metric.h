/* SPDX-License-Identifier: MIT */
/* Metrics in the text format of Prometheus. */
#ifndef COMMON_METRIC_H
#define COMMON_METRIC_H

#include <stdio.h>

/*
 * The lines before a metric's values. A name that ends with "_total" is that of
 * a counter, any other that of a gauge.
 */
void metric_head(FILE *out, const char *name, const char *help);

#endif
