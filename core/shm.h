/* SPDX-License-Identifier: MIT */
/*
 * Files, mappings and locks: each call of the kernel's that needs more care than one line.
 * Nothing here knows what is in the files. All return negative errno, if not said otherwise.
 */
#ifndef BABUS_SHM_H
#define BABUS_SHM_H

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

/*
 * Open a regular file of the directory: no symbolic link is followed, nothing
 * blocks, anything but a regular file is -EPERM. Returns the descriptor.
 */
int shm_open_file(int dirfd, const char *name, int flags, struct stat *st);

/*
 * Whether `name` in the directory is this very file: 1 or 0. Negative errno: the caller may
 * not look, which says nothing.
 */
int shm_has_name(int dirfd, const char *name, dev_t device, ino_t inode);

/* Permissions of a file, set whatever the umask. -1 leaves an id as it is. */
struct shm_access {
	mode_t mode;
	uid_t uid;
	gid_t gid;
};

/* What -ENOSPC means where no bytes are asked for. */
#define SHM_NO_INODE "no inode left on the tmpfs (its mount option nr_inodes)"

/*
 * A new file without a name, with its access set and its first `allocated`
 * bytes reserved (-ENOSPC), `size` bytes long (-EFBIG). Returns the descriptor.
 */
int shm_create_unnamed(int dirfd, const struct shm_access *access, uint64_t size,
		       uint64_t allocated);
int shm_set_access(int fd, const struct shm_access *access);

/* Give it its name: the moment from which others see it. -EEXIST. */
int shm_link(int fd, int dirfd, const char *name);

/*
 * Map a file, or a part. No page is populated, nor locked before it is touched, also after
 * mlockall(MCL_FUTURE). -ENOMEM.
 */
int shm_map(int fd, uint64_t size, bool writable, void **address);
int shm_map_at(int fd, uint64_t offset, uint64_t size, bool writable, void **address);
/* For a new mapping made with PROT_NONE: give it these rights, on the same terms. */
int shm_settle(void *address, uint64_t size, int protection);
void shm_unmap(void *address, uint64_t size);

/* Read a directory from its start; the descriptor stays as it is. NULL and errno. */
DIR *shm_open_dir(int dirfd);

/* The number of a directory's entries other than `except`, "." and "..", or negative errno. */
int shm_count_entries(int dirfd, const char *except);

/* Read the first bytes of a file, all of them: -EPROTO if it is shorter. */
int shm_read_start(int fd, const char *name, void *buffer, size_t size);

/*
 * Populate the pages of [start, start + size) of a shared mapping, so that
 * touching them cannot fail: -ENOSPC. -EOPNOTSUPP before Linux 5.14.
 */
int shm_populate(void *start, size_t size);

/* The same through the file, whose size stays. */
int shm_allocate(int fd, uint64_t offset, uint64_t size);

/* Give its pages back. */
int shm_punch(int fd, uint64_t offset, uint64_t size);

/* Nobody's number: locked while a file's creator is about to link it. */
#define SHM_CREATION_BYTE (UINT64_C(1) << 48)

/*
 * Proof of life. A write lock on one byte of a file, tied to an address space
 * and nothing else: the file is opened for this alone (`fd`, which is closed),
 * locked, and kept alive by a mapping that a forked child does not get. The
 * kernel drops it when the address space goes, however that happens.
 *
 * shm_life_lock tries one byte: 0, or -EAGAIN if somebody holds it. After
 * success shm_life_keep turns the descriptor into the mapping.
 *
 * A fork() between opening the descriptor and closing it would give the child a
 * share in the lock: fork_lock() keeps it off.
 */
int shm_life_lock(int fd, uint64_t byte);
int shm_life_keep(int fd, void **life);
void shm_life_end(void *life);

/* Whether somebody holds the byte: 1, 0 or negative errno. Never through the
   description that holds it. */
int shm_life_probe(int fd, uint64_t byte);

/* A random number other than 0. */
int shm_random(uint64_t *number);

#endif
