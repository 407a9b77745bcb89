/* SPDX-License-Identifier: MIT */
/*
 * Reading, and waiting for something to read. A read that has to wait is
 * parked with a struct read; the wake thread goes on with it. An interrupt
 * only marks it: it may be told from within fuse_req_interrupt_func(), or
 * while the wake thread is about to answer.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>

#include "ops.h"
#include "snapshot.h"
#include "staging.h"
#include "wake.h"

enum {
	SKIPPED_MAX = 64 /* empty messages at a time */
};

struct read {
	struct parked parked;
	fuse_req_t req;
	struct fs *fs;
	struct user *user;     /* referenced; of the handle */
	struct handle *handle; /* open until the request is answered, no longer */
	size_t size;
	uint64_t offset;
};

/* --- giving what there is -------------------------------------------------------------- */

/* Bytes of `have` from `offset` on, at most `size` and what one reply carries. */
static size_t part(size_t have, uint64_t offset, size_t size)
{
	if (offset >= have)
		return 0;
	return size < have - (size_t)offset ? size : have - (size_t)offset;
}

static void reply_part(fuse_req_t req, const void *data, size_t have, uint64_t offset, size_t size)
{
	size_t length = part(have, offset, size);

	fuse_reply_buf(req, length ? (const char *)data + offset : NULL, length);
}

/* Messages between what was read last and `seq`; the message itself may be shared. */
static uint64_t lost_before(const struct handle *handle, uint64_t seq)
{
	uint64_t before = handle->slot->first_seq - 1;

	if (handle->after > before)
		before = handle->after;
	return seq > before ? seq - before - 1 : 0;
}

/* Go on to the message after the cursor. Needs handle->lock. */
static int advance(struct handle *handle)
{
	struct counters *counters = &handle->fs->counters;
	struct snapshot *next;
	uint64_t lost;
	int error = snapshot_take(handle->slot, BABUS_AFTER, handle->after, &next);

	if (error)
		return error;
	snapshot_put(handle->slot, handle->snapshot);
	handle->snapshot = next;
	lost = lost_before(handle, next->message.seq);
	handle->after = next->message.seq;
	handle->ended = false;
	counters->delivered++;
	counters->lost += lost;
	handle->slot->lost += lost;
	return 0;
}

/*
 * `wait`: a read at the start, after the message was given to its end, is for
 * the next one.
 */
static int give_wait(struct handle *handle, fuse_req_t req, size_t size, uint64_t offset)
{
	const struct babus_message *message;
	int error;

	if (!handle->snapshot || (offset == 0 && handle->ended)) {
		error = advance(handle);
		if (error)
			return error;
	}
	message = &handle->snapshot->message;
	if (offset >= message->size || size >= message->size - offset)
		handle->ended = true;
	reply_part(req, message->data, message->size, offset, size);
	return 0;
}

/*
 * A read(2) larger than a request comes as several, and the kernel goes on to
 * the next one as long as they are answered in full. Where a message ends with
 * a request that may be such a part, a byte is kept for the next read(2):
 * else this one would wait for another message. Parts are as large as requests
 * get, less a page if the reader's memory is not aligned.
 */
static size_t stop_short(size_t size, size_t left)
{
	enum {
		PART_MIN = FS_REQUEST_MAX - 4096
	};

	return size == left && size > PART_MIN ? size - 1 : size;
}

/*
 * `stream`: one message a read, or what is left of it; empty ones are skipped,
 * for they would look like the end. One can seek within the message read last,
 * as shells and head do to give back what they do not want; from anywhere else
 * it goes on with the next message. -ENODATA also if it has skipped as many as
 * one call should: it must not be what somebody who publishes nothing else decides.
 */
static int give_stream(struct handle *handle, fuse_req_t req, size_t size, uint64_t offset)
{
	const struct babus_message *message;

	for (int skipped = 0;
	     !handle->snapshot || offset - handle->base >= handle->snapshot->message.size;
	     skipped++) {
		int error = skipped < SKIPPED_MAX ? advance(handle) : -ENODATA;

		if (error)
			return error;
		handle->base = offset;
	}
	message = &handle->snapshot->message;
	offset -= handle->base;
	size = stop_short(size, message->size - offset);
	handle->ended = size >= message->size - offset;
	reply_part(req, message->data, message->size, offset, size);
	return 0;
}

/* Answer a read. -EAGAIN: nothing yet, it was not answered; nor for other errors. */
static int give(struct handle *handle, fuse_req_t req, size_t size, uint64_t offset)
{
	int error;

	/* Once answered, the file may be closed before we are done with it. */
	handle_get(handle);
	pthread_mutex_lock(&handle->lock);
	if (handle->file == FILE_WAIT)
		error = give_wait(handle, req, size, offset);
	else
		error = give_stream(handle, req, size, offset);
	pthread_mutex_unlock(&handle->lock);
	handle_put(handle);
	return error == -ENODATA ? -EAGAIN : error;
}

/* --- waiting ------------------------------------------------------------------------------ */

static void interrupted(fuse_req_t req, void *data)
{
	struct read *read = data;

	(void)req;
	wake_interrupt(read->fs->wake, &read->parked);
}

static void fail(struct read *read, int error)
{
	if (error == -EINTR)
		read->fs->counters.interrupted++;
	fuse_reply_err(read->req, ops_errno(error));
}

/* Before the answer: who has it may block again at once, or ask how many do. */
static void leave(struct read *read)
{
	read->fs->counters.parked--;
	budget_give(&read->user->waiting, 1);
}

/* There was no answer after all. */
static void come_back(struct read *read)
{
	read->fs->counters.parked++;
	budget_take_back(&read->user->waiting, 1);
}

static void end_read(struct read *read)
{
	user_put(read->user);
	free(read);
}

/*
 * Park the read. Nothing of it may be touched after that: it may be answered, and
 * gone. If there is news now, what was there before was empty, or taken by others
 * who read the same open file: the wake thread tries again when others had their turn.
 */
static void park(struct read *read)
{
	struct handle *handle = read->handle;
	int error;

	pthread_mutex_lock(&handle->lock);
	read->parked.after = handle->after;
	pthread_mutex_unlock(&handle->lock);
	error = wake_park(read->fs->wake, &read->parked);
	if (!error)
		return;
	if (error == -EEXIST) {
		wake_retry(read->fs->wake, &read->parked);
		return;
	}
	fuse_req_interrupt_func(read->req, NULL, NULL);
	leave(read);
	fail(read, error);
	end_read(read);
}

/* In the wake thread. */
static void answer_read(struct parked *parked, int status)
{
	struct read *read = (struct read *)((char *)parked - offsetof(struct read, parked));

	fuse_req_interrupt_func(read->req, NULL, NULL);
	leave(read);
	if (!status)
		status = give(read->handle, read->req, read->size, read->offset);
	if (status == -EAGAIN) {
		come_back(read);
		fuse_req_interrupt_func(read->req, interrupted, read);
		park(read);
		return;
	}
	if (status)
		fail(read, status);
	end_read(read);
}

/* Who waits for the next message is done with this one. */
static void drop_snapshot(struct handle *handle)
{
	struct snapshot *snapshot;

	pthread_mutex_lock(&handle->lock);
	snapshot = handle->snapshot;
	handle->snapshot = NULL;
	pthread_mutex_unlock(&handle->lock);
	snapshot_put(handle->slot, snapshot);
}

static void wait_and_read(fuse_req_t req, struct handle *handle, size_t size, uint64_t offset)
{
	struct read *read;

	if (!budget_take(&handle->user->waiting, 1)) {
		fuse_reply_err(req, EDQUOT);
		return;
	}
	read = calloc(1, sizeof(*read));
	if (!read) {
		budget_give(&handle->user->waiting, 1);
		fuse_reply_err(req, ENOMEM);
		return;
	}
	*read = (struct read){.parked = {.slot = handle->slot, .answer = answer_read},
			      .req = req,
			      .fs = handle->fs,
			      .user = user_get(handle->user),
			      .handle = handle,
			      .size = size,
			      .offset = offset};
	drop_snapshot(handle);
	handle->fs->counters.parked++;
	fuse_req_interrupt_func(req, interrupted, read);
	park(read);
}

static void read_staging(fuse_req_t req, struct staging *staging, size_t size, uint64_t offset)
{
	pthread_mutex_lock(&staging->lock);
	reply_part(req, staging->content.data, staging->content.size, offset, size);
	pthread_mutex_unlock(&staging->lock);
}

void ops_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	struct handle *handle = handle_of(fi);
	const struct snapshot *snapshot;
	int error;

	(void)ino;
	if (handle->file == FILE_WAIT || handle->file == FILE_STREAM) {
		error = give(handle, req, size, (uint64_t)off);
		if (error == -EAGAIN && !(fi->flags & O_NONBLOCK))
			wait_and_read(req, handle, size, (uint64_t)off);
		else if (error)
			fuse_reply_err(req, ops_errno(error));
		return;
	}
	/* The reader may close as soon as it has the answer, and its memory must
	   outlast the reply. */
	handle_get(handle);
	snapshot = handle->snapshot;
	if (handle->staging)
		read_staging(req, handle->staging, size, (uint64_t)off);
	else if (handle->text.data)
		reply_part(req, handle->text.data, handle->text.size, (uint64_t)off, size);
	else if (snapshot)
		reply_part(req, snapshot->message.data, snapshot->message.size, (uint64_t)off,
			   size);
	else
		fuse_reply_buf(req, NULL, 0);
	handle_put(handle);
}

/* --- poll ----------------------------------------------------------------------------------- */

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
	/* The kernel asks again, and finds out. */
	fuse_lowlevel_notify_poll(wait->ph);
	free_poll(wait);
}

/*
 * From here on `handle` has none. What is returned is the caller's to free; one
 * that the wake thread has is on its way, and that thread's. Needs wake->lock.
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

void ops_forget_poll(struct handle *handle)
{
	struct wake *wake = handle->fs->wake;
	struct poll_wait *wait;

	wake_lock(wake);
	wait = take_poll_locked(handle);
	wake_unlock(wake);
	if (wait)
		free_poll(wait);
}

/*
 * Have `ph` told of the next news after `after`. Takes over `ph`. The kernel
 * knows all who poll one open file by the same handle, so one is enough; it
 * must be told of what any of them has not seen.
 */
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

void ops_poll(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi, struct fuse_pollhandle *ph)
{
	struct handle *handle = handle_of(fi);
	bool waits = handle->file == FILE_WAIT || handle->file == FILE_STREAM;
	uint64_t newest = 0;
	int error;

	(void)ino;
	if (!waits) {
		if (ph)
			fuse_pollhandle_destroy(ph);
		fuse_reply_poll(req, POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM);
		return;
	}
	/* Told of what comes after what the answer below is about. */
	error = snapshot_newest(handle->slot, &newest);
	if (ph && !error)
		arm_poll(handle, ph, newest);
	else if (ph)
		fuse_pollhandle_destroy(ph);
	if (!error)
		error = look(handle);
	fuse_reply_poll(req, !error             ? POLLIN | POLLRDNORM
			     : error == -EAGAIN ? 0
						: POLLIN | POLLERR | POLLHUP);
}
