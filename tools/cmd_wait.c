/* SPDX-License-Identifier: MIT */
/* babus wait: the next message of a slot. */
#include "verbs.h"

#include "follow.h"

enum {
	KEY_AFTER = 256,
	KEY_WAIT
};

static const struct option_row options[] = {
    {'t', "timeout", "DURATION", "fail after that long, such as 500ms or 2s; default: never"},
    {KEY_AFTER, "after", "SEQ", "the first message after this one, which may be there already"},
    {KEY_WAIT, "wait", NULL, "wait for the slot too if it does not exist"},
    FORMAT_OPTIONS,
    {0},
};

static int run(struct tool *tool, int argc, char **argv)
{
	struct follow follow = {.start = BABUS_START_NEXT, .count = 1};
	struct args args;
	int key, status;

	args_init(&args, tool, &verb_wait, argc, argv);
	while ((key = args_next(&args)) > 0) {
		status = 0;
		switch (key) {
		case 't':
			status = args_duration("--timeout", args.value, &follow.timeout_ns);
			/* 0 asks for a look without waiting. */
			follow.timeout_ns += follow.timeout_ns == 0;
			break;
		case KEY_AFTER:
			status = args_number("--after", args.value, 0, BABUS_SEQ_MAX - 1,
					     &follow.start_seq);
			follow.start = BABUS_START_SEQ;
			follow.start_seq++;
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
	return key < 0 ? args.status : follow_slots(tool, &follow, 1, args.operands);
}

const struct verb verb_wait = {
    .name = "wait",
    .operands = "SLOT",
    .summary = "Write the next message of a slot, when it comes",
    .details = "With --after a loop misses nothing that is kept: give it the \"seq\" that --json\n"
	       "told for the message before.",
    .options = options,
    .min = 1,
    .max = 1,
    .run = run,
};
