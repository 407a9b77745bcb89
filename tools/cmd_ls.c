/* SPDX-License-Identifier: MIT */
/* babus ls: the slots of a domain as a table or as JSON. */
#include "verbs.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "column.h"
#include "common/facts.h"
#include "slots.h"
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

struct listing {
	struct json *json; /* NULL: a table */
	struct table table;
	const struct choice *choice;
	int status;
};

static void show_json(struct json *json, const char *name, const struct babus_slot_info *info)
{
	json_open(json, NULL, '{');
	facts_slot(json, name, info);
	json_close(json, '}');
}

static void show_row(struct listing *listing, const char *name, const struct babus_slot_info *info)
{
	const struct choice *choice = listing->choice;
	char text[256];

	for (size_t i = 0; i < choice->count; i++) {
		column_text(choice->column[i], name, info, choice->bytes, text, sizeof(text));
		table_add(&listing->table, text);
	}
}

static void show_slot(void *arg, const char *name, babus_slot *slot, int error)
{
	struct listing *listing = arg;
	struct babus_slot_info info;

	if (!error)
		error = babus_slot_info(slot, &info);
	if (error == -ENODEV)
		return;
	if (error)
		listing->status = fail_on("slot", name, error);
	else if (listing->json)
		show_json(listing->json, name, &info);
	else
		show_row(listing, name, &info);
}

static int list_json(babus_domain *domain)
{
	struct json json = {.out = stdout};
	struct listing listing = {.json = &json};
	const char *name = babus_domain_name(domain);
	int error = facts_open_domain(&json, name, babus_domain_path(domain));

	if (error)
		return fail_on("domain", name, error);
	json_open(&json, "slots", '[');
	error = slots_each(domain, show_slot, &listing);
	json_close(&json, ']');
	json_end(&json);
	return error ? fail_on("domain", name, error) : listing.status;
}

static int list_table(babus_domain *domain, const struct choice *choice, bool headings)
{
	struct listing listing = {.choice = choice};
	bool right[CHOICE_MAX];
	int error;

	table_init(&listing.table, choice->count);
	for (size_t i = 0; i < choice->count; i++) {
		right[i] = column_is_number(choice->column[i]);
		if (headings)
			table_add(&listing.table, choice->column[i]->name);
	}
	error = slots_each(domain, show_slot, &listing);
	if (!error)
		error = table_print(&listing.table, right);
	table_finish(&listing.table);
	return error ? fail_on("domain", babus_domain_name(domain), error) : listing.status;
}

static int run(struct tool *tool, int argc, char **argv)
{
	struct options options = {0};
	struct choice choice = {0};
	struct args args;
	int status;

	if (!args_parse(&args, tool, &verb_ls, argc, argv, &options))
		return args.status;
	choice.bytes = options.bytes;
	status = choose_columns(&choice, options.output);
	if (!status)
		status = tool_open(tool, BABUS_READ);
	if (status)
		return status;
	if (options.json)
		return list_json(tool->bus);
	return list_table(tool->bus, &choice, !options.no_headings);
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
