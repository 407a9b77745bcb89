/* SPDX-License-Identifier: MIT */
/*
 * poll(2), select(2) and epoll(7) on `wait` and `stream`. The kernel has one
 * handle for all that poll one open file, so one parked entry for each open file
 * is enough. It waits for the earliest message that any of them has not seen.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "files.h"
#include "snapshot.h"
#include "wake.h"

struct poll_wait {
	struct parked parked;
	struct fuse_pollhandle *ph;
	struct handle *handle; /* NULL: it has another one by now, or is closed */
};

static void free_poll(struct poll_wait *wait)
{
	fuse_pollhandle_destroy(wait->ph);
	free(wait);
}

/* In the wake thread. */
static void answer_poll(struct parked *parked, int status)
{
	struct poll_wait *wait = (struct poll_wait *)((char *)parked -
						      offsetof(struct poll_wait, parked));
	struct wake *wake = parked->slot->fs->wake;

	(void)status;
	wake_lock(wake);
	if (wait->handle)
		wait->handle->poll = NULL;
	wake_unlock(wake);
	/* The kernel then polls again. */
	fuse_lowlevel_notify_poll(wait->ph);
	free_poll(wait);
}

/*
 * Take the entry of `handle` away. The caller frees what is returned; if the wake
 * thread is about to answer the entry, that thread frees it. Needs wake->lock.
 */
static struct poll_wait *take_poll_locked(struct handle *handle)
{
	struct poll_wait *wait = handle->poll;

	handle->poll = NULL;
	if (wait && !wake_unpark_locked(&wait->parked)) {
		wait->handle = NULL;
		wait = NULL;
	}
	return wait;
}

void poll_forget(struct handle *handle)
{
	struct wake *wake = handle->fs->wake;
	struct poll_wait *wait;

	wake_lock(wake);
	wait = take_poll_locked(handle);
	wake_unlock(wake);
	if (wait)
		free_poll(wait);
}

/* Notify `ph` of the next message after `after`. Takes over `ph`. */
static void arm_poll(struct handle *handle, struct fuse_pollhandle *ph, uint64_t after)
{
	struct poll_wait *old, *wait = calloc(1, sizeof(*wait));
	struct wake *wake = handle->fs->wake;
	int error;

	if (!wait) {
		fuse_lowlevel_notify_poll(ph);
		fuse_pollhandle_destroy(ph);
		return;
	}
	wait->parked = (struct parked){.slot = handle->slot, .after = after, .answer = answer_poll};
	wait->ph = ph;
	wait->handle = handle;
	/* Two threads may be here with the same file: exchange the old one at once. */
	wake_lock(wake);
	old = take_poll_locked(handle);
	if (old && old->parked.after < after)
		wait->parked.after = old->parked.after;
	error = wake_park_locked(wake, &wait->parked);
	if (!error)
		handle->poll = wait;
	wake_unlock(wake);
	if (old)
		free_poll(old);
	if (error) {
		fuse_lowlevel_notify_poll(ph);
		free_poll(wait);
	}
}

/* Whether a read would not block: 0 or -EAGAIN, or the error it would give. */
static int look(struct handle *handle)
{
	bool rest;
	uint64_t after;
	int error;

	pthread_mutex_lock(&handle->lock);
	rest = handle->snapshot && !handle->ended;
	after = handle->after;
	pthread_mutex_unlock(&handle->lock);
	if (rest)
		return 0;
	error = snapshot_is_after(handle->slot, after);
	return error == -ENODATA ? -EAGAIN : error;
}

unsigned poll_feed(struct handle *handle, struct fuse_pollhandle *ph)
{
	uint64_t newest = 0;
	int error = snapshot_newest(handle->slot, &newest);

	/* The notification is for messages that the answer below does not cover. */
	if (ph && !error)
		arm_poll(handle, ph, newest);
	else if (ph)
		fuse_pollhandle_destroy(ph);
	if (!error)
		error = look(handle);
	if (error == -EAGAIN)
		return 0;
	return error ? POLLIN | POLLERR | POLLHUP : POLLIN | POLLRDNORM;
}
