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
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "crew.h"

bool daemon_exists(const char *program)
{
	const char *list = getenv("PATH");
	char path[4096], *copy, *place, *rest;
	bool found = false;

	if (strchr(program, '/'))
		return access(program, X_OK) == 0;
	copy = strdup(list ? list : "/usr/bin:/bin");
	for (rest = copy; !found && (place = strsep(&rest, ":"));) {
		snprintf(path, sizeof(path), "%s/%s", place, program);
		found = access(path, X_OK) == 0;
	}
	free(copy);
	return found;
}

void daemon_find(const char *near, const char *name, char path[PATH_MAX])
{
	char self[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);

	self[length < 0 ? 0 : length] = '\0';
	if (strrchr(self, '/'))
		*strrchr(self, '/') = '\0';
	if (snprintf(path, PATH_MAX, "%s/%s%s", self, near, name) >= PATH_MAX ||
	    access(path, X_OK) < 0)
		snprintf(path, PATH_MAX, "%s", name);
}

enum {
	STOP_MS = 10000 /* RouDi takes its time to leave nothing behind */
};

static pid_t start(const char *const *argv, int *output)
{
	int pipes[2], null;
	pid_t pid;

	bench_check(pipe2(pipes, O_CLOEXEC) ? -errno : 0, "pipe");
	pid = crew_fork();
	bench_check(pid < 0 ? -errno : 0, "fork");
	if (pid) {
		close(pipes[1]);
		*output = pipes[0];
		return pid;
	}
	prctl(PR_SET_PDEATHSIG, SIGTERM); /* let it clean up */
	setsid();
	null = open("/dev/null", O_RDWR);
	dup2(null, 0);
	dup2(pipes[1], 1);
	dup2(null, 2);
	execvp(argv[0], (char *const *)(uintptr_t)argv);
	_exit(127);
}

pid_t daemon_run(const char *const *argv)
{
	int output;
	pid_t pid = start(argv, &output);

	fcntl(output, F_SETFD, FD_CLOEXEC); /* stays open, see below */
	return pid;
}

/* Read until this is seen; false at the end of the output, or after 10 s. */
static bool wait_for(int output, const char *text)
{
	uint64_t deadline = bench_now() + UINT64_C(10000000000);
	struct pollfd readable = {.fd = output, .events = POLLIN};
	char seen[8192];
	size_t length = 0;

	while (length < sizeof(seen) - 1 && bench_now() < deadline && !bench_interrupted()) {
		ssize_t n;

		if (poll(&readable, 1, 100) < 1)
			continue;
		n = read(output, seen + length, sizeof(seen) - 1 - length);
		if (n < 1)
			return false;
		length += (size_t)n;
		seen[length] = '\0';
		if (strstr(seen, text))
			return true;
	}
	return false;
}

pid_t daemon_start(const char *const *argv, const char *ready, char why[WHY_MAX])
{
	pid_t pid;
	int output;

	if (!daemon_exists(argv[0])) {
		snprintf(why, WHY_MAX, "%s is not installed", argv[0]);
		return 0;
	}
	pid = start(argv, &output);
	/* Its output stays open, and is little: it would die of a closed pipe. */
	if (wait_for(output, ready))
		return pid;
	snprintf(why, WHY_MAX, "%s does not start", argv[0]);
	daemon_stop(pid);
	close(output);
	return 0;
}

bool daemon_is_alive(pid_t *pid)
{
	if (*pid && waitpid(*pid, NULL, WNOHANG) != 0)
		*pid = 0;
	return *pid != 0;
}

bool daemon_stop(pid_t pid)
{
	struct pollfd over = {.fd = pidfd_open(pid, 0), .events = POLLIN};
	bool ended;

	kill(pid, SIGTERM);
	ended = over.fd >= 0 && poll(&over, 1, STOP_MS) == 1;
	if (!ended)
		kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	if (over.fd >= 0)
		close(over.fd);
	return ended;
}

uint64_t daemon_cpu(pid_t pid)
{
	clockid_t clock;

	return pid && clock_getcpuclockid(pid, &clock) == 0 ? bench_clock(clock) : 0;
}
