/* SPDX-License-Identifier: MIT */
/* Dispatches each request to the kind of file that it names. */
#include "ops.h"

#include <errno.h>
#include <poll.h>
#include <sys/statvfs.h>

#include "attr.h"
#include "kind.h"

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
	 * have open. READDIRPLUS would look up, and pin, messages that are not opened.
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

void ops_reply_part(fuse_req_t req, const void *data, size_t have, uint64_t offset, size_t size)
{
	size_t left = offset < have ? have - (size_t)offset : 0;

	fuse_reply_buf(req, left ? (const char *)data + offset : NULL, left < size ? left : size);
}

/* --- nodes ---------------------------------------------------------------------------- */

static struct node *find(fuse_req_t req, fuse_ino_t ino)
{
	return nodes_find(ops_fs(req)->nodes, ino);
}

void ops_reply_looked_up(fuse_req_t req, struct node *node)
{
	struct fs *fs = ops_fs(req);
	/* Names are looked up each time. */
	struct fuse_entry_param entry = {.ino = nodes_id(fs->nodes, node),
					 .generation = node->generation,
					 .attr_timeout = kind_of(node)->attr_s};
	int error = attr_stat(fs, node, &entry.attr);

	if (error)
		fuse_reply_err(req, ops_errno(error));
	else
		error = fuse_reply_entry(req, &entry);
	/* Without an error the kernel knows it, and may have forgotten it by now. */
	if (error)
		node_forget(fs, node, 1);
}

void ops_reply_entry(fuse_req_t req, struct node *node)
{
	node_look_up(ops_fs(req), node);
	ops_reply_looked_up(req, node);
}

static void look_up(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	const struct node *node = find(req, parent);

	if (kind_of(node)->look_up)
		kind_of(node)->look_up(req, node, name);
	else
		fuse_reply_err(req, ENOTDIR);
}

static void forget(fuse_req_t req, fuse_ino_t ino, uint64_t count)
{
	node_forget(ops_fs(req), find(req, ino), count);
	fuse_reply_none(req);
}

static void forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	for (size_t i = 0; i < count; i++)
		node_forget(ops_fs(req), find(req, forgets[i].ino), forgets[i].nlookup);
	fuse_reply_none(req);
}

static void get_attr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	const struct node *node = find(req, ino);
	struct stat st;
	int error = attr_stat(ops_fs(req), node, &st);

	(void)fi;
	if (error)
		fuse_reply_err(req, ops_errno(error));
	else
		fuse_reply_attr(req, &st, kind_of(node)->attr_s);
}

/* Times are those of the message: accepted and ignored, so that cp -p succeeds. */
static void set_attr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
		     struct fuse_file_info *fi)
{
	const struct node *node = find(req, ino);
	const struct kind *kind = kind_of(node);
	int error = to_set & ATTR_ACCESS ? -EPERM : 0;

	if (kind->set)
		error = kind->set(req, node, attr, to_set, fi ? handle_of(fi) : NULL);
	if (error)
		fuse_reply_err(req, ops_errno(error));
	else
		get_attr(req, ino, fi);
}

static void stat_fs(fuse_req_t req, fuse_ino_t ino)
{
	struct statvfs st;

	(void)ino;
	if (statvfs(ops_fs(req)->domain_path, &st) < 0) {
		fuse_reply_err(req, errno == ENOENT ? ENODEV : errno);
		return;
	}
	st.f_namemax = BABUS_NAME_MAX;
	fuse_reply_statfs(req, &st);
}

/* --- open files ------------------------------------------------------------------------ */

/*
 * The kernel has checked against attributes that may be a second old. The slot's
 * file decides what the caller may do.
 */
static int check_open(fuse_req_t req, struct node *node, const struct fuse_file_info *fi)
{
	int want = (wants_read(fi) ? MAY_READ : 0) | (wants_write(fi) ? MAY_WRITE : 0);
	const struct kind *kind = kind_of(node);
	struct access access;
	int error;

	if ((wants_read(fi) && !(kind->mode & 0444)) || (wants_write(fi) && !(kind->mode & 0222)))
		return -EACCES;
	if (!kind->access || fuse_req_ctx(req)->uid == 0)
		return 0;
	error = kind->access(node, &access);
	if (!error && !caller_may(req, &access, want))
		error = -EACCES;
	return error;
}

static int open_node(fuse_req_t req, struct node *node, struct fuse_file_info *fi)
{
	struct handle *handle;
	int error = check_open(req, node, fi);

	if (error)
		return error;
	error = handle_open(ops_fs(req), node->file, node->slot, fuse_req_ctx(req)->uid, &handle);
	if (error)
		return error;
	error = kind_of(node)->open(req, node, handle, fi);
	if (error) {
		handle_put(handle);
		return error;
	}
	fi->fh = (uintptr_t)handle;
	return 0;
}

static void open_dir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	int error = open_node(req, find(req, ino), fi);

	if (error)
		fuse_reply_err(req, ops_errno(error));
	else if (fuse_reply_open(req, fi))
		handle_put(handle_of(fi));
}

static void open_file(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	int error = open_node(req, find(req, ino), fi);

	/* A new slot may have the name by now: with ESTALE the kernel looks up again. */
	if (error) {
		fuse_reply_err(req, error == -ENODEV ? ESTALE : ops_errno(error));
		return;
	}
	/*
	 * direct_io: reading an image once takes 1.2 ms, through the page cache 3.7
	 * ms (and 0.65 ms the second time). Without it the kernel sends no lock
	 * owners with writes.
	 */
	fi->direct_io = 1;
	fi->noflush = !handle_of(fi)->writes;
	if (fuse_reply_open(req, fi))
		handle_put(handle_of(fi));
}

static void read_file(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		      struct fuse_file_info *fi)
{
	struct handle *handle = handle_of(fi);
	const struct kind *kind = &kinds[handle->file];

	(void)ino;
	/* The reader may close the file once it has the answer; its data must outlast that. */
	handle_get(handle);
	if (kind->read)
		kind->read(req, handle, size, (uint64_t)off, fi);
	else
		fuse_reply_buf(req, NULL, 0);
	handle_put(handle);
}

static void write_file(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size, off_t off,
		       struct fuse_file_info *fi)
{
	struct handle *handle = handle_of(fi);
	const struct kind *kind = &kinds[handle->file];
	int error = -EBADF;

	(void)ino;
	if (kind->write && (handle->writes || handle->staging))
		error = kind->write(req, handle, data, size, fi->flags & O_APPEND ? -1 : off, fi);
	if (error)
		fuse_reply_err(req, ops_errno(error));
	else
		fuse_reply_write(req, size);
}

static void flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct handle *handle = handle_of(fi);
	const struct kind *kind = &kinds[handle->file];
	int error = 0;

	(void)ino;
	if (kind->flush && handle->writes)
		error = kind->flush(req, handle, fi->lock_owner);
	fuse_reply_err(req, ops_errno(error));
}

static void sync_file(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	struct handle *handle = handle_of(fi);
	const struct kind *kind = &kinds[handle->file];
	int error = 0;

	(void)ino, (void)datasync;
	if (kind->sync && handle->writes)
		error = kind->sync(handle);
	fuse_reply_err(req, ops_errno(error));
}

static void release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct handle *handle = handle_of(fi);
	const struct kind *kind = &kinds[handle->file];

	(void)ino;
	if (kind->release)
		kind->release(handle);
	handle_put(handle);
	fuse_reply_err(req, 0);
}

static void poll_file(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi,
		      struct fuse_pollhandle *ph)
{
	struct handle *handle = handle_of(fi);
	const struct kind *kind = &kinds[handle->file];

	(void)ino;
	if (kind->poll) {
		fuse_reply_poll(req, kind->poll(handle, ph));
		return;
	}
	if (ph)
		fuse_pollhandle_destroy(ph);
	fuse_reply_poll(req, POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM);
}

/* --- not supported ---------------------------------------------------------------- */

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

/* Without setxattr and removexattr the kernel answers EOPNOTSUPP. */
const struct fuse_lowlevel_ops ops_table = {
    .init = init,
    .lookup = look_up,
    .forget = forget,
    .forget_multi = forget_multi,
    .getattr = get_attr,
    .setattr = set_attr,
    .mkdir = ops_mkdir,
    .rmdir = ops_rmdir,
    .opendir = open_dir,
    .readdir = ops_readdir,
    .releasedir = release,
    .open = open_file,
    .read = read_file,
    .write = write_file,
    .flush = flush,
    .fsync = sync_file,
    .release = release,
    .poll = poll_file,
    .statfs = stat_fs,
    .getxattr = ops_getxattr,
    .listxattr = ops_listxattr,
    .mknod = no_mknod,
    .create = ops_create,
    .unlink = ops_unlink,
    .symlink = no_symlink,
    .link = no_link,
    .rename = ops_rename,
};
