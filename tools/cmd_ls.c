/* SPDX-License-Identifier: MIT */
/* babus ls: the slots of a domain as a table or as JSON. */
#include "verbs.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "column.h"
#include "common/facts.h"
#include "names.h"
#include "table.h"

struct options {
	const char *output; /* NULL: not given */
	bool bytes, no_headings, json;
};

#define AT(field) offsetof(struct options, field)

static const struct option_row rows[] = {
    {'o', "output", "COLS", "columns, separated by commas; +COLS adds to the usual ones", take_text,
     AT(output), 0, 0},
    {'b', "bytes", NULL, "sizes in bytes", take_flag, AT(bytes), 0, 0},
    {'n', "no-headings", NULL, "no line of headings", take_flag, AT(no_headings), 0, 0},
    {0, "json", NULL, "all facts, as one JSON object", take_flag, AT(json), 0, 0},
    {0},
};

enum {
	CHOICE_MAX = 64
};

/* The columns to show, in order; one may be there twice. */
struct choice {
	const struct column *column[CHOICE_MAX];
	size_t count;
	bool bytes;
};

static int choose(struct choice *choice, const char *word, size_t length)
{
	const struct column *column = column_find(word, length);

	if (!column)
		return args_wrong(&verb_ls, "no column '%.*s'", (int)length, word);
	if (choice->count == CHOICE_MAX)
		return args_wrong(&verb_ls, "-o: more than %d columns", CHOICE_MAX);
	choice->column[choice->count++] = column;
	return 0;
}

/* `list` is the argument of -o; NULL: not given. */
static int choose_columns(struct choice *choice, const char *list)
{
	int status = 0;

	if (!list || *list == '+')
		for (const struct column *column = columns; column->name; column++)
			if (column->usual)
				choice->column[choice->count++] = column;
	if (list && *list == '+')
		list++;
	for (; list && *list && !status; list += *list == ',') {
		status = choose(choice, list, strcspn(list, ","));
		list += strcspn(list, ",");
	}
	if (!status && choice->count == 0)
		status = args_wrong(&verb_ls, "-o: expected at least one column");
	return status;
}

/* ------------------------------------------------------------ output */

/* A slot that is removed meanwhile gives -ENOENT or -ENODEV. */
static int look(babus_domain *domain, const char *name, struct babus_slot_info *info)
{
	babus_slot *slot;
	int error = babus_slot_open(domain, name, BABUS_READ, NULL, &slot);

	if (error)
		return error;
	error = babus_slot_info(slot, info);
	babus_slot_close(slot);
	return error;
}

/* Call `show` for each slot; returns the exit status. */
static int each_slot(babus_domain *domain,
		     void (*show)(void *arg, const char *name, const struct babus_slot_info *info),
		     void *arg)
{
	struct babus_slot_info info;
	size_t count;
	char **names;
	int error, status = 0;

	error = names_list(domain, &names, &count);
	if (error)
		return fail_on("domain", babus_domain_name(domain), error);
	for (size_t i = 0; i < count; i++) {
		error = look(domain, names[i], &info);
		if (!error)
			show(arg, names[i], &info);
		else if (error != -ENOENT && error != -ENODEV)
			status = fail_on("slot", names[i], error);
	}
	names_free(names, count);
	return status;
}

static void show_json(void *arg, const char *name, const struct babus_slot_info *info)
{
	struct json *json = arg;

	json_open(json, NULL, '{');
	facts_slot(json, name, info);
	json_close(json, '}');
}

static int list_json(babus_domain *domain)
{
	struct json json = {.out = stdout};
	int error, status;

	error = facts_open_domain(&json, babus_domain_name(domain), babus_domain_path(domain));
	if (error)
		return fail_on("domain", babus_domain_name(domain), error);
	json_open(&json, "slots", '[');
	status = each_slot(domain, show_json, &json);
	json_close(&json, ']');
	json_close(&json, '}');
	json_end(&json);
	return status;
}

struct listing {
	struct table table;
	const struct choice *choice;
};

static void show_row(void *arg, const char *name, const struct babus_slot_info *info)
{
	struct listing *listing = arg;
	const struct choice *choice = listing->choice;
	char text[256];

	for (size_t i = 0; i < choice->count; i++) {
		column_text(choice->column[i], name, info, choice->bytes, text, sizeof(text));
		table_add(&listing->table, text);
	}
}

static int list_table(babus_domain *domain, const struct choice *choice, bool headings)
{
	struct listing listing = {.choice = choice};
	bool right[CHOICE_MAX];
	int status;

	table_init(&listing.table, choice->count);
	for (size_t i = 0; i < choice->count; i++) {
		right[i] = column_is_number(choice->column[i]);
		if (headings)
			table_add(&listing.table, choice->column[i]->name);
	}
	status = each_slot(domain, show_row, &listing);
	if (table_print(&listing.table, right))
		status = fail_memory();
	table_finish(&listing.table);
	return status;
}

static int run(struct tool *tool, int argc, char **argv)
{
	struct options options = {0};
	struct choice choice = {0};
	babus_domain *domain;
	struct args args;
	int status;

	if (!args_parse(&args, tool, &verb_ls, argc, argv, &options))
		return args.status;
	choice.bytes = options.bytes;
	status = choose_columns(&choice, options.output);
	if (!status)
		status = tool_open(tool, BABUS_READ, &domain);
	if (status)
		return status;
	status = options.json ? list_json(domain)
			      : list_table(domain, &choice, !options.no_headings);
	babus_domain_close(domain);
	return status;
}

const struct verb verb_ls = {
    .name = "ls",
    .operands = "",
    .summary = "List the slots of the domain",
    .more = columns_help,
    .options = rows,
    .min = 0,
    .max = 0,
    .run = run,
};
