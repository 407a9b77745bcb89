/* SPDX-License-Identifier: MIT */
/* Commands and blocking reads in children, each with a time limit, and their outcome. */
#ifndef BABUS_TESTS_SHELL_H
#define BABUS_TESTS_SHELL_H

#include "mount.h"

enum {
	SHELL_TIMEOUT_MS = 30000 * SUPPORT_SLOWER
};

struct outcome {
	int status; /* of exit, or minus the signal; -SIGALRM: took too long */
	char *out;  /* standard output, with a 0 behind it */
	size_t out_size;
	char *err; /* standard error */
	size_t err_size;
};

/* A child with its output on two pipes. */
struct job {
	pid_t pid;
	int out, err;
};

/* Run argv in the directory of the mount. */
void job_start(struct job *job, const char *const *argv);
/* Call fn(arg) in a child; its standard output and error are the pipes. */
void job_call(struct job *job, void (*fn)(void *arg), void *arg);
/* Collect the output until its end; free it with outcome_free(). */
void job_finish(struct job *job, struct outcome *outcome);
void outcome_free(struct outcome *outcome);

/* Let `shell` ("bash", "dash") run a text; $T is a scratch directory. */
void shell_try(const char *shell, const char *text, struct outcome *outcome);
/* The same; asserts that it ends with 0 and prints nothing on standard error. */
void shell_run(const char *shell, const char *text);
/* Asserts what it prints, too. */
void shell_expect(const char *shell, const char *text, const char *out);

/* The same with Python. */
void python_run(const char *text);

/* Wait until the process sleeps in a kernel function with such a name. */
void await_sleep(pid_t pid, const char *where);
/* Wait until the process sleeps in read() of a file of a FUSE file system. */
void await_blocked(pid_t pid);
/* Its state as one letter of ps. */
char process_state(pid_t pid);
/* A number from /proc/PID/status. */
long process_status(pid_t pid, const char *key);

/* Wait for a child's end: ns since `since`; -1: it took longer than the limit. */
int64_t await_end(pid_t pid, int64_t since, int *status);

/* --- what was published --------------------------------------------------------- */

/* A slot of this depth for a whole case; not open here. */
void new_slot(const char *name);

/*
 * Assert that the slot's messages are exactly these texts, oldest first, ended by NULL, since it
 * was made or since the last call of this case.
 */
void assert_published(const char *slot, ...) __attribute__((sentinel));

/* Assert that nothing more is published for a moment; after assert_published(). */
void assert_quiet(const char *slot);

#endif
