/* SPDX-License-Identifier: MIT */
/*
 * Staging files. Users that may publish to a slot may create, rename and delete
 * them. The other names of a slot are fixed: EPERM. But a staging file may be
 * renamed to `latest`, which publishes it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "attr.h"
#include "files.h"
#include "ops.h"
#include "staging.h"

/* The slot of a directory in which the sender may make and delete files. */
static int writable_slot(fuse_req_t req, fuse_ino_t parent, struct slot **slot)
{
	const struct node *node = nodes_find(ops_fs(req)->nodes, parent);
	struct access access;
	int error;

	if (node->file != FILE_SLOT)
		return -EPERM;
	error = access_of_slot(node->slot, true, &access);
	if (!error && !caller_may(req, &access, MAY_WRITE))
		error = -EACCES;
	*slot = node->slot;
	return error;
}

void staging_look_up(fuse_req_t req, struct slot *slot, const char *name)
{
	struct staging *staging;
	int error = staging_find(slot, name, &staging);

	if (error) {
		fuse_reply_err(req, -error);
		return;
	}
	ops_reply_entry(req, &staging->node);
	staging_put(staging);
}

static int open_created(fuse_req_t req, const struct node *node, struct handle **handle)
{
	struct fs *fs = ops_fs(req);
	int error = handle_open(fs, FILE_STAGING, node->slot, fuse_req_ctx(req)->uid, handle);

	if (!error)
		(*handle)->staging = staging_get(staging_of(node));
	return error;
}

static void reply_create(fuse_req_t req, struct node *node, struct fuse_file_info *fi)
{
	struct fs *fs = ops_fs(req);
	struct fuse_entry_param entry = {.ino = nodes_id(fs->nodes, node),
					 .generation = node->generation};
	struct handle *handle;
	int error;

	node_look_up(fs, node);
	attr_stat(fs, node, &entry.attr);
	error = open_created(req, node, &handle);
	if (error) {
		fuse_reply_err(req, ops_errno(error));
	} else {
		fi->fh = (uintptr_t)handle;
		fi->direct_io = 1;
		fi->noflush = 1;
		error = fuse_reply_create(req, &entry, fi);
		if (error)
			handle_put(handle);
	}
	if (error)
		node_forget(fs, node, 1);
}

void ops_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		struct fuse_file_info *fi)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);
	struct access access = {mode & 0777, ctx->uid, ctx->gid};
	struct staging *staging;
	struct slot *slot;
	int error = writable_slot(req, parent, &slot);

	if (!error)
		error = staging_create(slot, name, &access, &staging);
	/* Another process made it since the look-up: the kernel must look again. */
	if (error == -EEXIST && !(fi->flags & O_EXCL))
		error = -ESTALE;
	if (error) {
		fuse_reply_err(req, ops_errno(error));
		return;
	}
	reply_create(req, &staging->node, fi);
	staging_put(staging);
}

void ops_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct slot *slot;
	int error = writable_slot(req, parent, &slot);

	if (!error)
		error = staging_unlink(slot, name);
	fuse_reply_err(req, ops_errno(error));
}

static int move(fuse_req_t req, struct slot *from, const char *name, struct slot *to,
		const char *newname, unsigned flags)
{
	if (flags & ~(unsigned)RENAME_NOREPLACE)
		return -EINVAL;
	if (strcmp(newname, "latest") == 0)
		return flags ? -EEXIST : staging_publish(from, name, to, fuse_req_ctx(req)->pid);
	if (from != to)
		return -EXDEV;
	return staging_rename(from, name, newname, flags & RENAME_NOREPLACE);
}

void ops_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t newparent,
		const char *newname, unsigned flags)
{
	struct slot *from, *to;
	int error = writable_slot(req, parent, &from);

	if (!error)
		error = writable_slot(req, newparent, &to);
	if (!error)
		error = move(req, from, name, to, newname, flags);
	fuse_reply_err(req, ops_errno(error));
}

/* As of an ordinary file: the owner may change it, and give it to a group of its own. */
static int set_access(fuse_req_t req, struct access *access, const struct stat *attr, int to_set)
{
	if (!caller_owns(req, access))
		return -EPERM;
	if (fuse_req_ctx(req)->uid != 0) {
		if (to_set & FUSE_SET_ATTR_UID && attr->st_uid != access->uid)
			return -EPERM;
		if (to_set & FUSE_SET_ATTR_GID && attr->st_gid != access->gid &&
		    !caller_in_group(req, attr->st_gid))
			return -EPERM;
	}
	if (to_set & FUSE_SET_ATTR_MODE)
		access->mode = attr->st_mode & 0777;
	if (to_set & FUSE_SET_ATTR_UID)
		access->uid = attr->st_uid;
	if (to_set & FUSE_SET_ATTR_GID)
		access->gid = attr->st_gid;
	return 0;
}

int staging_set(fuse_req_t req, const struct node *node, const struct stat *attr, int to_set,
		struct handle *handle)
{
	struct staging *staging = staging_of(node);
	int error = 0;

	(void)handle;
	pthread_mutex_lock(&staging->lock);
	if (to_set & (FUSE_SET_ATTR_MODE | FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID))
		error = set_access(req, &staging->access, attr, to_set);
	if (!error && to_set & FUSE_SET_ATTR_MTIME)
		staging->time_ns = to_set & FUSE_SET_ATTR_MTIME_NOW
				       ? fs_realtime()
				       : (uint64_t)attr->st_mtim.tv_sec * 1000000000 +
					     (uint64_t)attr->st_mtim.tv_nsec;
	pthread_mutex_unlock(&staging->lock);
	/* The kernel has checked that the sender may. */
	if (!error && to_set & FUSE_SET_ATTR_SIZE)
		error = staging_truncate(staging, node->slot, attr->st_size);
	return error;
}

/* --- the files -------------------------------------------------------------------- */

int staging_stat(struct fs *fs, const struct node *node, struct stat *st)
{
	struct staging *staging = staging_of(node);

	(void)fs;
	pthread_mutex_lock(&staging->lock);
	st->st_mode = S_IFREG | staging->access.mode;
	st->st_uid = staging->access.uid;
	st->st_gid = staging->access.gid;
	st->st_size = (off_t)staging->content.size;
	st->st_blocks = (blkcnt_t)((staging->content.room + 511) / 512);
	attr_set_times(st, staging->time_ns);
	pthread_mutex_unlock(&staging->lock);
	st->st_ino = node_ino(FILE_STAGING, node->slot, (uint32_t)staging->id);
	return 0;
}

int staging_access(const struct node *node, struct access *access)
{
	struct staging *staging = staging_of(node);

	pthread_mutex_lock(&staging->lock);
	*access = staging->access;
	pthread_mutex_unlock(&staging->lock);
	return 0;
}

int staging_open(fuse_req_t req, struct node *node, struct handle *handle,
		 const struct fuse_file_info *fi)
{
	(void)req, (void)fi;
	handle->staging = staging_get(staging_of(node));
	return 0;
}

void staging_read(fuse_req_t req, struct handle *handle, size_t size, uint64_t offset,
		  const struct fuse_file_info *fi)
{
	struct staging *staging = handle->staging;

	(void)fi;
	pthread_mutex_lock(&staging->lock);
	ops_reply_part(req, staging->content.data, staging->content.size, offset, size);
	pthread_mutex_unlock(&staging->lock);
}

int staging_write_file(fuse_req_t req, struct handle *handle, const char *data, size_t size,
		       off_t offset, const struct fuse_file_info *fi)
{
	(void)req, (void)fi;
	return staging_write(handle->staging, handle->slot, data, size, offset);
}
