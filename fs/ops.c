/* SPDX-License-Identifier: MIT */
/* The table, and what is the same answer for every file. */
#include "ops.h"

#include <errno.h>

int ops_errno(int error)
{
	switch (-error) {
	case EMSGSIZE:
		return EFBIG;
	case EPROTO:
		return EIO;
	default:
		return -error;
	}
}

static void init(void *userdata, struct fuse_conn_info *conn)
{
	(void)userdata;
	/*
	 * With ATOMIC_O_TRUNC a writer's '>' would shrink the node that readers
	 * have open. READDIRPLUS would look up, and pin, what nobody opens.
	 * Contents never change, so nothing needs to be invalidated. Splicing
	 * is slower than copying from and to memory.
	 */
	conn->want &= ~(unsigned)(FUSE_CAP_ATOMIC_O_TRUNC | FUSE_CAP_READDIRPLUS |
				  FUSE_CAP_READDIRPLUS_AUTO | FUSE_CAP_AUTO_INVAL_DATA |
				  FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE |
				  FUSE_CAP_SPLICE_MOVE);
	conn->max_read = FS_REQUEST_MAX;
	conn->max_write = FS_REQUEST_MAX;
	conn->max_readahead = FS_REQUEST_MAX;
}

/* --- what there is not ---------------------------------------------------------------- */

static void no_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev)
{
	(void)parent, (void)name, (void)mode, (void)rdev;
	fuse_reply_err(req, EPERM);
}

static void no_symlink(fuse_req_t req, const char *link, fuse_ino_t parent, const char *name)
{
	(void)link, (void)parent, (void)name;
	fuse_reply_err(req, EPERM);
}

static void no_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t newparent, const char *newname)
{
	(void)ino, (void)newparent, (void)newname;
	fuse_reply_err(req, EPERM);
}

const struct fuse_lowlevel_ops ops_table = {
    .init = init,
    .lookup = ops_lookup,
    .forget = ops_forget,
    .forget_multi = ops_forget_multi,
    .getattr = ops_getattr,
    .setattr = ops_setattr,
    .mkdir = ops_mkdir,
    .rmdir = ops_rmdir,
    .opendir = ops_opendir,
    .readdir = ops_readdir,
    .releasedir = ops_releasedir,
    .open = ops_open,
    .read = ops_read,
    .write = ops_write,
    .flush = ops_flush,
    .fsync = ops_fsync,
    .release = ops_release,
    .poll = ops_poll,
    .statfs = ops_statfs,
    .getxattr = ops_getxattr,
    .listxattr = ops_listxattr,
    .setxattr = ops_setxattr,
    .removexattr = ops_removexattr,
    .mknod = no_mknod,
    .create = ops_create,
    .unlink = ops_unlink,
    .symlink = no_symlink,
    .link = no_link,
    .rename = ops_rename,
};
