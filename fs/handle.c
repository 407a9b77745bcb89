/* SPDX-License-Identifier: MIT */
#include "handle.h"

#include <errno.h>
#include <stdlib.h>

#include "log.h"
#include "snapshot.h"
#include "staging.h"

int handles_open(struct handles **result)
{
	struct handles *handles = calloc(1, sizeof(*handles));

	if (!handles)
		return -ENOMEM;
	pthread_mutex_init(&handles->lock, NULL);
	LIST_INIT(&handles->list);
	*result = handles;
	return 0;
}

/* A handle, without what it is to refer to. */
static int new_handle(struct users *users, uid_t uid, struct handle **result)
{
	struct handle *handle;
	struct user *user;
	int error = user_find(users, uid, &user);

	if (error)
		return error;
	error = -EMFILE;
	if (!budget_take(&user->files, 1))
		goto put;
	error = -ENOMEM;
	handle = calloc(1, sizeof(*handle));
	if (!handle)
		goto give;
	handle->user = user;
	*result = handle;
	return 0;
give:
	budget_give(&user->files, 1);
put:
	user_put(user);
	return error;
}

int handle_open(struct fs *fs, enum file file, struct slot *slot, uid_t uid, struct handle **result)
{
	struct handle *handle;
	int error = new_handle(fs->users, uid, &handle);

	if (error)
		return error;
	handle->fs = fs;
	handle->file = file;
	handle->references = 1;
	handle->slot = slot ? slot_get(slot) : NULL;
	pthread_mutex_init(&handle->lock, NULL);
	pthread_mutex_lock(&fs->handles->lock);
	LIST_INSERT_HEAD(&fs->handles->list, handle, link);
	pthread_mutex_unlock(&fs->handles->lock);
	fs->counters.open_files++;
	*result = handle;
	return 0;
}

int handle_add_writer(struct handle *handle)
{
	int error = publisher_add_writer(handle->slot);

	handle->writes = !error;
	return error;
}

static void destroy(struct handle *handle)
{
	struct handles *handles = handle->fs->handles;

	pthread_mutex_lock(&handles->lock);
	LIST_REMOVE(handle, link);
	pthread_mutex_unlock(&handles->lock);
	if (handle->slot) {
		snapshot_put(handle->slot, handle->snapshot);
		if (handle->writes)
			publisher_drop_writer(handle->slot);
		slot_put(handle->slot);
	}
	staging_put(handle->staging);
	pending_clear(&handle->pending, &handle->user->memory);
	free(handle->text.data);
	listing_finish(&handle->listing);
	pthread_mutex_destroy(&handle->lock);
	handle->fs->counters.open_files--;
	budget_give(&handle->user->files, 1);
	user_put(handle->user);
	free(handle);
}

struct handle *handle_get(struct handle *handle)
{
	handle->references++;
	return handle;
}

void handle_put(struct handle *handle)
{
	if (--handle->references == 0)
		destroy(handle);
}

void handles_close(struct handles *handles)
{
	struct handle *handle, *next;

	if (!handles)
		return;
	for (handle = LIST_FIRST(&handles->list); handle; handle = next) {
		next = LIST_NEXT(handle, link);
		if (handle->pending.dirty) {
			handle->fs->counters.discarded++;
			log_line("slot '%s': a message that was not complete is discarded",
				 handle->slot->name);
		}
		destroy(handle);
	}
	pthread_mutex_destroy(&handles->lock);
	free(handles);
}
