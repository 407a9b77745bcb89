/* SPDX-License-Identifier: MIT */
/* What was measured, for people (table.c) and for programs (json.c). */
#ifndef BABUS_BENCH_REPORT_H
#define BABUS_BENCH_REPORT_H

#include "machine.h"
#include "plan.h"

void table_print(const struct plan *plan, FILE *to);

/* Into the file; the benchmark fails if it cannot be written. */
void json_write(const struct plan *plan, const struct machine *machine, const char *path);

const char *metric_name(enum metric metric);
const char *place_name(enum place place);

#endif
