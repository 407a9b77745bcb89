/* SPDX-License-Identifier: MIT */
#include "name.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"

static const char *const suffixes[] = {
    [NAME_SLOT] = ".slot",
    [NAME_PINS] = ".pins",
    [NAME_GONE] = ".gone",
};

/* --- names ------------------------------------------------------------------------- */

static bool has_legal_length(size_t length)
{
	return length >= 1 && length <= BABUS_NAME_MAX;
}

static bool has_legal_characters(const char *name, size_t length)
{
	static const char legal[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

	return strspn(name, legal) == length && name[0] != '.' && name[0] != '-';
}

bool name_is_legal(const char *name)
{
	size_t length = strlen(name);

	return has_legal_length(length) && has_legal_characters(name, length);
}

int babus_name_check(const char *name)
{
	size_t length = name ? strlen(name) : 0;

	babus_fail_clear();
	if (!has_legal_length(length))
		return babus_fail(-EINVAL, "a name of %zu characters: expected 1 to %u", length,
				  BABUS_NAME_MAX);
	if (!has_legal_characters(name, length))
		return babus_fail(
		    -EINVAL, "name '%s': expected [A-Za-z0-9._-], not starting with '.' or '-'",
		    name);
	return 0;
}

/* --- files ------------------------------------------------------------------------- */

void name_file(char file[NAME_MAX + 1], enum name_kind kind, const char *name, uint64_t number)
{
	if (kind == NAME_SLOT)
		snprintf(file, NAME_MAX + 1, "%s%s", name, suffixes[kind]);
	else
		snprintf(file, NAME_MAX + 1, "%s.%016" PRIx64 "%s", name, number, suffixes[kind]);
}

/* The length of `file` without the suffix, or 0. */
static size_t stem(const char *file, enum name_kind kind)
{
	size_t length = strlen(file), end = strlen(suffixes[kind]);

	return length > end && !strcmp(file + length - end, suffixes[kind]) ? length - end : 0;
}

static bool copy_name(const char *file, size_t length, char name[BABUS_NAME_MAX + 1])
{
	if (!has_legal_length(length))
		return false;
	memcpy(name, file, length);
	name[length] = '\0';
	return name_is_legal(name);
}

bool name_of_slot(const char *file, char name[BABUS_NAME_MAX + 1])
{
	return copy_name(file, stem(file, NAME_SLOT), name);
}

bool name_of_numbered(const char *file, enum name_kind kind, char name[BABUS_NAME_MAX + 1],
		      uint64_t *number)
{
	enum {
		DIGITS = 16
	};
	size_t length = stem(file, kind);
	const char *digits = file + length - DIGITS;

	if (length < DIGITS + 2 || digits[-1] != '.' ||
	    strspn(digits, "0123456789abcdef") != DIGITS)
		return false;
	*number = strtoull(digits, NULL, 16);
	return copy_name(file, length - DIGITS - 1, name);
}
