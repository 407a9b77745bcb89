/* SPDX-License-Identifier: MIT */
/*
 * A file system whose daemon is stopped blocks whoever asks it, even for its
 * name, so a child asks and may be killed.
 */
#include "mounts.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* How long a daemon has to answer. */
#define ANSWER_MS 2000

/* Wait for the child; -1 if it took too long and was killed. */
static int reap(pid_t child)
{
	struct pollfd ended = {.events = POLLIN};
	int status, ready = 1;

	ended.fd = (int)syscall(SYS_pidfd_open, child, 0);
	if (ended.fd >= 0) {
		do
			ready = poll(&ended, 1, ANSWER_MS);
		while (ready < 0 && errno == EINTR);
		close(ended.fd);
	}
	if (ready == 0)
		kill(child, SIGKILL);
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return ready == 0 || !WIFEXITED(status) ? -1 : WEXITSTATUS(status);
}

static enum mount_state look(const char *path)
{
	struct statfs fs;
	pid_t child = fork();

	if (child == 0)
		_exit(statfs(path, &fs) == 0 ? 0 : errno);
	if (child < 0)
		return MOUNT_UNKNOWN;
	switch (reap(child)) {
	case 0:
		return MOUNT_ALIVE;
	case -1:
		return MOUNT_SILENT;
	case ENOTCONN:
	case ECONNABORTED:
		return MOUNT_STALE;
	default:
		return MOUNT_UNKNOWN;
	}
}

/* The kernel writes blanks and the like as \ooo. */
static void unescape(char *text)
{
	char *out = text;

	for (; *text; text++) {
		if (text[0] == '\\' && text[1] >= '0' && text[1] <= '3' && text[2] >= '0' &&
		    text[2] <= '7' && text[3] >= '0' && text[3] <= '7') {
			*out++ = (char)((text[1] - '0') << 6 | (text[2] - '0') << 3 |
					(text[3] - '0'));
			text += 3;
		} else {
			*out++ = *text;
		}
	}
	*out = '\0';
}

/* Path and source of a line of mountinfo if it is a babusfs, see proc(5). */
static int parse_line(char *line, char **path, char **source)
{
	char *rest = strstr(line, " - ");
	char *save;

	if (!rest)
		return 0;
	*rest = '\0';
	rest += 3;
	if (strncmp(rest, "fuse.babusfs ", 13) != 0)
		return 0;
	*source = strtok_r(rest + 13, " \n", &save);
	*path = strtok_r(line, " ", &save);
	for (int i = 0; i < 4 && *path; i++)
		*path = strtok_r(NULL, " ", &save);
	if (!*path || !*source)
		return 0;
	unescape(*path);
	unescape(*source);
	return 1;
}

/* Somebody else may have taken it away since it was looked at. */
static int is_mounted(const char *wanted)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	char *line = NULL, *path, *source;
	size_t size = 0;
	int found = !file;

	while (!found && getline(&line, &size, file) > 0)
		found = parse_line(line, &path, &source) && strcmp(path, wanted) == 0;
	free(line);
	if (file)
		fclose(file);
	return found;
}

int mounts_each(int (*fn)(void *arg, const char *path, const char *source, enum mount_state state),
		void *arg)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	char *line = NULL, *path, *source;
	size_t size = 0;
	int result = 0;

	if (!file)
		return -errno;
	while (!result && getline(&line, &size, file) > 0)
		if (parse_line(line, &path, &source))
			result = fn(arg, path, source, look(path));
	free(line);
	fclose(file);
	return result;
}

int mounts_detach(const char *path)
{
	pid_t child;
	int error;

	if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
		return 0;
	error = errno;
	if (!is_mounted(path))
		return 0;
	if (error != EPERM)
		return -error;
	/* Ordinary users need the helper that mounted it for them. */
	child = fork();
	if (child == 0) {
		execlp("fusermount3", "fusermount3", "-u", "-z", "-q", "--", path, (char *)NULL);
		_exit(127);
	}
	if (child < 0)
		return -errno;
	return reap(child) == 0 ? 0 : -error;
}
