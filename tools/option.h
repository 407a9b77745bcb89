/* SPDX-License-Identifier: MIT */
/*
 * Options of a verb as a table. A row says how the option is written, what
 * --help prints, and where its value is stored.
 */
#ifndef TOOLS_OPTION_H
#define TOOLS_OPTION_H

#include <stddef.h>
#include <stdint.h>

struct option_row {
	char letter;      /* 0: none */
	const char *name; /* the long option; NULL: none */
	const char *arg;  /* what its argument is called; NULL: it takes none */
	const char *help;
	/*
	 * Store the argument (NULL: none) at `value`. 0, or complain and return
	 * STATUS_USAGE. NULL: the option prints the help.
	 */
	int (*take)(const struct option_row *row, const char *text, void *value);
	size_t offset;     /* of the value in the verb's struct */
	uint64_t min, max; /* of a number; min of a choice: what to store */
};

int take_flag(const struct option_row *row, const char *text, void *value);     /* bool */
int take_choice(const struct option_row *row, const char *text, void *value);   /* an enum */
int take_text(const struct option_row *row, const char *text, void *value);     /* const char * */
int take_number(const struct option_row *row, const char *text, void *value);   /* uint64_t */
int take_number32(const struct option_row *row, const char *text, void *value); /* uint32_t */
int take_size(const struct option_row *row, const char *text, void *value);     /* bytes */
int take_duration(const struct option_row *row, const char *text, void *value); /* ns */

/* For takers of other values: complain and return STATUS_USAGE. */
int option_wrong(const struct option_row *row, const char *text, const char *expected);

#endif
