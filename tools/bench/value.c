/* SPDX-License-Identifier: MIT */
#include "value.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

enum {
	DEEPEST = 32
};

struct input {
	const char *path, *text, *at;
};

static char nothing[] = "";
static const struct value absent = {.number = NAN, .text = nothing};

static _Noreturn void wrong(const struct input *in)
{
	bench_fail("%s: not JSON of babus-bench, at byte %zu", in->path,
		   (size_t)(in->at - in->text));
}

static void skip(struct input *in)
{
	while (isspace((unsigned char)*in->at))
		in->at++;
}

static void expect(struct input *in, const char *word)
{
	if (strncmp(in->at, word, strlen(word)) != 0)
		wrong(in);
	in->at += strlen(word);
}

/* Escapes other than these are not written by json.c, but for control characters. */
static char escaped(struct input *in)
{
	char hex[5] = "", *end;
	long code;

	if (*in->at == '"' || *in->at == '\\' || *in->at == '/')
		return *in->at++;
	if (*in->at != 'u')
		wrong(in);
	memcpy(hex, in->at + 1, strnlen(in->at + 1, 4));
	code = strtol(hex, &end, 16);
	if (end != hex + 4 || code < 1 || code > 127)
		wrong(in);
	in->at += 5;
	return (char)code;
}

static char *read_text(struct input *in)
{
	size_t length = 0;
	char *text, *exact;

	expect(in, "\"");
	text = malloc(strcspn(in->at, "\n") + 1);
	if (!text)
		bench_fail("no memory");
	while (*in->at != '"') {
		if ((unsigned char)*in->at < ' ')
			wrong(in);
		if (*in->at == '\\') {
			in->at++;
			text[length++] = escaped(in);
		} else {
			text[length++] = *in->at++;
		}
	}
	in->at++;
	text[length] = '\0';
	exact = realloc(text, length + 1); /* a line may be long */
	return exact ? exact : text;
}

static void read_value(struct input *in, struct value *value, int depth);

static void read_items(struct input *in, struct value *value, char close, int depth)
{
	struct value *item;

	in->at++;
	skip(in);
	if (*in->at == close) {
		in->at++;
		return;
	}
	for (;;) {
		if ((value->count & (value->count - 1)) == 0) /* room for a power of two */
			value->items = realloc(value->items, (value->count ? 2 * value->count : 1) *
								 sizeof(*value->items));
		if (!value->items)
			bench_fail("no memory");
		item = &value->items[value->count++];
		*item = absent;
		skip(in);
		if (close == '}') {
			item->key = read_text(in);
			skip(in);
			expect(in, ":");
		}
		read_value(in, item, depth + 1);
		skip(in);
		if (*in->at == close)
			break;
		expect(in, ",");
	}
	in->at++;
}

static void read_number(struct input *in, struct value *value)
{
	char *end;

	value->kind = VALUE_NUMBER;
	value->number = strtod(in->at, &end);
	if (end == in->at)
		wrong(in);
	in->at = end;
}

static void read_value(struct input *in, struct value *value, int depth)
{
	skip(in);
	if (depth > DEEPEST)
		wrong(in);
	switch (*in->at) {
	case '{':
		value->kind = VALUE_OBJECT;
		read_items(in, value, '}', depth);
		break;
	case '[':
		value->kind = VALUE_ARRAY;
		read_items(in, value, ']', depth);
		break;
	case '"':
		value->kind = VALUE_TEXT;
		value->text = read_text(in);
		break;
	case 'n':
		expect(in, "null");
		break;
	case 't':
	case 'f':
		value->kind = VALUE_BOOL;
		value->number = *in->at == 't';
		expect(in, *in->at == 't' ? "true" : "false");
		break;
	default:
		read_number(in, value);
	}
}

const struct value *value_read(const char *path)
{
	struct input in = {.path = path, .text = bench_load(path)};
	struct value *value = malloc(sizeof(*value));

	if (!value)
		bench_fail("no memory");
	in.at = in.text;
	*value = absent;
	read_value(&in, value, 0);
	skip(&in);
	if (*in.at)
		wrong(&in);
	return value;
}

const struct value *value_at(const struct value *object, const char *key)
{
	for (size_t i = 0; object->kind == VALUE_OBJECT && i < object->count; i++) {
		if (strcmp(object->items[i].key, key) == 0)
			return &object->items[i];
	}
	return &absent;
}
