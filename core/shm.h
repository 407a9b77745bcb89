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
 * Open a regular file of the directory. Does not follow symbolic links and does not block;
 * anything but a regular file is -EPERM. Returns the descriptor.
 */
int shm_open_file(int dirfd, const char *name, int flags, struct stat *st);

/*
 * Whether `name` in the directory is this very file: 1 or 0. Negative errno: the caller may
 * not look, which says nothing.
 */
int shm_has_name(int dirfd, const char *name, dev_t device, ino_t inode);

/* Permissions of a file, independent of the umask. -1 keeps what there is. */
struct shm_access {
	mode_t mode;
	uid_t uid;
	gid_t gid;
};

/* The meaning of -ENOSPC for a call that needs no bytes. */
#define SHM_NO_INODE "no inode left on the tmpfs (its mount option nr_inodes)"

/*
 * Create a file without a name, with its access set, `size` bytes long (-EFBIG), the first
 * `allocated` of which have memory (-ENOSPC). Returns the descriptor.
 */
int shm_create_unnamed(int dirfd, const struct shm_access *access, uint64_t size,
		       uint64_t allocated);
int shm_set_access(int fd, const struct shm_access *access);

/* Give the file its name: from now on others see it. -EEXIST. */
int shm_link(int fd, int dirfd, const char *name);

/*
 * Map a file, or a part. No page is populated, or locked before it is touched, not even after
 * mlockall(MCL_FUTURE). -ENOMEM.
 */
int shm_map(int fd, uint64_t size, bool writable, void **address);
int shm_map_at(int fd, uint64_t offset, uint64_t size, bool writable, void **address);
/* Give a new mapping, made with PROT_NONE, this protection, on the same terms. */
int shm_settle(void *address, uint64_t size, int protection);
void shm_unmap(void *address, uint64_t size);

/* Read a directory from its start; the descriptor stays as it is. NULL and errno. */
DIR *shm_open_dir(int dirfd);

/* The number of a directory's entries other than `except`, "." and "..", or negative errno. */
int shm_count_entries(int dirfd, const char *except);

/* Read the first bytes of a file, all of them: -EPROTO if it is shorter. */
int shm_read_start(int fd, const char *name, void *buffer, size_t size);

/*
 * Populate [start, start + size) of a shared mapping, so that touching it cannot fail.
 * -ENOSPC; -EOPNOTSUPP before Linux 5.14.
 */
int shm_populate(void *start, size_t size);

/* The same through the file; its size stays. */
int shm_allocate(int fd, uint64_t offset, uint64_t size);

/* Give its pages back. */
int shm_punch(int fd, uint64_t offset, uint64_t size);

/* A number of no client: the creator of a file locks it until the file is linked. */
#define SHM_CREATION_BYTE (UINT64_C(1) << 48)

/*
 * Proof of life: a write lock on one byte of a file that lives exactly as long as an address
 * space. The file is opened for this alone (`fd`), locked, and kept open by a mapping that a
 * forked child does not inherit. The kernel drops the lock when the address space ends, for
 * whatever reason.
 *
 * shm_life_lock() tries one byte: 0, or -EAGAIN if another process holds it. After success
 * shm_life_keep() replaces the descriptor by the mapping, and closes it.
 *
 * A fork() while the descriptor is open would give the child a share in the lock, so callers
 * hold fork_lock().
 */
int shm_life_lock(int fd, uint64_t byte);
int shm_life_keep(int fd, void **life);
void shm_life_end(void *life);

/* Whether a process holds the byte: 1, 0 or negative errno. `fd` must not be of the file
   description that holds it. */
int shm_life_probe(int fd, uint64_t byte);

/* A random number other than 0. */
int shm_random(uint64_t *number);

#endif
