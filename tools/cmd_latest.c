/* SPDX-License-Identifier: MIT */
/* babus latest: one message that is there. */
#include "verbs.h"

#include <errno.h>
#include <inttypes.h>

#include "follow.h"

enum {
	KEY_AGE = 256,
	KEY_SEQ,
	KEY_WAIT
};

static const struct option_row options[] = {
    {KEY_AGE, "age", "K", "the message published K before the newest"},
    {KEY_SEQ, "seq", "S", "the message with sequence number S"},
    {KEY_WAIT, "wait", NULL, "wait for the slot and its first message, or for message S"},
    FORMAT_OPTIONS,
    {0},
};

static int fail(const char *name, enum babus_which which, uint64_t n, int error)
{
	const char *text = babus_strerror(error);

	if (which == BABUS_LATEST || (error != -ESTALE && error != -EAGAIN))
		return fail_on("slot", name, error);
	if (which == BABUS_AGE)
		complain("slot '%s': age %" PRIu64 ": %s", name, n, text);
	else
		complain("slot '%s': sequence number %" PRIu64 ": %s", name, n, text);
	return STATUS_FAILED;
}

static int show(struct tool *tool, const char *name, enum babus_which which, uint64_t n,
		enum format format)
{
	struct babus_message message;
	babus_domain *domain;
	babus_slot *slot;
	int error, status;

	status = tool_check_slot(name);
	if (!status)
		status = tool_open(tool, BABUS_READ, &domain);
	if (status)
		return status;
	status = tool_open_slot(domain, name, BABUS_READ, NULL, &slot);
	if (status)
		goto close_domain;
	error = babus_slot_view(slot, which, n, &message);
	if (error) {
		status = fail(name, which, n, error);
	} else {
		format_message(format, name, &message);
		babus_message_release(&message);
	}
	babus_slot_close(slot);
close_domain:
	babus_domain_close(domain);
	return status;
}

static int wait_for(struct tool *tool, char **names, enum babus_which which, uint64_t n,
		    enum format format)
{
	struct follow follow = {.format = format, .count = 1, .wait = true};

	follow.start = which == BABUS_SEQ ? BABUS_START_SEQ : BABUS_START_OLDEST;
	follow.start_seq = n;
	follow.exact = which == BABUS_SEQ;
	follow.newest = which == BABUS_LATEST;
	return follow_slots(tool, &follow, 1, names);
}

static int run(struct tool *tool, int argc, char **argv)
{
	enum babus_which which = BABUS_LATEST;
	enum format format = FORMAT_RAW;
	struct args args;
	bool wait = false;
	uint64_t n = 0;
	int key, status;

	args_init(&args, tool, &verb_latest, argc, argv);
	while ((key = args_next(&args)) > 0) {
		status = 0;
		switch (key) {
		case KEY_AGE:
			which = BABUS_AGE;
			status = args_number("--age", args.value, 0, UINT32_MAX, &n);
			break;
		case KEY_SEQ:
			which = BABUS_SEQ;
			status = args_number("--seq", args.value, 1, BABUS_SEQ_MAX, &n);
			break;
		case KEY_WAIT:
			wait = true;
			break;
		default:
			format = format_of_key(key);
		}
		if (status)
			return args_stop(&args, status);
	}
	if (key < 0)
		return args.status;
	if (wait && which == BABUS_AGE)
		return args_wrong(&verb_latest, "--wait goes with --seq or no choice of a message");
	if (wait)
		return wait_for(tool, args.operands, which, n, format);
	return show(tool, args.operands[0], which, n, format);
}

const struct verb verb_latest = {
    .name = "latest",
    .operands = "SLOT",
    .summary = "Write the newest message of a slot, or another one that is kept",
    .details = "The message is written whole, straight from shared memory, however fast the\n"
	       "slot moves on. An empty or missing slot is a failure unless --wait is given.",
    .options = options,
    .min = 1,
    .max = 1,
    .run = run,
};
