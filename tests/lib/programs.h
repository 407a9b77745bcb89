/* SPDX-License-Identifier: MIT */
/* The programs of this build, for tests that run them. */
#ifndef BABUS_TESTS_PROGRAMS_H
#define BABUS_TESTS_PROGRAMS_H

#include <stddef.h>

/* The path of "fs/babusfs" and the like: 0, or -1 if it cannot be run. */
int program_find(const char *name, char *path, size_t size);

/*
 * A copy of it, with the library that it loads, in the directory of the case. Other users may not
 * be able to enter the build directory. Valid until the next call.
 */
const char *program_copy(const char *name);

#endif
