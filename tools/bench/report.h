/* SPDX-License-Identifier: MIT */
/*
 * The results: written as JSON here, and presented by report.py, which runs from the
 * directory of babus-bench or, if that has none, from PATH.
 */
#ifndef BABUS_BENCH_REPORT_H
#define BABUS_BENCH_REPORT_H

#include <stdio.h>

#include "machine.h"
#include "plan.h"

/* As JSON. */
void report_write(const struct plan *plan, const struct machine *machine, FILE *to);

/* Fail if there is no Python to present results with. */
void report_check(void);

/* Become report.py with these arguments; argv[0] is replaced. */
_Noreturn void report_exec(char **argv);

/* Run `report.py VERB - [FILE]` with this JSON. Whether it succeeded. */
bool report_run(FILE *json, const char *verb, const char *file);

#endif
