/* SPDX-License-Identifier: MIT */
/* Values in the form that people read. */
#ifndef TOOLS_TEXT_H
#define TOOLS_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* Such as 64 and 5.93M. */
void text_size(char *text, size_t room, uint64_t bytes);

/* From `then_ns` to `now_ns`, such as 20ms and 3.2s; 0 if a clock was stepped back meanwhile. */
void text_age(char *text, size_t room, uint64_t then_ns, uint64_t now_ns);

/* The name of a user or group, or the number if it has no name. */
void text_user(char *text, size_t room, unsigned uid);
void text_group(char *text, size_t room, unsigned gid);

#endif
