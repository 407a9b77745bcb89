/* SPDX-License-Identifier: MIT */
/*
 * The floor of the file view: the least that a FUSE file system of babusfs's
 * shape must do. MOUNTPOINT/small/latest and MOUNTPOINT/image/latest are answered
 * from memory, with the options of babusfs, and each lookup gives another node.
 * Nothing is checked, counted, kept or locked. Stays in the foreground; SIGTERM
 * ends it.
 */
#define FUSE_USE_VERSION 314

#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	REQUEST_MAX = 1 << 20,
	THREADS = 4, /* babusfs's default */
	SMALL_SIZE = 64,
	IMAGE_SIZE = 1920 * 1080 * 3
};

/* Node ids: 1 is the root; its directories; then files, odd ones are images. */
enum {
	DIR_SMALL = 2,
	DIR_IMAGE = 3,
	FILES = 4
};

static char small[SMALL_SIZE], *image;
static _Atomic uint64_t last_id = FILES;

static size_t size_of(fuse_ino_t ino)
{
	return ino & 1 ? IMAGE_SIZE : SMALL_SIZE;
}

static void init(void *userdata, struct fuse_conn_info *conn)
{
	(void)userdata;
	conn->want &= ~(unsigned)(FUSE_CAP_ATOMIC_O_TRUNC | FUSE_CAP_READDIRPLUS |
				  FUSE_CAP_READDIRPLUS_AUTO | FUSE_CAP_AUTO_INVAL_DATA |
				  FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE |
				  FUSE_CAP_SPLICE_MOVE);
	conn->max_read = REQUEST_MAX;
	conn->max_write = REQUEST_MAX;
	conn->max_readahead = REQUEST_MAX;
}

static void fill(fuse_ino_t ino, struct stat *st)
{
	*st = (struct stat){.st_ino = ino < FILES ? ino : FILES + (ino & 1), .st_nlink = 1};
	if (ino < FILES) {
		st->st_mode = S_IFDIR | 0700;
		st->st_nlink = 2;
		return;
	}
	st->st_mode = S_IFREG | 0600;
	st->st_size = (off_t)size_of(ino);
	st->st_blksize = REQUEST_MAX;
}

static double attr_s(fuse_ino_t ino)
{
	return ino < FILES ? 1.0 : 3600.0;
}

static void lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param entry = {0};

	if (parent == FUSE_ROOT_ID && strcmp(name, "small") == 0)
		entry.ino = DIR_SMALL;
	else if (parent == FUSE_ROOT_ID && strcmp(name, "image") == 0)
		entry.ino = DIR_IMAGE;
	else if (parent != FUSE_ROOT_ID && strcmp(name, "latest") == 0)
		entry.ino = (last_id += 2) + (parent == DIR_IMAGE);
	if (!entry.ino) {
		fuse_reply_err(req, ENOENT);
		return;
	}
	entry.attr_timeout = attr_s(entry.ino);
	fill(entry.ino, &entry.attr);
	fuse_reply_entry(req, &entry);
}

static void getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct stat st;

	(void)fi;
	fill(ino, &st);
	fuse_reply_attr(req, &st, attr_s(ino));
}

static void setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
		    struct fuse_file_info *fi)
{
	(void)attr, (void)to_set;
	getattr(req, ino, fi);
}

static void open_file(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	fi->direct_io = 1;
	fi->noflush = (fi->flags & O_ACCMODE) == O_RDONLY;
	fuse_reply_open(req, fi);
}

static void read_file(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
		      struct fuse_file_info *fi)
{
	size_t have = size_of(ino), from = (size_t)offset < have ? (size_t)offset : have;

	(void)fi;
	fuse_reply_buf(req, (ino & 1 ? image : small) + from,
		       size < have - from ? size : have - from);
}

static void write_file(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size, off_t offset,
		       struct fuse_file_info *fi)
{
	(void)offset, (void)fi;
	memcpy(ino & 1 ? image : small, data, size < size_of(ino) ? size : size_of(ino));
	fuse_reply_write(req, size);
}

static void done(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino, (void)fi;
	fuse_reply_err(req, 0);
}

static const struct fuse_lowlevel_ops operations = {
    .init = init,
    .lookup = lookup,
    .getattr = getattr,
    .setattr = setattr,
    .open = open_file,
    .read = read_file,
    .write = write_file,
    .flush = done,
    .release = done,
};

static int loop(struct fuse_session *session)
{
	struct fuse_loop_config *config = fuse_loop_cfg_create();
	int error;

	if (!config)
		return -ENOMEM;
	fuse_loop_cfg_set_max_threads(config, THREADS);
	fuse_loop_cfg_set_idle_threads(config, THREADS);
	fuse_loop_cfg_set_clone_fd(config, 0);
	error = fuse_session_loop_mt(session, config);
	fuse_loop_cfg_destroy(config);
	return error;
}

int main(int argc, char **argv)
{
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	struct fuse_session *session;
	int status = 1;

	if (argc != 2) {
		fputs("usage: babus-bench-fuse MOUNTPOINT; for babus-bench\n", stderr);
		return 2;
	}
	image = calloc(1, IMAGE_SIZE);
	if (fuse_opt_add_arg(&args, argv[0]) || fuse_opt_add_arg(&args, "-o") ||
	    fuse_opt_add_arg(&args, "fsname=floor,default_permissions,max_read=1048576"))
		return 1;
	session = image ? fuse_session_new(&args, &operations, sizeof(operations), NULL) : NULL;
	if (!session)
		return 1;
	memset(image, 'i', IMAGE_SIZE);
	memset(small, 's', SMALL_SIZE);
	if (fuse_set_signal_handlers(session))
		goto destroy;
	if (fuse_session_mount(session, argv[1]) == 0) {
		status = loop(session) < 0;
		fuse_session_unmount(session);
	}
	fuse_remove_signal_handlers(session);
destroy:
	fuse_session_destroy(session);
	fuse_opt_free_args(&args);
	free(image);
	return status;
}
