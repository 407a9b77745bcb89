/* SPDX-License-Identifier: MIT */
/* babus ls: the slots of a domain as a table or as JSON. */
#include "verbs.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "out.h"
#include "slotinfo.h"
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
	bool right, usual;
	const char *help;
	void (*text)(const struct entry *entry, char *text, size_t room);
};

static void size_text(const struct entry *e, uint64_t bytes, char *text, size_t room)
{
	if (e->bytes)
		snprintf(text, room, "%ju", (uintmax_t)bytes);
	else
		text_size(text, room, bytes);
}

#define NUMBER_COLUMN(function, field)                                       \
	static void function(const struct entry *e, char *text, size_t room) \
	{                                                                    \
		snprintf(text, room, "%ju", (uintmax_t)e->info.field);       \
	}

#define SIZE_COLUMN(function, field)                                         \
	static void function(const struct entry *e, char *text, size_t room) \
	{                                                                    \
		size_text(e, e->info.field, text, room);                     \
	}

NUMBER_COLUMN(seq, seq)
NUMBER_COLUMN(kept, kept)
NUMBER_COLUMN(depth, depth)
NUMBER_COLUMN(channel, channel)
NUMBER_COLUMN(publishers, publishers)
NUMBER_COLUMN(readers, readers)
NUMBER_COLUMN(lost, lost)
NUMBER_COLUMN(pid, pid)
NUMBER_COLUMN(publisher, publisher)
NUMBER_COLUMN(origin, origin)
SIZE_COLUMN(limit, max_size)
SIZE_COLUMN(used, bytes_used)
SIZE_COLUMN(bound, bytes_max)

static void name(const struct entry *e, char *text, size_t room)
{
	snprintf(text, room, "%s", e->name);
}

static void size(const struct entry *e, char *text, size_t room)
{
	if (e->info.kept)
		size_text(e, e->info.size, text, room);
}

static void age(const struct entry *e, char *text, size_t room)
{
	uint64_t now = babus_now();

	if (e->info.time_ns)
		text_age(text, room, now > e->info.time_ns ? now - e->info.time_ns : 0);
}

static void mode(const struct entry *e, char *text, size_t room)
{
	snprintf(text, room, "%04o", e->info.mode);
}

static void owner(const struct entry *e, char *text, size_t room)
{
	text_user(text, room, e->info.uid);
}

static void group(const struct entry *e, char *text, size_t room)
{
	text_group(text, room, e->info.gid);
}

static void type(const struct entry *e, char *text, size_t room)
{
	snprintf(text, room, "%s", e->info.type);
}

static void description(const struct entry *e, char *text, size_t room)
{
	snprintf(text, room, "%s", e->info.description);
}

static const struct column columns[] = {
    {"SLOT", false, true, "its name", name},
    {"SEQ", true, true, "sequence number of the newest message", seq},
    {"KEPT", true, true, "messages that can be read", kept},
    {"DEPTH", true, true, "messages kept at most", depth},
    {"LIMIT", true, true, "largest message", limit},
    {"SIZE", true, true, "of the newest message", size},
    {"AGE", true, true, "of the newest message", age},
    {"PUBS", true, true, "publishers", publishers},
    {"READERS", true, true, "readers and held messages", readers},
    {"LOST", true, true, "messages missed by readers", lost},
    {"TYPE", false, true, "label for programs", type},
    {"DESCRIPTION", false, false, "text for people", description},
    {"CHANNEL", true, false, "wake-up channel", channel},
    {"PID", true, false, "process that published the newest message", pid},
    {"PUBLISHER", true, false, "its number among the slot's publishers", publisher},
    {"ORIGIN", true, false, "of the newest message; 0: this machine", origin},
    {"USED", true, false, "memory in use", used},
    {"BOUND", true, false, "memory at most", bound},
    {"MODE", false, false, "permissions", mode},
    {"OWNER", false, false, "user", owner},
    {"GROUP", false, false, "group", group},
};

enum {
	COLUMNS = sizeof(columns) / sizeof(columns[0])
};

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

static void add_entry(struct table *table, const struct choice *choice, const struct entry *entry)
{
	char text[256];

	for (size_t i = 0; i < choice->count; i++) {
		text[0] = '\0';
		choice->column[i]->text(entry, text, sizeof(text));
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
		right[i] = choice->column[i]->right;
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
	slotinfo_json(json, entry->name, &entry->info);
	json_close(json, '}');
}

static int list_json(babus_domain *domain)
{
	struct json json = {.out = stdout};
	int status;

	json_open(&json, NULL, '{');
	json_string(&json, "domain", babus_domain_name(domain));
	json_string(&json, "path", babus_domain_path(domain));
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

	add_entry(&listing->table, listing->choice, entry);
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
	printf("\nColumns (* usual ones):\n");
	for (size_t i = 0; i < COLUMNS; i++)
		printf("  %c %-12s %s\n", columns[i].usual ? '*' : ' ', columns[i].name,
		       columns[i].help);
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
