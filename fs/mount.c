/* SPDX-License-Identifier: MIT */
/*
 * A babusfs that was killed leaves a mount that answers every access with
 * ENOTCONN. A new babusfs removes it, but no mount of another file system.
 */
#include "mount.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "common/mounts.h"
#include "log.h"

enum {
	LINKS_MAX = 40 /* the kernel's limit */
};

/* As realpath(), but never opens the last component, which may not answer. NULL and errno. */
static char *resolve_entry(const char *given)
{
	char *copy = strdup(given), *copy2 = strdup(given), *parent = NULL, *path = NULL;
	const char *leaf;

	if (!copy || !copy2)
		goto out;
	leaf = basename(copy);
	if (strcmp(leaf, "/") == 0 || strcmp(leaf, ".") == 0 || strcmp(leaf, "..") == 0) {
		path = realpath(given, NULL);
		goto out;
	}
	parent = realpath(dirname(copy2), NULL);
	if (parent && asprintf(&path, "%s/%s", strcmp(parent, "/") ? parent : "", leaf) < 0)
		path = NULL;
out:
	free(copy);
	free(copy2);
	free(parent);
	return path;
}

/* Where the link at `path` leads; changes `path`. */
static char *follow(char *path, const char *link)
{
	bool absolute = link[0] == '/';
	char *target, *result;

	*strrchr(path, '/') = '\0';
	if (asprintf(&target, "%s%s%s", absolute ? "" : path, absolute ? "" : "/", link) < 0)
		return NULL;
	result = resolve_entry(target);
	free(target);
	return result;
}

/* The same, and follows the last component: readlink() does not need the mount's answer. */
static char *resolve(const char *given)
{
	char *path = resolve_entry(given), *next;
	char link[PATH_MAX];
	ssize_t length;

	for (int links = 0; path; links++) {
		length = readlink(path, link, sizeof(link) - 1);
		if (length < 0)
			break;
		link[length] = '\0';
		next = NULL;
		if (links < LINKS_MAX)
			next = follow(path, link);
		else
			errno = ELOOP;
		free(path);
		path = next;
	}
	return path;
}

/*
 * There may be one stale mount for each babusfs that was killed. The kernel may
 * have cached attributes, so statfs() shows whether the daemon answers.
 */
static int clear(const char *path)
{
	struct statfs fs;

	while (statfs(path, &fs) < 0 && (errno == ENOTCONN || errno == ECONNABORTED)) {
		int error = mount_is_babusfs(path) ? mount_detach(path) : -ENOTCONN;

		if (error) {
			log_line("mount point '%s': cannot remove a stale mount: %s; try "
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
	} else if (mount_is_babusfs(path)) {
		log_line("mount point '%s': a babusfs is mounted there already", path);
		error = -EBUSY;
	}
	return error;
}

int mount_prepare(const char *given, char **result)
{
	char *path;
	int error;

	/* libfuse takes this for a mount that another program made, without our options. */
	if (strncmp(given, "/dev/fd/", 8) == 0) {
		log_line("mount point '%s': babusfs mounts by itself; leave out drop_privileges",
			 given);
		return -EINVAL;
	}
	path = resolve(given);
	error = path ? 0 : -errno;
	if (!path) {
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
