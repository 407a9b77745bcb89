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

/* A line of mountinfo; see proc(5). */
static bool parse(char *text, struct mount *mount)
{
	char *rest = strstr(text, " - "), *type, *save;

	if (!rest)
		return false;
	*rest = '\0';
	type = strtok_r(rest + 3, " ", &save);
	mount->source = strtok_r(NULL, " \n", &save);
	mount->path = strtok_r(text, " ", &save);
	for (int i = 0; i < 4 && mount->path; i++)
		mount->path = strtok_r(NULL, " ", &save);
	if (!type || !mount->source || !mount->path)
		return false;
	mount->is_babusfs = strcmp(type, "fuse.babusfs") == 0;
	unescape(mount->path);
	unescape(mount->source);
	return true;
}

int mounts_each(void (*fn)(void *arg, const struct mount *mount), void *arg)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	struct mount mount;
	char *text = NULL;
	size_t size = 0;

	if (!file)
		return -errno;
	while (getline(&text, &size, file) > 0)
		if (parse(text, &mount))
			fn(arg, &mount);
	free(text);
	fclose(file);
	return 0;
}

struct wanted {
	const char *path;
	bool found;
};

/* The last mount at a path hides the others. */
static void compare(void *arg, const struct mount *mount)
{
	struct wanted *wanted = arg;

	if (strcmp(mount->path, wanted->path) == 0)
		wanted->found = mount->is_babusfs;
}

bool mount_is_babusfs(const char *path)
{
	struct wanted wanted = {.path = path};

	mounts_each(compare, &wanted);
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
