/* SPDX-License-Identifier: MIT */
#include "user.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

enum {
	BUCKETS = 256
};

struct users {
	struct fs *fs;
	pthread_mutex_t lock; /* protects what follows */
	LIST_HEAD(user_list, user) buckets[BUCKETS];
};

int users_open(struct fs *fs, struct users **result)
{
	struct users *users = calloc(1, sizeof(*users));

	if (!users)
		return -ENOMEM;
	users->fs = fs;
	pthread_mutex_init(&users->lock, NULL);
	for (int i = 0; i < BUCKETS; i++)
		LIST_INIT(&users->buckets[i]);
	*result = users;
	return 0;
}

void users_close(struct users *users)
{
	if (!users)
		return;
	pthread_mutex_destroy(&users->lock);
	free(users);
}

static struct user *new_user(struct users *users, uid_t uid)
{
	const struct options *options = &users->fs->options;
	struct user *user = calloc(1, sizeof(*user));

	if (!user)
		return NULL;
	user->users = users;
	user->uid = uid;
	user->memory.max = options->max_user_pending;
	user->memory.whole = &users->fs->memory;
	user->files.max = options->max_user_files;
	user->waiting.max = options->max_user_waiting;
	return user;
}

int user_find(struct users *users, uid_t uid, struct user **result)
{
	struct user_list *bucket = &users->buckets[uid % BUCKETS];
	struct user *user;

	pthread_mutex_lock(&users->lock);
	LIST_FOREACH(user, bucket, link)
	if (user->uid == uid)
		break;
	if (!user) {
		user = new_user(users, uid);
		if (user)
			LIST_INSERT_HEAD(bucket, user, link);
	}
	if (user)
		user->references++;
	pthread_mutex_unlock(&users->lock);
	*result = user;
	return user ? 0 : -ENOMEM;
}

struct user *user_get(struct user *user)
{
	pthread_mutex_lock(&user->users->lock);
	user->references++;
	pthread_mutex_unlock(&user->users->lock);
	return user;
}

void user_put(struct user *user)
{
	struct users *users = user->users;
	bool last;

	pthread_mutex_lock(&users->lock);
	last = --user->references == 0;
	if (last)
		LIST_REMOVE(user, link);
	pthread_mutex_unlock(&users->lock);
	if (last)
		free(user);
}
