/* SPDX-License-Identifier: MIT */
#include "column.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/facts.h"
#include "text.h"

const struct column columns[] = {
    {"SLOT", NULL, true, "name"},
    {"SEQ", "seq", true, NULL},
    {"KEPT", "kept", true, NULL},
    {"DEPTH", "depth", true, NULL},
    {"LIMIT", "limit", true, NULL},
    {"SIZE", "size", true, NULL},
    {"AGE", "time_boot_ns", true, "time since the newest message"},
    {"PUBS", "publishers", true, NULL},
    {"READERS", "readers", true, NULL},
    {"LOST", "lost", true, NULL},
    {"TYPE", "type", true, NULL},
    {"DESCRIPTION", "description", false, NULL},
    {"CHANNEL", "channel", false, NULL},
    {"PID", "pid", false, NULL},
    {"PUBLISHER", "publisher", false, NULL},
    {"ORIGIN", "origin", false, NULL},
    {"USED", "bytes_used", false, NULL},
    {"BOUND", "bytes_max", false, NULL},
    {"MODE", "mode", false, NULL},
    {"OWNER", "uid", false, NULL},
    {"GROUP", "gid", false, NULL},
    {NULL, NULL, false, NULL},
};

const struct column *column_find(const char *name, size_t length)
{
	for (const struct column *column = columns; column->name; column++)
		if (strlen(column->name) == length && strncasecmp(column->name, name, length) == 0)
			return column;
	return NULL;
}

bool column_is_number(const struct column *column)
{
	enum fact_kind kind = column->key ? slot_fact_find(column->key)->kind : FACT_TEXT;

	return kind != FACT_TEXT && kind != FACT_MODE && kind != FACT_USER && kind != FACT_GROUP;
}

static void number_text(enum fact_kind kind, uint64_t number, char *text, size_t room)
{
	switch (kind) {
	case FACT_BYTES:
	case FACT_SIZE:
		text_size(text, room, number);
		break;
	case FACT_BOOT_TIME:
		if (number)
			text_age(text, room, number, babus_now());
		break;
	case FACT_MODE:
		snprintf(text, room, "%04jo", (uintmax_t)number);
		break;
	case FACT_USER:
		text_user(text, room, (unsigned)number);
		break;
	case FACT_GROUP:
		text_group(text, room, (unsigned)number);
		break;
	default:
		snprintf(text, room, "%ju", (uintmax_t)number);
	}
}

void column_text(const struct column *column, const char *slot, const struct babus_slot_info *info,
		 bool bytes, char *text, size_t room)
{
	const struct slot_fact *fact = column->key ? slot_fact_find(column->key) : NULL;
	enum fact_kind kind = fact ? fact->kind : FACT_TEXT;

	*text = '\0';
	if (!fact || kind == FACT_TEXT)
		snprintf(text, room, "%s", fact ? slot_fact_text(fact, info) : slot);
	else if (kind == FACT_SIZE && !info->kept)
		return;
	else if (bytes && (kind == FACT_BYTES || kind == FACT_SIZE))
		number_text(FACT_NUMBER, slot_fact_number(fact, info), text, room);
	else
		number_text(kind, slot_fact_number(fact, info), text, room);
}

void columns_help(void)
{
	printf("\nColumns (* shown without -o):\n");
	for (const struct column *column = columns; column->name; column++)
		printf("  %c %-12s %s\n", column->usual ? '*' : ' ', column->name,
		       column->help ? column->help : slot_fact_find(column->key)->help);
}
