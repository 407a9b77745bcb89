/* SPDX-License-Identifier: MIT */
/* `pub`: each write is one message. */
#include <errno.h>

#include "files.h"
#include "ops.h"

int pub_open(fuse_req_t req, struct node *node, struct handle *handle,
	     const struct fuse_file_info *fi)
{
	(void)req, (void)node, (void)fi;
	return handle_add_writer(handle);
}

int pub_write(fuse_req_t req, struct handle *handle, const char *data, size_t size, off_t offset,
	      const struct fuse_file_info *fi)
{
	(void)offset, (void)fi;
	/* A longer one may be a part of what was written. */
	if (size > FS_PUB_MAX)
		return -EFBIG;
	return publisher_publish(handle->slot, data, size, fuse_req_ctx(req)->pid);
}
