/* SPDX-License-Identifier: MIT */
/*
 * A benchmark is a set of cases. Each case knows how to do `count` operations
 * and which other case, its floor, does the least that any way of doing this
 * work must do. Cases run in turn, several times over, so that a machine that
 * changes its speed changes it for all of them; what counts is the median of
 * the ratios.
 */
#ifndef BABUS_BENCH_H
#define BABUS_BENCH_H

#include <stddef.h>
#include <stdint.h>

#include <babus/babus.h>

struct bench_case {
	const char *name;
	const char *what;
	const char *floor; /* the name of another case, or NULL */
	uint64_t count;    /* operations in one run */
	/* Do it; the nanoseconds it took in all. Ends the process on failure. */
	double (*run)(const struct bench_case *self);
	size_t size; /* of a message, for those that need to know */
};

extern const struct bench_case loop_cases[], trip_cases[];
extern const size_t loop_case_count, trip_case_count;

/* Nanoseconds on CLOCK_MONOTONIC. */
double bench_now(void);

/* Tell the processor that this is a spin loop. */
static inline void bench_pause(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ __volatile__("yield");
#endif
}

/* End the process, saying why, unless `error` is 0. */
void bench_check(int error, const char *what);

/* The domain all cases work in. */
babus_domain *bench_domain(void);

/* A slot of it, created on first use with this limit, opened for publishing. */
babus_slot *bench_slot(const char *name, size_t size);

#endif
