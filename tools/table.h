/* SPDX-License-Identifier: MIT */
/* Rows of cells, printed in columns as wide as needed, control characters as '?'. */
#ifndef TOOLS_TABLE_H
#define TOOLS_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct table {
	size_t columns, cells, room;
	char **cell; /* row after row */
	bool failed; /* out of memory, which table_print() reports */
};

void table_init(struct table *table, size_t columns);

/* Add the next cell; `columns` of them are a row. "" is shown as "-". */
void table_add(struct table *table, const char *text);

void table_add_number(struct table *table, uint64_t number);

/* Print all rows; `right` has a flag for each column: aligned right. 0 or -ENOMEM. */
int table_print(const struct table *table, const bool *right);
void table_finish(struct table *table);

#endif
