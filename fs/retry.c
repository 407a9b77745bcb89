/* SPDX-License-Identifier: MIT */
/*
 * A list: as long as there are threads between the two tries of one open(2).
 * A thread that is killed in between leaves its entry behind for a while,
 * which costs the next one of that number a look-up at most.
 */
#include "retry.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/queue.h>

#define KEEP_NS (60 * INT64_C(1000000000))

struct retry {
	LIST_ENTRY(retry) link;
	pid_t pid;
	uint64_t node;
	int64_t until_ns;
};

struct retries {
	_Atomic unsigned count;
	pthread_mutex_t lock; /* protects what follows */
	LIST_HEAD(retry_list, retry) list;
};

int retries_open(struct retries **result)
{
	struct retries *retries = calloc(1, sizeof(*retries));

	if (!retries)
		return -ENOMEM;
	pthread_mutex_init(&retries->lock, NULL);
	LIST_INIT(&retries->list);
	*result = retries;
	return 0;
}

/* Needs retries->lock. */
static void drop(struct retries *retries, struct retry *retry)
{
	LIST_REMOVE(retry, link);
	retries->count--;
	free(retry);
}

void retries_close(struct retries *retries)
{
	struct retry *retry, *next;

	if (!retries)
		return;
	for (retry = LIST_FIRST(&retries->list); retry; retry = next) {
		next = LIST_NEXT(retry, link);
		free(retry);
	}
	pthread_mutex_destroy(&retries->lock);
	free(retries);
}

/* Also drops what nobody came back for. Needs retries->lock. */
static struct retry *find_locked(struct retries *retries, pid_t pid)
{
	int64_t now_ns = fs_monotonic();
	struct retry *retry, *next, *found = NULL;

	for (retry = LIST_FIRST(&retries->list); retry; retry = next) {
		next = LIST_NEXT(retry, link);
		if (retry->pid == pid)
			found = retry;
		else if (retry->until_ns < now_ns)
			drop(retries, retry);
	}
	return found;
}

int retries_add(struct retries *retries, pid_t pid, uint64_t node)
{
	struct retry *fresh = malloc(sizeof(*fresh)), *retry;

	if (!fresh)
		return -ENOMEM;
	pthread_mutex_lock(&retries->lock);
	retry = find_locked(retries, pid);
	if (!retry) {
		retry = fresh;
		fresh = NULL;
		LIST_INSERT_HEAD(&retries->list, retry, link);
		retries->count++;
	}
	retry->pid = pid;
	retry->node = node;
	retry->until_ns = fs_monotonic() + KEEP_NS;
	pthread_mutex_unlock(&retries->lock);
	free(fresh);
	return 0;
}

uint64_t retries_find(struct retries *retries, pid_t pid)
{
	struct retry *retry;
	uint64_t node;

	/* An entry of this thread's own was there before it could ask. */
	if (!retries->count)
		return 0;
	pthread_mutex_lock(&retries->lock);
	retry = find_locked(retries, pid);
	node = retry ? retry->node : 0;
	pthread_mutex_unlock(&retries->lock);
	return node;
}

void retries_remove(struct retries *retries, pid_t pid)
{
	struct retry *retry;

	if (!retries->count)
		return;
	pthread_mutex_lock(&retries->lock);
	retry = find_locked(retries, pid);
	if (retry)
		drop(retries, retry);
	pthread_mutex_unlock(&retries->lock);
}
