/* SPDX-License-Identifier: MIT */
/*
 * The arguments of a verb, by its table of options: parsing, usage errors and
 * --help come from the same rows. Every verb takes the global options too.
 */
#ifndef TOOLS_ARGS_H
#define TOOLS_ARGS_H

#include <stdbool.h>

#include "option.h"

struct tool;

struct verb {
	const char *name;
	const char *operands;             /* such as "SLOT [FILE]" */
	const char *summary;              /* one line */
	const char *details;              /* paragraphs for --help; NULL: none */
	void (*more)(void);               /* prints the end of --help; NULL: nothing */
	const struct option_row *options; /* the last is {0}; NULL: none */
	int min, max;                     /* how many operands; max -1: any number */
	/* Returns the exit status. NULL: the program itself. */
	int (*run)(struct tool *tool, int argc, char **argv);
};

/* Exit statuses. */
enum {
	STATUS_DONE = 0,
	STATUS_FAILED = 1,
	STATUS_USAGE = 2
};

struct args {
	int count;       /* operands */
	char **operands; /* ends with NULL */
	int status;      /* to exit with, if there is nothing left to do */
};

/*
 * Parse `argv`, where argv[0] is the verb, and store the options' values in
 * `values`, the struct that the rows describe. False: the help is printed, or the
 * usage was wrong, which is reported: exit with args->status.
 */
bool args_parse(struct args *args, struct tool *tool, const struct verb *verb, int argc,
		char **argv, void *values);

/* Report wrong usage; returns STATUS_USAGE. */
int args_wrong(const struct verb *verb, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void args_help(const struct verb *verb);

#endif
