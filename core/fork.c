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

/* How many forks this thread is in. If any, it holds the lock. */
static _Thread_local unsigned forking __attribute__((tls_model("initial-exec")));

static uint64_t before; /* what the page held before the fork; under the lock */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool watching; /* constant after `once` */

void fork_lock(void)
{
	if (!forking)
		pthread_mutex_lock(&held);
}

void fork_unlock(void)
{
	if (!forking)
		pthread_mutex_unlock(&held);
}

/* --- handlers ------------------------------------------------------------------- */

static void prepare(void)
{
	fork_lock();
	forking++;
	before = fork_page ? local_get(fork_page) : 0;
}

static void over(void)
{
	forking--;
	fork_unlock();
}

/*
 * The kernel has wiped the page already. An emulator may only say so (qemu-user 7 returns 0
 * for every madvise): then at least fork() is noticed, if not clone(). If the page has a new
 * value, a handler that ran before this one has opened a handle.
 */
static void over_in_child(void)
{
	if (fork_page && local_get(fork_page) == before)
		local_put(fork_page, 0);
	over();
}

static void watch_forks(void)
{
	watching = !pthread_atfork(prepare, over, over_in_child);
}

/*
 * Runs when the library is loaded. So handlers registered later run while the lock is free:
 * before ours in the parent, and after ours when the fork is over. Older handlers run while
 * this thread holds the lock, which `forking` tells.
 */
__attribute__((constructor(101))) static void start(void)
{
	pthread_once(&once, watch_forks);
}

/* Needs the lock. */
static int make_page(void)
{
	void *page;

	if (fork_page)
		return 0;
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	/* EAGAIN: more than RLIMIT_MEMLOCK would be locked. */
	if (page == MAP_FAILED)
		return errno == EAGAIN ? -ENOMEM : -errno;
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
	if (!watching)
		return -ENOMEM;
	/* A process that has a generation has passed here, and so sees the page. */
	fork_lock();
	error = make_page();
	/* In a child the page reads 0: take a number that no ancestor had. */
	if (!error && !local_get(fork_page))
		local_put(fork_page, ++generations);
	if (!error)
		*generation = local_get(fork_page);
	fork_unlock();
	return error;
}
