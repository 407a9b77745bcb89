/* SPDX-License-Identifier: MIT */
/* A fuzzer's input, read as numbers; past its end everything is 0. */
#ifndef BABUS_FUZZ_INPUT_H
#define BABUS_FUZZ_INPUT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct input {
	const uint8_t *next;
	size_t left;
};

static inline void input_take(struct input *input, void *to, size_t size)
{
	size_t n = size < input->left ? size : input->left;

	memset(to, 0, size);
	if (n)
		memcpy(to, input->next, n);
	input->next += n;
	input->left -= n;
}

static inline uint8_t input_byte(struct input *input)
{
	uint8_t value;

	input_take(input, &value, sizeof(value));
	return value;
}

static inline uint16_t input_short(struct input *input)
{
	uint16_t value;

	input_take(input, &value, sizeof(value));
	return value;
}

static inline uint64_t input_word(struct input *input)
{
	uint64_t value;

	input_take(input, &value, sizeof(value));
	return value;
}

#endif
