/* SPDX-License-Identifier: MIT */
/*
 * Child processes of a case, and gates for them to meet. A child never outlives the case.
 *
 * Only the process that runs the cases may use the assertions of cmocka. Children and threads use
 * EXPECT, which ends their process.
 */
#ifndef BABUS_TESTS_CHILD_H
#define BABUS_TESTS_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <babus/babus.h>

#define EXPECT(condition) ((condition) ? (void)0 : support_fail(#condition, __FILE__, __LINE__))
#define EXPECT_EQUAL(got, wanted) \
	support_expect_equal((int64_t)(got), (int64_t)(wanted), #got, __FILE__, __LINE__)
_Noreturn void support_fail(const char *what, const char *file, int line);
void support_expect_equal(int64_t got, int64_t wanted, const char *what, const char *file,
			  int line);

/*
 * Report that a helper reached its time limit. Such a failure says less than others, and
 * tests/mutants/run does not count it.
 */
void support_late(const char *what);

/* Start a child that runs fn(arg) and ends with status 0. It is killed with its parent. */
pid_t child_start(void (*fn)(void *arg), void *arg);
/* Wait for it, and assert that its status is 0. */
void child_join(pid_t pid);
/* Wait for it: its exit status, or minus the signal. */
int child_wait(pid_t pid);
/* SIGKILL it and wait. */
void child_kill(pid_t pid);
/* Wait until it stops (SIGSTOP) or ends: true if it stopped. */
bool child_wait_stopped(pid_t pid, int *status);
/* Become this user, with a group of the same number, and with one more group if wanted. */
void child_become(uid_t uid, gid_t extra_group);

/* A re-check interval longer than any test: only a wake-up ends the wait. */
#define NO_RECHECK ((uint64_t)(3600 * SECOND))

/* Open the domain of the case; open a slot in it. */
babus_domain *child_open_domain(void);
babus_slot *child_open_slot(const char *name, unsigned flags);
/* Open a waiter with this re-check interval, for one reader that starts with the next message. */
babus_waiter *child_open_waiter(babus_slot *slot, uint64_t recheck_ns, babus_reader **reader);

/* A counter. Processes and threads post it, and wait for it, one by one. */
int gate_open(void);
void gate_post(int gate, unsigned n);
void gate_wait(int gate);
void gate_close(int gate);

#endif
