/* SPDX-License-Identifier: MIT */
/* babus sub: print every message of some slots. */
#include "verbs.h"

#include <string.h>

#include "follow.h"

static int take_from(const struct option_row *row, const char *text, void *value)
{
	struct follow_start *start = value;

	if (text[0] >= '0' && text[0] <= '9') {
		start->where = BABUS_START_SEQ;
		return take_number(row, text, &start->seq);
	}
	if (strcmp(text, "next") == 0)
		start->where = BABUS_START_NEXT;
	else if (strcmp(text, "oldest") == 0)
		start->where = BABUS_START_OLDEST;
	else
		return option_wrong(row, text, "oldest, next or a sequence number");
	return 0;
}

#define AT(field) offsetof(struct follow, field)

static const struct option_row rows[] = {
    {'n', "count", "N", "end after N messages", take_number, AT(count), 1, UINT64_MAX},
    {0, "from", "WHERE", "start at: next (default), oldest, or a sequence number", take_from,
     AT(start), 1, BABUS_SEQ_MAX},
    {0, "wait", NULL, "wait for slots that do not exist, and again if they are removed", take_flag,
     AT(wait), 0, 0},
    FORMAT_OPTIONS(AT(format)),
    {0},
};

static int run(struct tool *tool, int argc, char **argv)
{
	struct follow follow = {.start = {.where = BABUS_START_NEXT}};
	struct args args;

	if (!args_parse(&args, tool, &verb_sub, argc, argv, &follow))
		return args.status;
	return follow_slots(tool, &follow, args.count, args.operands);
}

const struct verb verb_sub = {
    .name = "sub",
    .operands = "SLOT...",
    .summary = "Print every message of the slots, in order, as it comes",
    .details = "Messages are printed as they are, one after the other, unless an option chooses\n"
	       "another format. Standard error reports how many messages were overwritten before\n"
	       "they could be read, with --json the key \"lost\".",
    .options = rows,
    .min = 1,
    .max = -1,
    .run = run,
};
