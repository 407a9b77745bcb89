/* SPDX-License-Identifier: MIT */
/* A daemon of a peer: started once, ended with the benchmark whatever happens. */
#ifndef BABUS_BENCH_DAEMON_H
#define BABUS_BENCH_DAEMON_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Whether this program is there to be started. */
bool daemon_exists(const char *program);

/*
 * Run argv in a session of its own, its output into /dev/null. The program must
 * stay in the foreground.
 */
pid_t daemon_start(char *const *argv);

/* Whether it has not ended. */
bool daemon_alive(pid_t pid);

/* SIGTERM, and SIGKILL if that does not end it within two seconds. */
void daemon_stop(pid_t pid);

/* Processor time it has used. */
uint64_t daemon_cpu(pid_t pid);

#endif
