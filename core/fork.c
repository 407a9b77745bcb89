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

/* Of this thread: forks that it is in; it has the lock. */
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
 * The kernel has wiped the page already. An emulator may have said so and not done
 * it (qemu-user 7 answers 0 to every madvise): then at least fork() is noticed, if
 * not clone(). A handler that ran before this one may have opened something.
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
 * When the library is loaded, so that handlers registered later run while we do not hold
 * the lock: theirs come before ours in the parent, after ours when the fork is over. For
 * older ones, which run while we do, there is `forking`.
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
	/* Whoever has a generation has passed here, and so sees the page. */
	fork_lock();
	error = make_page();
	/* In a child the page reads 0: take a number no ancestor had. */
	if (!error && !local_get(fork_page))
		local_put(fork_page, ++generations);
	if (!error)
		*generation = local_get(fork_page);
	fork_unlock();
	return error;
}
