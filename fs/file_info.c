/* SPDX-License-Identifier: MIT */
/* The info files: a text made when they are opened. */
#include "files.h"
#include "ops.h"
#include "render.h"

int info_open(fuse_req_t req, struct node *node, struct handle *handle,
	      const struct fuse_file_info *fi)
{
	(void)fi;
	if (node->file == FILE_INFO)
		return render_slot(node->slot, &handle->text);
	if (node->file == FILE_BUS_INFO)
		return render_bus(req, handle->fs, &handle->text);
	return render_metrics(req, handle->fs, &handle->text);
}

void info_read(fuse_req_t req, struct handle *handle, size_t size, uint64_t offset,
	       const struct fuse_file_info *fi)
{
	(void)fi;
	ops_reply_part(req, handle->text.data, handle->text.size, offset, size);
}
