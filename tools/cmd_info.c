/* SPDX-License-Identifier: MIT */
/* babus info: the domain, or slots and their clients, in detail. */
#include "verbs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "common/facts.h"
#include "slots.h"
#include "table.h"
#include "text.h"

struct options {
	bool json;
	bool more; /* a slot has been shown */
};

static const struct option_row rows[] = {
    {0, "json", NULL, "one JSON object per line", take_flag, offsetof(struct options, json), 0, 0},
    {0},
};

static void row(const char *name, const char *text)
{
	printf("%-12s %s\n", name, text);
}

/* A time of CLOCK_REALTIME and its age; 0: never. */
static void row_time(const char *name, uint64_t time_ns)
{
	time_t seconds = (time_t)(time_ns / 1000000000);
	char date[64], age[32];
	struct tm parts;

	if (!time_ns || !localtime_r(&seconds, &parts)) {
		row(name, "never");
		return;
	}
	strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", &parts);
	text_age(age, sizeof(age), time_ns, babus_wall_time(babus_now()));
	printf("%-12s %s.%03u, %s ago\n", name, date, (unsigned)(time_ns / 1000000 % 1000), age);
}

static void row_access(unsigned mode, unsigned uid, unsigned gid)
{
	char user[64], group[64];

	text_user(user, sizeof(user), uid);
	text_group(group, sizeof(group), gid);
	printf("%-12s %04o, owner %s, group %s\n", "access", mode, user, group);
}

static void row_memory(uint64_t used, uint64_t bound)
{
	char a[32], b[32];

	text_size(a, sizeof(a), used);
	text_size(b, sizeof(b), bound);
	printf("%-12s %s in use, %s at most (%" PRIu64 " and %" PRIu64 " bytes)\n", "memory", a, b,
	       used, bound);
}

/* ------------------------------------------------------------ a slot */

static int slot_json(babus_slot *slot, const struct babus_slot_info *info)
{
	struct json json = {.out = stdout};
	int error;

	json_open(&json, NULL, '{');
	facts_slot(&json, babus_slot_name(slot), info);
	error = facts_users(&json, slot, info);
	json_end(&json);
	return error;
}

enum {
	CLIENT_COLUMNS = 8
};

static int client_row(void *arg, const struct babus_client_info *client)
{
	struct table *table = arg;
	bool reads = !client->publisher;

	table_add_number(table, client->pid);
	table_add(table, reads ? "reader" : "publisher");
	table_add_number(table, client->incarnation);
	table_add(table, client->alive ? "alive" : "dead");
	table_add_number(table, client->held);
	if (reads) {
		table_add_number(table, client->cursor);
		table_add_number(table, client->received);
		table_add_number(table, client->lost);
	}
	for (int i = 0; i < 3 && !reads; i++)
		table_add(table, "");
	return 0;
}

static int slot_clients(babus_slot *slot)
{
	static const char *const headings[CLIENT_COLUMNS] = {
	    "PID", "ROLE", "INCARNATION", "STATE", "HOLDS", "CURSOR", "RECEIVED", "LOST"};
	static const bool right[CLIENT_COLUMNS] = {true, false, true, false,
						   true, true,  true, true};
	struct table table;
	int error;

	table_init(&table, CLIENT_COLUMNS);
	for (int i = 0; i < CLIENT_COLUMNS; i++)
		table_add(&table, headings[i]);
	error = babus_slot_clients(slot, client_row, &table);
	if (!error && table.cells > CLIENT_COLUMNS) {
		putchar('\n');
		error = table_print(&table, right);
	}
	table_finish(&table);
	return error;
}

static void row_newest(babus_slot *slot, const struct babus_slot_info *info)
{
	static const char *const states[] = {", gone", ", alive"};
	int alive = babus_slot_publisher_alive(slot, info->publisher);

	printf("%-12s number %" PRIu64 ", %" PRIu64 " bytes, by process %" PRIu32 "\n", "newest",
	       info->seq, info->size, info->pid);
	printf("%-12s incarnation %" PRIu64 "%s\n", "publisher", info->publisher,
	       alive < 0 ? "" : states[alive]);
	printf("%-12s %" PRIu64 "%s\n", "origin", info->origin,
	       info->origin ? "" : " (this machine)");
}

static int slot_text(babus_slot *slot, const struct babus_slot_info *info)
{
	char text[32];

	row("slot", babus_slot_name(slot));
	row("type", info->type[0] ? info->type : "-");
	row("description", info->description[0] ? info->description : "-");
	printf("%-12s %" PRIu64 ", %" PRIu32 " kept of depth %" PRIu32 "\n", "messages",
	       info->kept ? info->seq - info->first_seq + 1 : 0, info->kept, info->depth);
	if (info->kept)
		row_newest(slot, info);
	row_time("published", babus_wall_time(info->time_ns));
	text_size(text, sizeof(text), info->max_size);
	printf("%-12s %s a message (%" PRIu64 " bytes)\n", "limit", text, info->max_size);
	printf("%-12s %" PRIu32 "\n", "channel", info->channel);
	printf("%-12s %" PRIu32 " live, %" PRIu32 " loans at once\n", "publishers",
	       info->publishers, info->loans);
	printf("%-12s %" PRIu32 " pins of %" PRIu32 "\n", "readers", info->readers, info->pins);
	printf("%-12s %" PRIu64 "\n", "lost", info->lost);
	row_memory(info->bytes_used, info->bytes_max);
	row_access(info->mode, info->uid, info->gid);
	row_time("created", info->created_ns);
	return slot_clients(slot);
}

static int show_slot(void *arg, babus_slot *slot)
{
	struct options *options = arg;
	struct babus_slot_info info;
	int error = babus_slot_info(slot, &info);

	if (options->more && !options->json)
		putchar('\n');
	options->more = true;
	if (!error)
		error = options->json ? slot_json(slot, &info) : slot_text(slot, &info);
	return error ? fail_on("slot", babus_slot_name(slot), error) : 0;
}

/* ------------------------------------------------------------ the domain */

struct total {
	uint64_t slots, used, bound, publishers, readers, lost;
};

/* The sums leave out slots that cannot be read. */
static void add_up(void *arg, const char *name, babus_slot *slot, int error)
{
	struct total *total = arg;
	struct babus_slot_info info;

	(void)name;
	total->slots++;
	if (error || babus_slot_info(slot, &info))
		return;
	total->used += info.bytes_used;
	total->bound += info.bytes_max;
	total->publishers += info.publishers;
	total->readers += info.readers;
	total->lost += info.lost;
}

static int domain_json(babus_domain *domain, const struct total *total, const char *config)
{
	struct json json = {.out = stdout};
	int error = facts_open_domain(&json, babus_domain_name(domain), babus_domain_path(domain));

	if (error)
		return error;
	json_number(&json, "slots", total->slots);
	json_number(&json, "publishers", total->publishers);
	json_number(&json, "readers", total->readers);
	json_number(&json, "lost", total->lost);
	json_number(&json, "bytes_used", total->used);
	json_number(&json, "bytes_max", total->bound);
	if (*config)
		json_string(&json, "config", config);
	else
		json_null(&json, "config");
	json_string(&json, "version", babus_version());
	json_end(&json);
	return 0;
}

static int domain_text(babus_domain *domain, const struct total *total, const char *config)
{
	struct stat st;

	if (stat(babus_domain_path(domain), &st) < 0)
		return -errno;
	row("domain", babus_domain_name(domain));
	row("path", babus_domain_path(domain));
	printf("%-12s %" PRIu64 "\n", "slots", total->slots);
	printf("%-12s %" PRIu64 "\n", "publishers", total->publishers);
	printf("%-12s %" PRIu64 "\n", "readers", total->readers);
	printf("%-12s %" PRIu64 "\n", "lost", total->lost);
	row_memory(total->used, total->bound);
	row_access(st.st_mode & 07777, st.st_uid, st.st_gid);
	row("config", *config ? config : "built-in defaults");
	row("version", babus_version());
	return 0;
}

static int show_domain(struct tool *tool, bool json)
{
	int error, status = tool_open(tool, BABUS_READ);
	struct total total = {0};
	const char *config;

	if (status)
		return status;
	config = babus_config_path(tool->config);
	error = slots_each(tool->bus, add_up, &total);
	if (!error)
		error = json ? domain_json(tool->bus, &total, config)
			     : domain_text(tool->bus, &total, config);
	return error ? fail_on("domain", babus_domain_name(tool->bus), error) : 0;
}

static int run(struct tool *tool, int argc, char **argv)
{
	struct options options = {0};
	struct args args;

	if (!args_parse(&args, tool, &verb_info, argc, argv, &options))
		return args.status;
	if (!args.count)
		return show_domain(tool, options.json);
	return slots_named(tool, BABUS_READ, args.operands, show_slot, &options);
}

const struct verb verb_info = {
    .name = "info",
    .operands = "[SLOT...]",
    .summary = "Show slots and their clients in detail, or the domain",
    .options = rows,
    .min = 0,
    .max = -1,
    .run = run,
};
