/* SPDX-License-Identifier: MIT */
/*
 * The table of FUSE operations. Each replies exactly once, or parks the request
 * for the wake thread. None blocks.
 */
#ifndef FS_OPS_H
#define FS_OPS_H

#include "handle.h"

/* For the session; its user data is a struct fs. */
extern const struct fuse_lowlevel_ops ops_table;

static inline struct fs *ops_fs(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

/* The errno that a file shows for an error of the library. */
int ops_errno(int error);

/* The kernel looks up the node; after that it may forget it at any time. */
void ops_reply_entry(fuse_req_t req, struct node *node);
/* The same for a node whose look-up is counted already. */
void ops_reply_looked_up(fuse_req_t req, struct node *node);

/* Reply with up to `size` of the `have` bytes at `data`, from `offset` on. */
void ops_reply_part(fuse_req_t req, const void *data, size_t have, uint64_t offset, size_t size);

/* file_dir.c */
void ops_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi);
void ops_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode);
void ops_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name);

/* file_staging.c */
void ops_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		struct fuse_file_info *fi);
void ops_unlink(fuse_req_t req, fuse_ino_t parent, const char *name);
void ops_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t newparent,
		const char *newname, unsigned flags);

/* xattr.c */
void ops_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size);
void ops_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size);

#endif
