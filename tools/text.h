/* SPDX-License-Identifier: MIT */
/* Values in the form that people read. */
#ifndef TOOLS_TEXT_H
#define TOOLS_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* Such as 64 and 5.93M, 20ms and 3.2s. */
void text_size(char *text, size_t room, uint64_t bytes);
void text_age(char *text, size_t room, uint64_t ns);

/* The name of a user or group, or the number if it has no name. */
void text_user(char *text, size_t room, unsigned uid);
void text_group(char *text, size_t room, unsigned gid);

#endif
