/* SPDX-License-Identifier: MIT */
#include "tool.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void complain(const char *format, ...)
{
	char text[1024];
	va_list list;

	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	/* One write, after the standard output that precedes it. */
	fflush(stdout);
	fprintf(stderr, "babus: %s\n", text);
}

int fail_memory(void)
{
	complain("out of memory");
	return STATUS_FAILED;
}

void describe_failure(const char *kind, const char *name, int error, char *text, size_t room)
{
	const char *detail = babus_error_detail();
	char what[BABUS_NAME_MAX + 16];

	snprintf(what, sizeof(what), "%s '%s'", kind, name);
	if (error == -ENOENT && strcmp(kind, "domain") != 0)
		snprintf(text, room, "%s: no such %s", what, kind);
	else if (error == -ENODEV)
		snprintf(text, room, "%s: removed", what);
	else if (strncmp(detail, what, strlen(what)) == 0)
		snprintf(text, room, "%s", detail);
	else
		snprintf(text, room, "%s: %s", what, detail[0] ? detail : babus_strerror(error));
}

int fail_on(const char *kind, const char *name, int error)
{
	char text[1024];

	describe_failure(kind, name, error, text, sizeof(text));
	complain("%s", text);
	return STATUS_FAILED;
}

static int check_name(const char *kind, const char *name)
{
	if (babus_name_check(name) == 0)
		return 0;
	complain("%s '%s': invalid name, expected 1 to %u of A-Z a-z 0-9 . _ -, "
		 "not starting with . or -",
		 kind, name, BABUS_NAME_MAX);
	return STATUS_USAGE;
}

int tool_load(struct tool *tool)
{
	int error;

	if (tool->config)
		return 0;
	error = babus_config_load(tool->config_path, &tool->config);
	if (!error)
		return 0;
	complain("%s", babus_error_detail()[0] ? babus_error_detail() : babus_strerror(error));
	return error == -ENOMEM ? STATUS_FAILED : STATUS_USAGE;
}

int tool_domain(struct tool *tool, const char **name, struct babus_domain_options *opts)
{
	int status = tool_load(tool);

	if (status)
		return status;
	*name = babus_config_domain(tool->config, opts);
	if (tool->domain)
		*name = tool->domain;
	if (tool->root)
		opts->root = tool->root;
	return check_name("domain", *name);
}

int tool_try_open(struct tool *tool, unsigned flags, const char **name)
{
	struct babus_domain_options opts;
	int error, status = tool_domain(tool, name, &opts);

	if (status)
		return status;
	error = babus_domain_open(*name, flags, &opts, &tool->bus);
	return error && error != -ENOENT ? fail_on("domain", *name, error) : 0;
}

int tool_open(struct tool *tool, unsigned flags)
{
	const char *name;
	int status = tool_try_open(tool, flags, &name);

	return status || tool->bus ? status : fail_on("domain", name, -ENOENT);
}

int tool_check_slot(const char *name)
{
	return check_name("slot", name);
}

int tool_open_slot(struct tool *tool, const char *name, unsigned flags,
		   const struct babus_slot_options *opts, babus_slot **slot)
{
	int error, status = tool_check_slot(name);

	if (status)
		return status;
	error = babus_slot_open(tool->bus, name, flags, opts, slot);
	if (error)
		status = fail_on("slot", name, error);
	/* The options cannot be met by any slot. */
	return error == -EINVAL ? STATUS_USAGE : status;
}
