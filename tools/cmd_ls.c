/* SPDX-License-Identifier: MIT */
/* babus ls: the slots of a domain as a table or as JSON. */
#include "verbs.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/facts.h"
#include "names.h"
#include "table.h"
#include "text.h"

enum {
	KEY_JSON = 256,
	KEY_BYTES
};

static const struct option_row options[] = {
    {'o', "output", "COLS", "columns, with commas between; +COLS: besides the usual ones"},
    {'b', "bytes", NULL, "sizes in bytes"},
    {'n', "no-headings", NULL, "no line of headings"},
    {KEY_JSON, "json", NULL, "everything, as one JSON object"},
    {0},
};

struct entry {
	const char *name;
	struct babus_slot_info info;
	bool bytes; /* sizes in full */
};

/* ------------------------------------------------------------ columns */

struct column {
	const char *name;
	const char *key; /* of the fact about the slot; NULL: its name */
	bool usual;
	const char *help; /* NULL: the fact's */
};

static const struct column columns[] = {
    {"SLOT", NULL, true, "name"},
    {"SEQ", "seq", true, NULL},
    {"KEPT", "kept", true, NULL},
    {"DEPTH", "depth", true, NULL},
    {"LIMIT", "limit", true, NULL},
    {"SIZE", "size", true, NULL},
    {"AGE", "time_boot_ns", true, "time since the newest message"},
    {"PUBS", "publishers", true, NULL},
    {"READERS", "readers", true, NULL},
    {"LOST", "lost", true, NULL},
    {"TYPE", "type", true, NULL},
    {"DESCRIPTION", "description", false, NULL},
    {"CHANNEL", "channel", false, NULL},
    {"PID", "pid", false, NULL},
    {"PUBLISHER", "publisher", false, NULL},
    {"ORIGIN", "origin", false, NULL},
    {"USED", "bytes_used", false, NULL},
    {"BOUND", "bytes_max", false, NULL},
    {"MODE", "mode", false, NULL},
    {"OWNER", "uid", false, NULL},
    {"GROUP", "gid", false, NULL},
};

enum {
	COLUMNS = sizeof(columns) / sizeof(columns[0])
};

static void age_text(uint64_t time_ns, char *text, size_t room)
{
	uint64_t now = babus_now();

	if (time_ns)
		text_age(text, room, now > time_ns ? now - time_ns : 0);
}

static void bytes_text(const struct entry *entry, uint64_t bytes, char *text, size_t room)
{
	if (entry->bytes)
		snprintf(text, room, "%ju", (uintmax_t)bytes);
	else
		text_size(text, room, bytes);
}

/* The value in a column; "" if there is none. */
static void cell_text(const struct entry *entry, const struct slot_fact *fact, char *text,
		      size_t room)
{
	uint64_t number = slot_fact_number(fact, &entry->info);

	switch (fact->kind) {
	case FACT_BYTES:
		bytes_text(entry, number, text, room);
		break;
	case FACT_SIZE:
		if (entry->info.kept)
			bytes_text(entry, number, text, room);
		break;
	case FACT_BOOT_TIME:
		age_text(number, text, room);
		break;
	case FACT_MODE:
		snprintf(text, room, "%04jo", (uintmax_t)number);
		break;
	case FACT_USER:
		text_user(text, room, (unsigned)number);
		break;
	case FACT_GROUP:
		text_group(text, room, (unsigned)number);
		break;
	default:
		snprintf(text, room, "%ju", (uintmax_t)number);
	}
}

static bool is_number(const struct column *column)
{
	enum fact_kind kind = column->key ? slot_fact_find(column->key)->kind : FACT_TEXT;

	return kind != FACT_TEXT && kind != FACT_MODE && kind != FACT_USER && kind != FACT_GROUP;
}

/* The chosen ones, in order; may repeat. */
struct choice {
	const struct column **column;
	size_t count;
};

static int choose(struct choice *choice, const char *word, size_t length)
{
	const struct column **grown;

	for (size_t i = 0; i < COLUMNS; i++) {
		if (strlen(columns[i].name) != length ||
		    strncasecmp(columns[i].name, word, length) != 0)
			continue;
		grown = reallocarray(choice->column, choice->count + 1, sizeof(*grown));
		if (!grown)
			return fail_memory();
		choice->column = grown;
		grown[choice->count++] = &columns[i];
		return 0;
	}
	return args_wrong(&verb_ls, "no column '%.*s'", (int)length, word);
}

/* `list` is the option's argument; NULL: not given. */
static int choose_columns(struct choice *choice, const char *list)
{
	int status = 0;

	if (!list || *list == '+')
		for (size_t i = 0; i < COLUMNS && !status; i++)
			if (columns[i].usual)
				status = choose(choice, columns[i].name, strlen(columns[i].name));
	if (list && *list == '+')
		list++;
	for (; list && *list && !status; list += *list == ',') {
		status = choose(choice, list, strcspn(list, ","));
		list += strcspn(list, ",");
	}
	return status;
}

/* ------------------------------------------------------------ output */

static void add_headings(struct table *table, const struct choice *choice)
{
	for (size_t i = 0; i < choice->count; i++)
		table_add(table, choice->column[i]->name);
}

static void add_cell(struct table *table, const struct column *column, const struct entry *entry)
{
	const struct slot_fact *fact = column->key ? slot_fact_find(column->key) : NULL;
	char text[64] = "";

	if (!fact) {
		table_add(table, entry->name);
	} else if (fact->kind == FACT_TEXT) {
		table_add(table, slot_fact_text(fact, &entry->info));
	} else {
		cell_text(entry, fact, text, sizeof(text));
		table_add(table, text);
	}
}

static int print_table(const struct table *table, const struct choice *choice)
{
	bool *right = calloc(choice->count, sizeof(*right));

	if (!right || table->failed) {
		free(right);
		return fail_memory();
	}
	for (size_t i = 0; i < choice->count; i++)
		right[i] = is_number(choice->column[i]);
	table_print(table, right);
	free(right);
	return 0;
}

/* Look at a slot; one that was removed meanwhile (-ENOENT, -ENODEV) is no failure. */
static int look(babus_domain *domain, struct entry *entry)
{
	babus_slot *slot;
	int error = babus_slot_open(domain, entry->name, BABUS_READ, NULL, &slot);

	if (error)
		return error;
	error = babus_slot_info(slot, &entry->info);
	babus_slot_close(slot);
	return error;
}

/* Call `show` for each slot; the status to exit with. */
static int each_slot(babus_domain *domain, void (*show)(void *arg, const struct entry *entry),
		     void *arg, bool bytes)
{
	struct entry entry = {.bytes = bytes};
	size_t count;
	char **names;
	int error, status = 0;

	error = names_list(domain, &names, &count);
	if (error)
		return fail_on("domain", babus_domain_name(domain), error);
	for (size_t i = 0; i < count; i++) {
		entry.name = names[i];
		error = look(domain, &entry);
		if (!error)
			show(arg, &entry);
		else if (error != -ENOENT && error != -ENODEV)
			status = fail_on("slot", names[i], error);
	}
	names_free(names, count);
	return status;
}

static void show_json(void *arg, const struct entry *entry)
{
	struct json *json = arg;

	json_open(json, NULL, '{');
	facts_slot(json, entry->name, &entry->info);
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
	status = each_slot(domain, show_json, &json, true);
	json_close(&json, ']');
	json_close(&json, '}');
	json_end(&json);
	return status;
}

struct listing {
	struct table table;
	const struct choice *choice;
};

static void show_row(void *arg, const struct entry *entry)
{
	struct listing *listing = arg;

	for (size_t i = 0; i < listing->choice->count; i++)
		add_cell(&listing->table, listing->choice->column[i], entry);
}

static int list_table(babus_domain *domain, const struct choice *choice, bool headings, bool bytes)
{
	struct listing listing = {.choice = choice};
	int status, failed;

	table_init(&listing.table, choice->count);
	if (headings)
		add_headings(&listing.table, choice);
	status = each_slot(domain, show_row, &listing, bytes);
	failed = print_table(&listing.table, choice);
	table_finish(&listing.table);
	return failed ? failed : status;
}

static int run(struct tool *tool, int argc, char **argv)
{
	bool json = false, bytes = false, headings = true;
	struct choice choice = {0};
	const char *list = NULL;
	babus_domain *domain;
	struct args args;
	int key, status;

	args_init(&args, tool, &verb_ls, argc, argv);
	while ((key = args_next(&args)) > 0) {
		if (key == 'o')
			list = args.value;
		else if (key == 'b')
			bytes = true;
		else if (key == 'n')
			headings = false;
		else
			json = true;
	}
	if (key < 0)
		return args.status;
	status = choose_columns(&choice, list);
	if (!status && choice.count == 0)
		status = args_wrong(&verb_ls, "-o: expected at least one column");
	if (!status)
		status = tool_open(tool, BABUS_READ, &domain);
	if (!status) {
		status = json ? list_json(domain) : list_table(domain, &choice, headings, bytes);
		babus_domain_close(domain);
	}
	free(choice.column);
	return status;
}

static void help_columns(void)
{
	printf("\nColumns (* shown without -o):\n");
	for (size_t i = 0; i < COLUMNS; i++) {
		const struct column *column = &columns[i];

		printf("  %c %-12s %s\n", column->usual ? '*' : ' ', column->name,
		       column->help ? column->help : slot_fact_find(column->key)->help);
	}
}

const struct verb verb_ls = {
    .name = "ls",
    .operands = "",
    .summary = "List the slots of the domain",
    .more = help_columns,
    .options = options,
    .min = 0,
    .max = 0,
    .run = run,
};
