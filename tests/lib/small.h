/* SPDX-License-Identifier: MIT */
/* A small tmpfs, and what fills it. */
#ifndef BABUS_TESTS_SMALL_H
#define BABUS_TESTS_SMALL_H

#include <stdbool.h>

/*
 * For main(): enter a mount namespace, so that mounts end with the program. If it cannot
 * mount there, print why the test is skipped: false.
 */
bool small_possible(void);

/* Fixture of a case: as support_setup(), with a tmpfs of this size in the case's directory. */
int small_setup(void **state, const char *size);

/* Take all the room that is left; give it back. */
void small_fill(void);
void small_empty(void);

#endif
