/* SPDX-License-Identifier: MIT */
/*
 * `latest` and the history. An open file is the message that its look-up found,
 * whatever comes meanwhile. Writing to `latest` publishes; a message is what was
 * written through an open file since it last published:
 *
 *     FLUSH     publishes if its lock owner wrote last: a shell sends one for
 *               its own copy of the descriptor before anything was written,
 *               and a child that wrote nothing sends one when it exits
 *     FSYNC     publishes
 *     RELEASE   publishes the rest
 *
 * Half a message is never published: the message of a writer that is being killed,
 * or that got an error, is discarded.
 */
#include <errno.h>
#include <fcntl.h>

#include "attr.h"
#include "files.h"
#include "log.h"
#include "ops.h"
#include "snapshot.h"

enum {
	/* Messages of this size and more should be read with the largest requests. */
	LARGE = 128 << 10
};

/* --- reading -------------------------------------------------------------------- */

static void reply_message(fuse_req_t req, enum file file, struct slot *slot, uint32_t age,
			  const struct babus_message *message)
{
	struct node *node;
	int error = node_look_up_message(slot, file, age, message, fuse_req_ctx(req)->pid, &node);

	if (error)
		fuse_reply_err(req, -error);
	else
		ops_reply_looked_up(req, node);
}

/* `latest`, or a number: names a message, which is held for the open. */
void message_look_up(fuse_req_t req, struct slot *slot, enum file file, uint32_t age)
{
	pid_t pid = fuse_req_ctx(req)->pid;
	struct babus_message message;
	struct snapshot *snapshot;
	int error = snapshot_take(slot, file == FILE_LATEST ? BABUS_LATEST : BABUS_AGE, age,
				  &snapshot);

	if (error == -ENODATA && file == FILE_LATEST) {
		reply_message(req, file, slot, age, NULL);
		return;
	}
	/* Readers have all pins, or all memory for copies. That does not stop writers. */
	if (error == -ENOBUFS && file == FILE_LATEST) {
		message = (struct babus_message){.seq = SEQ_UNSEEN};
		reply_message(req, file, slot, age, &message);
		return;
	}
	if (error) {
		bool none = file == FILE_AGE &&
			    (error == -ESTALE || error == -ENODATA || error == -EINVAL);

		if (error == -ENODEV)
			slot_gone(slot);
		fuse_reply_err(req, none ? ENOENT : error == -ENODEV ? ESTALE : ops_errno(error));
		return;
	}
	message = snapshot->message;
	snapshot_hold(slot, snapshot, pid);
	reply_message(req, file, slot, age, &message);
}

int message_stat(struct fs *fs, const struct node *node, struct stat *st)
{
	const struct message_node *message = message_node(node);
	uint64_t size = message->message.size;
	int error;

	st->st_ino = node_ino(node->file, node->slot, message->age);
	st->st_size = (off_t)size;
	st->st_blocks = (blkcnt_t)((size + 511) / 512);
	if (size >= LARGE)
		st->st_blksize = FS_REQUEST_MAX;
	error = attr_stat_slot(fs, node, st);
	if (!error && message_is_there(message))
		attr_set_times(st, babus_wall_time(message->message.time_ns));
	return error;
}

/* The message that the look-up named, and no other. */
int message_open(fuse_req_t req, struct node *node, struct handle *handle,
		 const struct fuse_file_info *fi)
{
	uint64_t seq = message_node(node)->message.seq;
	int error = 0;

	(void)fi;
	if (seq == SEQ_UNSEEN)
		error = -ENOBUFS;
	else if (seq != SEQ_EMPTY)
		error = snapshot_take(node->slot, BABUS_SEQ, seq, &handle->snapshot);
	snapshot_unhold(node->slot, fuse_req_ctx(req)->pid);
	/* The message is gone: the kernel looks up again. */
	return error == -EAGAIN || error == -ENODATA ? -ESTALE : error;
}

void message_read(fuse_req_t req, struct handle *handle, size_t size, uint64_t offset,
		  const struct fuse_file_info *fi)
{
	static const struct babus_message none = {0};
	const struct babus_message *message = handle->snapshot ? &handle->snapshot->message : &none;

	(void)fi;
	ops_reply_part(req, message->data, message->size, offset, size);
}

/* --- writing -------------------------------------------------------------------- */

int latest_open(fuse_req_t req, struct node *node, struct handle *handle,
		const struct fuse_file_info *fi)
{
	int error = 0;

	if (!wants_write(fi)) {
		node_open_to_read(node);
		return message_open(req, node, handle, fi);
	}
	error = node_open_to_write(node, fuse_req_ctx(req)->pid);
	if (!error && wants_read(fi))
		error = message_open(req, node, handle, fi);
	if (error)
		return error;
	/* Reading moves the offset that the message will be written at. */
	handle->pending.floats = wants_read(fi);
	return handle_add_writer(handle);
}

/* Discard the message; the writer's next write or close says why. Needs handle->lock. */
static int break_off(struct handle *handle, int error, uint64_t owner)
{
	pending_clear(&handle->pending, &handle->user->memory);
	handle->probed = 0;
	handle->broken = error;
	handle->broken_owner = owner;
	return error;
}

/* Needs handle->lock. */
static int publish(struct handle *handle)
{
	struct pending *pending = &handle->pending;
	int error;

	if (!pending->dirty)
		return 0;
	error = publisher_publish(handle->slot, pending->data, pending->size, pending->pid);
	if (error) {
		handle->fs->counters.refused++;
		log_line("slot '%s': a message of %zu bytes was not published: %s",
			 handle->slot->name, pending->size, babus_strerror(error));
	}
	pending_clear(pending, &handle->user->memory);
	handle->probed = 0;
	return error;
}

static int append_or_place(struct handle *handle, const void *data, size_t size, off_t off)
{
	struct pending *pending = &handle->pending;
	int error = pending_write(pending, &handle->user->memory, data, size, off,
				  handle->slot->max_size);

	/* A full tmpfs must be reported here: shells ignore errors of close. */
	if (!error && pending->size > handle->probed) {
		error = publisher_probe(handle->slot, pending->size);
		if (!error)
			handle->probed = pending->size;
	}
	return error;
}

int latest_write(fuse_req_t req, struct handle *handle, const char *data, size_t size, off_t offset,
		 const struct fuse_file_info *fi)
{
	int error;

	pthread_mutex_lock(&handle->lock);
	error = handle->broken_owner == fi->lock_owner ? handle->broken : 0;
	if (!error) {
		handle->broken = 0;
		error = append_or_place(handle, data, size, offset);
		if (error)
			break_off(handle, error, fi->lock_owner);
		handle->pending.owner = fi->lock_owner;
		handle->pending.pid = fuse_req_ctx(req)->pid;
	}
	pthread_mutex_unlock(&handle->lock);
	return error;
}

/*
 * Truncating trims what the file's writer has pending. A message has the size
 * it has: that of '>' (without a file) changes nothing, and the answer gives the
 * kernel the old size.
 */
int latest_set(fuse_req_t req, const struct node *node, const struct stat *attr, int to_set,
	       struct handle *handle)
{
	int error = attr_set_slot(req, node, attr, to_set, handle);

	if (error || !(to_set & FUSE_SET_ATTR_SIZE) || !handle || !handle->writes)
		return error;
	pthread_mutex_lock(&handle->lock);
	error = pending_truncate(&handle->pending, &handle->user->memory, attr->st_size,
				 handle->slot->max_size);
	pthread_mutex_unlock(&handle->lock);
	return error;
}

/* --- closing ------------------------------------------------------------------------------ */

static int flush(struct handle *handle, const struct fuse_ctx *ctx, uint64_t owner)
{
	int error = 0;

	if (handle->broken && handle->broken_owner == owner) {
		error = handle->broken;
		handle->broken = 0;
	}
	if (!handle->pending.dirty || handle->pending.owner != owner)
		return error;
	if (caller_is_killed(ctx->pid)) {
		handle->fs->counters.discarded++;
		pending_clear(&handle->pending, &handle->user->memory);
		handle->probed = 0;
		return error;
	}
	return publish(handle);
}

int latest_flush(fuse_req_t req, struct handle *handle, uint64_t owner)
{
	int error;

	pthread_mutex_lock(&handle->lock);
	error = flush(handle, fuse_req_ctx(req), owner);
	pthread_mutex_unlock(&handle->lock);
	return error;
}

int latest_sync(struct handle *handle)
{
	int error;

	pthread_mutex_lock(&handle->lock);
	error = handle->broken ? handle->broken : publish(handle);
	pthread_mutex_unlock(&handle->lock);
	return error;
}

/* The last descriptor is closed: publish the rest. */
void latest_release(struct handle *handle)
{
	pthread_mutex_lock(&handle->lock);
	publish(handle);
	pthread_mutex_unlock(&handle->lock);
}
