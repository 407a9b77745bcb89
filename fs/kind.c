/* SPDX-License-Identifier: MIT */
#include "kind.h"

#include <string.h>

#include "files.h"

/* A message never changes; what else there is, looked up lately, is right. */
#define MESSAGE_S 3600.0
#define OTHERS_S  1.0

const struct kind kinds[FILES] = {
    [FILE_ROOT] = {NULL, S_IFDIR, 07777, .attr_s = OTHERS_S, .stat = attr_stat_root,
		   .look_up = dir_look_up_root, .open = dir_open},
    [FILE_SLOT] = {NULL, S_IFDIR, 0777, .attr_s = OTHERS_S, .stat = attr_stat_slot,
		   .set = attr_set_slot, .access = attr_access_slot, .look_up = dir_look_up_slot,
		   .open = dir_open},
    [FILE_LATEST] = {"latest", S_IFREG, 0666, .attr_s = MESSAGE_S, .stat = message_stat,
		     .set = latest_set, .access = attr_access_slot, .open = latest_open,
		     .read = message_read, .write = latest_write, .flush = latest_flush,
		     .sync = latest_sync, .release = latest_release},
    [FILE_AGE] = {NULL, S_IFREG, 0444, .attr_s = MESSAGE_S, .stat = message_stat,
		  .access = attr_access_slot, .open = message_open, .read = message_read},
    [FILE_WAIT] = {"wait", S_IFREG, 0444, LISTED_UNLESS_HIDDEN, OTHERS_S, .stat = feed_stat,
		   .access = attr_access_slot, .open = feed_open, .read = feed_read,
		   .poll = poll_feed, .release = poll_forget},
    [FILE_INFO] = {"info", S_IFREG, 0444, .attr_s = OTHERS_S, .stat = attr_stat_slot,
		   .access = attr_access_slot, .open = info_open, .read = info_read},
    [FILE_STREAM] = {"stream", S_IFREG, 0444, LISTED_IF_ALL, OTHERS_S, .stat = feed_stat,
		     .access = attr_access_slot, .open = feed_open, .read = feed_read,
		     .poll = poll_feed, .release = poll_forget},
    [FILE_PUB] = {"pub", S_IFREG, 0222, LISTED_IF_ALL, OTHERS_S, .stat = attr_stat_slot,
		  .access = attr_access_slot, .open = pub_open, .write = pub_write},
    [FILE_STAGING] = {NULL, S_IFREG, 0777, .attr_s = 0, .stat = staging_stat, .set = staging_set,
		      .access = staging_access, .open = staging_open, .read = staging_read,
		      .write = staging_write_file},
    [FILE_BUS] = {".bus", S_IFDIR, 0555, LISTED_IF_ALL, OTHERS_S, .stat = attr_stat_bus,
		  .look_up = dir_look_up_bus, .open = dir_open},
    [FILE_BUS_INFO] = {"info", S_IFREG, 0444, .attr_s = OTHERS_S, .stat = attr_stat_bus,
		       .open = info_open, .read = info_read},
    [FILE_BUS_METRICS] = {"metrics", S_IFREG, 0444, .attr_s = OTHERS_S, .stat = attr_stat_bus,
			  .open = info_open, .read = info_read},
};

enum file kind_find(const char *name, enum file first, enum file last)
{
	for (enum file file = first; file <= last; file++)
		if (kinds[file].name && strcmp(kinds[file].name, name) == 0)
			return file;
	return FILES;
}
