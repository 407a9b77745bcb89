/* SPDX-License-Identifier: MIT */
/* UTF-8 as in RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. */
#ifndef COMMON_UTF8_H
#define COMMON_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* The length of the character at `s`, 0 if there is none. `left` bytes can be read. */
size_t utf8_length(const unsigned char *s, size_t left);

/* Whether all bytes are UTF-8. */
bool utf8_check(const unsigned char *s, size_t size);

#endif
