/* SPDX-License-Identifier: MIT */
#include "wait.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <babus/babus.h>

#include "clock.h"

static void wake_bits(struct layout_domain *domain, uint32_t channels)
{
	STEP("futex_wake");
	syscall(SYS_futex, &domain->event, FUTEX_WAKE_BITSET, INT_MAX, NULL, NULL, channels);
	STEP("futex_woken");
}

void wait_wake(struct layout_domain *domain, struct layout_place place)
{
	shared64 *mark = wait_mark(domain, place);
	uint64_t seen = mark_news(mark);

	/* Another publisher has woken the sleepers since we saw the mark, and after we
	   published, so they see our message, too. */
	if (!mark_is_set(seen))
		return;
	news_bump(&domain->channels[place.channel].news);
	event_bump(&domain->event);
	wake_bits(domain, UINT32_C(1) << place.channel);
	mark_clear(mark, seen);
}

void wait_kick(struct layout_domain *domain, uint32_t channels)
{
	event_bump(&domain->event);
	wake_bits(domain, channels);
}

int wait_sleep(struct layout_domain *domain, uint32_t event, uint32_t channels, int64_t deadline_ns)
{
	/* Never without a deadline: the kernel would start the call again after a
	   handler with SA_RESTART, and only then. */
	int64_t until_ns = deadline_ns < 0 ? INT64_MAX : deadline_ns;
	struct timespec until = {.tv_sec = until_ns / 1000000000, .tv_nsec = until_ns % 1000000000};

	STEP("futex_wait");
	if (!syscall(SYS_futex, &domain->event, FUTEX_WAIT_BITSET, event, &until, NULL, channels))
		return 0;
	/* EFAULT: the file was truncated meanwhile. The caller's next look finds that out. */
	return errno == EAGAIN || errno == EFAULT ? 0 : -errno;
}

/* --- the lock on names ----------------------------------------------------------- */

/* Values of the lock; 0: unlocked. */
enum {
	TAKEN = 1,
	AWAITED = 2 /* taken, and a process may sleep until it is not */
};

/* Tests with a stopped holder set a shorter time. */
#ifndef WAIT_LOCK_NS
#define WAIT_LOCK_NS 1000000000
#endif

/* False: the time is over. */
static bool sleep_for_lock(struct layout_domain *domain, const struct timespec *until)
{
	STEP("lock_sleep");
	return !syscall(SYS_futex, &domain->names_lock, FUTEX_WAIT_BITSET, AWAITED, until, NULL,
			FUTEX_BITSET_MATCH_ANY) ||
	       errno == EAGAIN || errno == EINTR;
}

void wait_lock_names(struct layout_domain *domain)
{
	int64_t until_ns;
	struct timespec until;

	if (lock_take(&domain->names_lock, TAKEN))
		return;
	until_ns = babus_deadline(WAIT_LOCK_NS);
	until = (struct timespec){.tv_sec = until_ns / 1000000000,
				  .tv_nsec = until_ns % 1000000000};
	/* A process that keeps writing the word would wake us, or keep us awake, without end:
	   the deadline ends that too. */
	while (lock_swap(&domain->names_lock, AWAITED))
		if (clock_monotonic() >= until_ns || !sleep_for_lock(domain, &until))
			return;
}

void wait_unlock_names(struct layout_domain *domain)
{
	if (lock_swap(&domain->names_lock, 0) != AWAITED)
		return;
	STEP("lock_wake");
	syscall(SYS_futex, &domain->names_lock, FUTEX_WAKE, 1);
}
