/* SPDX-License-Identifier: MIT */
/* A redis-server of ours, on a socket and a port that nobody else knows. */
#ifndef BABUS_BENCH_REDIS_H
#define BABUS_BENCH_REDIS_H

#include <stdbool.h>
#include <sys/types.h>

#include "bench.h"

/* Start it if it does not run. 0, or a negative errno with the reason in `why`. */
int redis_start(char why[WHY_MAX]);
void redis_stop(void);

/* Its process; 0: it does not run. */
pid_t redis_pid(void);

const char *redis_socket(void);
int redis_port(void);

#endif
