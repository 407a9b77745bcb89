/* SPDX-License-Identifier: MIT */
/* babus trim: give memory that no message needs back to the system. */
#include "verbs.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

#include "common/json.h"
#include "out.h"

struct options {
	bool json;
};

static const struct option_row rows[] = {
    {0, "json", NULL, "one JSON object per line", take_flag, offsetof(struct options, json), 0, 0},
    {0},
};

static void show(const char *name, uint64_t freed, bool as_json)
{
	struct json json = {.out = stdout};

	if (!as_json) {
		printf("slot '%s': %" PRIu64 " bytes given back\n", name, freed);
		return;
	}
	json_open(&json, NULL, '{');
	json_string(&json, "slot", name);
	json_number(&json, "freed", freed);
	json_end(&json);
}

static int trim(babus_domain *domain, const char *name, bool as_json)
{
	babus_slot *slot;
	uint64_t freed;
	int error, status = tool_open_slot(domain, name, BABUS_PUBLISH, NULL, &slot);

	if (status)
		return status;
	error = babus_slot_trim(slot, &freed);
	if (error)
		status = fail_on("slot", name, error);
	else
		show(name, freed, as_json);
	babus_slot_close(slot);
	return status;
}

static int run(struct tool *tool, int argc, char **argv)
{
	struct options options = {0};
	babus_domain *domain;
	struct args args;
	int status, one;

	if (!args_parse(&args, tool, &verb_trim, argc, argv, &options))
		return args.status;
	status = tool_open(tool, 0, &domain);
	if (status)
		return status;
	for (int i = 0; i < args.count && out_ok(); i++) {
		one = trim(domain, args.operands[i], options.json);
		status = one ? one : status;
	}
	babus_domain_close(domain);
	return status;
}

const struct verb verb_trim = {
    .name = "trim",
    .operands = "SLOT...",
    .summary = "Give memory that no message needs back to the system",
    .details = "Use it after a burst of large messages. No message that is kept or held is lost,\n"
	       "and no process is blocked. Later messages take new memory. It needs permission\n"
	       "to publish. Slots with a limit below a page (4096 bytes) have nothing to give.",
    .options = rows,
    .min = 1,
    .max = -1,
    .run = run,
};
