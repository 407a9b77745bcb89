/* SPDX-License-Identifier: MIT */
/* babus wait: print the next message of a slot. */
#include "verbs.h"

#include "follow.h"

/* 0 means a check without waiting, and not "never". */
static int take_timeout(const struct option_row *row, const char *text, void *value)
{
	uint64_t *timeout_ns = value;
	int status = take_duration(row, text, timeout_ns);

	if (!status && *timeout_ns == 0)
		*timeout_ns = 1;
	return status;
}

static int take_after(const struct option_row *row, const char *text, void *value)
{
	struct follow_start *start = value;
	int status = take_number(row, text, &start->seq);

	start->where = BABUS_START_SEQ;
	start->seq++;
	return status;
}

#define AT(field) offsetof(struct follow, field)

static const struct option_row rows[] = {
    {'t', "timeout", "DURATION", "fail after that long, such as 500ms or 2s; default: never",
     take_timeout, AT(timeout_ns), 0, 0},
    {0, "after", "SEQ", "print the first message after this one, which may exist already",
     take_after, AT(start), 0, BABUS_SEQ_MAX - 1},
    {0, "wait", NULL, "if the slot does not exist, wait for it too", take_flag, AT(wait), 0, 0},
    FORMAT_OPTIONS(AT(format)),
    {0},
};

static int run(struct tool *tool, int argc, char **argv)
{
	struct follow follow = {.start = {.where = BABUS_START_NEXT}, .count = 1};
	struct args args;

	if (!args_parse(&args, tool, &verb_wait, argc, argv, &follow))
		return args.status;
	return follow_slots(tool, &follow, 1, args.operands);
}

const struct verb verb_wait = {
    .name = "wait",
    .operands = "SLOT",
    .summary = "Print the next message of a slot when it comes",
    .details = "A loop misses no message that is kept if it gives --after the \"seq\" that --json\n"
	       "printed for the message before.",
    .options = rows,
    .min = 1,
    .max = 1,
    .run = run,
};
