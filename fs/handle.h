/* SPDX-License-Identifier: MIT */
/*
 * An open file. A reader of a message has its snapshot from open to release;
 * a reader of `wait` and `stream` has a cursor and the message it is at; a
 * writer has its pending message. A directory has its listing.
 */
#ifndef FS_HANDLE_H
#define FS_HANDLE_H

#include "listing.h"
#include "pending.h"
#include "render.h"
#include "user.h"

struct poll_wait;

struct handle {
	/* constant */
	struct fs *fs;
	enum file file;
	struct slot *slot;       /* referenced; NULL outside of slots */
	struct user *user;       /* referenced; opened it */
	struct staging *staging; /* referenced; FILE_STAGING */
	bool writes;             /* a writer of the slot */
	struct text text;        /* of info files */
	struct listing listing;  /* of directories */

	_Atomic unsigned references;
	LIST_ENTRY(handle) link; /* protected by handles->lock */

	pthread_mutex_t lock;      /* protects what follows */
	struct snapshot *snapshot; /* the message being read; constant but for wait and stream */
	uint64_t after;            /* wait, stream: the message read last */
	bool ended;                /* wait, stream: all of the message has been given */
	uint64_t base;             /* stream: offset in the file of the message's start */
	struct pending pending;    /* writers */
	size_t probed;             /* a message of so many bytes has found memory */
	int broken;                /* the error that ended the pending message */
	uint64_t broken_owner;     /* lock owner of the write that failed */

	/* protected by wake->lock */
	struct poll_wait *poll; /* parked for those that poll it; NULL: none */
};

/* All that are open. */
struct handles {
	pthread_mutex_t lock; /* protects what follows */
	LIST_HEAD(handle_list, handle) list;
};

int handles_open(struct handles **handles);
/* At the end: frees the handles of files that are still open. */
void handles_close(struct handles *handles);

/* For a user; -EMFILE: it has reached its limit. */
int handle_open(struct fs *fs, enum file file, struct slot *slot, uid_t uid,
		struct handle **handle);
/* Make it a writer of its slot. Errors as of babus_slot_open(). */
int handle_add_writer(struct handle *handle);
struct handle *handle_get(struct handle *handle);
void handle_put(struct handle *handle);

static inline struct handle *handle_of(const struct fuse_file_info *fi)
{
	return (struct handle *)(uintptr_t)fi->fh;
}

#endif
