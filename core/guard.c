/* SPDX-License-Identifier: MIT */
#include "guard.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <babus/babus.h>

#include "error.h"
#include "fork.h"
#include "shm.h"

/* All guards. The signal handler reads the list, so it only grows, at the front. */
static shared64 guards;
/* The unused ones, so that finding one takes the same time however many are in use. */
static shared64 unused;
static struct sigaction previous;
static bool installed; /* this and `previous`: under fork_lock() */

static struct guard *first(const shared64 *list)
{
	return (struct guard *)(uintptr_t)local_get(list);
}

static struct guard *grow(void)
{
	struct guard *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	do
		g->next = first(&guards);
	while (!local_swap(&guards, (uintptr_t)g->next, (uintptr_t)g));
	return g;
}

/*
 * Under a lock, so that the front cannot be taken and put back between the load and the swap.
 * It is fork_lock(), because in a child that is never held.
 */
static struct guard *reuse(void)
{
	struct guard *g;

	fork_lock();
	do
		g = first(&unused);
	while (g && !local_swap(&unused, (uintptr_t)g, (uintptr_t)g->unused));
	fork_unlock();
	return g;
}

struct guard *guard_add_part(void *base, uint64_t size, struct guard *whole)
{
	struct guard *g = reuse();

	if (!g)
		g = grow();
	if (!g)
		return NULL;
	local_give(&g->hit);
	g->whole = whole;
	local_put(&g->size, size);
	local_put(&g->base, (uint64_t)(uintptr_t)base);
	return g;
}

struct guard *guard_add(void *base, uint64_t size)
{
	return guard_add_part(base, size, NULL);
}

/* Without the lock: a process that was cloned without fork() may close its handles, too. */
void guard_remove(struct guard *guard)
{
	if (!guard)
		return;
	local_put(&guard->base, 0);
	do
		guard->unused = first(&unused);
	while (!local_swap(&unused, (uintptr_t)guard->unused, (uintptr_t)guard));
}

/*
 * Put zero pages in the place of a mapping, in one step for other threads that use it, and not
 * populated even after mlockall(): make them elsewhere and move them. If there is no room for
 * that, make them in place.
 */
static bool put_zeros(void *base, uint64_t size)
{
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		  both = PROT_READ | PROT_WRITE;
	void *zeros = mmap(NULL, size, PROT_NONE, flags, -1, 0);

	if (zeros != MAP_FAILED) {
		if (!shm_settle(zeros, size, both) &&
		    mremap(zeros, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, base) != MAP_FAILED)
			return true;
		munmap(zeros, size);
	}
	return mmap(base, size, both, flags | MAP_FIXED, -1, 0) != MAP_FAILED;
}

static bool replace(struct guard *g, uintptr_t at)
{
	uint64_t base = local_get(&g->base);
	uint64_t size = local_get(&g->size);

	if (!base || at < base || at - base >= size || local_get(&g->base) != base)
		return false;
	local_take(&g->hit);
	if (g->whole)
		local_take(&g->whole->hit);
	return put_zeros((void *)(uintptr_t)base, size);
}

static void on_sigbus(int number, siginfo_t *info, void *context)
{
	int saved = errno;

	/* Not for a signal that was sent with kill(). */
	for (struct guard *g = info->si_code > 0 ? first(&guards) : NULL; g; g = g->next) {
		if (replace(g, (uintptr_t)info->si_addr)) {
			errno = saved;
			return;
		}
	}
	errno = saved;
	/* Not our mapping: do what would happen without us. */
	if (previous.sa_flags & SA_SIGINFO) {
		previous.sa_sigaction(number, info, context);
	} else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) {
		previous.sa_handler(number);
	} else {
		/* The instruction is repeated, or the signal sent again, which
		   ends the process. */
		signal(number, SIG_DFL);
		if (info->si_code <= 0)
			raise(number);
	}
}

int babus_guard_install(void)
{
	struct sigaction action = {.sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO | SA_NODEFER};
	int error = 0;

	babus_fail_clear();
	sigemptyset(&action.sa_mask);
	fork_lock();
	if (!installed) {
		if (sigaction(SIGBUS, &action, &previous) < 0)
			error = -errno;
		installed = !error;
	}
	fork_unlock();
	return error;
}
