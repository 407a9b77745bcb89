/* SPDX-License-Identifier: MIT */
/* babus doctor: find what dead clients and mounts left behind, and clean up. */
#include "verbs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/facts.h"
#include "common/mounts.h"
#include "slots.h"

struct options {
	bool dry_run, json;
};

#define AT(field) offsetof(struct options, field)

static const struct option_row rows[] = {
    {'n', "dry-run", NULL, "only report, change nothing", take_flag, AT(dry_run), 0, 0},
    {0, "json", NULL, "one JSON object", take_flag, AT(json), 0, 0},
    {0},
};

struct checkup {
	bool repair;
	struct json *json;        /* NULL: text */
	unsigned stale, silent;   /* mounts */
	uint32_t damaged, closed; /* slots; closed: no permission to open it */
	int status;
};

static const char *describe(enum mount_state state)
{
	static const char *const words[] = {
	    [MOUNT_ALIVE] = "alive",
	    [MOUNT_STALE] = "stale",
	    [MOUNT_SILENT] = "silent",
	    [MOUNT_UNKNOWN] = "unknown",
	};

	return words[state];
}

/* ------------------------------------------------------------ clients */

struct client {
	struct checkup *checkup;
	const char *slot;
};

static int show_dead(void *arg, const struct babus_client_info *client)
{
	const struct client *where = arg;
	struct json *json = where->checkup->json;

	if (client->alive)
		return 0;
	if (!json) {
		printf("slot '%s': dead %s, process %" PRIu32 ", held %" PRIu32 "\n", where->slot,
		       client->publisher ? "publisher" : "reader", client->pid, client->held);
		return 0;
	}
	json_open(json, NULL, '{');
	json_string(json, "slot", where->slot);
	facts_client(json, client);
	json_close(json, '}');
	return 0;
}

/* Dead clients, before recovery releases their entries. */
static void list_dead(void *arg, const char *name, babus_slot *slot, int error)
{
	struct client where = {arg, name};

	if (!error)
		babus_slot_clients(slot, show_dead, &where);
}

static void list_unreadable(void *arg, const char *name, babus_slot *slot, int error)
{
	struct checkup *checkup = arg;
	struct json *json = checkup->json;
	char text[1024];

	(void)slot;
	if (!error)
		return;
	if (error == -EACCES)
		checkup->closed++;
	else
		checkup->damaged++;
	describe_failure("slot", name, error, text, sizeof(text));
	if (!json) {
		printf("%s\n", text);
		return;
	}
	json_open(json, NULL, '{');
	json_string(json, "slot", name);
	json_bool(json, "damaged", error != -EACCES);
	json_string(json, "reason", text);
	json_close(json, '}');
}

static int list_troubles(struct checkup *checkup, babus_domain *domain)
{
	struct json *json = checkup->json;
	int error;

	if (json)
		json_open(json, "dead_clients", '[');
	error = slots_each(domain, list_dead, checkup);
	if (json) {
		json_close(json, ']');
		json_open(json, "unreadable_slots", '[');
	}
	if (!error)
		error = slots_each(domain, list_unreadable, checkup);
	if (json)
		json_close(json, ']');
	return error;
}

static void show_report(struct checkup *checkup, const struct babus_report *report)
{
	struct json *json = checkup->json;

	if (checkup->json) {
		json_number(json, "slots", report->slots);
		json_number(json, "dead_publishers", report->dead_publishers);
		json_number(json, "dead_readers", report->dead_readers);
		json_number(json, "buffers", report->buffers);
		json_number(json, "leftovers", report->leftovers);
		json_number(json, "damaged", checkup->damaged);
		json_number(json, "closed", checkup->closed);
		json_number(json, "foreign", report->foreign);
		return;
	}
	printf("%" PRIu32 " slots: %" PRIu32 " dead publishers, %" PRIu32 " dead readers, %" PRIu32
	       " buffers, %" PRIu32 " leftover files, %" PRIu32 " damaged, %" PRIu32
	       " without access\n",
	       report->slots, report->dead_publishers, report->dead_readers, report->buffers,
	       report->leftovers, checkup->damaged, checkup->closed);
}

static int check_domain(struct checkup *checkup, babus_domain *domain)
{
	struct babus_report report;
	int error = list_troubles(checkup, domain);

	if (!error)
		error = babus_domain_recover(domain, checkup->repair, &report);
	if (error)
		return fail_on("domain", babus_domain_name(domain), error);
	/* The detail names one of them. */
	if (report.foreign)
		complain("domain '%s': %" PRIu32 " files of others are in the way, such as: %s",
			 babus_domain_name(domain), report.foreign, babus_error_detail());
	show_report(checkup, &report);
	/* A damaged slot stays: only its owner can decide to remove it. */
	if (checkup->damaged || report.foreign)
		checkup->status = STATUS_FAILED;
	return 0;
}

/* ------------------------------------------------------------ mounts */

static void repair_mount(struct checkup *checkup, const char *path)
{
	int error = mount_detach(path);

	if (!error)
		return;
	complain("mount '%s': cannot unmount: %s; try as root or as its owner", path,
		 strerrordesc_np(-error));
	checkup->status = STATUS_FAILED;
}

static void check_mount(void *arg, const struct mount *mount)
{
	struct checkup *checkup = arg;
	struct json *json = checkup->json;
	enum mount_state state;

	if (!mount->is_babusfs)
		return;
	state = mount_state(mount->path);
	if (json) {
		json_open(json, NULL, '{');
		json_string(json, "path", mount->path);
		json_string(json, "source", mount->source);
		json_string(json, "state", describe(state));
		json_close(json, '}');
	} else {
		printf("mount '%s' of %s: %s\n", mount->path, mount->source, describe(state));
	}
	checkup->stale += state == MOUNT_STALE;
	checkup->silent += state == MOUNT_SILENT;
	if (state == MOUNT_STALE && checkup->repair)
		repair_mount(checkup, mount->path);
}

static int check_mounts(struct checkup *checkup)
{
	int error;

	if (checkup->json)
		json_open(checkup->json, "mounts", '[');
	error = mounts_each(check_mount, checkup);
	if (checkup->json) {
		json_close(checkup->json, ']');
		json_number(checkup->json, "stale_mounts", checkup->stale);
	} else {
		printf("%u stale mounts, %u that do not answer\n", checkup->stale, checkup->silent);
	}
	if (error)
		complain("/proc/self/mountinfo: %s", strerrordesc_np(-error));
	return error ? STATUS_FAILED : 0;
}

/* ------------------------------------------------------------ the verb */

static int check_up(struct tool *tool, struct checkup *checkup)
{
	const char *name;
	int mounts, status;

	/* A domain that does not exist is not an error: there may be stale mounts. */
	status = tool_try_open(tool, BABUS_READ, &name);
	if (status)
		return status;
	if (checkup->json) {
		json_open(checkup->json, NULL, '{');
		json_string(checkup->json, "domain", name);
		json_bool(checkup->json, "exists", tool->bus);
		json_bool(checkup->json, "repaired", checkup->repair);
	} else {
		printf("domain '%s'%s\n", name, tool->bus ? "" : ": does not exist");
	}
	if (tool->bus)
		status = check_domain(checkup, tool->bus);
	mounts = check_mounts(checkup);
	if (checkup->json)
		json_end(checkup->json);
	return status ? status : mounts ? mounts : checkup->status;
}

static int run(struct tool *tool, int argc, char **argv)
{
	struct options options = {0};
	struct json json = {.out = stdout};
	struct checkup checkup = {0};
	struct args args;

	if (!args_parse(&args, tool, &verb_doctor, argc, argv, &options))
		return args.status;
	checkup.repair = !options.dry_run;
	checkup.json = options.json ? &json : NULL;
	return check_up(tool, &checkup);
}

const struct verb verb_doctor = {
    .name = "doctor",
    .operands = "",
    .summary = "Clean up what dead clients left behind, and stale mounts",
    .details = "Live clients are not disturbed. The bus never needs this: a client that finds no\n"
	       "free entry recovers what dead clients held. Damaged slots and mounts that do not\n"
	       "answer are reported and left alone; a damaged slot makes the command fail.",
    .options = rows,
    .min = 0,
    .max = 0,
    .run = run,
};
