/* SPDX-License-Identifier: MIT */
/* The command line tool: finds and runs the verb. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "out.h"
#include "verbs.h"

#define VERB_ADDRESS(name) &verb_##name,
static const struct verb *const verbs[] = {VERBS(VERB_ADDRESS)};

enum {
	VERBS = sizeof(verbs) / sizeof(verbs[0])
};

static void help_verbs(void)
{
	char left[64];

	printf("\nVerbs (see babus VERB --help):\n");
	for (int i = 0; i < VERBS; i++) {
		snprintf(left, sizeof(left), "%s %s", verbs[i]->name, verbs[i]->operands);
		printf("  %-26s %s\n", left, verbs[i]->summary);
	}
}

static const struct option_row rows[] = {
    {'V', "version", NULL, "print the version", take_flag, 0, 0, 0},
    {0},
};

static const struct verb program = {
    .name = "babus",
    .operands = "VERB",
    .summary = "Publish and subscribe through shared memory",
    .more = help_verbs,
    .options = rows,
};

static const struct verb *find_verb(const char *name)
{
	for (int i = 0; i < VERBS; i++)
		if (strcmp(verbs[i]->name, name) == 0)
			return verbs[i];
	return NULL;
}

static int help(int argc, char **argv)
{
	const struct verb *verb = argc > 1 ? find_verb(argv[1]) : &program;

	if (!verb)
		return args_wrong(&program, "no verb '%s'", argv[1]);
	args_help(verb);
	return STATUS_DONE;
}

static int run(struct tool *tool, int argc, char **argv)
{
	bool version = false;
	const struct verb *verb;
	struct args args;

	if (!args_parse(&args, tool, &program, argc, argv, &version))
		return args.status;
	if (version) {
		printf("babus %s\n", babus_version());
		return STATUS_DONE;
	}
	if (args.count == 0)
		return args_wrong(&program, "expected a verb");
	if (strcmp(args.operands[0], "help") == 0)
		return help(args.count, args.operands);
	verb = find_verb(args.operands[0]);
	if (!verb)
		return args_wrong(&program, "no verb '%s'", args.operands[0]);
	return verb->run(tool, args.count, args.operands);
}

int main(int argc, char **argv)
{
	struct tool tool = {0};
	sigset_t none;
	int status;

	/* SIGINT ends it, also if the caller blocks signals. */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* A reader that went away is an error of write(2). */
	signal(SIGPIPE, SIG_IGN);
	/* waitpid() finds no child if the caller ignores this. */
	signal(SIGCHLD, SIG_DFL);
	babus_guard_install();
	status = out_finish(run(&tool, argc, argv));
	babus_domain_close(tool.bus);
	babus_config_free(tool.config);
	return status;
}
