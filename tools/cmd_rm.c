/* SPDX-License-Identifier: MIT */
/* babus rm: remove slots, or the domain with all of them. */
#include "verbs.h"

#include <errno.h>
#include <stdbool.h>

struct options {
	bool force, domain;
};

#define AT(field) offsetof(struct options, field)

static const struct option_row rows[] = {
    {'f', "force", NULL, "ignore a slot or domain that does not exist", take_flag, AT(force), 0, 0},
    {0, "domain", NULL, "remove the whole domain; give no SLOT", take_flag, AT(domain), 0, 0},
    {0},
};

static int remove_domain(struct tool *tool, bool force)
{
	struct babus_domain_options opts;
	const char *name;
	int error, status = tool_domain(tool, &name, &opts);

	if (status)
		return status;
	error = babus_domain_remove(name, &opts);
	if (!error || (error == -ENOENT && force))
		return STATUS_DONE;
	return fail_on("domain", name, error);
}

static int remove_slots(struct tool *tool, bool force, char **names)
{
	const char *domain;
	int error, status;

	for (char **name = names; *name; name++)
		if (tool_check_slot(*name))
			return STATUS_USAGE;
	status = force ? tool_try_open(tool, 0, &domain) : tool_open(tool, 0);
	for (; tool->bus && *names; names++) {
		error = babus_domain_remove_slot(tool->bus, *names);
		if (error && !(error == -ENOENT && force))
			status = fail_on("slot", *names, error);
	}
	return status;
}

static int run(struct tool *tool, int argc, char **argv)
{
	struct options options = {0};
	struct args args;

	if (!args_parse(&args, tool, &verb_rm, argc, argv, &options))
		return args.status;
	if (options.domain && args.count)
		return args_wrong(&verb_rm, "--domain removes all slots, expected no '%s'",
				  args.operands[0]);
	if (options.domain)
		return remove_domain(tool, options.force);
	if (!args.count)
		return args_wrong(&verb_rm, "expected %s", verb_rm.operands);
	return remove_slots(tool, options.force, args.operands);
}

const struct verb verb_rm = {
    .name = "rm",
    .operands = "SLOT... | --domain",
    .summary = "Remove slots, or the whole domain",
    .details = "Processes that use a removed slot get an error. Messages that they hold stay\n"
	       "readable until they are released.",
    .options = rows,
    .min = 0,
    .max = -1,
    .run = run,
};
