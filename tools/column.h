/* SPDX-License-Identifier: MIT */
/* The columns that `babus ls` can show: a fact about a slot each. */
#ifndef TOOLS_COLUMN_H
#define TOOLS_COLUMN_H

#include <stdbool.h>
#include <stddef.h>

#include <babus/babus.h>

struct column {
	const char *name;
	const char *key; /* of the fact about the slot; NULL: its name */
	bool usual;
	const char *help; /* NULL: the fact's */
};

/* The last one has no name. */
extern const struct column columns[];

/* The column called by the `length` bytes at `name`, in any case; NULL: none. */
const struct column *column_find(const char *name, size_t length);

/* Whether it is aligned as numbers are. */
bool column_is_number(const struct column *column);

/* The value as people read it, "" if there is none; sizes in bytes if `bytes`. */
void column_text(const struct column *column, const char *slot, const struct babus_slot_info *info,
		 bool bytes, char *text, size_t room);

/* The part of --help that describes them. */
void columns_help(void);

#endif
