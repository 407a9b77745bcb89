/* SPDX-License-Identifier: MIT */
/*
 * The command line tool of this build, run as users run it: by sh, in the directory of the case,
 * which is also its BABUS_ROOT. The domain is "test", open here as `bus`. The configuration is
 * $BABUS_CONFIG, empty at first. Every command has a time limit.
 */
#ifndef BABUS_TESTS_CLI_H
#define BABUS_TESTS_CLI_H

#include "shell.h"

/* The babus of this build; it is also in PATH. */
extern char cli_program[512];

/* For `return` in main(). */
int cli_main(int (*run)(void), unsigned timeout_s);
/* The part of cli_main() that finds the program: 0, or it has printed why not. */
int cli_find(void);

int cli_setup(void **state);
/* The part of cli_setup() that follows opening the domain. */
int cli_prepare(void);
int cli_teardown(void **state);
#define CLI(claim) cmocka_unit_test_setup_teardown(claim, cli_setup, cli_teardown)

/* Run a text by sh. */
void cli_try(const char *text, struct outcome *outcome);

/* Assert that it ends with status 0, prints `out`, and prints nothing on standard error. */
void cli_gives(const char *text, const char *out);

/* The same, with a Python program that asserts on the JSON that it prints. */
void cli_gives_json(const char *text, const char *python);

/*
 * Assert that it ends with `status`, prints nothing, and prints exactly "babus: ", the complaint
 * and a newline on standard error.
 */
void cli_fails(int status, const char *text, const char *complaint) __attribute__((nonnull(2, 3)));

/* Assert all three; NULL: any. */
void cli_ends(int status, const char *text, const char *out, const char *err);

/* Start babus as a job; its arguments end with NULL. */
void cli_start(struct job *job, ...) __attribute__((sentinel));
/* The same, and wait until it sleeps for a message. */
void cli_start_waiting(struct job *job, const char *verb, ...) __attribute__((sentinel));
/* Wait for its end, and assert what it printed. */
void cli_finish(struct job *job, int status, const char *out, const char *err);

/* Put before a command: the command has a private copy of the mounts. */
#define CLI_PRIVATE "unshare -m --propagation private "
/* Whether CLI_PRIVATE works here. */
bool cli_private(void);

/* Publish a text as a native client, to a slot that exists. */
void cli_publish(const char *slot, const char *text);

/* Set the configuration of the case. */
void cli_configure(const char *text);

#endif
