/* SPDX-License-Identifier: MIT */
#include "format.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>

#include "common/json.h"
#include "out.h"

static void format_lines(const struct babus_message *message)
{
	const char *data = message->data;

	out_bytes(data, message->size);
	if (message->size == 0 || data[message->size - 1] != '\n')
		out_bytes("\n", 1);
}

static void hex_line(const unsigned char *data, size_t offset, size_t count)
{
	printf("%08zx ", offset);
	for (size_t i = 0; i < 16; i++) {
		if (i == 8)
			putchar(' ');
		if (i < count)
			printf(" %02x", data[i]);
		else
			fputs("   ", stdout);
	}
	fputs("  |", stdout);
	for (size_t i = 0; i < count; i++)
		putchar(isprint(data[i]) ? data[i] : '.');
	fputs("|\n", stdout);
}

static void format_hex(const char *slot, const struct babus_message *message)
{
	const unsigned char *data = message->data;
	size_t left = message->size;

	printf("%s %" PRIu64 " %zu B\n", slot, message->seq, message->size);
	for (size_t at = 0; at < message->size && out_ok(); at += 16, left -= 16)
		hex_line(data + at, at, left < 16 ? left : 16);
}

static void format_json(const char *slot, const struct babus_message *message)
{
	struct json json = {.out = stdout};

	json_open(&json, NULL, '{');
	json_string(&json, "slot", slot);
	json_number(&json, "seq", message->seq);
	json_number(&json, "size", message->size);
	json_number(&json, "time_ns", babus_wall_time(message->time_ns));
	json_number(&json, "time_boot_ns", message->time_ns);
	json_number(&json, "source_time_ns", message->source_time_ns);
	json_number(&json, "tag", message->tag);
	json_number(&json, "origin", message->origin);
	json_number(&json, "pid", message->pid);
	json_number(&json, "publisher", message->publisher);
	json_number(&json, "lost", message->lost);
	json_data(&json, message->data, message->size);
	json_end(&json);
}

void format_message(enum format format, const char *slot, const struct babus_message *message)
{
	switch (format) {
	case FORMAT_RAW:
		out_bytes(message->data, message->size);
		break;
	case FORMAT_LINES:
		format_lines(message);
		break;
	case FORMAT_HEX:
		format_hex(slot, message);
		break;
	case FORMAT_JSON:
		format_json(slot, message);
		break;
	}
}
