/* SPDX-License-Identifier: MIT */
/* What the verbs share: the domain they work on and how they complain. */
#ifndef TOOLS_TOOL_H
#define TOOLS_TOOL_H

#include <babus/babus.h>
#include <babus/config.h>

#include "args.h"

struct tool {
	const char *domain, *root, *config_path; /* global options; NULL: not given */
	babus_config *config;                    /* NULL: not loaded yet */
};

/* Write "babus: ..." and a newline to standard error. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * Complain about a call of the library that failed on a `kind` ("slot",
 * "domain") called `name`. Gives STATUS_FAILED.
 */
int fail_on(const char *kind, const char *name, int error);
int fail_memory(void);

/* The same as text, without "babus: ". */
void describe_failure(const char *kind, const char *name, int error, char *text, size_t room);

/* These return 0 or the status to exit with, having complained. */

int tool_load(struct tool *tool);

/* Name of the domain and options to open it with; loads the configuration. */
int tool_domain(struct tool *tool, const char **name, struct babus_domain_options *opts);

int tool_open(struct tool *tool, unsigned flags, babus_domain **domain);

/* Whether `name` can be a slot's. */
int tool_check_slot(const char *name);

int tool_open_slot(babus_domain *domain, const char *name, unsigned flags,
		   const struct babus_slot_options *opts, babus_slot **slot);

#endif
