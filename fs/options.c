/* SPDX-License-Identifier: MIT */
/*
 * The options are one table, which parser, configuration and --help read. Options
 * of the mount itself are in mount_option.h. Any other is an error that says what
 * was expected.
 */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <babus/babus.h>

#include "internal/babusfs_keys.h"
#include "kind.h"
#include "log.h"
#include "mount_option.h"

enum type {
	TYPE_BOOL,
	TYPE_COUNT,
	TYPE_SIZE,
	TYPE_DURATION,
	TYPE_LOG,
	TYPE_TEXT
};

struct row {
	const char *name;
	enum type type;
	size_t offset;    /* of the value in struct options */
	bool configured;  /* a key of [babusfs], whose default the configuration knows */
	unsigned max;     /* of a count */
	const char *help; /* what it means */
};

#define AT(field) offsetof(struct options, field)

#define CONFIGURED(name, kind, max, text, field, help) \
	{name, TYPE_##kind, AT(field), true, max, help},

static const struct row rows[] = {
    /* clang-format off */
    BABUSFS_KEYS(CONFIGURED)
    /* clang-format on */
    {"log", TYPE_LOG, AT(log), false, 0, "messages to stderr or syslog; auto: stderr with -f"},
    {"root", TYPE_TEXT, AT(root), false, 0, "as --root"},
    {"config", TYPE_TEXT, AT(config), false, 0, "as --config"},
    {"clone_fd", TYPE_BOOL, AT(clone_fd), false, 0, "a device descriptor for each thread"},
    {"debug", TYPE_BOOL, AT(debug), false, 0, "print each request; implies -f"},
};

enum {
	ROWS = sizeof(rows) / sizeof(rows[0])
};

static const struct {
	const char *argument; /* in --help */
	const char *expected; /* in errors */
} types[] = {
    [TYPE_BOOL] = {"", "yes or no"},
    [TYPE_COUNT] = {"=N", "a number from 1 to"},
    [TYPE_SIZE] = {"=SIZE", "a size such as 64 MiB"},
    [TYPE_DURATION] = {"=TIME", "a duration such as 1 s"},
    [TYPE_LOG] = {"=WHERE", "auto, stderr or syslog"},
    [TYPE_TEXT] = {"=PATH", "a path"},
};

static void print_expected(const struct row *row, char text[64])
{
	int length = snprintf(text, 64, "%s", types[row->type].expected);

	if (row->type == TYPE_COUNT)
		snprintf(text + length, 64 - (size_t)length, " %u", row->max);
}

/* The place of `text` among the words; -1: it is none of them. */
static int find_word(const char *const *words, size_t count, const char *text)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(words[i], text) == 0)
			return (int)i;
	return -1;
}

#define FIND(words, text) find_word(words, sizeof(words) / sizeof((words)[0]), text)

static int parse_bool(const char *text, bool *value)
{
	static const char *const words[] = {"no", "yes", "false", "true", "off", "on", "0", "1"};
	int place = FIND(words, text);

	if (place < 0)
		return -EINVAL;
	*value = place % 2;
	return 0;
}

static int parse_count(const char *text, unsigned max, unsigned *count)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (text[0] < '0' || text[0] > '9' || *end || value < 1 || value > max)
		return -EINVAL;
	*count = (unsigned)value;
	return 0;
}

static int parse_log(const char *text, enum log_target *target)
{
	static const char *const words[] = {
	    [LOG_TARGET_AUTO] = "auto",
	    [LOG_TARGET_STDERR] = "stderr",
	    [LOG_TARGET_SYSTEM] = "syslog",
	};
	int place = FIND(words, text);

	if (place < 0)
		return -EINVAL;
	*target = (enum log_target)place;
	return 0;
}

/* The text lives as long as the command line. */
static int parse_text(const char *text, const char **value)
{
	*value = text;
	return *text ? 0 : -EINVAL;
}

static int parse_value(const struct row *row, const char *text, struct options *options)
{
	void *value = (char *)options + row->offset;

	switch (row->type) {
	case TYPE_BOOL:
		return parse_bool(text, value);
	case TYPE_COUNT:
		return parse_count(text, row->max, value);
	case TYPE_SIZE:
		return babus_config_parse_size(text, value);
	case TYPE_DURATION:
		return babus_config_parse_duration(text, value);
	case TYPE_LOG:
		return parse_log(text, value);
	default:
		return parse_text(text, value);
	}
}

/* --- the configuration ---------------------------------------------------------- */

enum options_result options_configure(const babus_config *config, struct options *options)
{
	for (size_t i = 0; i < ROWS; i++) {
		const char *text = rows[i].configured ? babus_config_babusfs(config, rows[i].name)
						      : NULL;

		if (!text || options->given & 1u << i)
			continue;
		if (parse_value(&rows[i], text, options)) {
			char wanted[64];

			print_expected(&rows[i], wanted);
			log_line("%s: [babusfs] %s = '%s', expected %s", babus_config_path(config),
				 rows[i].name, text, wanted);
			return OPTIONS_FAILED;
		}
	}
	if (options->debug)
		options->foreground = true;
	return OPTIONS_RUN;
}

/* --- the command line ------------------------------------------------------------ */

static int pass_on(struct options *options, const char *option)
{
	char *longer;

	if (asprintf(&longer, "%s,%s", options->mount ? options->mount : "", option) < 0)
		return -ENOMEM;
	free(options->mount);
	options->mount = longer;
	return 0;
}

static int parse_own(const char *name, const char *value, struct options *options)
{
	static const char yes[] = "yes";

	for (size_t i = 0; i < ROWS; i++) {
		if (strcmp(rows[i].name, name) != 0)
			continue;
		if (!value)
			value = rows[i].type == TYPE_BOOL ? yes : "";
		if (parse_value(&rows[i], value, options)) {
			char wanted[64];

			print_expected(&rows[i], wanted);
			log_line("option -o %s: '%s', expected %s", name, value, wanted);
			return -EINVAL;
		}
		options->given |= 1u << i;
		return 0;
	}
	log_line("option -o %s: unknown; see babusfs --help", name);
	return -EINVAL;
}

static int parse_o_item(char *item, struct options *options)
{
	char *equals;

	switch (mount_option_find(item)) {
	case MOUNT_OPTION_PASS:
		return pass_on(options, item);
	case MOUNT_OPTION_IGNORE:
		return 0;
	case MOUNT_OPTION_REFUSED:
		return -EINVAL;
	default:
		equals = strchr(item, '=');
		if (equals)
			*equals++ = '\0';
		return parse_own(item, equals, options);
	}
}

static int parse_o(char *list, struct options *options)
{
	char *rest = NULL;

	for (char *item = strtok_r(list, ",", &rest); item; item = strtok_r(NULL, ",", &rest)) {
		int error = parse_o_item(item, options);

		if (error)
			return error;
	}
	return 0;
}

static void print_help(void)
{
	printf("Usage: babusfs [options] DOMAIN MOUNTPOINT\n"
	       "       mount -t fuse.babusfs DOMAIN MOUNTPOINT -o OPTION,...\n"
	       "Show a babus domain as files: MOUNTPOINT/SLOT/latest and others.\n\n"
	       "  -f, --foreground      stay in the foreground, messages on standard error\n"
	       "  -c, --config FILE     read FILE instead of the usual babus.ini\n"
	       "      --root DIR        the tmpfs directory that holds domains\n"
	       "  -o OPTION,...         options, below\n"
	       "  -h, --help            print this text\n"
	       "  -V, --version         print the version\n");
	for (int configured = 1; configured >= 0; configured--) {
		printf("\n%s:\n", configured
				      ? "Options, which [babusfs] of babus.ini can have as well"
				      : "Options of the command line only");
		for (size_t i = 0; i < ROWS; i++) {
			char option[64];

			if (rows[i].configured != configured)
				continue;
			snprintf(option, sizeof(option), "-o %s%s", rows[i].name,
				 types[rows[i].type].argument);
			printf("  %-26s %s\n", option, rows[i].help);
		}
	}
	printf("\n");
	mount_option_print();
	printf("\nFiles of a slot:\n");
	for (enum file file = FILE_LATEST; file < FILES_OF_SLOT; file++)
		printf("  %-8s %s%s\n", kinds[file].name ? kinds[file].name : "0 1 ..",
		       kinds[file].help,
		       kinds[file].listed == LISTED_IF_ALL ? " (not listed)" : "");
	printf("and of the domain: .bus/info, .bus/metrics (not listed). mkdir creates a slot,\n"
	       "rmdir removes it. Unmount with SIGTERM or fusermount3 -u MOUNTPOINT.\n");
}

static enum options_result usage(void)
{
	fprintf(stderr, "usage: babusfs [options] DOMAIN MOUNTPOINT; see babusfs --help\n");
	return OPTIONS_FAILED;
}

static enum options_result parse_operands(int argc, char **argv, struct options *options)
{
	if (argc != 2) {
		log_line("%s operand%s, expected DOMAIN and MOUNTPOINT",
			 argc > 2 ? "too many"
			 : argc   ? "one"
				  : "no",
			 argc == 1 ? "" : "s");
		return usage();
	}
	/* The table of mounts, and so /etc/fstab, shows the name with this prefix. */
	options->domain = argv[0] + (strncmp(argv[0], "babus:", 6) == 0 ? 6 : 0);
	options->mountpoint = argv[1];
	return OPTIONS_RUN;
}

enum options_result options_parse(int argc, char **argv, struct options *options)
{
	enum {
		OPT_ROOT = 256
	};
	static const struct option longs[] = {
	    {"foreground", no_argument, NULL, 'f'},      {"config", required_argument, NULL, 'c'},
	    {"root", required_argument, NULL, OPT_ROOT}, {"help", no_argument, NULL, 'h'},
	    {"version", no_argument, NULL, 'V'},         {NULL, 0, NULL, 0}};
	int key;

	*options = (struct options){0};
	opterr = 0;
	while ((key = getopt_long(argc, argv, "fc:o:hV", longs, NULL)) != -1) {
		switch (key) {
		case 'f':
			options->foreground = true;
			break;
		case 'c':
			options->config = optarg;
			break;
		case OPT_ROOT:
			options->root = optarg;
			break;
		case 'o':
			if (parse_o(optarg, options))
				return OPTIONS_FAILED;
			break;
		case 'h':
			print_help();
			return OPTIONS_DONE;
		case 'V':
			printf("babusfs %s\n", babus_version());
			return OPTIONS_DONE;
		default:
			log_line("%s: unknown option, or its argument is missing",
				 argv[optind - 1]);
			return usage();
		}
	}
	return parse_operands(argc - optind, argv + optind, options);
}

void options_finish(struct options *options)
{
	free(options->mount);
	options->mount = NULL;
}
