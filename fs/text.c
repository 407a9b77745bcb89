/* SPDX-License-Identifier: MIT */
#include "text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void text_finish(struct text *text)
{
	free(text->data);
	*text = (struct text){0};
}

int text_error(const struct text *text)
{
	return text->failed ? -ENOMEM : 0;
}

static bool make_room(struct text *text, size_t more)
{
	size_t room = text->room ? text->room : 512;
	char *data;

	while (room - text->size < more)
		room *= 2;
	if (room == text->room)
		return true;
	data = realloc(text->data, room);
	if (!data) {
		text->failed = true;
		return false;
	}
	text->data = data;
	text->room = room;
	return true;
}

void text_add(struct text *text, const char *format, ...)
{
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (length < 0 || text->failed || !make_room(text, (size_t)length + 1))
		return;
	va_start(args, format);
	vsnprintf(text->data + text->size, (size_t)length + 1, format, args);
	va_end(args);
	text->size += (size_t)length;
}

/* Length of the UTF-8 character at `s`; 0: not one. */
static size_t utf8_length(const unsigned char *s)
{
	size_t length = s[0] < 0x80   ? 1
			: s[0] < 0xc2 ? 0
			: s[0] < 0xe0 ? 2
			: s[0] < 0xf0 ? 3
			: s[0] < 0xf5 ? 4
				      : 0;

	for (size_t i = 1; i < length; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return length;
}

static void add_quoted(struct text *text, const char *value)
{
	const unsigned char *s = (const unsigned char *)value;

	text_add(text, "\"");
	while (*s) {
		size_t length = utf8_length(s);

		if (!length)
			text_add(text, "\\ufffd");
		else if (*s == '"' || *s == '\\')
			text_add(text, "\\%c", *s);
		else if (*s < 0x20 || *s == 0x7f)
			text_add(text, "\\u%04x", *s);
		else
			text_add(text, "%.*s", (int)length, (const char *)s);
		s += length ? length : 1;
	}
	text_add(text, "\"");
}

static void start_value(struct text *text, const char *key)
{
	if (text->comma)
		text_add(text, ", ");
	if (key)
		text_add(text, "\"%s\": ", key);
	text->comma = true;
}

void text_open(struct text *text, const char *key, char bracket)
{
	start_value(text, key);
	text_add(text, "%c", bracket);
	text->comma = false;
}

void text_close(struct text *text, char bracket)
{
	text_add(text, "%c", bracket);
	text->comma = true;
}

void text_string(struct text *text, const char *key, const char *value)
{
	start_value(text, key);
	add_quoted(text, value);
}

void text_number(struct text *text, const char *key, uint64_t value)
{
	start_value(text, key);
	text_add(text, "%" PRIu64, value);
}

void text_real(struct text *text, const char *key, double value)
{
	start_value(text, key);
	text_add(text, "%.3f", value);
}

void text_bool(struct text *text, const char *key, bool value)
{
	start_value(text, key);
	text_add(text, value ? "true" : "false");
}
