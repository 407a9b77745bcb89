/* SPDX-License-Identifier: MIT */
/*
 * babus.ini: one table says which key stands in which section, how its value
 * is read and what is expected of it; every message is made from that table.
 *
 * inih splits the lines into keys and values. Sections are read here, from the
 * whole line: inih cuts their names at 49 bytes, ends a pattern such as
 * cam[0-9] at its first ']' and does not report sections without keys.
 *
 * A configuration is built aside and handed out only when the whole file is
 * right, so nothing is half-applied. This file opens nothing but that file and
 * knows neither domains nor slots beyond their options.
 */
#include <babus/config.h>

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <grp.h>
#include <ini.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "error.h"

enum {
	IN_NONE = 0,
	IN_DOMAIN = 1 << 0,
	IN_DEFAULTS = 1 << 1,
	IN_SLOT = 1 << 2,
	IN_BABUSFS = 1 << 3,
	IN_SLOTS = IN_DEFAULTS | IN_SLOT,
};

enum {
	KEYS = 23
};

/* What sections say; line[k] is where keys[k] was given, 0 if it was not. */
struct values {
	int line[KEYS];
	const char *text[KEYS]; /* of [babusfs], as written */
	const char *domain_name;
	struct babus_domain_options domain;
	struct babus_slot_options slot;
};

struct slot_section {
	struct slot_section *next;
	char *pattern;
	int line;
	struct values values;
};

struct babus_config {
	char *path;
	char *env_domain, *env_root;                  /* NULL: not set */
	int line_domain, line_defaults, line_babusfs; /* 0: no such section */
	struct values common;                         /* all but [slot PATTERN] */
	struct slot_section *slots;                   /* in the order of the file */
};

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
	uint64_t bytes;

	if (babus_config_parse_size(text, &bytes) || bytes == 0 || bytes > max)
		return -EINVAL;
	*(uint64_t *)out = bytes;
	return 0;
}

static int parse_duration(const char *text, uint64_t max, void *out)
{
	uint64_t ns;

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

static int parse_user(const char *text, uint64_t max, void *out)
{
	struct passwd entry, *found = NULL;
	uint64_t number;
	char space[8192];

	if (!*text)
		*(uid_t *)out = (uid_t)-1;
	else if (parse_number(text, 0, max, &number) == 0)
		*(uid_t *)out = (uid_t)number;
	else if (getpwnam_r(text, &entry, space, sizeof(space), &found) == 0 && found)
		*(uid_t *)out = found->pw_uid;
	else
		return -EINVAL;
	return 0;
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
	for (size_t size = 8192; error == ERANGE; size *= 2) {
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
	return babus_name_check(text) ? -EINVAL : parse_text(text, max, out);
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
	size_t offset, size;  /* of the value, in struct values; 0: only its text is kept */
	const char *fallback; /* of such a text */
};

#define VALUE(field) offsetof(struct values, field), sizeof(((struct values *)0)->field), NULL
#define TEXT(text)   0, 0, text

#define A_NAME     "1 to 200 of A-Z a-z 0-9 . _ -, not starting with . or -"
#define A_SIZE     "a size above 0 such as 4096, 64 KiB or 16 MiB"
#define A_DURATION "a duration such as 0, 50 us, 20 ms or 1 s"
#define A_MODE     "octal permissions such as "
#define A_USER     "the name or number of a user, or nothing"
#define A_GROUP    "the name or number of a group, or nothing"
#define A_COUNT    "a whole number from 1 to "
#define ID_MAX     (UINT32_MAX - 1)

static const struct key keys[] = {
    {"name", IN_DOMAIN, parse_name, BABUS_NAME_MAX, A_NAME, VALUE(domain_name)},
    {"root", IN_DOMAIN, parse_path, UINT64_MAX, "an absolute path", VALUE(domain.root)},
    {"mode", IN_DOMAIN, parse_mode, 03777, A_MODE "0700 or 2770", VALUE(domain.mode)},
    {"owner", IN_DOMAIN, parse_user, ID_MAX, A_USER, VALUE(domain.uid)},
    {"group", IN_DOMAIN, parse_group, ID_MAX, A_GROUP, VALUE(domain.gid)},
    {"trust_owner", IN_DOMAIN, parse_user, ID_MAX, A_USER, VALUE(domain.trust_uid)},

    {"depth", IN_SLOTS, parse_count, BABUS_BUFFERS_MAX, A_COUNT "65535", VALUE(slot.depth)},
    {"size", IN_SLOTS, parse_size, UINT64_MAX, A_SIZE, VALUE(slot.max_size)},
    {"loans", IN_SLOTS, parse_count, BABUS_LOANS_MAX, A_COUNT "16383", VALUE(slot.loans)},
    {"pins", IN_SLOTS, parse_count, BABUS_BUFFERS_MAX, A_COUNT "65535", VALUE(slot.pins)},
    {"channel", IN_SLOTS, parse_channel, BABUS_CHANNELS - 1, "auto or 0 to 31",
     VALUE(slot.channel)},
    {"mode", IN_SLOTS, parse_mode, 0777, A_MODE "0600 or 0640", VALUE(slot.mode)},
    {"owner", IN_SLOTS, parse_user, ID_MAX, A_USER, VALUE(slot.uid)},
    {"group", IN_SLOTS, parse_group, ID_MAX, A_GROUP, VALUE(slot.gid)},
    {"type", IN_SLOT, parse_text, BABUS_TYPE_MAX, "a label of up to 63 bytes", VALUE(slot.type)},
    {"description", IN_SLOT, parse_text, BABUS_DESCRIPTION_MAX, "a text of up to 191 bytes",
     VALUE(slot.description)},

    {"allow_other", IN_BABUSFS, parse_boolean, 0, "yes or no", TEXT("no")},
    {"list_all", IN_BABUSFS, parse_boolean, 0, "yes or no", TEXT("no")},
    {"hide_wait", IN_BABUSFS, parse_boolean, 0, "yes or no", TEXT("no")},
    {"threads", IN_BABUSFS, parse_count, 1024, A_COUNT "1024", TEXT("4")},
    {"max_pending", IN_BABUSFS, parse_size, UINT64_MAX, A_SIZE, TEXT("256 MiB")},
    {"hold", IN_BABUSFS, parse_duration, UINT64_MAX, A_DURATION, TEXT("1 s")},
    {"spin", IN_BABUSFS, parse_duration, UINT64_MAX, A_DURATION, TEXT("0")},
};

static_assert(sizeof(keys) / sizeof(keys[0]) == KEYS, "struct values has room for each key");

/* Index of a key, or -1. */
static int find_key(unsigned section, const char *name)
{
	for (int k = 0; k < KEYS; k++)
		if (keys[k].sections & section && strcmp(keys[k].name, name) == 0)
			return k;
	return -1;
}

/* The keys of a section, for people. */
static void list_keys(unsigned section, char *text, size_t size)
{
	size_t used = 0;

	text[0] = '\0';
	for (int k = 0; k < KEYS; k++)
		if (keys[k].sections & section && used < size)
			used += (size_t)snprintf(text + used, size - used, "%s%s", used ? ", " : "",
						 keys[k].name);
}

static int take_value(int k, const char *text, struct values *values)
{
	uint64_t scratch;
	int error;

	if (keys[k].size)
		return keys[k].parse(text, keys[k].max, (char *)values + keys[k].offset);
	error = keys[k].parse(text, keys[k].max, &scratch);
	return error ? error : parse_text(text, UINT64_MAX, &values->text[k]);
}

static void init_values(struct values *values)
{
	memset(values, 0, sizeof(*values));
	babus_domain_options_init(&values->domain);
	babus_slot_options_init(&values->slot);
}

static void finish_values(struct values *values)
{
	for (int k = 0; k < KEYS; k++)
		free((char *)values->text[k]);
	free((char *)values->domain_name);
	free((char *)values->domain.root);
	free((char *)values->slot.type);
	free((char *)values->slot.description);
}

/* Put what these sections say about slots over `opts`. */
static void apply_slot(const struct values *values, struct babus_slot_options *opts)
{
	for (int k = 0; k < KEYS; k++)
		if (values->line[k] && keys[k].sections & IN_SLOTS)
			memcpy((char *)opts + (keys[k].offset - offsetof(struct values, slot)),
			       (const char *)values + keys[k].offset, keys[k].size);
}

/* ------------------------------------------------------------ the file */

#define SECTIONS "[domain], [defaults], [slot PATTERN] or [babusfs]"

struct parser {
	struct babus_config *config;
	FILE *file;
	char *line; /* as getline() gave it */
	size_t line_size;
	int line_number;
	unsigned section;
	struct values *values; /* of the section */
	int error;             /* of the first thing wrong; its story is told */
};

static int bad(struct parser *p, const char *what, const char *found, const char *expected)
{
	p->error = babus_fail(-EINVAL, "%s:%d: %s '%s', expected %s", p->config->path,
			      p->line_number, what, found, expected);
	return p->error;
}

static int again(struct parser *p, const char *what, const char *name, int first)
{
	p->error = babus_fail(-EINVAL, "%s:%d: %s '%s' again, expected only the one of line %d",
			      p->config->path, p->line_number, what, name, first);
	return p->error;
}

static int no_memory(struct parser *p)
{
	p->error = babus_fail(-ENOMEM, "%s: out of memory", p->config->path);
	return p->error;
}

static int open_slot_section(struct parser *p, const char *pattern)
{
	struct slot_section **end = &p->config->slots, *section;

	for (; *end; end = &(*end)->next)
		if (strcmp((*end)->pattern, pattern) == 0)
			return again(p, "section for slot", pattern, (*end)->line);
	section = calloc(1, sizeof(*section));
	if (!section)
		return no_memory(p);
	init_values(&section->values);
	*end = section;
	section->line = p->line_number;
	section->pattern = strdup(pattern);
	if (!section->pattern)
		return no_memory(p);
	p->section = IN_SLOT;
	p->values = &section->values;
	return 0;
}

static int open_common_section(struct parser *p, unsigned section, const char *name, int *line)
{
	if (*line)
		return again(p, "section", name, *line);
	*line = p->line_number;
	p->section = section;
	p->values = &p->config->common;
	return 0;
}

/* `text` starts with '['; what it holds is changed. */
static int open_section(struct parser *p, char *text)
{
	struct babus_config *config = p->config;
	size_t length = 1;
	char *name = text + 1;

	/* A comment starts at a ';' or '#' after a blank. */
	while (text[length] &&
	       !(strchr(";#", text[length]) && isspace((unsigned char)text[length - 1])))
		length++;
	while (isspace((unsigned char)text[length - 1]))
		length--;
	text[length] = '\0';
	if (text[length - 1] != ']')
		return bad(p, "section", text, "a ']' at its end");
	text[length - 1] = '\0';

	if (strcmp(name, "domain") == 0)
		return open_common_section(p, IN_DOMAIN, name, &config->line_domain);
	if (strcmp(name, "defaults") == 0)
		return open_common_section(p, IN_DEFAULTS, name, &config->line_defaults);
	if (strcmp(name, "babusfs") == 0)
		return open_common_section(p, IN_BABUSFS, name, &config->line_babusfs);
	if (strncmp(name, "slot ", 5) == 0 && name[5 + strspn(name + 5, " \t")])
		return open_slot_section(p, name + 5 + strspn(name + 5, " \t"));
	return bad(p, "unknown section", name, SECTIONS);
}

/* inih's reader: the next line without what surrounds it, NULL at the end. */
static char *next_line(char *line, int size, void *stream)
{
	struct parser *p = stream;
	ssize_t length = -1;
	char *text;

	if (!p->error)
		length = getline(&p->line, &p->line_size, p->file);
	if (length < 0)
		return NULL;
	p->line_number++;
	text = p->line;
	if (p->line_number == 1 && strncmp(text, "\xEF\xBB\xBF", 3) == 0)
		text += 3;
	/* inih would take an indented line for more of the value before it. */
	while (isspace((unsigned char)*text))
		text++;
	text[strcspn(text, "\r\n")] = '\0';
	line[0] = '\0';
	if (text[0] == ';' || text[0] == '#')
		return line;
	if (text[0] == '[')
		return open_section(p, text) ? NULL : line;
	if (strlen(text) >= (size_t)size) {
		p->error = babus_fail(-EINVAL, "%s:%d: a line of %zu bytes, expected at most %d",
				      p->config->path, p->line_number, strlen(text), size - 1);
		return NULL;
	}
	return strcpy(line, text);
}

/* inih's handler: 1 if the key and its value are fine. */
static int take_key(void *user, const char *ignored, const char *name, const char *text)
{
	struct parser *p = user;
	char what[256];
	int k, error;

	(void)ignored;
	if (p->error)
		return 0;
	if (p->section == IN_NONE)
		return bad(p, "before the first section stands", name, SECTIONS), 0;
	k = find_key(p->section, name);
	if (k < 0) {
		list_keys(p->section, what, sizeof(what));
		return bad(p, "unknown key", name, what), 0;
	}
	if (p->values->line[k])
		return again(p, "key", name, p->values->line[k]), 0;
	error = take_value(k, text, p->values);
	if (error == -ENOMEM)
		return no_memory(p), 0;
	if (error) {
		snprintf(what, sizeof(what), "%s is", name);
		return bad(p, what, text, keys[k].expected), 0;
	}
	p->values->line[k] = p->line_number;
	return 1;
}

/* Limits that concern several keys; `section` is NULL for [defaults] alone. */
static int check_slot(const struct babus_config *config, const struct slot_section *section)
{
	struct babus_slot_options opts;
	int line = section ? section->line : config->line_defaults;
	uint64_t buffers;

	babus_slot_options_init(&opts);
	apply_slot(&config->common, &opts);
	if (section)
		apply_slot(&section->values, &opts);
	buffers = (uint64_t)opts.depth + opts.loans + opts.pins;
	if (buffers <= BABUS_BUFFERS_MAX)
		return 0;
	return babus_fail(-EINVAL, "%s:%d: depth + loans + pins is %ju, expected at most %u",
			  config->path, line, (uintmax_t)buffers, BABUS_BUFFERS_MAX);
}

static int check_slots(const struct babus_config *config)
{
	const struct slot_section *section = config->slots;
	int error = check_slot(config, NULL);

	for (; !error && section; section = section->next)
		error = check_slot(config, section);
	return error;
}

static int parse_file(struct babus_config *config, FILE *file)
{
	struct parser p = {.config = config, .file = file};
	int line = ini_parse_stream(next_line, &p, take_key, &p);
	int failed = ferror(file) ? errno : 0;

	free(p.line);
	if (failed)
		return babus_fail(failed == EISDIR ? -EINVAL : -failed, "%s: %s", config->path,
				  strerrordesc_np(failed));
	/* inih tells the first line that is wrong, which may be one it saw itself. */
	if (line > 0 && (!p.error || line < p.line_number))
		return babus_fail(-EINVAL, "%s:%d: expected KEY = VALUE", config->path, line);
	if (p.error)
		return p.error;
	return line < 0 ? no_memory(&p) : check_slots(config);
}

/* ------------------------------------------------------------ loading */

/* Copy of an environment variable; NULL if it is not set or empty. */
static int copy_env(const char *name, char **value)
{
	const char *text = secure_getenv(name);

	if (!text || !*text)
		return 0;
	*value = strdup(text);
	return *value ? 0 : -ENOMEM;
}

/*
 * Open `path` and note it in the configuration, which takes the string. A
 * missing file is 0 with no *file unless it was asked for; so is one in a
 * directory that is closed to us, such as the HOME that su(1) left behind.
 */
static int open_file(struct babus_config *config, char *path, int required, FILE **file)
{
	int error;

	if (!path)
		return -ENOMEM;
	*file = fopen(path, "re");
	error = errno;
	if (!*file && !required &&
	    (error == ENOENT || error == ENOTDIR || (error == EACCES && access(path, F_OK) < 0))) {
		free(path);
		return 0;
	}
	free(config->path);
	config->path = path;
	if (*file)
		return 0;
	return babus_fail(-error, "%s: %s", path, strerrordesc_np(error));
}

static char *join(const char *directory, const char *rest)
{
	char *path;

	return asprintf(&path, "%s%s", directory, rest) < 0 ? NULL : path;
}

static int find_file(struct babus_config *config, const char *path, FILE **file)
{
	const char *xdg = secure_getenv("XDG_CONFIG_HOME");
	const char *home = secure_getenv("HOME");
	int error = 0;

	if (!path)
		path = secure_getenv("BABUS_CONFIG");
	if (path && *path)
		return open_file(config, strdup(path), 1, file);
	if (xdg && *xdg == '/')
		error = open_file(config, join(xdg, "/babus/babus.ini"), 0, file);
	else if (home && *home == '/')
		error = open_file(config, join(home, "/.config/babus/babus.ini"), 0, file);
	if (!error && !*file)
		error = open_file(config, strdup("/etc/babus.ini"), 0, file);
	return error;
}

int babus_config_load(const char *path, babus_config **config)
{
	struct babus_config *loaded = calloc(1, sizeof(*loaded));
	FILE *file = NULL;
	int error;

	babus_fail_clear();
	if (!loaded)
		return -ENOMEM;
	init_values(&loaded->common);
	loaded->path = strdup("");
	error = loaded->path ? 0 : -ENOMEM;
	if (!error)
		error = copy_env("BABUS_DOMAIN", &loaded->env_domain);
	if (!error)
		error = copy_env("BABUS_ROOT", &loaded->env_root);
	if (!error)
		error = find_file(loaded, path, &file);
	if (!error && file)
		error = parse_file(loaded, file);
	if (file)
		fclose(file);
	if (error)
		babus_config_free(loaded);
	else
		*config = loaded;
	return error;
}

void babus_config_free(babus_config *config)
{
	struct slot_section *section, *next;

	if (!config)
		return;
	for (section = config->slots; section; section = next) {
		next = section->next;
		finish_values(&section->values);
		free(section->pattern);
		free(section);
	}
	finish_values(&config->common);
	free(config->env_domain);
	free(config->env_root);
	free(config->path);
	free(config);
}

/* ------------------------------------------------------------ asking */

const char *babus_config_path(const babus_config *config)
{
	return config->path;
}

const char *babus_config_domain(const babus_config *config, struct babus_domain_options *opts)
{
	*opts = config->common.domain;
	if (config->env_root)
		opts->root = config->env_root;
	if (config->env_domain)
		return config->env_domain;
	return config->common.domain_name ? config->common.domain_name : "default";
}

void babus_config_slot(const babus_config *config, const char *name,
		       struct babus_slot_options *opts)
{
	babus_slot_options_init(opts);
	apply_slot(&config->common, opts);
	for (const struct slot_section *s = config->slots; s; s = s->next)
		if (fnmatch(s->pattern, name, 0) == 0)
			apply_slot(&s->values, opts);
}

const char *babus_config_babusfs(const babus_config *config, const char *key)
{
	int k = find_key(IN_BABUSFS, key);

	if (k < 0)
		return NULL;
	return config->common.line[k] ? config->common.text[k] : keys[k].fallback;
}

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

	return parse_quantity(text, units, bytes);
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

	return parse_quantity(text, units, ns);
}
