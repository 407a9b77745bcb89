/* SPDX-License-Identifier: MIT */
#include "fork.h"

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/mman.h>

#include "error.h"

shared64 *fork_page;

static shared64 page_address; /* of fork_page, once one thread has made it */
static shared64 generations;  /* used so far by this process and its ancestors */

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

static void watch_forks(void)
{
	pthread_atfork(fork_hold, fork_release, fork_release);
}

static int make_page(void)
{
	void *page;

	if (local_get(&page_address))
		return 0;
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		return -errno;
	if (madvise(page, 4096, MADV_WIPEONFORK) < 0) {
		int error = -errno;

		munmap(page, 4096);
		return babus_fail(error, "MADV_WIPEONFORK: Linux 4.14 or newer is needed");
	}
	if (!local_swap(&page_address, 0, (uint64_t)(uintptr_t)page))
		munmap(page, 4096);
	fork_page = (shared64 *)(uintptr_t)local_get(&page_address);
	return 0;
}

int fork_generation(uint64_t *generation)
{
	int error = make_page();

	pthread_once(&once, watch_forks);

	if (error)
		return error;
	/* In a child the page reads 0: take a number no ancestor had. */
	if (!local_get(fork_page))
		local_swap(fork_page, 0, local_add(&generations, 1));
	*generation = local_get(fork_page);
	return 0;
}
