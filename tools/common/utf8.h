/* SPDX-License-Identifier: MIT */
/* Text in UTF-8, as RFC 3629 has it: nothing overlong, no surrogates, up to U+10FFFF. */
#ifndef COMMON_UTF8_H
#define COMMON_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of the character at `s`, of which `left` can be read; 0: it is none. */
size_t utf8_length(const unsigned char *s, size_t left);

/* Whether all of it is UTF-8. */
bool utf8_check(const unsigned char *s, size_t size);

#endif
