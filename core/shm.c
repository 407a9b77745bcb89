/* SPDX-License-Identifier: MIT */
#include "shm.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#include "error.h"
#include "sync.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

int shm_open_file(int dirfd, const char *name, int flags, struct stat *st)
{
	int fd;

	STEP("open_file");
	/* O_NONBLOCK: it may be a FIFO. */
	fd = openat(dirfd, name, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (fd < 0) {
		if (errno == ELOOP)
			return babus_fail(-EPERM, "%s: a symbolic link, expected a regular file",
					  name);
		if (errno == ENXIO || errno == EISDIR)
			return babus_fail(-EPERM, "%s: expected a regular file", name);
		return -errno;
	}
	if (fstat(fd, st) < 0) {
		int error = -errno;

		close(fd);
		return error;
	}
	if (!S_ISREG(st->st_mode)) {
		close(fd);
		return babus_fail(-EPERM, "%s: expected a regular file", name);
	}
	return fd;
}

int shm_has_name(int dirfd, const char *name, dev_t device, ino_t inode)
{
	struct stat st;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	return st.st_dev == device && st.st_ino == inode;
}

DIR *shm_open_dir(int dirfd)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir;

	if (fd < 0)
		return NULL;
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		errno = ENOMEM;
	}
	return dir;
}

int shm_count_entries(int dirfd, const char *except)
{
	struct dirent *entry;
	DIR *dir = shm_open_dir(dirfd);
	int count = 0;

	if (!dir)
		return -errno;
	while ((entry = readdir(dir)))
		count += strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..") &&
			 strcmp(entry->d_name, except);
	closedir(dir);
	return count;
}

static int set_owner(int fd, const struct shm_access *access)
{
	struct stat st;
	int error = 0;

	/* The new group must not have the access of the old one, not even for a moment. */
	STEP("narrow_mode");
	if (fstat(fd, &st) < 0 || fchmod(fd, st.st_mode & 07777 & access->mode) < 0)
		return -errno;
	STEP("set_owner");
	if (fchown(fd, access->uid, access->gid) < 0) {
		error = -errno;
		fchmod(fd, st.st_mode & 07777);
	}
	return error;
}

int shm_set_access(int fd, const struct shm_access *access)
{
	int error = 0;

	if (access->uid != (uid_t)-1 || access->gid != (gid_t)-1)
		error = set_owner(fd, access);
	STEP("set_mode");
	if (!error && access->mode != (mode_t)-1 && fchmod(fd, access->mode) < 0)
		error = -errno;
	return error;
}

/*
 * With all signals blocked: the kernel gives up at each one, so a timer could make this start
 * over for ever. Signals that cannot be blocked interrupt it rarely.
 */
static int allocate(int fd, int mode, uint64_t offset, uint64_t size)
{
	sigset_t all, before;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	do
		error = fallocate(fd, mode, (off_t)offset, (off_t)size) < 0 ? -errno : 0;
	while (error == -EINTR);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return error;
}

int shm_allocate(int fd, uint64_t offset, uint64_t size)
{
	STEP("allocate");
	return allocate(fd, FALLOC_FL_KEEP_SIZE, offset, size);
}

int shm_punch(int fd, uint64_t offset, uint64_t size)
{
	STEP("punch");
	return allocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, size);
}

/* Growing a file beyond the limit raises a signal instead of an error. */
static int check_file_size(uint64_t size)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_FSIZE, &limit) < 0 || size <= limit.rlim_cur)
		return 0;
	return babus_fail(-EFBIG,
			  "a file of %" PRIu64 " bytes: this process may make files of %" PRIu64
			  " (RLIMIT_FSIZE, ulimit -f)",
			  size, (uint64_t)limit.rlim_cur);
}

int shm_create_unnamed(int dirfd, const struct shm_access *access, uint64_t size,
		       uint64_t allocated)
{
	int fd, error = check_file_size(size);

	if (error)
		return error;
	fd = openat(dirfd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		return errno == ENOSPC ? babus_fail(-ENOSPC, SHM_NO_INODE) : -errno;
	error = shm_set_access(fd, access);
	if (!error)
		error = allocate(fd, 0, 0, allocated);
	if (!error && ftruncate(fd, (off_t)size) < 0)
		error = -errno;
	if (error) {
		close(fd);
		return error;
	}
	return fd;
}

int shm_link(int fd, int dirfd, const char *name)
{
	char self[64];

	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	if (!linkat(AT_FDCWD, self, dirfd, name, AT_SYMLINK_FOLLOW))
		return 0;
	if (errno != ENOENT)
		return -errno;
	/* There is no /proc. This way needs CAP_DAC_READ_SEARCH. */
	return linkat(fd, "", dirfd, name, AT_EMPTY_PATH) < 0 ? -errno : 0;
}

/*
 * A mapping without access is not populated, whatever mlockall() says. If it is locked, which
 * only the failure of this advice shows, let its pages be locked as they are touched.
 */
int shm_settle(void *address, uint64_t size, int protection)
{
	if (madvise(address, size, MADV_DONTNEED) < 0 && errno == EINVAL &&
	    mlock2(address, size, MLOCK_ONFAULT) < 0)
		munlock(address, size);
	return mprotect(address, size, protection) < 0 ? -errno : 0;
}

/* The only reason for EAGAIN. */
static int locked_too_much(uint64_t size)
{
	struct rlimit limit = {0};

	getrlimit(RLIMIT_MEMLOCK, &limit);
	return babus_fail(-ENOMEM,
			  "mapping %" PRIu64
			  " bytes after mlockall(MCL_FUTURE): all of them count, "
			  "and %" PRIu64 " may be locked (RLIMIT_MEMLOCK, ulimit -l)",
			  size, (uint64_t)limit.rlim_cur);
}

int shm_map_at(int fd, uint64_t offset, uint64_t size, bool writable, void **address)
{
	void *p = mmap(NULL, size, PROT_NONE, MAP_SHARED, fd, (off_t)offset);
	int error;

	if (p == MAP_FAILED)
		return errno == EAGAIN ? locked_too_much(size) : -errno;
	error = shm_settle(p, size, writable ? PROT_READ | PROT_WRITE : PROT_READ);
	if (error) {
		munmap(p, size);
		return error;
	}
	*address = p;
	return 0;
}

int shm_map(int fd, uint64_t size, bool writable, void **address)
{
	return shm_map_at(fd, 0, size, writable, address);
}

void shm_unmap(void *address, uint64_t size)
{
	if (address)
		munmap(address, size);
}

int shm_read_start(int fd, const char *name, void *buffer, size_t size)
{
	ssize_t n;

	STEP("read_start");
	n = pread(fd, buffer, size, 0);
	if (n < 0)
		return -errno;
	if ((size_t)n != size)
		return babus_fail(-EPROTO, "%s: %zd bytes, expected at least %zu", name, n, size);
	return 0;
}

/* Whether madvise() does what it says. An emulator may accept any advice, even one that does
   not exist, and follow none (qemu-user 7). Then touching a populated page could be the SIGBUS
   that populating prevents. */
static bool advice_is_followed(void *start, size_t size)
{
	return madvise(start, size, -1) < 0;
}

int shm_populate(void *start, size_t size)
{
	if (!advice_is_followed(start, size))
		return -EOPNOTSUPP;
	STEP("populate");
	if (!madvise(start, size, MADV_POPULATE_WRITE))
		return 0;
	if (errno == EFAULT || errno == ENOMEM)
		return -ENOSPC;
	return errno == EINVAL ? -EOPNOTSUPP : -errno;
}

static int lock_byte(int fd, int command, short type, uint64_t byte)
{
	struct flock lock = {
	    .l_type = type, .l_whence = SEEK_SET, .l_start = (off_t)byte, .l_len = 1};

	if (fcntl(fd, command, &lock) < 0)
		return errno == EACCES ? -EAGAIN : -errno;
	return lock.l_type;
}

int shm_life_lock(int fd, uint64_t byte)
{
	int result;

	STEP("life_lock");
	result = lock_byte(fd, F_OFD_SETLK, F_WRLCK, byte);
	return result < 0 ? result : 0;
}

int shm_life_keep(int fd, void **life)
{
	void *page = NULL;
	int error;

	STEP("life_map");
	error = shm_map(fd, 1, false, &page);
	if (!error && madvise(page, 1, MADV_DONTFORK) < 0) {
		error = -errno;
		munmap(page, 1);
	}
	if (error)
		return error;
	STEP("life_close");
	close(fd);
	*life = page;
	return 0;
}

void shm_life_end(void *life)
{
	STEP("life_end");
	if (life)
		munmap(life, 1);
}

int shm_life_probe(int fd, uint64_t byte)
{
	int result;

	STEP("life_probe");
	/* Ask as a reader: a process that may only read the file can place read locks, and must
	   not be able to pretend that a publisher lives. */
	result = lock_byte(fd, F_OFD_GETLK, F_RDLCK, byte);
	return result < 0 ? result : result != F_UNLCK;
}

int shm_random(uint64_t *number)
{
	do {
		if (getrandom(number, sizeof(*number), 0) != sizeof(*number))
			return -errno;
	} while (!*number);
	return 0;
}
