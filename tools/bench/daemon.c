/* SPDX-License-Identifier: MIT */
#include "daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "crew.h"

bool daemon_exists(const char *program)
{
	char path[4096], *copy, *place, *rest;
	bool found = false;

	if (strchr(program, '/'))
		return access(program, X_OK) == 0;
	copy = strdup(getenv("PATH") ? getenv("PATH") : "/usr/bin:/bin");
	for (rest = copy; !found && (place = strsep(&rest, ":"));) {
		snprintf(path, sizeof(path), "%s/%s", place, program);
		found = access(path, X_OK) == 0;
	}
	free(copy);
	return found;
}

pid_t daemon_start(char *const *argv)
{
	pid_t pid = crew_fork();
	int null;

	bench_check(pid < 0 ? -errno : 0, "fork");
	if (pid)
		return pid;
	setsid();
	null = open("/dev/null", O_RDWR);
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	execvp(argv[0], argv);
	_exit(127);
}

bool daemon_alive(pid_t pid)
{
	siginfo_t info = {0};

	return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
	       info.si_pid == 0;
}

void daemon_stop(pid_t pid)
{
	struct pollfd over = {.fd = pidfd_open(pid, 0), .events = POLLIN};

	kill(pid, SIGTERM);
	if (over.fd < 0 || poll(&over, 1, 2000) < 1)
		kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	if (over.fd >= 0)
		close(over.fd);
}

uint64_t daemon_cpu(pid_t pid)
{
	struct timespec used;
	clockid_t clock;

	if (clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &used))
		return 0;
	return (uint64_t)used.tv_sec * 1000000000u + (uint64_t)used.tv_nsec;
}
