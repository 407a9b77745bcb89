/* SPDX-License-Identifier: MIT */
/* Other programs that run during the benchmark, and end with it whatever happens. */
#ifndef BABUS_BENCH_DAEMON_H
#define BABUS_BENCH_DAEMON_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "bench.h"

/*
 * Where a program is: in the directory `near`, seen from that of babus-bench, or else
 * its bare name, for PATH.
 */
void daemon_find(const char *near, const char *name, char path[PATH_MAX]);

/* Whether this program is there to be started. */
bool daemon_exists(const char *program);

/*
 * Run argv, which must stay in the foreground, in a session of its own, and wait
 * until it prints `ready` to stdout. 0: it did not, and `why` has the reason.
 */
pid_t daemon_start(const char *const *argv, const char *ready, char why[WHY_MAX]);

/* The same without the wait. */
pid_t daemon_run(const char *const *argv);

/* Whether it still runs; if not, *pid becomes 0. */
bool daemon_is_alive(pid_t *pid);

/* SIGTERM, and SIGKILL if that does not end it: false. */
bool daemon_stop(pid_t pid);

/* The processor time of this process; 0 if pid is 0. */
uint64_t daemon_cpu(pid_t pid);

/* The daemon of a peer: started once, ended with the benchmark. */
struct service {
	/* 0, or a negative errno with the reason in `why`. */
	int (*start)(char why[WHY_MAX]);
	void (*stop)(void);
	/* 0: it does not run. */
	pid_t (*pid)(void);
};

extern const struct service redis_service, roudi_service;

/* Where redis-server listens. Only the benchmark uses it. */
const char *redis_socket(void);
int redis_port(void);

/* How the name of each client of RouDi begins that can choose one; printed with getppid(). */
#define ROUDI_CLIENT "babus-bench-%d-"

#endif
