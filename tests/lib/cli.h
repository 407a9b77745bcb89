/* SPDX-License-Identifier: MIT */
/*
 * The command line tool of this build, run as people run it: by sh, in the
 * directory of the case, which is also its BABUS_ROOT. The domain is "test",
 * open here as `bus`, and the configuration is $BABUS_CONFIG, empty at first.
 * Every command has a time limit.
 */
#ifndef BABUS_TESTS_CLI_H
#define BABUS_TESTS_CLI_H

#include "shell.h"

/* The babus of this build; in PATH too. */
extern char cli_program[512];

/* For `return` in main(). */
int cli_main(int (*run)(void), unsigned timeout_s);
/* The part of it that finds the program: 0, or it has said why not. */
int cli_find(void);

int cli_setup(void **state);
/* The part of it that follows opening the domain. */
int cli_prepare(void);
int cli_teardown(void **state);
#define CLI(claim) cmocka_unit_test_setup_teardown(claim, cli_setup, cli_teardown)

/* Run a text by sh. */
void cli_try(const char *text, struct outcome *outcome);

/* Assert that it ends with 0, says nothing on standard error, and writes `out`. */
void cli_gives(const char *text, const char *out);

/* The same for what Python makes of what it writes (a program that asserts). */
void cli_gives_json(const char *text, const char *python);

/*
 * Assert that it ends with `status`, writes nothing, and says exactly
 * "babus: ", the complaint and a newline on standard error.
 */
void cli_fails(int status, const char *text, const char *complaint) __attribute__((nonnull(2, 3)));

/* All three; NULL: whatever it is. */
void cli_ends(int status, const char *text, const char *out, const char *err);

/* The program itself as a job; its arguments, ended by NULL. */
void cli_start(struct job *job, ...) __attribute__((sentinel));
/* The same, and wait until it sleeps for news. */
void cli_start_waiting(struct job *job, const char *verb, ...) __attribute__((sentinel));
/* Collect what it wrote and assert all of it. */
void cli_finish(struct job *job, int status, const char *out, const char *err);

/* Before a command: it sees mounts as they are and changes none for others. */
#define CLI_PRIVATE "unshare -m --propagation private "
/* Whether that is possible here. */
bool cli_private(void);

/* Publish a text as a native client, to a slot that exists. */
void cli_publish(const char *slot, const char *text);

/* The configuration of the case. */
void cli_configure(const char *text);

#endif
