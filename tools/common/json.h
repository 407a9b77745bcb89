/* SPDX-License-Identifier: MIT */
/*
 * JSON on standard output. Keys are our own; values may be anybody's: strings
 * come out as valid UTF-8 whatever they hold. NULL for a key inside an array
 * and at the top.
 */
#ifndef COMMON_JSON_H
#define COMMON_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json {
	bool comma; /* the next value needs one before it */
};

void json_open(struct json *json, const char *key);
void json_close(struct json *json);
void json_open_array(struct json *json, const char *key);
void json_close_array(struct json *json);

void json_string(struct json *json, const char *key, const char *text);
void json_number(struct json *json, const char *key, uint64_t value);
void json_bool(struct json *json, const char *key, bool value);
void json_null(struct json *json, const char *key);

/* Bytes as "text" if they are valid UTF-8, else as "base64". */
void json_data(struct json *json, const void *data, size_t size);

/* End a top-level value: one line. */
void json_end(struct json *json);

#endif
