/* SPDX-License-Identifier: MIT */
/* How a message is written to standard output. */
#ifndef TOOLS_FORMAT_H
#define TOOLS_FORMAT_H

#include <babus/babus.h>

enum format {
	FORMAT_RAW,   /* its bytes */
	FORMAT_LINES, /* its bytes, and a newline if they do not end with one */
	FORMAT_HEX,   /* a line with its facts and a dump */
	FORMAT_JSON,  /* one object on a line */
};

/* Rows for a verb's options; `offset` is that of an enum format. */
#define FORMAT_OPTIONS(offset)                                                                   \
	{                                                                                        \
	    0,           "lines", NULL,         "end each message with a newline",               \
	    take_choice, offset,  FORMAT_LINES, 0},                                              \
	    {0,           "hex",  NULL,       "dump each message in hexadecimal",                \
	     take_choice, offset, FORMAT_HEX, 0},                                                \
	{                                                                                        \
		0, "json", NULL, "print each message as a line with a JSON object", take_choice, \
		    offset, FORMAT_JSON, 0                                                       \
	}

/* Write a message, straight from shared memory. */
void format_message(enum format format, const char *slot, const struct babus_message *message);

#endif
