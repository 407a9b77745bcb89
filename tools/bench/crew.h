/* SPDX-License-Identifier: MIT */
/*
 * The processes (or threads of one other process) that work in a run. The
 * benchmark only waits for them: if one fails the others are ended, so that
 * nothing hangs, and when the benchmark is killed the kernel ends them.
 */
#ifndef BABUS_BENCH_CREW_H
#define BABUS_BENCH_CREW_H

#include <pthread.h>

#include "bench.h"
#include "hist.h"

/* What a member reports, in memory that the benchmark sees. */
struct report {
	struct hist hist[2];
	uint64_t cpu; /* that the member's process used while it was counted */
	uint64_t value[4];
};

struct talk; /* what the members of a run share; each work has its own */

struct crew {
	pthread_barrier_t barrier;
	unsigned members;
	bool threads;
	struct talk *talk; /* zeroed */
	size_t talk_size;
	struct report report[];
};

struct crew *crew_new(unsigned members, bool threads, size_t talk_size);
void crew_free(struct crew *crew);

/*
 * Let each member do its part. 0, -EINTR (the benchmark was asked to stop),
 * -ECHILD (a member failed and has said why), -ETIMEDOUT.
 */
int crew_run(struct crew *crew, void (*part)(struct crew *crew, unsigned who, void *arg),
	     void *arg);

/* In a member: until all members are here. */
void crew_meet(struct crew *crew);

/* In a member: stay on this processor, modulo their number. */
void crew_pin(unsigned processor);

/*
 * A child of the benchmark that dies with it, in the signal state of a fresh
 * process; as fork().
 */
int crew_fork(void);

#endif
