/* SPDX-License-Identifier: MIT */
/* How a message is written to standard output. */
#ifndef TOOLS_FORMAT_H
#define TOOLS_FORMAT_H

#include <babus/babus.h>

enum format {
	FORMAT_RAW,   /* its bytes */
	FORMAT_LINES, /* its bytes, and a newline if they do not end with one */
	FORMAT_HEX,   /* a line about it and a dump */
	FORMAT_JSON,  /* one object on a line */
};

/* Rows for a verb's option table, and what to do with their keys. */
enum {
	KEY_LINES = 2000,
	KEY_HEX,
	KEY_JSON
};

#define FORMAT_OPTIONS                                                            \
	{KEY_LINES, "lines", NULL, "end each message with a newline"},            \
	    {KEY_HEX, "hex", NULL, "a dump of each message"},                     \
	{                                                                         \
		KEY_JSON, "json", NULL, "one JSON object a line for each message" \
	}

enum format format_of_key(int key);

/* Write the message straight from where it is pinned. */
void format_message(enum format format, const char *slot, const struct babus_message *message);

#endif
