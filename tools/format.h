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

/* Rows for a verb's options; `offset` is that of an enum format. */
#define FORMAT_OPTIONS(offset)                                                                     \
	{                                                                                          \
	    0,           "lines", NULL,         "end each message with a newline",                 \
	    take_choice, offset,  FORMAT_LINES, 0},                                                \
	    {0, "hex", NULL, "a dump of each message", take_choice, offset, FORMAT_HEX, 0},        \
	{                                                                                          \
		0, "json", NULL, "each message as one JSON object on a line", take_choice, offset, \
		    FORMAT_JSON, 0                                                                 \
	}

/* Write the message straight from where it is pinned. */
void format_message(enum format format, const char *slot, const struct babus_message *message);

#endif
