/* SPDX-License-Identifier: MIT */
/* Columns as wide as what they hold; for people, so control characters go. */
#ifndef TOOLS_TABLE_H
#define TOOLS_TABLE_H

#include <stdbool.h>
#include <stddef.h>

struct table {
	size_t columns, cells, room;
	char **cell; /* row after row */
	bool failed; /* out of memory */
};

void table_init(struct table *table, size_t columns);

/* Add the next cell; `columns` of them are a row. */
void table_add(struct table *table, const char *text);

/* Print all rows; `right` has a flag for each column: numbers. */
void table_print(const struct table *table, const bool *right);
void table_finish(struct table *table);

#endif
