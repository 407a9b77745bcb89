/* SPDX-License-Identifier: MIT */
#include "json.h"

#include <stdio.h>
#include <string.h>

static void start(struct json *json, const char *key)
{
	if (json->comma)
		putchar(',');
	if (key)
		printf("\"%s\":", key);
	json->comma = true;
}

void json_open(struct json *json, const char *key)
{
	start(json, key);
	putchar('{');
	json->comma = false;
}

void json_close(struct json *json)
{
	putchar('}');
	json->comma = true;
}

void json_open_array(struct json *json, const char *key)
{
	start(json, key);
	putchar('[');
	json->comma = false;
}

void json_close_array(struct json *json)
{
	putchar(']');
	json->comma = true;
}

void json_number(struct json *json, const char *key, uint64_t value)
{
	start(json, key);
	printf("%ju", (uintmax_t)value);
}

void json_bool(struct json *json, const char *key, bool value)
{
	start(json, key);
	fputs(value ? "true" : "false", stdout);
}

void json_null(struct json *json, const char *key)
{
	start(json, key);
	fputs("null", stdout);
}

void json_end(struct json *json)
{
	putchar('\n');
	json->comma = false;
}

/* ------------------------------------------------------------ text */

/* Bytes of the UTF-8 character at `s`, 0 if there is none (RFC 3629). */
static size_t utf8_length(const unsigned char *s, size_t left)
{
	unsigned char low = 0x80, high = 0xBF;
	size_t length;

	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xC2 || s[0] > 0xF4)
		return 0;
	length = s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : 4;
	if (length > left)
		return 0;
	/* No overlong forms, no surrogates, nothing above U+10FFFF. */
	if (s[0] == 0xE0)
		low = 0xA0;
	else if (s[0] == 0xED)
		high = 0x9F;
	else if (s[0] == 0xF0)
		low = 0x90;
	else if (s[0] == 0xF4)
		high = 0x8F;
	if (s[1] < low || s[1] > high)
		return 0;
	for (size_t i = 2; i < length; i++)
		if ((s[i] & 0xC0) != 0x80)
			return 0;
	return length;
}

static bool is_utf8(const unsigned char *s, size_t size)
{
	size_t length;

	for (size_t i = 0; i < size; i += length) {
		length = utf8_length(s + i, size - i);
		if (length == 0)
			return false;
	}
	return true;
}

static void put_ascii(unsigned char c)
{
	static const char *const escapes[0x20] = {
	    ['\b'] = "\\b", ['\t'] = "\\t", ['\n'] = "\\n", ['\f'] = "\\f", ['\r'] = "\\r",
	};

	if (c == '"' || c == '\\')
		printf("\\%c", c);
	else if (c == 0x7F || (c < 0x20 && !escapes[c]))
		printf("\\u%04x", c);
	else if (c < 0x20)
		fputs(escapes[c], stdout);
	else
		putchar(c);
}

static void put_text(const unsigned char *s, size_t size)
{
	size_t length;

	putchar('"');
	for (size_t i = 0; i < size; i += length ? length : 1) {
		length = utf8_length(s + i, size - i);
		if (length == 0)
			fputs("\\ufffd", stdout);
		else if (length == 1)
			put_ascii(s[i]);
		else
			fwrite(s + i, 1, length, stdout);
	}
	putchar('"');
}

void json_string(struct json *json, const char *key, const char *text)
{
	start(json, key);
	put_text((const unsigned char *)text, strlen(text));
}

static void put_base64(const unsigned char *s, size_t size)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	unsigned word;

	putchar('"');
	for (; size >= 3; s += 3, size -= 3) {
		word = (unsigned)s[0] << 16 | (unsigned)s[1] << 8 | s[2];
		putchar(digits[word >> 18]);
		putchar(digits[word >> 12 & 63]);
		putchar(digits[word >> 6 & 63]);
		putchar(digits[word & 63]);
	}
	if (size) {
		word = (unsigned)s[0] << 16 | (size == 2 ? (unsigned)s[1] << 8 : 0);
		putchar(digits[word >> 18]);
		putchar(digits[word >> 12 & 63]);
		putchar(size == 2 ? digits[word >> 6 & 63] : '=');
		putchar('=');
	}
	putchar('"');
}

void json_data(struct json *json, const void *data, size_t size)
{
	if (is_utf8(data, size)) {
		start(json, "text");
		put_text(data, size);
	} else {
		start(json, "base64");
		put_base64(data, size);
	}
}
