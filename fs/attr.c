/* SPDX-License-Identifier: MIT */
#include "attr.h"

#include <errno.h>
#include <unistd.h>

#include "files.h"
#include "snapshot.h"

void attr_set_times(struct stat *st, uint64_t ns)
{
	struct timespec time = {(time_t)(ns / 1000000000), (long)(ns % 1000000000)};

	st->st_mtim = st->st_ctim = st->st_atim = time;
}

int attr_stat(struct fs *fs, const struct node *node, struct stat *st)
{
	*st = (struct stat){.st_nlink = 1, .st_blksize = 4096};
	st->st_ino = node_ino(node->file, node->slot, 0);
	return kind_of(node)->stat(fs, node, st);
}

/* The permissions of the domain's directory: to enter, and to create slots. */
int attr_stat_root(struct fs *fs, const struct node *node, struct stat *st)
{
	struct stat domain;

	(void)node;
	if (stat(fs->domain_path, &domain) < 0)
		return errno == ENOENT ? -ENODEV : -errno;
	st->st_mode = S_IFDIR | (domain.st_mode & 07777);
	st->st_uid = domain.st_uid;
	st->st_gid = domain.st_gid;
	/* 1: the number of directories is not known */
	st->st_nlink = 1;
	st->st_mtim = domain.st_mtim;
	st->st_ctim = domain.st_ctim;
	st->st_atim = domain.st_atim;
	return 0;
}

int attr_stat_bus(struct fs *fs, const struct node *node, struct stat *st)
{
	const struct kind *kind = kind_of(node);
	int error = attr_stat_root(fs, node, st);

	st->st_mode = kind->type | (st->st_mode & kind->mode);
	return error;
}

static uint64_t newest_time(const struct node *node)
{
	struct babus_message newest;

	if (snapshot_describe(node->slot, &newest))
		return node->slot->created_ns;
	return babus_wall_time(newest.time_ns);
}

int attr_stat_slot(struct fs *fs, const struct node *node, struct stat *st)
{
	const struct kind *kind = kind_of(node);
	struct access access;
	int error = access_of_slot(node->slot, false, &access);

	(void)fs;
	if (error)
		return error;
	st->st_mode = kind->type | (access.mode & kind->mode);
	st->st_uid = access.uid;
	st->st_gid = access.gid;
	if (S_ISDIR(kind->type)) {
		st->st_mode |= (access.mode & 0444) >> 2;
		st->st_nlink = 2;
	}
	if (!node_is_message(node) || !message_is_there(message_node(node)))
		attr_set_times(st, newest_time(node));
	return 0;
}

int attr_access_slot(const struct node *node, struct access *access)
{
	return access_of_slot(node->slot, true, access);
}

/* chmod and chown of the directory or of `latest` change the slot's files. */
int attr_set_slot(fuse_req_t req, const struct node *node, const struct stat *attr, int to_set,
		  struct handle *handle)
{
	mode_t mode = to_set & FUSE_SET_ATTR_MODE ? attr->st_mode & 0666 : (mode_t)-1;
	uid_t uid = to_set & FUSE_SET_ATTR_UID ? attr->st_uid : (uid_t)-1;
	gid_t gid = to_set & FUSE_SET_ATTR_GID ? attr->st_gid : (gid_t)-1;
	struct access access;
	int error;

	(void)handle;
	if (!(to_set & ATTR_ACCESS))
		return 0;
	error = access_of_slot(node->slot, true, &access);
	if (error)
		return error;
	if (!caller_owns(req, &access))
		return -EPERM;
	if (fuse_req_ctx(req)->uid != 0 &&
	    ((uid != (uid_t)-1 && uid != access.uid) ||
	     (gid != (gid_t)-1 && gid != access.gid && !caller_in_group(req, gid))))
		return -EPERM;
	return babus_slot_set_access(node->slot->bus, mode, uid, gid);
}
