/* SPDX-License-Identifier: MIT */
/* Values as people read them. */
#ifndef TOOLS_TEXT_H
#define TOOLS_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* Such as 64, 5.93M and 20ms, 3.2s. */
void text_size(char *text, size_t room, uint64_t bytes);
void text_age(char *text, size_t room, uint64_t ns);

/* CLOCK_REALTIME now. */
uint64_t now_ns(void);

/* Name of a user or group, or its number. */
void text_user(char *text, size_t room, unsigned uid);
void text_group(char *text, size_t room, unsigned gid);

#endif
