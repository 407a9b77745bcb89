/* SPDX-License-Identifier: MIT */
/*
 * Verbs and their options as tables: parsing, usage errors and --help all come
 * from the same rows.
 */
#ifndef TOOLS_ARGS_H
#define TOOLS_ARGS_H

#include <stdbool.h>
#include <stdint.h>

struct tool;

struct option_row {
	int key;          /* the short option, or above 255: none */
	const char *name; /* the long option; NULL: none */
	const char *arg;  /* what its argument is called; NULL: it takes none */
	const char *help;
};

struct verb {
	const char *name;
	const char *operands;             /* such as "SLOT [FILE]" */
	const char *summary;              /* one line */
	const char *details;              /* paragraphs for --help */
	void (*more)(void);               /* prints what follows the options there; NULL: nothing */
	const struct option_row *options; /* the last has key 0; NULL: none */
	int min, max;                     /* how many operands; max -1: any number */
	int (*run)(struct tool *tool, int argc, char **argv);
};

/* Exit statuses of the program. */
enum {
	STATUS_DONE = 0,
	STATUS_FAILED = 1,
	STATUS_USAGE = 2
};

/* One pass over a verb's arguments. */
struct args {
	int status;      /* what to exit with when stopped */
	bool stopped;    /* by --help or something wrong: nothing is left to do */
	char *value;     /* of the option just given */
	int count;       /* operands, after args_next() gave 0 */
	char **operands; /* ends with NULL */
	/* private */
	const struct verb *verb;
	struct tool *tool;
	int argc;
	char **argv;
	struct option *longs;
	char *shorts;
};

/* `argv[0]` is the verb, or the program for its global options. */
void args_init(struct args *args, struct tool *tool, const struct verb *verb, int argc,
	       char **argv);

/*
 * The key of the next option, 0 after the last, or -1: stop and exit with
 * args->status, everything is said. Global options and --help are taken here.
 * When it has given 0 or -1 nothing is left to free.
 */
int args_next(struct args *args);

/* Stop in the middle; gives `status`. */
int args_stop(struct args *args, int status);

/* The number in args->value or an operand; if it is none, say so and return STATUS_USAGE. */
int args_number(const char *what, const char *text, uint64_t min, uint64_t max, uint64_t *value);
int args_size(const char *what, const char *text, uint64_t *bytes);
int args_duration(const char *what, const char *text, uint64_t *ns);

/* Say what is wrong with the usage; gives STATUS_USAGE. */
int args_wrong(const struct verb *verb, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void args_help(const struct verb *verb);

#endif
