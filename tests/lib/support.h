/* SPDX-License-Identifier: MIT */
/*
 * What every test program shares: a private tmpfs directory, children that
 * never outlive the test, gates to meet at, and short ways to make slots.
 *
 * A test's main() is one call of support_main(), which runs the cases in a
 * child, ends whatever they left behind, removes their files, and so also
 * cleans up after a crash or a hang. A case that leaves a process running
 * fails its program.
 *
 * Only the process that runs the cases may use the assertions of cmocka.
 * Children and threads use EXPECT, which ends their process.
 */
#ifndef BABUS_TESTS_SUPPORT_H
#define BABUS_TESTS_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <cmocka.h>

#include <babus/babus.h>

enum {
	SKIPPED = 77
};

/* gcc tells of its sanitizers by macros, clang by features. */
#ifdef __has_feature
#define SUPPORT_FEATURE(name) __has_feature(name)
#else
#define SUPPORT_FEATURE(name) 0
#endif
#if defined(__SANITIZE_THREAD__) || SUPPORT_FEATURE(thread_sanitizer)
#define SUPPORT_SANITIZED 15 /* times slower, as its manual says; most so are atomics */
#elif defined(__SANITIZE_ADDRESS__) || SUPPORT_FEATURE(address_sanitizer)
#define SUPPORT_SANITIZED 5
#else
#define SUPPORT_SANITIZED 0
#endif

/* Time limits grow under a sanitizer, or as the build says (emulators, valgrind). */
#ifndef SUPPORT_SLOWER
#define SUPPORT_SLOWER (SUPPORT_SANITIZED ? SUPPORT_SANITIZED : 1)
#endif

#define MILLISECOND INT64_C(1000000)
#define SECOND      INT64_C(1000000000)

/*
 * False under an emulator that takes all advice and follows none (qemu-user 7):
 * what relies on it cannot be tested there.
 */
bool support_madvise_works(void);

/*
 * Whether so much can be mapped: valgrind has less than other programs, and an emulator
 * may have it and pay for it with memory of its own.
 */
bool support_address_space(uint64_t size);

/*
 * Run the cases with a private directory and a time limit; for `return` in main().
 * BABUS_TEST_CASE in the environment chooses some by a pattern.
 */
int support_main(int (*run)(void), unsigned timeout_s);

/* The directory of the current case: its BABUS_ROOT; and its domain, "test". */
extern char support_root[64];
extern babus_domain *bus;

/* Where a long case is, printed if it fails; it leaves "" when it is done. */
extern char support_context[128];

/* Fixture of a case: a fresh directory, and in it an open domain. */
int support_setup(void **state);
int support_teardown(void **state);

/* The same without the domain. */
int support_setup_root(void **state);

#define CASE(claim) cmocka_unit_test_setup_teardown(claim, support_setup, support_teardown)
#define CASE_ROOT(claim) \
	cmocka_unit_test_setup_teardown(claim, support_setup_root, support_teardown)

/* --- for children and threads ------------------------------------------------ */

#define EXPECT(condition) ((condition) ? (void)0 : support_fail(#condition, __FILE__, __LINE__))
#define EXPECT_EQUAL(got, wanted) \
	support_expect_equal((int64_t)(got), (int64_t)(wanted), #got, __FILE__, __LINE__)
_Noreturn void support_fail(const char *what, const char *file, int line);
void support_expect_equal(int64_t got, int64_t wanted, const char *what, const char *file,
			  int line);

/*
 * Report that a helper waited in vain until its time limit: such a failure says less than
 * others, and tests/mutants/run does not count it.
 */
void support_late(const char *what);

/* A child that runs fn(arg) and ends with status 0; it is killed with its parent. */
pid_t child_start(void (*fn)(void *arg), void *arg);
/* Wait for it and assert that it ended well. */
void child_join(pid_t pid);
/* Wait for it: its exit status, or minus the signal. */
int child_wait(pid_t pid);
/* SIGKILL it and wait. */
void child_kill(pid_t pid);
/* Wait until it has stopped (SIGSTOP), or ended: true if it stopped. */
bool child_wait_stopped(pid_t pid, int *status);
/* Become this user, with a group of the same number, and perhaps one more. */
void child_become(uid_t uid, gid_t extra_group);

/* A counter that processes and threads post and wait for, one by one. */
int gate_open(void);
void gate_post(int gate, unsigned n);
void gate_wait(int gate);
void gate_close(int gate);

int64_t now_ns(void); /* CLOCK_MONOTONIC */
int64_t cpu_ns(void); /* what this thread has used: the same however busy the machine is */

/*
 * How often a process (0: this one; its main thread) gave up the processor by itself:
 * to sleep, which no load of the machine makes it do.
 */
uint64_t count_sleeps(pid_t pid);

/* How many descriptors this process has open. */
unsigned count_descriptors(void);

/* --- slots --------------------------------------------------------------------- */

/* Open, with the domain of the case, a slot to publish; made if it is missing. */
babus_slot *make_slot(const char *name, uint32_t depth, uint64_t max_size);
babus_slot *make_slot_with(const char *name, const struct babus_slot_options *opts);
/* Small tables: 4 loans, 8 pins. */
struct babus_slot_options small_options(uint32_t depth, uint64_t max_size);
/* Open an existing one. */
babus_slot *open_slot(const char *name, unsigned flags);

/* Publish a text (without its 0) and return its number. */
uint64_t publish_text(babus_slot *slot, const char *text);
void publish_many(babus_slot *slot, unsigned count);
/* Assert that a message holds this text, and release it. */
void assert_text(struct babus_message *message, const char *text);

/* --- paths: good for the next few calls ------------------------------------------ */

const char *root_file(const char *leaf);
const char *domain_file(const char *leaf);
const char *pins_file(babus_slot *slot);

#endif
