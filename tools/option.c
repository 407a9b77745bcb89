/* SPDX-License-Identifier: MIT */
#include "option.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "args.h"
#include "tool.h"

int option_wrong(const struct option_row *row, const char *text, const char *expected)
{
	complain("--%s: '%s', expected %s", row->name, text, expected);
	return STATUS_USAGE;
}

int take_flag(const struct option_row *row, const char *text, void *value)
{
	(void)row;
	(void)text;
	*(bool *)value = true;
	return 0;
}

int take_choice(const struct option_row *row, const char *text, void *value)
{
	(void)text;
	*(int *)value = (int)row->min;
	return 0;
}

int take_text(const struct option_row *row, const char *text, void *value)
{
	(void)row;
	*(const char **)value = text;
	return 0;
}

int take_number(const struct option_row *row, const char *text, void *value)
{
	/* A 0 before other digits is padding and does not mean octal. */
	int base = text[0] == '0' && tolower((unsigned char)text[1]) == 'x' ? 16 : 10;
	char expected[80], *end = NULL;
	uint64_t number;

	errno = 0;
	number = isdigit((unsigned char)text[0]) ? strtoull(text, &end, base) : 0;
	if (errno || !end || *end || number < row->min || number > row->max) {
		snprintf(expected, sizeof(expected), "a whole number from %" PRIu64 " to %" PRIu64,
			 row->min, row->max);
		return option_wrong(row, text, expected);
	}
	*(uint64_t *)value = number;
	return 0;
}

int take_number32(const struct option_row *row, const char *text, void *value)
{
	uint64_t number;
	int status = take_number(row, text, &number);

	if (!status)
		*(uint32_t *)value = (uint32_t)number;
	return status;
}

int take_size(const struct option_row *row, const char *text, void *value)
{
	uint64_t bytes;

	if (babus_config_parse_size(text, &bytes) || bytes == 0)
		return option_wrong(row, text, "a size such as 4096, 64KiB or 16MiB");
	*(uint64_t *)value = bytes;
	return 0;
}

int take_duration(const struct option_row *row, const char *text, void *value)
{
	uint64_t ns;

	if (babus_config_parse_duration(text, &ns) || ns > INT64_MAX / 2)
		return option_wrong(row, text, "a duration such as 20ms, 1.5s or 2min");
	*(uint64_t *)value = ns;
	return 0;
}
