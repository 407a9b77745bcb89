/* SPDX-License-Identifier: MIT */
/* babus sub: follow slots in order. */
#include "verbs.h"

#include "follow.h"

enum {
	KEY_FROM = 256,
	KEY_WAIT
};

static const struct option_row options[] = {
    {'n', "count", "N", "end after N messages"},
    {KEY_FROM, "from", "WHERE", "start at: next (default), oldest, or a sequence number"},
    {KEY_WAIT, "wait", NULL, "wait for slots that do not exist, or not any more"},
    FORMAT_OPTIONS,
    {0},
};

static int run(struct tool *tool, int argc, char **argv)
{
	struct follow follow = {.start = BABUS_START_NEXT};
	struct args args;
	int key, status;

	args_init(&args, tool, &verb_sub, argc, argv);
	while ((key = args_next(&args)) > 0) {
		status = 0;
		switch (key) {
		case 'n':
			status = args_number("--count", args.value, 1, UINT64_MAX, &follow.count);
			break;
		case KEY_FROM:
			status = follow_parse_start("--from", args.value, &follow);
			break;
		case KEY_WAIT:
			follow.wait = true;
			break;
		default:
			follow.format = format_of_key(key);
		}
		if (status)
			return args_stop(&args, status);
	}
	return key < 0 ? args.status : follow_slots(tool, &follow, args.count, args.operands);
}

const struct verb verb_sub = {
    .name = "sub",
    .operands = "SLOT...",
    .summary = "Follow slots: write every message in order, as they come",
    .details = "Messages are written as they are, one after the other, unless an option asks\n"
	       "for another form. Messages of one slot come in order; if the publishers have\n"
	       "lapped us, standard error tells how many were lost (--json: \"lost\").",
    .options = options,
    .min = 1,
    .max = -1,
    .run = run,
};
