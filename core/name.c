/* SPDX-License-Identifier: MIT */
/* The names of slots and domains. */
#include "name.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include <babus/babus.h>

#include "error.h"

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
