/* SPDX-License-Identifier: MIT */
/* A JSON text as a tree, for reading back what json.c wrote. Kept until the end. */
#ifndef BABUS_BENCH_VALUE_H
#define BABUS_BENCH_VALUE_H

#include <stddef.h>

struct value {
	enum {
		VALUE_NULL,
		VALUE_BOOL, /* number: 0 or 1 */
		VALUE_NUMBER,
		VALUE_TEXT,
		VALUE_ARRAY,
		VALUE_OBJECT
	} kind;
	double number;       /* NaN: it is none */
	char *text;          /* "": it is none */
	char *key;           /* of a member of an object, or NULL */
	struct value *items; /* of an array or object */
	size_t count;
};

/* Fails, saying where, if the file is not there or not JSON. */
const struct value *value_read(const char *path);

/* A member of an object; never NULL, but of kind VALUE_NULL if there is none. */
const struct value *value_at(const struct value *object, const char *key);

#endif
