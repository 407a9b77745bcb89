/* SPDX-License-Identifier: MIT */
/*
 * babus.ini: finding the file, its lines and sections, and what they say.
 *
 * inih splits the lines into keys and values. Sections are read here, from the
 * whole line: inih cuts their names at 49 bytes, ends a pattern such as
 * cam[0-9] at its first ']' and does not report sections without keys.
 *
 * A configuration is built aside and handed out only when the whole file is
 * right, so nothing is half-applied. This file opens nothing but that file and
 * knows neither domains nor slots beyond their options; config_keys.c knows the
 * keys.
 */
#include <babus/config.h>

#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cancel.h"
#include "config_keys.h"
#include "error.h"

struct slot_section {
	struct slot_section *next;
	char *pattern;
	int line;
	struct config_values values;
};

struct babus_config {
	char *path;
	char *env_domain, *env_root;                  /* NULL: not set */
	int line_domain, line_defaults, line_babusfs; /* 0: no such section */
	struct config_values common;                  /* all but [slot PATTERN] */
	struct slot_section *slots;                   /* in the order of the file */
};

/* ------------------------------------------------------------ the file */

#define SECTIONS "[domain], [defaults], [slot PATTERN] or [babusfs]"

struct parser {
	struct babus_config *config;
	FILE *file;
	char *line; /* as getline() gave it */
	size_t line_size;
	int line_number;
	unsigned section;
	struct config_values *values; /* of the section */
	int error;                    /* the first one; its detail is set */
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
	babus_config_values_init(&section->values);
	*end = section;
	section->line = p->line_number;
	section->pattern = strdup(pattern);
	if (!section->pattern)
		return no_memory(p);
	p->section = CONFIG_SLOT;
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
		return open_common_section(p, CONFIG_DOMAIN, name, &config->line_domain);
	if (strcmp(name, "defaults") == 0)
		return open_common_section(p, CONFIG_DEFAULTS, name, &config->line_defaults);
	if (strcmp(name, "babusfs") == 0)
		return open_common_section(p, CONFIG_BABUSFS, name, &config->line_babusfs);
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
	if (strlen(text) < (size_t)length) {
		p->error = babus_fail(-EINVAL, "%s:%d: a zero byte, expected text", p->config->path,
				      p->line_number);
		return NULL;
	}
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
	if (p->section == CONFIG_NO_SECTION)
		return bad(p, "before the first section stands", name, SECTIONS), 0;
	k = babus_config_key_find(p->section, name);
	if (k < 0) {
		babus_config_key_list(p->section, what, sizeof(what));
		return bad(p, "unknown key", name, what), 0;
	}
	if (p->values->line[k])
		return again(p, "key", name, p->values->line[k]), 0;
	error = babus_config_values_take(k, text, p->values);
	if (error == -ENOMEM)
		return no_memory(p), 0;
	if (error) {
		snprintf(what, sizeof(what), "%s is", name);
		return bad(p, what, text, babus_config_key_expected(k)), 0;
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
	babus_config_values_slot(&config->common, &opts);
	if (section)
		babus_config_values_slot(&section->values, &opts);
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
	/* inih returns the first wrong line, which may be one that it found itself. */
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
	NO_CANCELLATION;
	struct babus_config *loaded = calloc(1, sizeof(*loaded));
	FILE *file = NULL;
	int error;

	babus_fail_clear();
	if (!loaded)
		return -ENOMEM;
	babus_config_values_init(&loaded->common);
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
		babus_config_values_finish(&section->values);
		free(section->pattern);
		free(section);
	}
	babus_config_values_finish(&config->common);
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
	babus_config_values_slot(&config->common, opts);
	for (const struct slot_section *s = config->slots; s; s = s->next)
		if (fnmatch(s->pattern, name, 0) == 0)
			babus_config_values_slot(&s->values, opts);
}

const char *babus_config_babusfs(const babus_config *config, const char *key)
{
	int k = babus_config_key_find(CONFIG_BABUSFS, key);

	return k < 0 ? NULL : babus_config_values_text(&config->common, k);
}
