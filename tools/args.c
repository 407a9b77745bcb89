/* SPDX-License-Identifier: MIT */
/* getopt_long() parses; the messages are our own. */
#include "args.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tool.h"

enum {
	ROWS_MAX = 32,
	LONG = 256 /* getopt's value for the long option of row 0 */
};

#define AT(field) offsetof(struct tool, field)

static const struct option_row global_options[] = {
    {'d', NULL, "DOMAIN", "the domain; default: $BABUS_DOMAIN, else from babus.ini", take_text,
     AT(domain), 0, 0},
    {0, "root", "DIR", "where domains are; default: $BABUS_ROOT, else from babus.ini", take_text,
     AT(root), 0, 0},
    {0, "config", "FILE", "the configuration; default: $BABUS_CONFIG, else babus.ini", take_text,
     AT(config_path), 0, 0},
    {'h', "help", NULL, "print this help", NULL, 0, 0, 0},
    {0},
};

static int add_rows(const struct option_row *row, const struct option_row **rows, int count)
{
	for (; row && (row->letter || row->name); row++)
		rows[count++] = row;
	return count;
}

/* ------------------------------------------------------------ parsing */

struct parser {
	const struct option_row *rows[ROWS_MAX]; /* the verb's, then the global ones */
	int own, count;                          /* the verb's rows, and all */
	struct option longs[ROWS_MAX + 1];       /* for getopt_long() */
	char shorts[2 * ROWS_MAX + 3];
};

static void init(struct parser *parser, const struct verb *verb)
{
	struct option *option = parser->longs;
	char *letters = parser->shorts;

	parser->own = add_rows(verb->options, parser->rows, 0);
	parser->count = add_rows(global_options, parser->rows, parser->own);
	/* '+': the verb ends the global options; ':': report a missing argument. */
	if (!verb->run)
		*letters++ = '+';
	*letters++ = ':';
	for (int i = 0; i < parser->count; i++) {
		const struct option_row *row = parser->rows[i];

		if (row->letter)
			*letters++ = row->letter;
		if (row->letter && row->arg)
			*letters++ = ':';
		if (row->name)
			*option++ = (struct option){row->name, row->arg != NULL, NULL, LONG + i};
	}
	*letters = '\0';
	*option = (struct option){0};
	opterr = 0;
	optind = 0;
}

/* The row of what getopt_long() returned; -1: none. */
static int row_of(const struct parser *parser, int key)
{
	for (int i = 0; i < parser->count; i++)
		if (key == LONG + i || key == parser->rows[i]->letter)
			return i;
	return -1;
}

static int take(const struct parser *parser, int i, struct tool *tool, void *values)
{
	const struct option_row *row = parser->rows[i];
	char *where = i < parser->own ? values : (void *)tool;

	return row->take(row, optarg, where + row->offset);
}

static int wrong_option(const struct verb *verb, char **argv, int key)
{
	const char *text = argv[optind - 1];
	const char *what = key == ':' ? "needs an argument" : "unknown option";

	/* Of a group such as -xy the word does not show which letter it is. */
	if (optopt > 0 && optopt < LONG && strncmp(text, "--", 2) != 0)
		return args_wrong(verb, "-%c: %s", optopt, what);
	if (key != ':' && optopt)
		what = "takes no argument";
	return args_wrong(verb, "%s: %s", text, what);
}

/* 0 if the number of operands is right. */
static int check_count(const struct verb *verb, const struct args *args)
{
	if (args->count < verb->min)
		return args_wrong(verb, "expected %s", verb->operands);
	if (verb->max >= 0 && args->count > verb->max)
		return args_wrong(verb, "'%s': one argument too many", args->operands[verb->max]);
	return 0;
}

bool args_parse(struct args *args, struct tool *tool, const struct verb *verb, int argc,
		char **argv, void *values)
{
	struct parser parser;
	int key;

	init(&parser, verb);
	while ((key = getopt_long(argc, argv, parser.shorts, parser.longs, NULL)) != -1) {
		int i = row_of(&parser, key);

		if (i >= 0 && !parser.rows[i]->take) {
			args_help(verb);
			args->status = STATUS_DONE;
			return false;
		}
		args->status = i < 0 ? wrong_option(verb, argv, key)
				     : take(&parser, i, tool, values);
		if (args->status)
			return false;
	}
	args->operands = argv + optind;
	args->count = argc - optind;
	args->status = verb->run ? check_count(verb, args) : 0;
	return !args->status;
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
	const char *arg = row->arg ? row->arg : "", *gap = row->arg ? " " : "";
	char left[64];

	if (!row->name)
		snprintf(left, sizeof(left), "-%c%s%s", row->letter, gap, arg);
	else if (row->letter)
		snprintf(left, sizeof(left), "-%c, --%s%s%s", row->letter, row->name, gap, arg);
	else
		snprintf(left, sizeof(left), "    --%s%s%s", row->name, gap, arg);
	printf("  %-26s %s\n", left, row->help);
}

void args_help(const struct verb *verb)
{
	const struct option_row *rows[ROWS_MAX];
	int count = add_rows(global_options, rows, add_rows(verb->options, rows, 0));

	if (verb->run)
		printf("Usage: babus [-d DOMAIN] %s [OPTIONS]%s%s\n\n%s.\n", verb->name,
		       *verb->operands ? " " : "", verb->operands, verb->summary);
	else
		printf("Usage: babus [OPTIONS] VERB ...\n\n%s.\n", verb->summary);
	if (verb->details)
		printf("\n%s\n", verb->details);
	printf("\nOptions:\n");
	for (int i = 0; i < count; i++)
		help_row(rows[i]);
	if (verb->more)
		verb->more();
	printf("\nExit status: 0 done, 1 failed, 2 wrong usage or configuration.\n");
}
