/* SPDX-License-Identifier: MIT */
#include "mounts.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
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

/* Wait for the child and return its exit status; -1: it took too long and was killed. */
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

/* A daemon that is stopped blocks statfs(), so a child calls it, which can be killed. */
enum mount_state mount_state(const char *path)
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

/* One mount; see proc(5). */
struct line {
	char *path, *type, *source;
};

static bool parse(char *text, struct line *line)
{
	char *rest = strstr(text, " - "), *save;

	if (!rest)
		return false;
	*rest = '\0';
	line->type = strtok_r(rest + 3, " ", &save);
	line->source = strtok_r(NULL, " \n", &save);
	line->path = strtok_r(text, " ", &save);
	for (int i = 0; i < 4 && line->path; i++)
		line->path = strtok_r(NULL, " ", &save);
	if (!line->type || !line->source || !line->path)
		return false;
	unescape(line->path);
	unescape(line->source);
	return true;
}

/* Call fn(arg, line) for each mount of any kind; see mounts_each(). */
static int each_line(int (*fn)(void *arg, const struct line *line), void *arg)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	struct line line;
	char *text = NULL;
	size_t size = 0;
	int result = 0;

	if (!file)
		return -errno;
	while (!result && getline(&text, &size, file) > 0)
		if (parse(text, &line))
			result = fn(arg, &line);
	free(text);
	fclose(file);
	return result;
}

static bool is_babusfs(const struct line *line)
{
	return strcmp(line->type, "fuse.babusfs") == 0;
}

struct visit {
	int (*fn)(void *arg, const char *path, const char *source);
	void *arg;
};

static int visit_line(void *arg, const struct line *line)
{
	const struct visit *visit = arg;

	return is_babusfs(line) ? visit->fn(visit->arg, line->path, line->source) : 0;
}

int mounts_each(int (*fn)(void *arg, const char *path, const char *source), void *arg)
{
	struct visit visit = {fn, arg};

	return each_line(visit_line, &visit);
}

struct wanted {
	const char *path;
	bool found;
};

/* The last mount at a path hides the others. */
static int compare_line(void *arg, const struct line *line)
{
	struct wanted *wanted = arg;

	if (strcmp(line->path, wanted->path) == 0)
		wanted->found = is_babusfs(line);
	return 0;
}

bool mount_is_babusfs(const char *path)
{
	struct wanted wanted = {.path = path};

	each_line(compare_line, &wanted);
	return wanted.found;
}

/* Users other than root need the helper that mounted it for them. */
static int detach_by_helper(const char *path)
{
	static char program[] = "fusermount3", options[] = "-uzq", end[] = "--";
	char *const argv[] = {program, options, end, (char *)path, NULL};
	pid_t child;
	int error = posix_spawnp(&child, program, NULL, NULL, argv, environ);

	if (error)
		return -error;
	return reap(child) == 0 ? 0 : -EPERM;
}

int mount_detach(const char *path)
{
	int error;

	if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
		return 0;
	error = -errno;
	/* Another process may have removed it meanwhile. */
	if (!mount_is_babusfs(path))
		return 0;
	return error == -EPERM ? detach_by_helper(path) : error;
}
