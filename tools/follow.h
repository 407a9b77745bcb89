/* SPDX-License-Identifier: MIT */
/*
 * Messages of some slots as they come, through one waiter. A slot that does
 * not exist yet, or not any more, is waited for by the domain's own news: there
 * is no polling.
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
	bool newest;         /* skip all but the newest message each time */
	bool exact;          /* fail if the first is not message start.seq */
};

/* Write the messages of these slots; gives the status to exit with. */
int follow_slots(struct tool *tool, const struct follow *follow, int count, char **names);

#endif
