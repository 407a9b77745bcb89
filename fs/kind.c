/* SPDX-License-Identifier: MIT */
#include "kind.h"

#include <assert.h>
#include <string.h>

#include "files.h"

/* A message never changes. Other attributes may be a second old. */
#define MESSAGE_S 3600.0
#define OTHERS_S  1.0

static_assert(FS_PUB_MAX == 1044480, "as the help of pub says");

/* clang-format off */
const struct kind kinds[FILES] = {
	[FILE_ROOT] = {
		.type = S_IFDIR, .mode = 07777, .attr_s = OTHERS_S,
		.stat = attr_stat_root,
		.look_up = dir_look_up_root, .open = dir_open,
	},
	[FILE_SLOT] = {
		.type = S_IFDIR, .mode = 0777, .attr_s = OTHERS_S,
		.stat = attr_stat_slot, .set = attr_set_slot, .access = attr_access_slot,
		.look_up = dir_look_up_slot, .open = dir_open,
	},
	[FILE_LATEST] = {
		.name = "latest", .type = S_IFREG, .mode = 0666, .attr_s = MESSAGE_S,
		.help = "the newest message; what is written is published at close",
		.stat = message_stat, .set = latest_set, .access = attr_access_slot,
		.open = latest_open, .read = message_read, .write = latest_write,
		.flush = latest_flush, .sync = latest_sync, .release = latest_release,
	},
	[FILE_AGE] = {
		.type = S_IFREG, .mode = 0444, .attr_s = MESSAGE_S,
		.help = "the history by age",
		.stat = message_stat, .access = attr_access_slot,
		.open = message_open, .read = message_read,
	},
	[FILE_WAIT] = {
		.name = "wait", .type = S_IFREG, .mode = 0444, .attr_s = OTHERS_S,
		.listed = LISTED_UNLESS_HIDDEN,
		.help = "blocks until a newer message, gives it, end of file",
		.stat = feed_stat, .access = attr_access_slot,
		.open = feed_open, .read = feed_read,
		.poll = poll_feed, .release = poll_forget,
	},
	[FILE_INFO] = {
		.name = "info", .type = S_IFREG, .mode = 0444, .attr_s = OTHERS_S,
		.help = "facts and counters as JSON",
		.stat = attr_stat_slot, .access = attr_access_slot,
		.open = info_open, .read = info_read,
	},
	[FILE_STREAM] = {
		.name = "stream", .type = S_IFREG, .mode = 0444, .attr_s = OTHERS_S,
		.listed = LISTED_IF_ALL,
		.help = "every message from now on, in order, without end",
		.stat = feed_stat, .access = attr_access_slot,
		.open = feed_open, .read = feed_read,
		.poll = poll_feed, .release = poll_forget,
	},
	[FILE_PUB] = {
		.name = "pub", .type = S_IFREG, .mode = 0222, .attr_s = OTHERS_S,
		.listed = LISTED_IF_ALL,
		.help = "each write is one message, up to 1044480 bytes",
		.stat = attr_stat_slot, .access = attr_access_slot,
		.open = pub_open, .write = pub_write,
	},
	[FILE_STAGING] = {
		.type = S_IFREG, .mode = 0777,
		.stat = staging_stat, .set = staging_set, .access = staging_access,
		.open = staging_open, .read = staging_read, .write = staging_write_file,
	},
	[FILE_BUS] = {
		.name = ".bus", .type = S_IFDIR, .mode = 0555, .attr_s = OTHERS_S,
		.listed = LISTED_IF_ALL,
		.stat = attr_stat_bus,
		.look_up = dir_look_up_bus, .open = dir_open,
	},
	[FILE_BUS_INFO] = {
		.name = "info", .type = S_IFREG, .mode = 0444, .attr_s = OTHERS_S,
		.stat = attr_stat_bus,
		.open = info_open, .read = info_read,
	},
	[FILE_BUS_METRICS] = {
		.name = "metrics", .type = S_IFREG, .mode = 0444, .attr_s = OTHERS_S,
		.stat = attr_stat_bus,
		.open = info_open, .read = info_read,
	},
};
/* clang-format on */

enum file kind_find(const char *name, enum file first, enum file last)
{
	for (enum file file = first; file <= last; file++)
		if (kinds[file].name && strcmp(kinds[file].name, name) == 0)
			return file;
	return FILES;
}
