/* SPDX-License-Identifier: MIT */
#include "json.h"

#include <math.h>
#include <string.h>

#include "utf8.h"

static void start(struct json *json, const char *key)
{
	if (json->comma)
		fputs(json->spaces ? ", " : ",", json->out);
	if (key)
		fprintf(json->out, "\"%s\":%s", key, json->spaces ? " " : "");
	json->comma = true;
}

void json_open(struct json *json, const char *key, char bracket)
{
	start(json, key);
	fputc(bracket, json->out);
	json->comma = false;
}

void json_close(struct json *json, char bracket)
{
	fputc(bracket, json->out);
	json->comma = true;
}

void json_number(struct json *json, const char *key, uint64_t value)
{
	start(json, key);
	fprintf(json->out, "%ju", (uintmax_t)value);
}

void json_real(struct json *json, const char *key, double value)
{
	start(json, key);
	fprintf(json->out, "%.3f", value);
}

void json_float(struct json *json, const char *key, double value)
{
	start(json, key);
	fprintf(json->out, isfinite(value) ? "%.6g" : "null", value);
}

void json_bool(struct json *json, const char *key, bool value)
{
	start(json, key);
	fputs(value ? "true" : "false", json->out);
}

void json_null(struct json *json, const char *key)
{
	start(json, key);
	fputs("null", json->out);
}

void json_end(struct json *json)
{
	fputs("}\n", json->out);
	json->comma = false;
}

/* ------------------------------------------------------------ text */

static void put_escaped(unsigned char c, FILE *out)
{
	static const char letters[0x20] = {
	    ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r',
	};

	if (c == '"' || c == '\\')
		fprintf(out, "\\%c", c);
	else if (c < 0x20 && letters[c])
		fprintf(out, "\\%c", letters[c]);
	else
		fprintf(out, "\\u%04x", c);
}

static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c != '"' && c != '\\' && c != 0x7F;
}

/* Long runs of characters that need no escape are written at once. */
static void put_text(const unsigned char *s, size_t size, FILE *out)
{
	size_t length, done = 0;

	fputc('"', out);
	for (size_t i = 0; i < size; i += length ? length : 1) {
		length = utf8_length(s + i, size - i);
		if (length && is_plain(s[i]))
			continue;
		fwrite(s + done, 1, i - done, out);
		done = i + 1;
		if (length)
			put_escaped(s[i], out);
		else
			fputs("\\ufffd", out);
	}
	fwrite(s + done, 1, size - done, out);
	fputc('"', out);
}

void json_string(struct json *json, const char *key, const char *text)
{
	start(json, key);
	put_text((const unsigned char *)text, strlen(text), json->out);
}

static void put_base64(const unsigned char *s, size_t size, FILE *out)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	fputc('"', out);
	for (size_t i = 0; i < size; i += 3) {
		unsigned word = (unsigned)s[i] << 16;

		word |= i + 1 < size ? (unsigned)s[i + 1] << 8 : 0;
		word |= i + 2 < size ? s[i + 2] : 0;
		putc_unlocked(digits[word >> 18], out);
		putc_unlocked(digits[word >> 12 & 63], out);
		putc_unlocked(i + 1 < size ? digits[word >> 6 & 63] : '=', out);
		putc_unlocked(i + 2 < size ? digits[word & 63] : '=', out);
	}
	fputc('"', out);
}

void json_data(struct json *json, const void *data, size_t size)
{
	if (utf8_check(data, size)) {
		start(json, "text");
		put_text(data, size, json->out);
	} else {
		start(json, "base64");
		put_base64(data, size, json->out);
	}
}
