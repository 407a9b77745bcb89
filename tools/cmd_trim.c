/* SPDX-License-Identifier: MIT */
/* babus trim: give memory that no message needs back to the system. */
#include "verbs.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

#include "common/json.h"
#include "slots.h"

static const struct option_row rows[] = {
    {0, "json", NULL, "one JSON object per line", take_flag, 0, 0, 0},
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

static int trim(void *arg, babus_slot *slot)
{
	const bool *as_json = arg;
	uint64_t freed;
	int error = babus_slot_trim(slot, &freed);

	if (error)
		return fail_on("slot", babus_slot_name(slot), error);
	show(babus_slot_name(slot), freed, *as_json);
	return 0;
}

static int run(struct tool *tool, int argc, char **argv)
{
	bool json = false;
	struct args args;

	if (!args_parse(&args, tool, &verb_trim, argc, argv, &json))
		return args.status;
	return slots_named(tool, BABUS_PUBLISH, args.operands, trim, &json);
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
