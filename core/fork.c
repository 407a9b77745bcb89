/* SPDX-License-Identifier: MIT */
#include "fork.h"

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/mman.h>

#include "error.h"

shared64 *fork_page; /* set once, under the lock */

static uint64_t generations; /* used so far by this process and its ancestors; under the lock */

static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;

void fork_hold(void)
{
	pthread_mutex_lock(&held);
}

void fork_release(void)
{
	pthread_mutex_unlock(&held);
}

/*
 * The kernel has wiped the page already. An emulator may have said so and not done
 * it (qemu-user 7 answers 0 to every madvise): then at least fork() is noticed, if
 * not clone().
 */
static void begin_child(void)
{
	if (fork_page)
		local_put(fork_page, 0);
	fork_release();
}

static void watch_forks(void)
{
	pthread_atfork(fork_hold, fork_release, begin_child);
}

/* Needs the lock. */
static int make_page(void)
{
	void *page;

	if (fork_page)
		return 0;
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		return -errno;
	if (madvise(page, 4096, MADV_WIPEONFORK) < 0) {
		int error = -errno;

		munmap(page, 4096);
		return babus_fail(error, "MADV_WIPEONFORK: Linux 4.14 or newer is needed");
	}
	fork_page = page;
	return 0;
}

int fork_generation(uint64_t *generation)
{
	int error;

	pthread_once(&once, watch_forks);
	/* Whoever has a generation has passed here, and so sees the page. */
	fork_hold();
	error = make_page();
	/* In a child the page reads 0: take a number no ancestor had. */
	if (!error && !local_get(fork_page))
		local_put(fork_page, ++generations);
	if (!error)
		*generation = local_get(fork_page);
	fork_release();
	return error;
}
