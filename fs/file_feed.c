/* SPDX-License-Identifier: MIT */
/*
 * `wait` and `stream`: reading, and waiting for something to read. A read that has
 * to wait is parked with a struct read, and the wake thread answers it. An
 * interrupt only marks it: it may arrive within fuse_req_interrupt_func(), or
 * while the wake thread is about to answer.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "attr.h"
#include "files.h"
#include "ops.h"
#include "snapshot.h"
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
	ops_reply_part(req, message->data, message->size, offset, size);
	return 0;
}

/*
 * A large read(2) comes as several requests, and the kernel sends the next one as
 * long as each is answered in full. If a message ends exactly with a request that
 * may be such a part, its last byte is kept for the next read(2): else this one
 * would wait for another message. Parts have the size of the largest request, less
 * a page if the reader's memory is not aligned.
 */
static size_t stop_short(size_t size, size_t left)
{
	enum {
		PART_MIN = FS_REQUEST_MAX - 4096
	};

	return size == left && size > PART_MIN ? size - 1 : size;
}

/*
 * `stream`: a read gives one message, or the rest of it. Empty messages are
 * skipped, since they would look like the end. A reader can seek within the last
 * message, as shells and head do to give back what they do not want; from any
 * other offset the next message follows. -ENODATA also after SKIPPED_MAX empty
 * messages: a publisher of empty messages must not keep the thread.
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
	ops_reply_part(req, message->data, message->size, offset, size);
	return 0;
}

/* Answer a read. -EAGAIN: there is no message yet. After an error it is not answered. */
static int give(struct handle *handle, fuse_req_t req, size_t size, uint64_t offset)
{
	int error;

	/* Once the read is answered, its process may close the file. */
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

/* Before the answer: its receiver may block again at once, or ask how many do. */
static void leave(struct read *read)
{
	read->fs->counters.waiting--;
	budget_give(&read->user->waiting, 1);
}

/* There was no answer after all. */
static void come_back(struct read *read)
{
	read->fs->counters.waiting++;
	budget_take_back(&read->user->waiting, 1);
}

static void end_read(struct read *read)
{
	user_put(read->user);
	free(read);
}

/*
 * Park the read. Nothing of it may be touched after that: it may be answered, and
 * gone. If there is news now, the message before was empty, or another reader of
 * the same open file took it: the wake thread tries again, after others.
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

/* A read that waits for the next message is done with this one. */
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
	handle->fs->counters.waiting++;
	fuse_req_interrupt_func(req, interrupted, read);
	park(read);
}

void feed_read(fuse_req_t req, struct handle *handle, size_t size, uint64_t offset,
	       const struct fuse_file_info *fi)
{
	int error = give(handle, req, size, offset);

	if (error == -EAGAIN && !(fi->flags & O_NONBLOCK))
		wait_and_read(req, handle, size, offset);
	else if (error)
		fuse_reply_err(req, ops_errno(error));
}

int feed_open(fuse_req_t req, struct node *node, struct handle *handle,
	      const struct fuse_file_info *fi)
{
	(void)req, (void)fi;
	return snapshot_newest(node->slot, &handle->after);
}

int feed_stat(struct fs *fs, const struct node *node, struct stat *st)
{
	st->st_blksize = FS_REQUEST_MAX;
	return attr_stat_slot(fs, node, st);
}
