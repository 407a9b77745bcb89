/* SPDX-License-Identifier: MIT */
#include "listing.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "staging.h"

const struct named_file slot_files[] = {
    {"latest", FILE_LATEST}, {"wait", FILE_WAIT}, {"info", FILE_INFO},
    {"stream", FILE_STREAM}, {"pub", FILE_PUB},   {NULL, FILE_ROOT},
};

const struct named_file bus_files[] = {
    {"info", FILE_BUS_INFO},
    {"metrics", FILE_BUS_METRICS},
    {NULL, FILE_ROOT},
};

const struct named_file *named_file(const struct named_file *files, const char *name)
{
	for (; files->name; files++)
		if (strcmp(files->name, name) == 0)
			return files;
	return NULL;
}

static int add_entry(struct listing *listing, const char *name, uint64_t ino, mode_t type)
{
	if (listing->count == listing->room) {
		size_t room = listing->room ? 2 * listing->room : 16;
		struct entry *more = reallocarray(listing->entries, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		listing->entries = more;
		listing->room = room;
	}
	listing->entries[listing->count] = (struct entry){strdup(name), ino, type};
	if (!listing->entries[listing->count].name)
		return -ENOMEM;
	listing->count++;
	return 0;
}

void listing_finish(struct listing *listing)
{
	for (size_t i = 0; i < listing->count; i++)
		free(listing->entries[i].name);
	free(listing->entries);
}

static int add_slot(void *arg, const char *name)
{
	return add_entry(arg, name, slot_ino(name), S_IFDIR);
}

static int list_root(struct fs *fs, struct listing *listing)
{
	int error = babus_domain_list(fs->domain, add_slot, listing);

	if (!error && fs->options.list_all)
		error = add_entry(listing, ".bus", node_ino(FILE_BUS, NULL, 0), S_IFDIR);
	return error;
}

/*
 * What may block its reader and is not `wait`, or takes no reader, stays out,
 * so that tools that read everything come to an end.
 */
static bool is_listed(const struct fs *fs, enum file file)
{
	if (file == FILE_STREAM || file == FILE_PUB)
		return fs->options.list_all;
	return file != FILE_WAIT || !fs->options.hide_wait;
}

static int list_staging(struct slot *slot, struct listing *listing)
{
	struct staging *staging;
	int error = 0;

	pthread_mutex_lock(&slot->lock);
	LIST_FOREACH(staging, &slot->staging, link)
	if (!error)
		error = add_entry(listing, staging->name,
				  node_ino(FILE_STAGING, slot, (uint32_t)staging->id), S_IFREG);
	pthread_mutex_unlock(&slot->lock);
	return error;
}

static int list_slot(struct fs *fs, struct slot *slot, struct listing *listing)
{
	struct babus_slot_info info;
	int error = babus_slot_info(slot->bus, &info);

	for (const struct named_file *file = slot_files; !error && file->name; file++)
		if (is_listed(fs, file->file))
			error = add_entry(listing, file->name, node_ino(file->file, slot, 0),
					  S_IFREG);
	if (!error)
		error = list_staging(slot, listing);
	for (uint32_t age = 0; !error && age < info.kept; age++) {
		char name[16];

		snprintf(name, sizeof(name), "%u", (unsigned)age);
		error = add_entry(listing, name, node_ino(FILE_AGE, slot, age), S_IFREG);
	}
	return error;
}

int listing_make(struct fs *fs, const struct node *node, struct listing *listing)
{
	int error = add_entry(listing, ".", node_ino(node->file, node->slot, 0), S_IFDIR);

	if (!error)
		error = add_entry(listing, "..", node_ino(FILE_ROOT, NULL, 0), S_IFDIR);
	if (error)
		return error;
	if (node->file == FILE_ROOT)
		return list_root(fs, listing);
	if (node->file == FILE_SLOT)
		return list_slot(fs, node->slot, listing);
	for (const struct named_file *file = bus_files; !error && file->name; file++)
		error = add_entry(listing, file->name, node_ino(file->file, NULL, 0), S_IFREG);
	return error;
}

/* --- dismissing --------------------------------------------------------------------- */

/* An error says that the kernel knew nothing of it, or nothing of us any more. */
static void dismiss(struct fs *fs, uint64_t directory, const char *name)
{
	fuse_lowlevel_notify_inval_entry(fs->session, directory, name, strlen(name));
}

void listing_dismiss(struct fs *fs, struct slot *slot)
{
	uint64_t directory = nodes_id(fs->nodes, nodes_of_slot(slot, FILE_SLOT));

	for (const struct named_file *file = slot_files; file->name; file++)
		dismiss(fs, directory, file->name);
	for (uint32_t age = 0; slot_nodes_are_known(slot) && age < slot->depth; age++) {
		char name[16];

		snprintf(name, sizeof(name), "%u", (unsigned)age);
		dismiss(fs, directory, name);
	}
	dismiss(fs, FUSE_ROOT_ID, slot->name);
}
