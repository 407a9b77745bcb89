/* SPDX-License-Identifier: MIT */
/*
 * Options from tables, on top of getopt_long(), whose messages are replaced by
 * ours. Global options are accepted before and after the verb.
 */
#include "args.h"

#include <babus/config.h>

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool.h"

enum {
	KEY_ROOT = 1000,
	KEY_CONFIG
};

static const struct option_row global_options[] = {
    {'d', NULL, "DOMAIN", "the domain; default: $BABUS_DOMAIN, else as configured"},
    {KEY_ROOT, "root", "DIR", "where domains are; default: $BABUS_ROOT, else as configured"},
    {KEY_CONFIG, "config", "FILE", "the configuration; default: $BABUS_CONFIG, else babus.ini"},
    {'h', "help", NULL, "this text"},
    {0},
};

static int count_rows(const struct option_row *rows)
{
	int n = 0;

	while (rows && rows[n].key)
		n++;
	return n;
}

static const struct option_row *row_at(const struct verb *verb, int i)
{
	int own = count_rows(verb->options);

	return i < own ? &verb->options[i] : &global_options[i - own];
}

static int count_all(const struct verb *verb)
{
	return count_rows(verb->options) + count_rows(global_options);
}

void args_init(struct args *args, struct tool *tool, const struct verb *verb, int argc, char **argv)
{
	int rows = count_all(verb), longs = 0;
	char *shorts;

	*args = (struct args){.verb = verb, .tool = tool, .argc = argc, .argv = argv};
	args->longs = calloc((size_t)rows + 1, sizeof(args->longs[0]));
	args->shorts = calloc((size_t)rows + 2, 2);
	if (!args->longs || !args->shorts)
		return;
	shorts = args->shorts;
	/* '+': the verb ends the global options; ':': tell a missing argument apart. */
	if (!verb->run)
		*shorts++ = '+';
	*shorts++ = ':';
	for (int i = 0; i < rows; i++) {
		const struct option_row *row = row_at(verb, i);

		if (row->key < 256) {
			*shorts++ = (char)row->key;
			if (row->arg)
				*shorts++ = ':';
		}
		if (row->name)
			args->longs[longs++] = (struct option){
			    row->name, row->arg ? required_argument : no_argument, NULL, row->key};
	}
	opterr = 0;
	optind = 0;
}

static void finish(struct args *args)
{
	free(args->longs);
	free(args->shorts);
	args->longs = NULL;
	args->shorts = NULL;
}

int args_stop(struct args *args, int status)
{
	finish(args);
	args->stopped = true;
	args->status = status;
	return status;
}

static int stop(struct args *args, int status)
{
	args_stop(args, status);
	return -1;
}

static int wrong_option(struct args *args, int key)
{
	const char *text = args->argv[optind - 1];
	const char *what = key == ':' ? "needs an argument" : "unknown option";

	/* Inside a group such as -xy the word itself does not tell which one. */
	if (optopt > 0 && optopt < 256 && strncmp(text, "--", 2) != 0)
		return args_wrong(args->verb, "-%c: %s", optopt, what);
	if (key != ':' && optopt)
		what = "takes no argument";
	return args_wrong(args->verb, "%s: %s", text, what);
}

/* 0 if the number of operands is right. */
static int check_count(const struct args *args)
{
	const struct verb *verb = args->verb;

	if (args->count < verb->min)
		return args_wrong(verb, "expected %s", verb->operands);
	if (verb->max >= 0 && args->count > verb->max)
		return args_wrong(verb, "'%s': one argument too many", args->operands[verb->max]);
	return 0;
}

int args_next(struct args *args)
{
	int key, status;

	if (!args->longs || !args->shorts)
		return stop(args, fail_memory());
	for (;;) {
		key = getopt_long(args->argc, args->argv, args->shorts, args->longs, NULL);
		args->value = optarg;
		switch (key) {
		case 'd':
			args->tool->domain = optarg;
			break;
		case KEY_ROOT:
			args->tool->root = optarg;
			break;
		case KEY_CONFIG:
			args->tool->config_path = optarg;
			break;
		case 'h':
			args_help(args->verb);
			return stop(args, STATUS_DONE);
		case '?':
		case ':':
			return stop(args, wrong_option(args, key));
		case -1:
			args->operands = args->argv + optind;
			args->count = args->argc - optind;
			status = args->verb->run ? check_count(args) : 0;
			finish(args);
			return status ? stop(args, status) : 0;
		default:
			return key;
		}
	}
}

/* ------------------------------------------------------------ values */

int args_number(const char *what, const char *text, uint64_t min, uint64_t max, uint64_t *value)
{
	/* A 0 before other digits is a filled-up number and not an octal one. */
	int base = text[0] == '0' && tolower((unsigned char)text[1]) == 'x' ? 16 : 10;
	char *end = NULL;
	uint64_t number;

	errno = 0;
	number = isdigit((unsigned char)text[0]) ? strtoull(text, &end, base) : 0;
	if (errno || !end || *end || number < min || number > max) {
		complain("%s: '%s', expected a whole number from %ju to %ju", what, text,
			 (uintmax_t)min, (uintmax_t)max);
		return STATUS_USAGE;
	}
	*value = number;
	return 0;
}

int args_size(const char *what, const char *text, uint64_t *bytes)
{
	uint64_t number;

	if (babus_config_parse_size(text, &number) || number == 0) {
		complain("%s: '%s', expected a size such as 4096, 64KiB or 16MiB", what, text);
		return STATUS_USAGE;
	}
	*bytes = number;
	return 0;
}

int args_duration(const char *what, const char *text, uint64_t *ns)
{
	uint64_t number;

	if (babus_config_parse_duration(text, &number) || number > INT64_MAX / 2) {
		complain("%s: '%s', expected a duration such as 20ms, 1.5s or 2min", what, text);
		return STATUS_USAGE;
	}
	*ns = number;
	return 0;
}

int args_wrong(const struct verb *verb, const char *format, ...)
{
	char text[512];
	va_list list;

	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	if (verb->run)
		complain("%s: %s; see babus %s --help", verb->name, text, verb->name);
	else
		complain("%s; see babus --help", text);
	return STATUS_USAGE;
}

/* ------------------------------------------------------------ help */

static void help_row(const struct option_row *row)
{
	char left[64];
	int used = 0;

	if (row->key < 256)
		used = snprintf(left, sizeof(left), "-%c%s", row->key, row->name ? ", " : " ");
	else
		used = snprintf(left, sizeof(left), "    ");
	if (row->name)
		used += snprintf(left + used, sizeof(left) - (size_t)used, "--%s ", row->name);
	if (row->arg)
		snprintf(left + used, sizeof(left) - (size_t)used, "%s", row->arg);
	printf("  %-26s %s\n", left, row->help);
}

void args_help(const struct verb *verb)
{
	int rows = count_all(verb);

	if (verb->run)
		printf("Usage: babus [-d DOMAIN] %s [OPTIONS]%s%s\n\n%s.\n", verb->name,
		       *verb->operands ? " " : "", verb->operands, verb->summary);
	else
		printf("Usage: babus [OPTIONS] VERB ...\n\n%s.\n", verb->summary);
	if (verb->details)
		printf("\n%s\n", verb->details);
	printf("\nOptions:\n");
	for (int i = 0; i < rows; i++)
		help_row(row_at(verb, i));
	if (verb->more)
		verb->more();
	printf("\nExit status: 0 done, 1 failed, 2 wrong usage or configuration.\n");
}
