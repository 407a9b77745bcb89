/* SPDX-License-Identifier: MIT */
/* babus latest: print one message that was published. */
#include "verbs.h"

#include <errno.h>
#include <inttypes.h>

#include "follow.h"
#include "slots.h"

struct choice {
	enum babus_which which;
	uint64_t n;
};

struct options {
	struct choice choice;
	bool wait;
	enum format format;
};

static int take_age(const struct option_row *row, const char *text, void *value)
{
	struct choice *choice = value;

	choice->which = BABUS_AGE;
	return take_number(row, text, &choice->n);
}

static int take_seq(const struct option_row *row, const char *text, void *value)
{
	struct choice *choice = value;

	choice->which = BABUS_SEQ;
	return take_number(row, text, &choice->n);
}

#define AT(field) offsetof(struct options, field)

static const struct option_row rows[] = {
    {0, "age", "K", "the message published K before the newest", take_age, AT(choice), 0,
     UINT32_MAX},
    {0, "seq", "S", "the message with sequence number S", take_seq, AT(choice), 1, BABUS_SEQ_MAX},
    {0, "wait", NULL, "wait until the slot and the message exist", take_flag, AT(wait), 0, 0},
    FORMAT_OPTIONS(AT(format)),
    {0},
};

static int fail(const char *name, const struct choice *choice, int error)
{
	bool by_age = choice->which == BABUS_AGE;
	const char *why = by_age && error == -ESTALE ? "the slot keeps fewer messages"
						     : babus_strerror(error);

	if (choice->which == BABUS_LATEST || (error != -ESTALE && error != -EAGAIN))
		return fail_on("slot", name, error);
	complain("slot '%s': %s %" PRIu64 ": %s", name, by_age ? "age" : "sequence number",
		 choice->n, why);
	return STATUS_FAILED;
}

static int show(void *arg, babus_slot *slot)
{
	const struct options *options = arg;
	const char *name = babus_slot_name(slot);
	struct babus_message message;
	int error = babus_slot_view(slot, options->choice.which, options->choice.n, &message);

	if (error)
		return fail(name, &options->choice, error);
	format_message(options->format, name, &message);
	babus_message_release(&message);
	return 0;
}

static int wait_for(struct tool *tool, char **names, const struct options *options)
{
	bool exact = options->choice.which == BABUS_SEQ;
	struct follow follow = {
	    .format = options->format,
	    .start = {exact ? BABUS_START_SEQ : BABUS_START_OLDEST, options->choice.n},
	    .count = 1,
	    .wait = true,
	    .newest = !exact,
	    .exact = exact,
	};

	return follow_slots(tool, &follow, 1, names);
}

static int run(struct tool *tool, int argc, char **argv)
{
	struct options options = {.choice = {.which = BABUS_LATEST}};
	struct args args;
	int status;

	if (!args_parse(&args, tool, &verb_latest, argc, argv, &options))
		return args.status;
	if (options.wait && options.choice.which == BABUS_AGE)
		return args_wrong(&verb_latest, "--wait cannot be used with --age");
	if (options.wait)
		return wait_for(tool, args.operands, &options);
	status = tool_check_slot(args.operands[0]);
	return status ? status : slots_named(tool, BABUS_READ, args.operands, show, &options);
}

const struct verb verb_latest = {
    .name = "latest",
    .operands = "SLOT",
    .summary = "Print the newest message of a slot, or an older one",
    .details = "The message is printed whole, straight from shared memory, however fast new ones\n"
	       "are published. An empty or missing slot is an error unless --wait is given.",
    .options = rows,
    .min = 1,
    .max = 1,
    .run = run,
};
