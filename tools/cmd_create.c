/* SPDX-License-Identifier: MIT */
/* babus create: make a slot with chosen properties. */
#include "verbs.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static int take_channel(const struct option_row *row, const char *text, void *value)
{
	uint64_t channel;
	int status = 0;

	if (strcmp(text, "auto") == 0) {
		*(int32_t *)value = -1;
		return 0;
	}
	status = take_number(row, text, &channel);
	if (!status)
		*(int32_t *)value = (int32_t)channel;
	return status;
}

static int take_mode(const struct option_row *row, const char *text, void *value)
{
	char *end;
	unsigned long mode = strtoul(text, &end, 8);

	if (text[0] < '0' || text[0] > '7' || *end || mode == 0 || mode > 0777)
		return option_wrong(row, text, "octal permissions such as 0600 or 0640");
	*(mode_t *)value = (mode_t)mode;
	return 0;
}

/* No user or group has this name: it may be a number. */
static int take_id(const struct option_row *row, const char *text, void *value)
{
	if (strspn(text, "0123456789") == strlen(text))
		return take_number32(row, text, value);
	return option_wrong(row, text, "a name that exists on this machine, or a number");
}

static int take_owner(const struct option_row *row, const char *text, void *value)
{
	const struct passwd *entry = getpwnam(text);

	if (!entry)
		return take_id(row, text, value);
	*(uid_t *)value = entry->pw_uid;
	return 0;
}

static int take_group(const struct option_row *row, const char *text, void *value)
{
	const struct group *entry = getgrnam(text);

	if (!entry)
		return take_id(row, text, value);
	*(gid_t *)value = entry->gr_gid;
	return 0;
}

struct options {
	struct babus_slot_options slot;
	bool exclusive;
};

#define AT(field) offsetof(struct options, field)

static const struct option_row rows[] = {
    {0, "depth", "N", "messages kept", take_number32, AT(slot.depth), 1, BABUS_BUFFERS_MAX},
    {0, "size", "BYTES", "largest message, such as 4096, 64KiB or 16MiB", take_size,
     AT(slot.max_size), 0, 0},
    {0, "loans", "N", "messages that all publishers can fill at once", take_number32,
     AT(slot.loans), 1, BABUS_LOANS_MAX},
    {0, "pins", "N", "readers and messages that they hold at once", take_number32, AT(slot.pins), 1,
     BABUS_BUFFERS_MAX},
    {0, "channel", "N", "wake-up channel: auto, or 0 to 31", take_channel, AT(slot.channel), 0,
     BABUS_CHANNELS - 1},
    {0, "mode", "OCTAL", "permissions: read to subscribe, write to publish", take_mode,
     AT(slot.mode), 0, 0},
    {0, "owner", "USER", "owner, a name or number", take_owner, AT(slot.uid), 0, UINT32_MAX - 1},
    {0, "group", "GROUP", "group, a name or number", take_group, AT(slot.gid), 0, UINT32_MAX - 1},
    {0, "type", "LABEL", "a label for programs, such as rgb24", take_text, AT(slot.type), 0, 0},
    {0, "description", "TEXT", "a text for people", take_text, AT(slot.description), 0, 0},
    {0, "first-seq", "SEQ", "sequence number of the first message", take_number, AT(slot.first_seq),
     1, BABUS_SEQ_MAX},
    {0, "exclusive", NULL, "fail if the slot exists", take_flag, AT(exclusive), 0, 0},
    {0},
};

static int create(struct tool *tool, const char *name, unsigned flags,
		  const struct babus_slot_options *opts)
{
	babus_slot *slot;
	int status = tool_open(tool, BABUS_CREATE);

	if (!status)
		status = tool_open_slot(tool, name, flags, opts, &slot);
	if (!status)
		babus_slot_close(slot);
	return status;
}

static int run(struct tool *tool, int argc, char **argv)
{
	struct options options = {0};
	struct args args;
	const char *name;
	int status;

	/* The first pass finds the slot, whose name chooses the defaults. */
	if (!args_parse(&args, tool, &verb_create, argc, argv, &options))
		return args.status;
	name = args.operands[0];
	status = tool_check_slot(name);
	if (!status)
		status = tool_load(tool);
	if (status)
		return status;
	babus_config_slot(tool->config, name, &options.slot);
	if (!args_parse(&args, tool, &verb_create, argc, argv, &options))
		return args.status;
	return create(tool, name,
		      BABUS_CREATE | BABUS_EXACT | (options.exclusive ? BABUS_EXCLUSIVE : 0),
		      &options.slot);
}

const struct verb verb_create = {
    .name = "create",
    .operands = "SLOT",
    .summary = "Create a slot",
    .details = "Options that are not given come from babus.ini ([defaults] and [slot PATTERN]).\n"
	       "Nothing changes if the slot exists with the same depth, size, loans and pins,\n"
	       "and with the type if one is given. If it differs, the command fails.",
    .options = rows,
    .min = 1,
    .max = 1,
    .run = run,
};
