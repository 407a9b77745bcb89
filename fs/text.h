/* SPDX-License-Identifier: MIT */
/*
 * A text that grows, and JSON in it. Running out of memory is remembered and
 * told once, by text_error().
 */
#ifndef FS_TEXT_H
#define FS_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
	char *data;
	size_t size, room;
	bool failed;
	bool comma; /* the next JSON value needs one before it */
};

/* Start from zero; give back. */
void text_finish(struct text *text);
/* 0 or -ENOMEM. */
int text_error(const struct text *text);

void text_add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* NULL for a key inside an array and at the top. */
void text_open(struct text *text, const char *key, char bracket);
void text_close(struct text *text, char bracket);
void text_string(struct text *text, const char *key, const char *value);
void text_number(struct text *text, const char *key, uint64_t value);
void text_real(struct text *text, const char *key, double value);
void text_bool(struct text *text, const char *key, bool value);

#endif
