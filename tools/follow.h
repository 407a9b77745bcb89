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

struct follow {
	enum format format;
	enum babus_start start;
	uint64_t start_seq;
	uint64_t count;      /* end after so many; 0: never */
	uint64_t timeout_ns; /* fail after that long without a message; 0: never */
	bool wait;           /* for slots that do not exist */
	bool newest;         /* skip all but the newest message each time */
	bool exact;          /* fail if the first is not message start_seq */
};

/* Write the messages of these slots; gives the status to exit with. */
int follow_slots(struct tool *tool, const struct follow *follow, int count, char **names);

/* A place to start: oldest, next or a sequence number. 0 or STATUS_USAGE. */
int follow_parse_start(const char *what, const char *text, struct follow *follow);

#endif
