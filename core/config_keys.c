/* SPDX-License-Identifier: MIT */
/*
 * The table says which key stands in which section, how its value is read and
 * what is expected of it; every message about a value is made from it.
 */
#include "config_keys.h"

#include <babus/config.h>

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "internal/babusfs_keys.h"
#include "name.h"

/* ------------------------------------------------------------ quantities */

/* Digits with an optional fraction of up to 9, in `unit`s; the rest in *end. */
static int parse_decimal(const char *text, uint64_t unit, uint64_t *value, const char **end)
{
	uint64_t whole = 0, part = 0, scale = 1;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	for (; isdigit((unsigned char)*text); text++)
		if (__builtin_mul_overflow(whole, 10u, &whole) ||
		    __builtin_add_overflow(whole, (uint64_t)(*text - '0'), &whole))
			return -EINVAL;
	if (*text == '.') {
		for (text++; isdigit((unsigned char)*text) && scale < 1000000000; text++) {
			part = part * 10 + (uint64_t)(*text - '0');
			scale *= 10;
		}
		if (scale == 1)
			return -EINVAL;
	}
	/* unit * part / scale without its overflow. */
	part = unit / scale * part + unit % scale * part / scale;
	if (__builtin_mul_overflow(whole, unit, &whole) ||
	    __builtin_add_overflow(whole, part, value))
		return -EINVAL;
	*end = text;
	return 0;
}

struct unit {
	const char *name;
	uint64_t factor;
};

/* `units` ends with a NULL. */
static int parse_quantity(const char *text, const struct unit *units, uint64_t *value)
{
	const char *name = text + strspn(text, "0123456789.");
	const char *end;
	uint64_t sum;

	name += strspn(name, " \t");
	while (units->name && strcmp(units->name, name) != 0)
		units++;
	if (!units->name || parse_decimal(text, units->factor, &sum, &end))
		return -EINVAL;
	if (end + strspn(end, " \t") != name)
		return -EINVAL;
	*value = sum;
	return 0;
}

int babus_config_parse_size(const char *text, uint64_t *bytes)
{
	static const struct unit units[] = {
	    {"", 1},           {"B", 1},           {"kB", 1000},
	    {"MB", 1000000},   {"GB", 1000000000}, {"KiB", 1u << 10},
	    {"MiB", 1u << 20}, {"GiB", 1u << 30},  {NULL, 0},
	};

	babus_fail_clear();
	if (!parse_quantity(text, units, bytes))
		return 0;
	return babus_fail(-EINVAL, "'%s': expected a size such as 4096, 64 KiB or 16 MiB", text);
}

int babus_config_parse_duration(const char *text, uint64_t *ns)
{
	static const struct unit units[] = {
	    {"", 1000000000},
	    {"ns", 1},
	    {"us", 1000},
	    {"ms", 1000000},
	    {"s", 1000000000},
	    {"min", UINT64_C(60000000000)},
	    {"h", UINT64_C(3600000000000)},
	    {NULL, 0},
	};

	babus_fail_clear();
	if (!parse_quantity(text, units, ns))
		return 0;
	return babus_fail(-EINVAL, "'%s': expected a duration such as 50 us, 20 ms or 1 s", text);
}

/* ------------------------------------------------------------ values */

/* These return 0, -EINVAL or -ENOMEM; `max` is the key's. No text: as if not given. */

static int parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *number)
{
	uint64_t value;
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return -EINVAL;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || *end || value < min || value > max)
		return -EINVAL;
	*number = value;
	return 0;
}

static int parse_count(const char *text, uint64_t max, void *out)
{
	uint64_t value;

	if (parse_number(text, 1, max, &value))
		return -EINVAL;
	*(uint32_t *)out = (uint32_t)value;
	return 0;
}

static int parse_size(const char *text, uint64_t max, void *out)
{
	uint64_t bytes = 0;

	if (babus_config_parse_size(text, &bytes) || bytes == 0 || bytes > max)
		return -EINVAL;
	*(uint64_t *)out = bytes;
	return 0;
}

static int parse_duration(const char *text, uint64_t max, void *out)
{
	uint64_t ns = 0;

	if (babus_config_parse_duration(text, &ns) || ns > max)
		return -EINVAL;
	*(uint64_t *)out = ns;
	return 0;
}

static int parse_channel(const char *text, uint64_t max, void *out)
{
	uint64_t value;

	if (strcmp(text, "auto") == 0)
		*(int32_t *)out = -1;
	else if (parse_number(text, 0, max, &value) == 0)
		*(int32_t *)out = (int32_t)value;
	else
		return -EINVAL;
	return 0;
}

static int parse_mode(const char *text, uint64_t max, void *out)
{
	unsigned long value;
	char *end;

	if (text[0] < '0' || text[0] > '7')
		return -EINVAL;
	errno = 0;
	value = strtoul(text, &end, 8);
	if (errno || *end || value == 0 || value > max)
		return -EINVAL;
	*(mode_t *)out = (mode_t)value;
	return 0;
}

/* For a user's or a group's entry, at first. */
enum {
	ENTRY_SPACE = 8192
};

static int parse_user(const char *text, uint64_t max, void *out)
{
	struct passwd entry, *found = NULL;
	uint64_t number;
	char *space;

	if (!*text || parse_number(text, 0, max, &number) == 0) {
		*(uid_t *)out = *text ? (uid_t)number : (uid_t)-1;
		return 0;
	}
	space = malloc(ENTRY_SPACE);
	if (!space)
		return -ENOMEM;
	if (getpwnam_r(text, &entry, space, ENTRY_SPACE, &found) == 0 && found)
		*(uid_t *)out = found->pw_uid;
	free(space);
	return found ? 0 : -EINVAL;
}

static int parse_group(const char *text, uint64_t max, void *out)
{
	struct group entry, *found = NULL;
	char *space = NULL, *grown;
	uint64_t number;
	int error = ERANGE;

	if (!*text || parse_number(text, 0, max, &number) == 0) {
		*(gid_t *)out = *text ? (gid_t)number : (gid_t)-1;
		return 0;
	}
	/* A group's entry names all its members: it may be long. */
	for (size_t size = ENTRY_SPACE; error == ERANGE; size *= 2) {
		grown = realloc(space, size);
		if (!grown)
			break;
		space = grown;
		error = getgrnam_r(text, &entry, space, size, &found);
	}
	if (found)
		*(gid_t *)out = found->gr_gid;
	free(space);
	return found ? 0 : error == ERANGE ? -ENOMEM : -EINVAL;
}

static int parse_text(const char *text, uint64_t max, void *out)
{
	char *copy;

	if (strlen(text) > max)
		return -EINVAL;
	copy = strdup(text);
	if (!copy)
		return -ENOMEM;
	*(const char **)out = copy;
	return 0;
}

static int parse_name(const char *text, uint64_t max, void *out)
{
	return name_is_legal(text) ? parse_text(text, max, out) : -EINVAL;
}

static int parse_path(const char *text, uint64_t max, void *out)
{
	return text[0] != '/' ? -EINVAL : parse_text(text, max, out);
}

static int parse_boolean(const char *text, uint64_t max, void *out)
{
	(void)max;
	*(int *)out = strcmp(text, "yes") == 0;
	return *(int *)out || strcmp(text, "no") == 0 ? 0 : -EINVAL;
}

/* ------------------------------------------------------------ the table */

struct key {
	const char *name;
	unsigned sections;
	int (*parse)(const char *text, uint64_t max, void *out);
	uint64_t max;
	const char *expected;
	size_t offset, size;  /* of the value, in struct config_values; 0: only its text is kept */
	const char *fallback; /* of such a text */
};

#define VALUE(field) \
	offsetof(struct config_values, field), sizeof(((struct config_values *)0)->field), NULL
#define TEXT(text) 0, 0, text

#define A_NAME     "1 to 200 of A-Z a-z 0-9 . _ -, not starting with . or -"
#define A_SIZE     "a size above 0 such as 4096, 64 KiB or 16 MiB"
#define A_DURATION "a duration such as 0, 50 us, 20 ms or 1 s"
#define A_MODE     "octal permissions such as "
#define A_USER     "the name or number of a user, or nothing"
#define A_GROUP    "the name or number of a group, or nothing"
#define A_COUNT    "a whole number from 1 to "
#define ID_MAX     (UINT32_MAX - 1)

/* What a key of [babusfs] of that kind takes. */
#define BABUSFS_BOOL(max)     parse_boolean, 0, "yes or no"
#define BABUSFS_COUNT(max)    parse_count, max, A_COUNT #max
#define BABUSFS_SIZE(max)     parse_size, UINT64_MAX, A_SIZE
#define BABUSFS_DURATION(max) parse_duration, UINT64_MAX, A_DURATION
#define BABUSFS_ROW(name, kind, max, text, ...) \
	{name, CONFIG_BABUSFS, BABUSFS_##kind(max), TEXT(text)},

static const struct key keys[] = {
    {"name", CONFIG_DOMAIN, parse_name, BABUS_NAME_MAX, A_NAME, VALUE(domain_name)},
    {"root", CONFIG_DOMAIN, parse_path, UINT64_MAX, "an absolute path", VALUE(domain.root)},
    {"mode", CONFIG_DOMAIN, parse_mode, 03777, A_MODE "0700 or 2770", VALUE(domain.mode)},
    {"owner", CONFIG_DOMAIN, parse_user, ID_MAX, A_USER, VALUE(domain.uid)},
    {"group", CONFIG_DOMAIN, parse_group, ID_MAX, A_GROUP, VALUE(domain.gid)},
    {"trust_owner", CONFIG_DOMAIN, parse_user, ID_MAX, A_USER, VALUE(domain.trust_uid)},

    {"depth", CONFIG_SLOTS, parse_count, BABUS_BUFFERS_MAX, A_COUNT "65535", VALUE(slot.depth)},
    {"size", CONFIG_SLOTS, parse_size, UINT64_MAX, A_SIZE, VALUE(slot.max_size)},
    {"loans", CONFIG_SLOTS, parse_count, BABUS_LOANS_MAX, A_COUNT "16383", VALUE(slot.loans)},
    {"pins", CONFIG_SLOTS, parse_count, BABUS_BUFFERS_MAX, A_COUNT "65535", VALUE(slot.pins)},
    {"channel", CONFIG_SLOTS, parse_channel, BABUS_CHANNELS - 1, "auto or 0 to 31",
     VALUE(slot.channel)},
    {"mode", CONFIG_SLOTS, parse_mode, 0777, A_MODE "0600 or 0640", VALUE(slot.mode)},
    {"owner", CONFIG_SLOTS, parse_user, ID_MAX, A_USER, VALUE(slot.uid)},
    {"group", CONFIG_SLOTS, parse_group, ID_MAX, A_GROUP, VALUE(slot.gid)},
    {"type", CONFIG_SLOT, parse_text, BABUS_TYPE_MAX, "a label of up to 63 bytes",
     VALUE(slot.type)},
    {"description", CONFIG_SLOT, parse_text, BABUS_DESCRIPTION_MAX, "a text of up to 191 bytes",
     VALUE(slot.description)},

    /* clang-format off */
    BABUSFS_KEYS(BABUSFS_ROW)
    /* clang-format on */
};

static_assert(sizeof(keys) / sizeof(keys[0]) == CONFIG_KEYS,
	      "struct config_values has room for each key");

int babus_config_key_find(unsigned section, const char *name)
{
	for (int k = 0; k < CONFIG_KEYS; k++)
		if (keys[k].sections & section && strcmp(keys[k].name, name) == 0)
			return k;
	return -1;
}

void babus_config_key_list(unsigned section, char *text, size_t size)
{
	size_t used = 0;

	text[0] = '\0';
	for (int k = 0; k < CONFIG_KEYS; k++)
		if (keys[k].sections & section && used < size)
			used += (size_t)snprintf(text + used, size - used, "%s%s", used ? ", " : "",
						 keys[k].name);
}

int babus_config_values_take(int k, const char *text, struct config_values *values)
{
	uint64_t scratch;
	int error;

	if (keys[k].size)
		return keys[k].parse(text, keys[k].max, (char *)values + keys[k].offset);
	error = keys[k].parse(text, keys[k].max, &scratch);
	return error ? error : parse_text(text, UINT64_MAX, &values->text[k]);
}

void babus_config_values_init(struct config_values *values)
{
	memset(values, 0, sizeof(*values));
	babus_domain_options_init(&values->domain);
	babus_slot_options_init(&values->slot);
}

void babus_config_values_finish(struct config_values *values)
{
	for (int k = 0; k < CONFIG_KEYS; k++)
		free((char *)values->text[k]);
	free((char *)values->domain_name);
	free((char *)values->domain.root);
	free((char *)values->slot.type);
	free((char *)values->slot.description);
}

void babus_config_values_slot(const struct config_values *values, struct babus_slot_options *opts)
{
	for (int k = 0; k < CONFIG_KEYS; k++)
		if (values->line[k] && keys[k].sections & CONFIG_SLOTS)
			memcpy((char *)opts +
				   (keys[k].offset - offsetof(struct config_values, slot)),
			       (const char *)values + keys[k].offset, keys[k].size);
}

const char *babus_config_key_expected(int k)
{
	return keys[k].expected;
}

const char *babus_config_values_text(const struct config_values *values, int k)
{
	return values->line[k] ? values->text[k] : keys[k].fallback;
}
