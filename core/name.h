/* SPDX-License-Identifier: MIT */
/*
 * The names of slots and domains, and of a slot's files:
 *
 *     NAME.slot               the slot
 *     NAME.<instance>.pins    its pins
 *     NAME.<random>.gone      a removed slot on its way out
 */
#ifndef BABUS_NAME_H
#define BABUS_NAME_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include <babus/babus.h>

/* The same test as babus_name_check(), without an error text. */
bool name_is_legal(const char *name);

enum name_kind {
	NAME_SLOT,
	NAME_PINS,
	NAME_GONE
};

/* The name of a slot's file. NAME_SLOT does not use `number`. */
void name_file(char file[NAME_MAX + 1], enum name_kind kind, const char *name, uint64_t number);

/* The slot whose NAME_SLOT file this is. False: it is no such file. */
bool name_of_slot(const char *file, char name[BABUS_NAME_MAX + 1]);

/* The same for the other kinds, with the number in the file's name. */
bool name_of_numbered(const char *file, enum name_kind kind, char name[BABUS_NAME_MAX + 1],
		      uint64_t *number);

#endif
