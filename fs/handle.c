/* SPDX-License-Identifier: MIT */
#include "handle.h"

#include <errno.h>
#include <stdlib.h>

#include "snapshot.h"

int handle_open(struct fs *fs, enum file file, struct slot *slot, struct handle **result)
{
	struct handle *handle = calloc(1, sizeof(*handle));

	if (!handle)
		return -ENOMEM;
	handle->fs = fs;
	handle->file = file;
	handle->references = 1;
	handle->slot = slot ? slot_get(slot) : NULL;
	pthread_mutex_init(&handle->lock, NULL);
	fs->counters.handles++;
	*result = handle;
	return 0;
}

static void destroy(struct handle *handle)
{
	if (handle->slot) {
		snapshot_put(handle->slot, handle->snapshot);
		if (handle->writes)
			slot_drop_writer(handle->slot);
		slot_put(handle->slot);
	}
	pending_clear(&handle->pending, &handle->fs->memory);
	text_finish(&handle->text);
	pthread_mutex_destroy(&handle->lock);
	handle->fs->counters.handles--;
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
