/* SPDX-License-Identifier: MIT */
/*
 * What each user has open and keeps in memory, so that no user takes it all. A
 * struct lasts as long as its user has something.
 */
#ifndef FS_USER_H
#define FS_USER_H

#include <sys/queue.h>

#include "fs.h"

struct user {
	/* constant */
	struct users *users;
	uid_t uid;

	struct budget memory;  /* bytes that are being written; part of fs->memory */
	struct budget files;   /* open files and directories */
	struct budget waiting; /* reads that block */

	/* protected by users->lock */
	LIST_ENTRY(user) link;
	unsigned references;
};

int users_open(struct fs *fs, struct users **users);
/* When no user is left. */
void users_close(struct users *users);

/* Referenced. -ENOMEM. */
int user_find(struct users *users, uid_t uid, struct user **user);
struct user *user_get(struct user *user);
void user_put(struct user *user);

#endif
