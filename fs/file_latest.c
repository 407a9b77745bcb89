/* SPDX-License-Identifier: MIT */
/*
 * Publishing. A message is what was written through an open file since it last
 * published:
 *
 *     FLUSH     publishes if its lock owner wrote last: a shell sends one for
 *               its own copy of the descriptor before anything was written,
 *               and a child that wrote nothing sends one when it exits
 *     FSYNC     publishes
 *     RELEASE   publishes the rest
 *
 * Half a message is never published: a writer that is being killed, and one
 * that was told of an error, has its message thrown away.
 */
#include <errno.h>
#include <fcntl.h>

#include "log.h"
#include "ops.h"
#include "staging.h"

/* The message is lost, and its writer's next writes and closes say why. Needs handle->lock. */
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
	error = slot_publish(handle->slot, pending->data, pending->size, pending->pid);
	if (error) {
		handle->fs->counters.refused++;
		log_line("slot '%s': a message of %zu bytes was not published: %s",
			 handle->slot->name, pending->size, babus_strerror(error));
	}
	pending_clear(pending, &handle->user->memory);
	handle->probed = 0;
	return error;
}

/* --- pub: each write is one message -------------------------------------------------- */

static int write_pub(struct handle *handle, const void *data, size_t size, pid_t pid)
{
	/* A longer one may be a part of what was written. */
	if (size > FS_PUB_MAX)
		return -EFBIG;
	return slot_publish(handle->slot, data, size, pid);
}

/* --- latest ----------------------------------------------------------------------------- */

static int append_or_place(struct handle *handle, const void *data, size_t size, off_t off)
{
	struct pending *pending = &handle->pending;
	int error = pending_write(pending, &handle->user->memory, data, size, off,
				  handle->slot->max_size);

	/* A full tmpfs has to be told here: shells ignore errors of close. */
	if (!error && pending->size > handle->probed) {
		error = slot_probe(handle->slot, pending->size);
		if (!error)
			handle->probed = pending->size;
	}
	return error;
}

static int write_latest(struct handle *handle, const struct fuse_ctx *ctx, const void *data,
			size_t size, off_t off, const struct fuse_file_info *fi)
{
	int error;

	pthread_mutex_lock(&handle->lock);
	error = handle->broken_owner == fi->lock_owner ? handle->broken : 0;
	if (!error) {
		handle->broken = 0;
		error = append_or_place(handle, data, size, fi->flags & O_APPEND ? -1 : off);
		if (error)
			break_off(handle, error, fi->lock_owner);
		handle->pending.owner = fi->lock_owner;
		handle->pending.pid = ctx->pid;
	}
	pthread_mutex_unlock(&handle->lock);
	return error;
}

void ops_write(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size, off_t off,
	       struct fuse_file_info *fi)
{
	struct handle *handle = handle_of(fi);
	const struct fuse_ctx *ctx = fuse_req_ctx(req);
	int error = -EBADF;

	(void)ino;
	if (handle->staging)
		error = staging_write(handle->staging, handle->slot, data, size,
				      fi->flags & O_APPEND ? -1 : off);
	else if (handle->writes && handle->file == FILE_PUB)
		error = write_pub(handle, data, size, ctx->pid);
	else if (handle->writes)
		error = write_latest(handle, ctx, data, size, off, fi);
	if (error)
		fuse_reply_err(req, ops_errno(error));
	else
		fuse_reply_write(req, size);
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

void ops_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct handle *handle = handle_of(fi);
	int error;

	(void)ino;
	pthread_mutex_lock(&handle->lock);
	error = handle->writes ? flush(handle, fuse_req_ctx(req), fi->lock_owner) : 0;
	pthread_mutex_unlock(&handle->lock);
	fuse_reply_err(req, ops_errno(error));
}

void ops_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	struct handle *handle = handle_of(fi);
	int error = 0;

	(void)ino, (void)datasync;
	pthread_mutex_lock(&handle->lock);
	if (handle->writes)
		error = handle->broken ? handle->broken : publish(handle);
	pthread_mutex_unlock(&handle->lock);
	fuse_reply_err(req, ops_errno(error));
}

void ops_publish_rest(struct handle *handle)
{
	pthread_mutex_lock(&handle->lock);
	publish(handle);
	pthread_mutex_unlock(&handle->lock);
}
