/* SPDX-License-Identifier: MIT */
/*
 * Print the messages of some slots as they come, by one waiter. The waiter also
 * reports slots that appear, so that waiting for a slot needs no polling.
 */
#ifndef TOOLS_FOLLOW_H
#define TOOLS_FOLLOW_H

#include <stdbool.h>

#include "format.h"
#include "tool.h"

struct follow_start {
	enum babus_start where;
	uint64_t seq;
};

struct follow {
	enum format format;
	struct follow_start start;
	uint64_t count;      /* end after so many; 0: never */
	uint64_t timeout_ns; /* fail after that long without a message; 0: never */
	bool wait;           /* for slots that do not exist */
	bool newest;         /* skip older messages */
	bool exact;          /* fail if the first is not message start.seq */
};

/* Returns the exit status. */
int follow_slots(struct tool *tool, const struct follow *follow, int count, char **names);

#endif
