/* SPDX-License-Identifier: MIT */
/*
 * RouDi, the daemon of iceoryx, for the peers that need it. There can be one on a
 * machine: where another runs, they do not.
 */
#ifndef BABUS_BENCH_ROUDI_H
#define BABUS_BENCH_ROUDI_H

#include <sys/types.h>

#include "bench.h"

/* Begins the name of each client that can choose one; printed with getppid(). */
#define ROUDI_CLIENT "babus-bench-%d-"

/* Start it unless it runs. 0, or -ENOTSUP: it does not, and why. */
int roudi_start(char why[WHY_MAX]);

/* End it if it runs. */
void roudi_stop(void);

pid_t roudi_pid(void);

#endif
