/* SPDX-License-Identifier: MIT */
/*
 * What every test program shares: a private tmpfs directory, and through the headers below
 * children, gates and slots.
 *
 * main() of a test is one call of support_main(). It runs the cases in a child, ends all that
 * they left running, and removes their files, so it also cleans up after a crash or a hang. A
 * case that leaves a process running fails its program.
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

#include "child.h"
#include "slots.h"

enum {
	SKIPPED = 77
};

/* gcc reports its sanitizers by macros, clang by features. */
#ifdef __has_feature
#define SUPPORT_FEATURE(name) __has_feature(name)
#else
#define SUPPORT_FEATURE(name) 0
#endif
#if defined(__SANITIZE_THREAD__) || SUPPORT_FEATURE(thread_sanitizer)
#define SUPPORT_SANITIZED 15 /* times slower, as its manual says; atomics are the slowest */
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
 * False under an emulator that accepts all advice and follows none (qemu-user 7). What relies on
 * advice cannot be tested there.
 */
bool support_madvise_works(void);

/*
 * Whether so much can be mapped. Valgrind has less address space than other programs; an emulator
 * may have it, but uses memory of its own for it.
 */
bool support_address_space(uint64_t size);

/*
 * Run the cases with a private directory and a time limit; for `return` in main().
 * BABUS_TEST_CASE in the environment chooses cases by a pattern.
 */
int support_main(int (*run)(void), unsigned timeout_s);

/* The directory of the current case, which is its BABUS_ROOT; and its domain, "test". */
extern char support_root[64];
extern babus_domain *bus;

/* The progress of a long case, printed if it fails. The case leaves "" when it is done. */
extern char support_context[128];

/* Fixture of a case: a fresh directory, and an open domain in it. */
int support_setup(void **state);
int support_teardown(void **state);

/* The same without the domain. */
int support_setup_root(void **state);

#define CASE(claim) cmocka_unit_test_setup_teardown(claim, support_setup, support_teardown)
#define CASE_ROOT(claim) \
	cmocka_unit_test_setup_teardown(claim, support_setup_root, support_teardown)

int64_t now_ns(void); /* CLOCK_MONOTONIC */
int64_t cpu_ns(void); /* processor time of this thread: the same however busy the machine is */

/*
 * How often a process (0: this one; its main thread) gave up the processor by itself: to sleep.
 * No load of the machine makes it do that.
 */
uint64_t count_sleeps(pid_t pid);

/* How many descriptors this process has open. */
unsigned count_descriptors(void);

/* --- paths: valid for the next few calls --------------------------------------------- */

const char *root_file(const char *leaf);
const char *domain_file(const char *leaf);
const char *pins_file(babus_slot *slot);

#endif
