/* SPDX-License-Identifier: MIT */
/* babus, the command line tool: the table of verbs, global options and help. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "out.h"
#include "verbs.h"

static const struct verb *const verbs[] = {
    &verb_ls,     &verb_info, &verb_create, &verb_rm,   &verb_pub,
    &verb_latest, &verb_wait, &verb_sub,    &verb_trim, &verb_doctor,
};

enum {
	VERBS = sizeof(verbs) / sizeof(verbs[0])
};

static void help_verbs(void)
{
	char left[64];

	printf("\nVerbs (babus VERB --help tells more):\n");
	for (int i = 0; i < VERBS; i++) {
		snprintf(left, sizeof(left), "%s %s", verbs[i]->name, verbs[i]->operands);
		printf("  %-26s %s\n", left, verbs[i]->summary);
	}
}

enum {
	KEY_VERSION = 'V'
};

static const struct option_row options[] = {
    {KEY_VERSION, "version", NULL, "the version"},
    {0},
};

static const struct verb program = {
    .name = "babus",
    .operands = "VERB",
    .summary = "Publish and subscribe through shared memory",
    .more = help_verbs,
    .options = options,
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
	const struct verb *verb;
	struct args args;
	int key;

	args_init(&args, tool, &program, argc, argv);
	while ((key = args_next(&args)) > 0) {
		printf("babus %s\n", babus_version());
		return args_stop(&args, STATUS_DONE);
	}
	if (key < 0)
		return args.status;
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
	babus_config_free(tool.config);
	return status;
}
