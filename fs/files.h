/* SPDX-License-Identifier: MIT */
/* What the rows of kind.c refer to; see kind.h. */
#ifndef FS_FILES_H
#define FS_FILES_H

#include "kind.h"

/* attr.c */
int attr_stat_root(struct fs *fs, const struct node *node, struct stat *st);
int attr_stat_bus(struct fs *fs, const struct node *node, struct stat *st);
int attr_stat_slot(struct fs *fs, const struct node *node, struct stat *st);
int attr_set_slot(fuse_req_t req, const struct node *node, const struct stat *attr, int to_set,
		  struct handle *handle);
int attr_access_slot(const struct node *node, struct access *access);

/* file_dir.c */
void dir_look_up_root(fuse_req_t req, const struct node *directory, const char *name);
void dir_look_up_slot(fuse_req_t req, const struct node *directory, const char *name);
void dir_look_up_bus(fuse_req_t req, const struct node *directory, const char *name);
/* Have the kernel forget every name of a slot that is gone; see slots_dismiss(). */
void dir_dismiss(struct fs *fs, struct slot *slot);
int dir_open(fuse_req_t req, struct node *node, struct handle *handle,
	     const struct fuse_file_info *fi);

/* file_latest.c: `latest` and the history */
void message_look_up(fuse_req_t req, struct slot *slot, enum file file, uint32_t age);
int message_stat(struct fs *fs, const struct node *node, struct stat *st);
int message_open(fuse_req_t req, struct node *node, struct handle *handle,
		 const struct fuse_file_info *fi);
void message_read(fuse_req_t req, struct handle *handle, size_t size, uint64_t offset,
		  const struct fuse_file_info *fi);
int latest_set(fuse_req_t req, const struct node *node, const struct stat *attr, int to_set,
	       struct handle *handle);
int latest_open(fuse_req_t req, struct node *node, struct handle *handle,
		const struct fuse_file_info *fi);
int latest_write(fuse_req_t req, struct handle *handle, const char *data, size_t size, off_t offset,
		 const struct fuse_file_info *fi);
int latest_flush(fuse_req_t req, struct handle *handle, uint64_t owner);
int latest_sync(struct handle *handle);
void latest_release(struct handle *handle);

/* file_feed.c: `wait` and `stream` */
int feed_stat(struct fs *fs, const struct node *node, struct stat *st);
int feed_open(fuse_req_t req, struct node *node, struct handle *handle,
	      const struct fuse_file_info *fi);
void feed_read(fuse_req_t req, struct handle *handle, size_t size, uint64_t offset,
	       const struct fuse_file_info *fi);

/* poll.c: of these two */
unsigned poll_feed(struct handle *handle, struct fuse_pollhandle *ph);
void poll_forget(struct handle *handle);

/* file_pub.c */
int pub_open(fuse_req_t req, struct node *node, struct handle *handle,
	     const struct fuse_file_info *fi);
int pub_write(fuse_req_t req, struct handle *handle, const char *data, size_t size, off_t offset,
	      const struct fuse_file_info *fi);

/* file_info.c: `info` of slots, and in .bus */
int info_open(fuse_req_t req, struct node *node, struct handle *handle,
	      const struct fuse_file_info *fi);
void info_read(fuse_req_t req, struct handle *handle, size_t size, uint64_t offset,
	       const struct fuse_file_info *fi);

/* file_staging.c */
void staging_look_up(fuse_req_t req, struct slot *slot, const char *name);
int staging_stat(struct fs *fs, const struct node *node, struct stat *st);
int staging_set(fuse_req_t req, const struct node *node, const struct stat *attr, int to_set,
		struct handle *handle);
int staging_access(const struct node *node, struct access *access);
int staging_open(fuse_req_t req, struct node *node, struct handle *handle,
		 const struct fuse_file_info *fi);
void staging_read(fuse_req_t req, struct handle *handle, size_t size, uint64_t offset,
		  const struct fuse_file_info *fi);
int staging_write_file(fuse_req_t req, struct handle *handle, const char *data, size_t size,
		       off_t offset, const struct fuse_file_info *fi);

#endif
