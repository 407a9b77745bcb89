/* SPDX-License-Identifier: MIT */
#include "domain_create.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "error.h"
#include "layout.h"
#include "shm.h"
#include "trust.h"

_Static_assert(sizeof(struct layout_domain) <= DOMAIN_SIZE, "the domain's file");

/* Users that may enter the directory are clients, and clients write the file. */
static mode_t file_mode(mode_t directory)
{
	mode_t enter = directory & 0111;

	return (mode_t)(enter << 2 | enter << 1);
}

static int create_file(int dirfd)
{
	struct layout_domain *map;
	struct shm_access access = {.uid = (uid_t)-1, .gid = (gid_t)-1};
	struct stat st;
	uint64_t instance;
	int fd, error;

	if (fstat(dirfd, &st) < 0)
		return -errno;
	access.mode = file_mode(st.st_mode);
	/* Root creates the file for the directory's owner. */
	if (geteuid() == 0) {
		access.uid = st.st_uid;
		access.gid = st.st_gid;
	} else if (trust_group(st.st_gid)) {
		access.gid = st.st_gid;
	}
	fd = shm_create_unnamed(dirfd, &access, DOMAIN_SIZE, DOMAIN_SIZE);
	if (fd < 0)
		return fd;
	error = shm_random(&instance);
	if (!error)
		error = shm_map(fd, DOMAIN_SIZE, true, (void **)&map);
	if (!error) {
		layout_fill_head(&map->head, LAYOUT_DOMAIN_MAGIC, instance);
		shm_unmap(map, DOMAIN_SIZE);
		STEP("link_domain");
		error = shm_link(fd, dirfd, DOMAIN_FILE);
	}
	close(fd);
	return error;
}

const char *domain_path_error(int error)
{
	return error == -EMFILE || error == -ENFILE || error == -ENOMEM || error == -ENOSPC
		   ? babus_strerror(error)
		   : strerror(-error);
}

/* The umask may deny even ourselves access to it. */
static int make_directory(int rootfd, const char *leaf)
{
	char self[64];
	struct stat st;
	int fd, error = 0;

	STEP("make_directory");
	if (mkdirat(rootfd, leaf, 0700) < 0)
		return -errno;
	fd = openat(rootfd, leaf, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	STEP("set_directory_mode");
	/* Only if needed: a faster process may have set its access by now. */
	if (!fstat(fd, &st) && (st.st_mode & 0700) != 0700 && chmod(self, 0700) < 0)
		error = -errno;
	close(fd);
	return error;
}

static int give_access(int dirfd, const struct shm_access *access, const char *path)
{
	int error = shm_set_access(dirfd, access);

	/* Options of zeros, without babus_domain_options_init(), ask for root. */
	if (error == -EPERM)
		return babus_fail(error, "%s: you may not give it to user %d, group %d (-1: you)",
				  path, (int)access->uid, (int)access->gid);
	return error;
}

int domain_create(int rootfd, const char *leaf, const char *path,
		  const struct babus_domain_options *opts)
{
	struct shm_access access = {opts->mode ? opts->mode : 0700, opts->uid, opts->gid};
	struct stat st;
	int dirfd, error = make_directory(rootfd, leaf);
	bool made = !error;

	if (error && error != -EEXIST)
		return babus_fail(error, "%s: cannot create it: %s", path,
				  error == -ENOSPC ? SHM_NO_INODE : domain_path_error(error));
	error = 0;
	STEP("enter_directory");
	dirfd = openat(rootfd, leaf, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dirfd < 0)
		return errno == ENOTDIR || errno == ELOOP
			   ? babus_fail(-EPERM, "%s: expected a directory", path)
			   : -errno;
	if (fstat(dirfd, &st) < 0)
		error = -errno;
	if (!error)
		error = trust_directory(&st, opts->trust_uid, path);
	if (!error && !faccessat(dirfd, DOMAIN_FILE, F_OK, AT_SYMLINK_NOFOLLOW))
		error = -EEXIST;
	/* It is incomplete. Its owner, or root, may set its access. */
	if (!error && (st.st_uid == geteuid() || geteuid() == 0))
		error = give_access(dirfd, &access, path);
	if (!error)
		error = create_file(dirfd);
	if (error && error != -EEXIST && !*babus_error_detail())
		babus_fail(error, "%s: cannot create the domain: %s", path,
			   domain_path_error(error));
	close(dirfd);
	if (made && error && error != -EEXIST) {
		STEP("remove_made_directory");
		unlinkat(rootfd, leaf, AT_REMOVEDIR);
	}
	return error;
}
