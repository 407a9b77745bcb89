/* SPDX-License-Identifier: MIT */
/* What verbs share: the domain, the configuration, and how they report errors. */
#ifndef TOOLS_TOOL_H
#define TOOLS_TOOL_H

#include <babus/babus.h>
#include <babus/config.h>

#include "args.h"

struct tool {
	const char *domain, *root, *config_path; /* global options; NULL: not given */
	babus_config *config;                    /* NULL: not loaded yet */
	babus_domain *bus;                       /* NULL: not open */
};

/* Write "babus: ..." and a newline to standard error. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * Report that a call of the library failed on a `kind` ("slot", "domain") with
 * this name. Returns STATUS_FAILED.
 */
int fail_on(const char *kind, const char *name, int error);
int fail_memory(void);

/* The same as a text, without "babus: ". */
void describe_failure(const char *kind, const char *name, int error, char *text, size_t room);

/* These return 0, or report an error and return the exit status. */

int tool_load(struct tool *tool);

/* Load the configuration and get the domain's name and the options to open it. */
int tool_domain(struct tool *tool, const char **name, struct babus_domain_options *opts);

/* Open the domain; tool->bus stays NULL if it does not exist. */
int tool_try_open(struct tool *tool, unsigned flags, const char **name);

/* The same, but a domain that does not exist is an error. */
int tool_open(struct tool *tool, unsigned flags);

/* Check that `name` is valid for a slot. */
int tool_check_slot(const char *name);

int tool_open_slot(struct tool *tool, const char *name, unsigned flags,
		   const struct babus_slot_options *opts, babus_slot **slot);

#endif
