/* SPDX-License-Identifier: MIT */
#include "daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log.h"
#include "signals.h"

static int ready_fd = -1; /* a byte here lets the parent exit */

static void wait_for_child(pid_t child, int fd)
{
	char ready;
	ssize_t length;
	int status;

	do
		length = read(fd, &ready, 1);
	while (length < 0 && errno == EINTR);
	if (length == 1)
		_exit(0);
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			_exit(1);
	_exit(WIFEXITED(status) && WEXITSTATUS(status) ? WEXITSTATUS(status) : 1);
}

int daemon_start(void)
{
	int pipes[2];
	pid_t child;

	if (pipe2(pipes, O_CLOEXEC) < 0)
		return -errno;
	child = fork();
	if (child < 0) {
		int error = -errno;

		close(pipes[0]);
		close(pipes[1]);
		return error;
	}
	if (child > 0) {
		close(pipes[1]);
		wait_for_child(child, pipes[0]);
	}
	close(pipes[0]);
	ready_fd = pipes[1];
	setsid();
	signals_stop_ignoring();
	return 0;
}

void daemon_ready(bool keep_stderr)
{
	int null;

	if (ready_fd < 0)
		return;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null >= 0) {
		dup2(null, 0);
		dup2(null, 1);
		if (!keep_stderr)
			dup2(null, 2);
		close(null);
	}
	/* A daemon must not keep a directory busy. */
	if (chdir("/") < 0)
		log_line("cannot change to the root directory: %s", strerror(errno));
	if (write(ready_fd, "", 1) != 1)
		log_line("the process that started babusfs has ended");
	close(ready_fd);
	ready_fd = -1;
}
