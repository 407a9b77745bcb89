/* SPDX-License-Identifier: MIT */
#include "descriptor.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "cancel.h"
#include "clock.h"
#include "error.h"
#include "notifier.h"

/* Needs the lock. The eventfd cannot overflow: it is drained before it is armed. */
static void make_readable(babus_waiter *waiter)
{
	waiter->armed = false;
	eventfd_write(waiter->fd, 1);
}

/* For the notifier, which has read the event word: look for an armed waiter. */
static void serve(void *arg, struct notifier_needs *needs)
{
	babus_waiter *waiter = arg;
	int64_t until;

	pthread_mutex_lock(&waiter->lock);
	if (waiter->armed && look_prepare(waiter, NULL, 1))
		make_readable(waiter);
	needs->listen |= look_channels(waiter);
	until = waiter->armed ? waiter->recheck_at_ns
			      : look_recheck_after(waiter, clock_monotonic());
	if (until < needs->until_ns)
		needs->until_ns = until;
	if (waiter->recheck_ns < needs->recheck_ns)
		needs->recheck_ns = waiter->recheck_ns;
	pthread_mutex_unlock(&waiter->lock);
}

/*
 * The marks are set here, so the sleeping notifier need not hear of it: it listens on the
 * waiter's channels already, and it fell asleep before the marks or looks after them.
 */
int descriptor_arm(babus_waiter *waiter, struct babus_event *events, int max)
{
	NO_CANCELLATION;
	eventfd_t drained;
	int result;

	eventfd_read(waiter->fd, &drained);
	waiter->armed = true;
	result = look_prepare(waiter, events, max);
	if (result)
		make_readable(waiter);
	return result;
}

void descriptor_close(babus_waiter *waiter, bool ours)
{
	if (waiter->fd < 0)
		return;
	if (ours)
		notifier_remove(waiter->domain, waiter);
	close(waiter->fd);
}

static int get_fd(babus_waiter *waiter)
{
	int fd;

	pthread_mutex_lock(&waiter->lock);
	fd = waiter->fd;
	pthread_mutex_unlock(&waiter->lock);
	return fd;
}

/* Needs fd_lock. Returns the descriptor. */
static int make_fd(babus_waiter *waiter)
{
	/* Readable at first: the program looks once, which arms it. */
	int fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
	int error;

	if (fd < 0)
		return -errno;
	error = notifier_add(waiter->domain, serve, waiter);
	if (error) {
		close(fd);
		return error;
	}
	/* Changes of the set that came before this did not wake the notifier. */
	pthread_mutex_lock(&waiter->lock);
	waiter->fd = fd;
	look_changed_unlock(waiter);
	return fd;
}

int babus_waiter_fd(babus_waiter *waiter, int *result)
{
	NO_CANCELLATION;
	int fd, error = domain_check(waiter->domain);

	babus_fail_clear();
	if (!error)
		error = domain_check_can_sleep(waiter->domain);
	if (error)
		return error;
	pthread_mutex_lock(&waiter->fd_lock);
	fd = get_fd(waiter);
	if (fd < 0)
		fd = make_fd(waiter);
	pthread_mutex_unlock(&waiter->fd_lock);
	if (fd < 0)
		return fd;
	*result = fd;
	return 0;
}
