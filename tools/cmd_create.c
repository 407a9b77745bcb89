/* SPDX-License-Identifier: MIT */
/* babus create: a slot with chosen properties. */
#include "verbs.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
	KEY_DEPTH = 256,
	KEY_SIZE,
	KEY_LOANS,
	KEY_PINS,
	KEY_CHANNEL,
	KEY_MODE,
	KEY_OWNER,
	KEY_GROUP,
	KEY_TYPE,
	KEY_DESCRIPTION,
	KEY_FIRST_SEQ,
	KEY_EXCLUSIVE,
};

static const struct option_row options[] = {
    {KEY_DEPTH, "depth", "N", "messages kept"},
    {KEY_SIZE, "size", "BYTES", "largest message, such as 4096, 64KiB or 16MiB"},
    {KEY_LOANS, "loans", "N", "messages being filled at once, by all publishers"},
    {KEY_PINS, "pins", "N", "readers and messages held by them at once"},
    {KEY_CHANNEL, "channel", "N", "wake-up channel: auto, or 0 to 31"},
    {KEY_MODE, "mode", "OCTAL", "permissions: read is subscribe, write is publish"},
    {KEY_OWNER, "owner", "USER", "its owner, a name or number"},
    {KEY_GROUP, "group", "GROUP", "its group, a name or number"},
    {KEY_TYPE, "type", "LABEL", "a label for programs, such as rgb24"},
    {KEY_DESCRIPTION, "description", "TEXT", "a text for people"},
    {KEY_FIRST_SEQ, "first-seq", "SEQ", "sequence number of the first message"},
    {KEY_EXCLUSIVE, "exclusive", NULL, "fail if the slot exists"},
    {0},
};

static int take_number(const char *what, const char *text, uint64_t max, uint32_t *out)
{
	uint64_t value;
	int status = args_number(what, text, 1, max, &value);

	if (!status)
		*out = (uint32_t)value;
	return status;
}

static int take_channel(const char *text, int32_t *channel)
{
	uint64_t value;
	int status;

	if (strcmp(text, "auto") == 0) {
		*channel = -1;
		return 0;
	}
	status = args_number("--channel", text, 0, BABUS_CHANNELS - 1, &value);
	if (!status)
		*channel = (int32_t)value;
	return status;
}

static int take_mode(const char *text, mode_t *mode)
{
	char *end;
	unsigned long value = strtoul(text, &end, 8);

	if (text[0] < '0' || text[0] > '7' || *end || value == 0 || value > 0777) {
		complain("--mode: '%s', expected octal permissions such as 0600 or 0640", text);
		return STATUS_USAGE;
	}
	*mode = (mode_t)value;
	return 0;
}

/* A user or group: `known` if it has that name, `id` its number then. */
static int take_id(const char *what, const char *text, bool known, uint32_t id, uint32_t *out)
{
	uint64_t value = id;
	int status = 0;

	if (!known && strspn(text, "0123456789") != strlen(text)) {
		complain("%s: there is no '%s' here", what, text);
		return STATUS_USAGE;
	}
	if (!known)
		status = args_number(what, text, 0, UINT32_MAX - 1, &value);
	if (!status)
		*out = (uint32_t)value;
	return status;
}

static int take_owner(const char *text, uid_t *uid)
{
	const struct passwd *entry = getpwnam(text);

	return take_id("--owner", text, entry, entry ? entry->pw_uid : 0, uid);
}

static int take_group(const char *text, gid_t *gid)
{
	const struct group *entry = getgrnam(text);

	return take_id("--group", text, entry, entry ? entry->gr_gid : 0, gid);
}

static int take_option(int key, const char *text, struct babus_slot_options *opts)
{
	switch (key) {
	case KEY_DEPTH:
		return take_number("--depth", text, BABUS_BUFFERS_MAX, &opts->depth);
	case KEY_SIZE:
		return args_size("--size", text, &opts->max_size);
	case KEY_LOANS:
		return take_number("--loans", text, BABUS_LOANS_MAX, &opts->loans);
	case KEY_PINS:
		return take_number("--pins", text, BABUS_BUFFERS_MAX, &opts->pins);
	case KEY_CHANNEL:
		return take_channel(text, &opts->channel);
	case KEY_MODE:
		return take_mode(text, &opts->mode);
	case KEY_OWNER:
		return take_owner(text, &opts->uid);
	case KEY_GROUP:
		return take_group(text, &opts->gid);
	case KEY_TYPE:
		opts->type = text;
		return 0;
	case KEY_DESCRIPTION:
		opts->description = text;
		return 0;
	case KEY_FIRST_SEQ:
		return args_number("--first-seq", text, 1, BABUS_SEQ_MAX, &opts->first_seq);
	}
	return 0;
}

/* One pass over the options: what is given goes over `opts`. */
static int take_options(struct args *args, struct tool *tool, int argc, char **argv,
			struct babus_slot_options *opts, bool *exclusive)
{
	int key, status;

	args_init(args, tool, &verb_create, argc, argv);
	while ((key = args_next(args)) > 0) {
		if (key == KEY_EXCLUSIVE)
			*exclusive = true;
		status = take_option(key, args->value, opts);
		if (status)
			return args_stop(args, status);
	}
	return key < 0 ? args->status : 0;
}

static int create(struct tool *tool, const char *name, unsigned flags,
		  const struct babus_slot_options *opts)
{
	babus_domain *domain;
	babus_slot *slot;
	int status = tool_open(tool, BABUS_CREATE, &domain);

	if (status)
		return status;
	status = tool_open_slot(domain, name, flags, opts, &slot);
	if (!status)
		babus_slot_close(slot);
	babus_domain_close(domain);
	return status;
}

static int run(struct tool *tool, int argc, char **argv)
{
	struct babus_slot_options opts;
	struct args args;
	bool exclusive = false;
	const char *name;
	int status;

	/* Which defaults the options go over depends on options and operand. */
	babus_slot_options_init(&opts);
	status = take_options(&args, tool, argc, argv, &opts, &exclusive);
	if (args.stopped)
		return status;
	name = args.operands[0];
	status = tool_check_slot(name);
	if (!status)
		status = tool_load(tool);
	if (status)
		return status;
	babus_config_slot(tool->config, name, &opts);
	status = take_options(&args, tool, argc, argv, &opts, &exclusive);
	if (args.stopped)
		return status;
	return create(tool, name, BABUS_CREATE | BABUS_EXACT | (exclusive ? BABUS_EXCLUSIVE : 0),
		      &opts);
}

const struct verb verb_create = {
    .name = "create",
    .operands = "SLOT",
    .summary = "Create a slot",
    .details = "What is not given is as configured (babus.ini, [defaults] and [slot PATTERN]).\n"
	       "A slot that exists with the same depth, size, loans and pins, and with the\n"
	       "type if one is given, is left as it is; one that differs is a failure.",
    .options = options,
    .min = 1,
    .max = 1,
    .run = run,
};
