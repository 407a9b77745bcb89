/* SPDX-License-Identifier: MIT */
/* What stat() shows of a node. */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attr.h"
#include "snapshot.h"
#include "staging.h"

enum {
	BLOCK_SMALL = 4096,
	/* From here on tools should read with the largest requests there are. */
	LARGE = 128 << 10
};

static struct timespec to_timespec(uint64_t ns)
{
	return (struct timespec){.tv_sec = (time_t)(ns / 1000000000),
				 .tv_nsec = (long)(ns % 1000000000)};
}

static void set_times(struct stat *st, uint64_t ns)
{
	st->st_mtim = st->st_ctim = st->st_atim = to_timespec(ns);
}

/* Who may enter and create is who may in the domain's own directory. */
static int stat_root(struct fs *fs, struct stat *st)
{
	struct stat domain;

	if (stat(fs->domain_path, &domain) < 0)
		return errno == ENOENT ? -ENODEV : -errno;
	st->st_mode = S_IFDIR | (domain.st_mode & 07777);
	st->st_uid = domain.st_uid;
	st->st_gid = domain.st_gid;
	/* 1: how many directories there are is not counted */
	st->st_nlink = 1;
	st->st_mtim = domain.st_mtim;
	st->st_ctim = domain.st_ctim;
	st->st_atim = domain.st_atim;
	return 0;
}

static int stat_bus(struct fs *fs, const struct node *node, struct stat *st)
{
	int error = stat_root(fs, st);

	st->st_mode &= 0777;
	if (node->file == FILE_BUS)
		st->st_mode = S_IFDIR | (st->st_mode & 0555);
	else
		st->st_mode = S_IFREG | (st->st_mode & 0444);
	return error;
}

static mode_t slot_file_mode(enum file file, mode_t slot)
{
	switch (file) {
	case FILE_SLOT:
		return S_IFDIR | slot | (slot & 0444) >> 2;
	case FILE_LATEST:
		return S_IFREG | (slot & 0666);
	case FILE_PUB:
		return S_IFREG | (slot & 0222);
	default:
		return S_IFREG | (slot & 0444);
	}
}

static uint64_t newest_time(const struct node *node)
{
	struct babus_message newest;

	if (snapshot_describe(node->slot, &newest))
		return node->slot->created_ns;
	return babus_wall_time(newest.time_ns);
}

double attr_seconds(const struct node *node)
{
	/* A message never changes; what else there is, looked up lately, is right. */
	return node_is_message(node) ? 3600.0 : node->file == FILE_STAGING ? 0.0 : 1.0;
}

static void stat_staging(const struct node *node, struct stat *st)
{
	struct staging *staging = staging_of(node);

	pthread_mutex_lock(&staging->lock);
	st->st_mode = S_IFREG | staging->access.mode;
	st->st_uid = staging->access.uid;
	st->st_gid = staging->access.gid;
	st->st_size = (off_t)staging->content.size;
	st->st_blocks = (blkcnt_t)((staging->content.room + 511) / 512);
	set_times(st, staging->time_ns);
	pthread_mutex_unlock(&staging->lock);
	st->st_ino = node_ino(FILE_STAGING, node->slot, (uint32_t)staging->id);
}

int attr_stat(struct fs *fs, const struct node *node, struct stat *st)
{
	const struct message_node *message = node_is_message(node) ? message_node(node) : NULL;
	struct access access;
	int error;

	*st = (struct stat){.st_nlink = 1, .st_blksize = BLOCK_SMALL};
	st->st_ino = node_ino(node->file, node->slot, message ? message->age : 0);
	if (node->file == FILE_ROOT)
		return stat_root(fs, st);
	if (!node->slot)
		return stat_bus(fs, node, st);
	if (node->file == FILE_STAGING) {
		stat_staging(node, st);
		return 0;
	}

	error = slot_access(node->slot, false, &access);
	if (error)
		return error;
	st->st_mode = slot_file_mode(node->file, access.mode);
	st->st_uid = access.uid;
	st->st_gid = access.gid;
	if (node->file == FILE_SLOT)
		st->st_nlink = 2;
	if (message) {
		st->st_size = (off_t)message->message.size;
		st->st_blocks = (blkcnt_t)((message->message.size + 511) / 512);
		if (message->message.size >= LARGE)
			st->st_blksize = FS_REQUEST_MAX;
	}
	if (node->file == FILE_WAIT || node->file == FILE_STREAM)
		st->st_blksize = FS_REQUEST_MAX;
	if (message && message_is_there(message))
		set_times(st, babus_wall_time(message->message.time_ns));
	else
		set_times(st, newest_time(node));
	return 0;
}
