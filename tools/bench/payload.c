/* SPDX-License-Identifier: MIT */
#include "payload.h"

#include <string.h>

void payload_write(void *data, size_t size, uint64_t number)
{
	uint64_t *word = data;
	size_t words = size / 8;

	word[1] = number;
	for (size_t i = 2; i < words; i++)
		word[i] = number + i;
	memset(word + words, (int)(number & 0xff), size % 8);
}

bool payload_read(const void *data, size_t size)
{
	const uint64_t *word = data;
	const unsigned char *rest = (const unsigned char *)data + size / 8 * 8;
	uint64_t words = size / 8, sum = 0, wrong = 0, number = word[1];

	for (size_t i = 2; i < words; i++)
		sum += word[i];
	for (size_t i = 0; i < size % 8; i++)
		wrong |= rest[i] ^ (unsigned char)number;
	return !wrong && sum == (words - 2) * number + (words * (words - 1) / 2 - 1);
}

bool payload_ends(const void *data, size_t size)
{
	const uint64_t *word = data;
	size_t last = size / 8 - 1;

	return word[2] == word[1] + 2 && word[last] == word[1] + last;
}
