/* SPDX-License-Identifier: MIT */
/*
 * A babusfs that was killed leaves a mount that answers every access with
 * ENOTCONN. Ours to take away, if it was one of ours.
 */
#include "mount.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <mntent.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log.h"

extern char **environ;

enum {
	LINKS_MAX = 40 /* as the kernel's */
};

/* As realpath(), without asking the last component, which may not answer. */
static int resolve_entry(const char *given, char **result)
{
	char *copy = strdup(given), *copy2 = strdup(given), *parent = NULL;
	const char *leaf;
	int error = 0;

	if (!copy || !copy2) {
		error = -ENOMEM;
		goto out;
	}
	leaf = basename(copy);
	if (strcmp(leaf, "/") == 0 || strcmp(leaf, ".") == 0 || strcmp(leaf, "..") == 0) {
		*result = realpath(given, NULL);
		error = *result ? 0 : -errno;
		goto out;
	}
	parent = realpath(dirname(copy2), NULL);
	if (!parent) {
		error = -errno;
		goto out;
	}
	if (asprintf(result, "%s/%s", strcmp(parent, "/") ? parent : "", leaf) < 0)
		error = -ENOMEM;
out:
	free(copy);
	free(copy2);
	free(parent);
	return error;
}

/* The same, and the last one followed: readlink() does not ask a mount either. */
static int resolve(const char *given, char **result)
{
	char *path, *target, *slash;
	char link[PATH_MAX];
	ssize_t length;
	int error = resolve_entry(given, &path);

	for (int links = 0; !error; links++) {
		length = readlink(path, link, sizeof(link) - 1);
		if (length < 0)
			break;
		link[length] = '\0';
		slash = strrchr(path, '/');
		*slash = '\0';
		if (links == LINKS_MAX)
			error = -ELOOP;
		else if (asprintf(&target, "%s%s%s", link[0] == '/' ? "" : path,
				  link[0] == '/' ? "" : "/", link) < 0)
			error = -ENOMEM;
		free(path);
		if (error)
			return error;
		error = resolve_entry(target, &path);
		free(target);
	}
	if (!error)
		*result = path;
	return error;
}

/* Whether the last thing mounted at `path` is a babusfs. */
static bool is_babusfs(const char *path)
{
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	struct mntent *entry;
	bool found = false;

	if (!mounts)
		return false;
	while ((entry = getmntent(mounts)))
		if (strcmp(entry->mnt_dir, path) == 0)
			found = strcmp(entry->mnt_type, "fuse.babusfs") == 0;
	endmntent(mounts);
	return found;
}

static int unmount_by_helper(const char *path)
{
	static char program[] = "fusermount3", options[] = "-uzq", end[] = "--";
	char *const argv[] = {program, options, end, (char *)path, NULL};
	pid_t pid;
	int status, error = posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ);

	if (error)
		return -error;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EPERM;
}

static int take_over(const char *path)
{
	int error;

	if (umount2(path, MNT_DETACH) == 0)
		return 0;
	error = -errno;
	if (error == -EPERM)
		error = unmount_by_helper(path);
	return error;
}

/*
 * One dead mount for each time that a babusfs was killed. Attributes may be
 * cached; statfs() has to be answered.
 */
static int clear(const char *path)
{
	struct statfs fs;

	while (statfs(path, &fs) < 0 && (errno == ENOTCONN || errno == ECONNABORTED)) {
		int error = is_babusfs(path) ? take_over(path) : -ENOTCONN;

		if (error) {
			log_line("mount point '%s': a dead mount is in the way: %s; try "
				 "fusermount3 -uz",
				 path, strerror(-error));
			return error;
		}
	}
	return 0;
}

static int check(const char *path)
{
	struct stat st;
	int error = 0;

	if (stat(path, &st) < 0)
		error = -errno;
	else if (!S_ISDIR(st.st_mode))
		error = -ENOTDIR;
	if (error) {
		log_line("mount point '%s': %s", path, strerror(-error));
	} else if (is_babusfs(path)) {
		log_line("mount point '%s': a babusfs is mounted there already", path);
		error = -EBUSY;
	}
	return error;
}

int mount_prepare(const char *given, char **result)
{
	char *path;
	int error = resolve(given, &path);

	if (error) {
		log_line("mount point '%s': %s", given, strerror(-error));
		return error;
	}
	error = clear(path);
	if (!error)
		error = check(path);
	if (error)
		free(path);
	else
		*result = path;
	return error;
}
