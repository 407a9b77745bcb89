/* SPDX-License-Identifier: MIT */
#include "table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void table_init(struct table *table, size_t columns)
{
	*table = (struct table){.columns = columns};
}

void table_finish(struct table *table)
{
	for (size_t i = 0; i < table->cells; i++)
		free(table->cell[i]);
	free(table->cell);
}

void table_add(struct table *table, const char *text)
{
	char **grown;
	char *copy;

	if (table->cells == table->room) {
		grown = reallocarray(table->cell, 2 * table->room + 64, sizeof(char *));
		if (!grown) {
			table->failed = true;
			return;
		}
		table->cell = grown;
		table->room = 2 * table->room + 64;
	}
	copy = strdup(*text ? text : "-");
	if (!copy) {
		table->failed = true;
		return;
	}
	for (char *c = copy; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7F)
			*c = '?';
	table->cell[table->cells++] = copy;
}

void table_add_number(struct table *table, uint64_t number)
{
	char text[32];

	snprintf(text, sizeof(text), "%ju", (uintmax_t)number);
	table_add(table, text);
}

/* Columns that `text` takes on a terminal: characters, not bytes. */
static size_t width(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xC0) != 0x80;
	return n;
}

static void print_cell(const char *text, size_t room, bool right, bool last)
{
	int pad = (int)(room - width(text));

	if (right)
		printf("%*s%s", pad, "", text);
	else if (last)
		fputs(text, stdout);
	else
		printf("%s%*s", text, pad, "");
	fputs(last ? "\n" : "  ", stdout);
}

int table_print(const struct table *table, const bool *right)
{
	size_t rows = table->cells / table->columns;
	size_t *widths = calloc(table->columns, sizeof(widths[0]));

	if (!widths || table->failed) {
		free(widths);
		return -ENOMEM;
	}
	for (size_t i = 0; i < rows * table->columns; i++)
		if (width(table->cell[i]) > widths[i % table->columns])
			widths[i % table->columns] = width(table->cell[i]);
	for (size_t i = 0; i < rows * table->columns; i++) {
		size_t column = i % table->columns;

		print_cell(table->cell[i], widths[column], right[column],
			   column + 1 == table->columns);
	}
	free(widths);
	return 0;
}
