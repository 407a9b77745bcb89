/* SPDX-License-Identifier: MIT */
/*
 * JSON, written to a stream. Keys are constants of the program. Values may come
 * from anywhere: a string is written as valid UTF-8, whatever it holds.
 *
 * The key is NULL inside an array and at the top. The stream remembers errors.
 */
#ifndef COMMON_JSON_H
#define COMMON_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct json {
	FILE *out;
	bool spaces; /* after commas and colons, for people */
	bool comma;  /* the next value needs one before it */
};

/* Open and close an object ('{', '}') or an array ('[', ']'). */
void json_open(struct json *json, const char *key, char bracket);
void json_close(struct json *json, char bracket);

void json_string(struct json *json, const char *key, const char *text);
void json_number(struct json *json, const char *key, uint64_t value);
void json_real(struct json *json, const char *key, double value);
/* Six digits; null if the value is not finite. */
void json_float(struct json *json, const char *key, double value);
void json_bool(struct json *json, const char *key, bool value);
void json_null(struct json *json, const char *key);

/* Bytes: "text" if they are valid UTF-8, else "base64". */
void json_data(struct json *json, const void *data, size_t size);

/* Close the object at the top, and end the line. */
void json_end(struct json *json);

#endif
