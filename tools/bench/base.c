/* SPDX-License-Identifier: MIT */
/* Failing, memory, writing, and the private directory. */
#include "bench.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <babus/babus.h>

static pid_t owner; /* of the directory: the benchmark itself */
static char dir[256];

void bench_fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("babus-bench: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	if (owner && getpid() != owner)
		_exit(1); /* a member of a crew: the benchmark itself cleans up */
	exit(1);
}

void bench_check(int error, const char *what)
{
	if (error)
		bench_fail("%s: %s", what, babus_strerror(error));
}

void *bench_memory(size_t size)
{
	size_t whole = (size + 4095) / 4096 * 4096;
	void *memory = aligned_alloc(4096, whole ? whole : 4096);

	if (!memory)
		bench_fail("no memory");
	return memset(memory, 0, whole ? whole : 4096);
}

void *bench_shared(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	bench_check(memory == MAP_FAILED ? -errno : 0, "mmap");
	return memory;
}

void bench_unshare(void *memory, size_t size)
{
	munmap(memory, size);
}

void bench_write(int fd, const char *data, size_t size)
{
	while (size) {
		ssize_t n = write(fd, data, size);

		bench_check(n < 0 ? -errno : 0, "write");
		data += n;
		size -= (size_t)n;
	}
}

static void remove_dir(void)
{
	if (getpid() == owner)
		rmdir(dir);
}

const char *bench_dir(void)
{
	const char *root = getenv("BABUS_ROOT");

	if (owner)
		return dir;
	snprintf(dir, sizeof(dir), "%s/babus-bench.XXXXXX", root ? root : "/dev/shm");
	if (!mkdtemp(dir))
		bench_fail("%s: %s", dir, strerror(errno));
	owner = getpid();
	atexit(remove_dir);
	return dir;
}

void bench_sleep(uint64_t ns)
{
	struct timespec time = {.tv_sec = (time_t)(ns / 1000000000u),
				.tv_nsec = (long)(ns % 1000000000u)};

	nanosleep(&time, NULL);
}
