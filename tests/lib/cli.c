/* SPDX-License-Identifier: MIT */
#include "cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "programs.h"

enum {
	ARGUMENTS = 32
};

char cli_program[512];

static int find_program(void)
{
	char path[600];
	int error = program_find("tools/babus", cli_program, sizeof(cli_program));

	/* No wrapper and no other babus precedes it in PATH. */
	if (!error) {
		snprintf(path, sizeof(path), "%.*s:/usr/bin:/bin:/usr/sbin:/sbin",
			 (int)(strrchr(cli_program, '/') - cli_program), cli_program);
		setenv("PATH", path, 1);
	}
	return error;
}

int cli_find(void)
{
	int error = find_program();

	if (error)
		fprintf(stderr, "%s: %s\n", cli_program, strerror(errno));
	setenv("LC_ALL", "C", 1);
	return error;
}

int cli_main(int (*run)(void), unsigned timeout_s)
{
	return cli_find() ? 1 : support_main(run, timeout_s);
}

int cli_prepare(void)
{
	setenv("BABUS_DOMAIN", "test", 1);
	setenv("BABUS_CONFIG", root_file("babus.ini"), 1);
	setenv("XDG_CONFIG_HOME", support_root, 1);
	cli_configure("");
	/* assert_published() starts again. */
	new_slot("s");
	return babus_domain_remove_slot(bus, "s");
}

int cli_setup(void **state)
{
	int error = support_setup(state);

	return error ? error : cli_prepare();
}

int cli_teardown(void **state)
{
	return support_teardown(state);
}

bool cli_private(void)
{
	struct outcome outcome;
	bool works;

	cli_try(CLI_PRIVATE "true", &outcome);
	works = outcome.status == 0;
	outcome_free(&outcome);
	return works;
}

void cli_configure(const char *text)
{
	write_file(root_file("babus.ini"), text, strlen(text));
}

/* --- running ---------------------------------------------------------------------- */

static void run_program(void *arg)
{
	char *const *argv = arg;

	/* As a shell starts it, whatever signals the test program ignores. */
	if (chdir(support_root) == 0)
		execv(strcmp(argv[0], "sh") == 0 ? "/bin/sh" : cli_program, argv);
	perror(argv[0]);
	_exit(127);
}

void cli_try(const char *text, struct outcome *outcome)
{
	const char *argv[] = {"sh", "-c", text, NULL};
	struct job job;

	job_call(&job, run_program, (void *)argv);
	job_finish(&job, outcome);
}

static const char *text_of(const char *text)
{
	return text ? text : "";
}

static void check(const char *what, struct outcome *outcome, int status, const char *out,
		  const char *err)
{
	bool right = outcome->status == status &&
		     (!out || (outcome->out_size == strlen(out) &&
			       memcmp(text_of(outcome->out), out, outcome->out_size) == 0)) &&
		     (!err || strcmp(text_of(outcome->err), err) == 0);

	if (!right)
		print_error("%s\nended with %d, expected %d\nwrote '%.2000s'\nexpected '%.2000s'\n"
			    "said '%.2000s'\nexpected '%.2000s'\n",
			    what, outcome->status, status, text_of(outcome->out),
			    out ? out : "(anything)", text_of(outcome->err),
			    err ? err : "(anything)");
	outcome_free(outcome);
	assert_true(right);
}

void cli_ends(int status, const char *text, const char *out, const char *err)
{
	struct outcome outcome;

	cli_try(text, &outcome);
	check(text, &outcome, status, out, err);
}

void cli_gives(const char *text, const char *out)
{
	cli_ends(0, text, out, "");
}

void cli_fails(int status, const char *text, const char *complaint)
{
	char err[1200];

	snprintf(err, sizeof(err), "babus: %s\n", complaint);
	cli_ends(status, text, "", err);
}

void cli_gives_json(const char *text, const char *python)
{
	char line[4096];

	/* A file and not a pipe, so that the status is that of the command. */
	snprintf(line, sizeof(line),
		 "{ %s; } >out.json && python3 -c 'import base64, json\n"
		 "objects = [json.loads(line) for line in open(\"out.json\", \"rb\")]\n"
		 "one = objects[0] if objects else None\n%s'",
		 text, python);
	cli_gives(line, "");
}

static void start(struct job *job, const char *first, va_list list)
{
	const char *argv[ARGUMENTS] = {"babus", first};

	for (int i = 2; i < ARGUMENTS && argv[i - 1]; i++)
		argv[i] = va_arg(list, const char *);
	assert_null(argv[ARGUMENTS - 1]);
	job_call(job, run_program, (void *)argv);
}

void cli_start(struct job *job, ...)
{
	va_list list;

	va_start(list, job);
	start(job, va_arg(list, const char *), list);
	va_end(list);
}

void cli_start_waiting(struct job *job, const char *verb, ...)
{
	va_list list;

	va_start(list, verb);
	start(job, verb, list);
	va_end(list);
	await_sleep(job->pid, "poll");
}

void cli_finish(struct job *job, int status, const char *out, const char *err)
{
	struct outcome outcome;

	job_finish(job, &outcome);
	check("the job", &outcome, status, out, err);
}

void cli_publish(const char *name, const char *text)
{
	babus_slot *slot = open_slot(name, BABUS_PUBLISH);

	publish_text(slot, text);
	babus_slot_close(slot);
}
