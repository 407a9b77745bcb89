/* SPDX-License-Identifier: MIT */
/*
 * What every part of the benchmark needs. The parts:
 *
 *     peer_*.c     ways to carry messages, babus and the floors among them (peer.h)
 *     work_*.c     what they are made to do (work.h)
 *     plan.c       which work with which peer, in which order, and its results
 *     crew.c       the processes or threads that do it
 *     machine.c    the machine, and how quiet it was
 *     report.c     the results as JSON, for report.py and other programs
 *     report.py    tables, RESULTS.md, goals and plots
 *
 * All times are nanoseconds on CLOCK_MONOTONIC.
 */
#ifndef BABUS_BENCH_H
#define BABUS_BENCH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

enum {
	IMAGE = 1920 * 1080 * 3,
	SMALL_IMAGE = 1080,
	WHY_MAX = 160 /* of the reason why something cannot be done */
};

static inline uint64_t bench_clock(clockid_t clock)
{
	struct timespec now = {0};

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static inline uint64_t bench_now(void)
{
	return bench_clock(CLOCK_MONOTONIC);
}

/* Processor time of the calling process, all its threads. */
static inline uint64_t bench_cpu(void)
{
	return bench_clock(CLOCK_PROCESS_CPUTIME_ID);
}

/* Tell the processor that this is a spin loop. */
static inline void bench_pause(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ __volatile__("yield");
#endif
}

/*
 * Let others see a value, and all that was written before it. An atomic store of
 * C would here order later loads too, which a floor must not pay for.
 */
static inline void bench_release(_Atomic uint64_t *word, uint64_t value)
{
#if defined(__x86_64__)
	__asm__ __volatile__("movq %1, %0" : "=m"(*(uint64_t *)word) : "r"(value) : "memory");
#elif defined(__aarch64__)
	__asm__ __volatile__("stlr %1, %0" : "=Q"(*(uint64_t *)word) : "r"(value) : "memory");
#else
	*word = value;
#endif
}

/*
 * End the process, saying why. In a member of a crew only that run fails; in
 * the benchmark itself everything is taken down first.
 */
_Noreturn void bench_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Fail with the text of this errno, negative or not, unless it is 0. */
void bench_check(int error, const char *what);

/* Memory of the caller's, zeroed, on whole pages; fails if there is none. */
void *bench_memory(size_t size);

/* The same, shared with every process forked from now on. */
void *bench_shared(size_t size);
void bench_unshare(void *memory, size_t size);

/* Write all of it, or fail. */
void bench_write(int fd, const char *data, size_t size);

/*
 * A private directory on tmpfs, there from the first call to the end of the
 * benchmark, for sockets and domains.
 */
const char *bench_dir(void);

/* Whether SIGINT or SIGTERM asked the benchmark to stop. */
bool bench_interrupted(void);

/* Sleep; shorter when a signal arrives. */
void bench_sleep(uint64_t ns);

#endif
