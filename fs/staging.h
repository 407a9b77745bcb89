/* SPDX-License-Identifier: MIT */
/*
 * Staging files: `sed -i`, rsync and editors write a new file beside the old one
 * and rename it. Renaming a staging file to `latest` publishes it as one message.
 * Until then it is an ordinary file in the memory of babusfs. It ends with the
 * slot or the mount.
 */
#ifndef FS_STAGING_H
#define FS_STAGING_H

#include "listing.h"
#include "pending.h"
#include "caller.h"
#include "node.h"
#include "user.h"

enum {
	STAGING_NAME_MAX = 255
};

struct staging {
	struct node node;  /* constant, but for what the kernel knows */
	uint64_t id;       /* constant; never used again */
	struct user *user; /* constant; its content counts against this user's limit */
	_Atomic unsigned references;

	/* protected by staging_names->lock of its slot */
	LIST_ENTRY(staging) link;
	char *name; /* the last one, if it was unlinked */
	bool is_linked;

	pthread_mutex_t lock; /* protects what follows */
	struct access access;
	struct pending content;
	uint64_t time_ns;
};

/* Of a slot: those that have a name. */
struct staging_names {
	pthread_mutex_t lock; /* protects what follows */
	LIST_HEAD(staging_list, staging) list;
};

void staging_names_init(struct staging_names *names);
void staging_names_finish(struct staging_names *names);

/* Add the names to a listing. */
int staging_list(struct slot *slot, struct listing *listing);

static inline struct staging *staging_of(const struct node *node)
{
	return (struct staging *)((uintptr_t)node - offsetof(struct staging, node));
}

/*
 * Make an empty one, referenced. -EPERM: the name means something else;
 * -EEXIST, -ENAMETOOLONG, -EDQUOT (no memory for pending messages), -ENOMEM,
 * -ENODEV.
 */
int staging_create(struct slot *slot, const char *name, const struct access *access,
		   struct staging **staging);
/* -ENOENT. Referenced. */
int staging_find(struct slot *slot, const char *name, struct staging **staging);
struct staging *staging_get(struct staging *staging);
void staging_put(struct staging *staging);

/* Take its name away. -ENOENT, -EPERM: it is not such a file. */
int staging_unlink(struct slot *slot, const char *name);
/* Replaces a file named `to`. -EEXIST: there is one and `keep` is set. */
int staging_rename(struct slot *slot, const char *from, const char *to, bool keep);
/* Publish it to a slot and take its name away. As babus_slot_publish(). */
int staging_publish(struct slot *slot, const char *name, struct slot *to, pid_t pid);
/* All names, of a slot that is gone. */
void staging_drop_all(struct slot *slot);

/* offset -1: at the end. Errors as of pending_write(). */
int staging_write(struct staging *staging, struct slot *slot, const void *data, size_t size,
		  off_t offset);
int staging_truncate(struct staging *staging, struct slot *slot, off_t size);

#endif
