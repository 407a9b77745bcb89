/* SPDX-License-Identifier: MIT */
#ifndef BABUS_NAME_H
#define BABUS_NAME_H

#include <stdbool.h>

/* As babus_name_check(), without a word about what is wrong. */
bool name_is_legal(const char *name);

#endif
