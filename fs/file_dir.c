/* SPDX-License-Identifier: MIT */
/* Directories: looking up names, listing them, and making and removing slots. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "files.h"
#include "ops.h"
#include "staging.h"

/* --- looking up ------------------------------------------------------------------------ */

/* An age as listings show it: no sign, no leading zeros. */
static bool parse_age(const char *name, uint32_t *age)
{
	uint64_t value = 0;
	size_t length = strspn(name, "0123456789");

	if (!length || name[length] || length > 5 || (name[0] == '0' && length > 1))
		return false;
	for (; *name; name++)
		value = value * 10 + (uint64_t)(*name - '0');
	*age = (uint32_t)value;
	return true;
}

void dir_look_up_slot(fuse_req_t req, const struct node *directory, const char *name)
{
	enum file file = kind_find(name, FILE_LATEST, FILE_PUB);
	struct slot *slot = directory->slot;
	uint32_t age;

	if (file == FILE_LATEST)
		message_look_up(req, slot, FILE_LATEST, 0);
	else if (file != FILES)
		ops_reply_entry(req, nodes_of_slot(slot, file));
	else if (parse_age(name, &age))
		message_look_up(req, slot, FILE_AGE, age);
	else
		staging_look_up(req, slot, name);
}

void dir_look_up_bus(fuse_req_t req, const struct node *directory, const char *name)
{
	enum file file = kind_find(name, FILE_BUS_INFO, FILE_BUS_METRICS);

	(void)directory;
	if (file == FILES)
		fuse_reply_err(req, ENOENT);
	else
		ops_reply_entry(req, nodes_of_bus(ops_fs(req)->nodes, file));
}

void dir_look_up_root(fuse_req_t req, const struct node *directory, const char *name)
{
	struct slot *slot;
	int error;

	(void)directory;
	if (kind_find(name, FILE_BUS, FILE_BUS) == FILE_BUS) {
		ops_reply_entry(req, nodes_of_bus(ops_fs(req)->nodes, FILE_BUS));
		return;
	}
	if (babus_name_check(name)) {
		fuse_reply_err(req, strlen(name) > BABUS_NAME_MAX ? ENAMETOOLONG : ENOENT);
		return;
	}
	error = slots_find(ops_fs(req)->slots, name, &slot);
	if (error) {
		fuse_reply_err(req, ops_errno(error));
		return;
	}
	ops_reply_entry(req, nodes_of_slot(slot, FILE_SLOT));
	slot_put(slot);
}

/* --- listing ----------------------------------------------------------------------------- */

static int add_slot(void *listing, const char *name)
{
	return listing_add(listing, name, slot_ino(name), S_IFDIR);
}

static bool is_listed(const struct fs *fs, enum file file)
{
	switch (kinds[file].listed) {
	case LISTED_UNLESS_HIDDEN:
		return !fs->options.hide_wait;
	case LISTED_IF_ALL:
		return fs->options.list_all;
	default:
		return kinds[file].name;
	}
}

/* Those with a fixed name. */
static int list_kinds(struct fs *fs, struct slot *slot, enum file first, enum file last,
		      struct listing *listing)
{
	int error = 0;

	for (enum file file = first; !error && file <= last; file++)
		if (is_listed(fs, file))
			error = listing_add(listing, kinds[file].name, node_ino(file, slot, 0),
					    kinds[file].type);
	return error;
}

static int list_root(struct fs *fs, struct listing *listing)
{
	int error = babus_domain_list(fs->domain, add_slot, listing);

	return error ? error : list_kinds(fs, NULL, FILE_BUS, FILE_BUS, listing);
}

static int list_slot(struct fs *fs, struct slot *slot, struct listing *listing)
{
	struct babus_slot_info info;
	int error = babus_slot_info(slot->bus, &info);

	if (!error)
		error = list_kinds(fs, slot, FILE_LATEST, FILE_PUB, listing);
	if (!error)
		error = staging_list(slot, listing);
	for (uint32_t age = 0; !error && age < info.kept; age++) {
		char name[16];

		snprintf(name, sizeof(name), "%u", (unsigned)age);
		error = listing_add(listing, name, node_ino(FILE_AGE, slot, age), S_IFREG);
	}
	return error;
}

int dir_open(fuse_req_t req, struct node *node, struct handle *handle,
	     const struct fuse_file_info *fi)
{
	struct listing *listing = &handle->listing;
	struct fs *fs = ops_fs(req);
	int error = listing_add(listing, ".", node_ino(node->file, node->slot, 0), S_IFDIR);

	(void)fi;
	if (!error)
		error = listing_add(listing, "..", node_ino(FILE_ROOT, NULL, 0), S_IFDIR);
	if (error)
		return error;
	if (node->file == FILE_ROOT)
		return list_root(fs, listing);
	if (node->file == FILE_SLOT)
		return list_slot(fs, node->slot, listing);
	return list_kinds(fs, NULL, FILE_BUS_INFO, FILE_BUS_METRICS, listing);
}

void ops_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	const struct listing *listing = &handle_of(fi)->listing;
	char *buffer;
	size_t used = 0;

	(void)ino;
	if (size > FS_REQUEST_MAX)
		size = FS_REQUEST_MAX;
	buffer = malloc(size);
	if (!buffer) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	for (size_t i = (size_t)off; i < listing->count; i++) {
		const struct entry *entry = &listing->entries[i];
		struct stat st = {.st_ino = entry->ino, .st_mode = entry->type};
		size_t length = fuse_add_direntry(req, buffer + used, size - used, entry->name, &st,
						  (off_t)i + 1);

		if (length > size - used)
			break;
		used += length;
	}
	fuse_reply_buf(req, buffer, used);
	free(buffer);
}

/* An error means that the kernel did not know the name, or that the mount is gone. */
static void dismiss(struct fs *fs, uint64_t directory, const char *name)
{
	fuse_lowlevel_notify_inval_entry(fs->session, directory, name, strlen(name));
}

/*
 * Drop each name. Dropping the directory alone would leave the names that are open,
 * and the kernel would keep these, and with them the slot, when they are closed.
 */
void dir_dismiss(struct fs *fs, struct slot *slot)
{
	uint64_t directory = nodes_id(fs->nodes, nodes_of_slot(slot, FILE_SLOT));
	struct listing staging = {0};

	for (enum file file = FILE_LATEST; file < FILES_OF_SLOT; file++)
		if (kinds[file].name)
			dismiss(fs, directory, kinds[file].name);
	/* Their names have been dropped, so that these do not change any more. */
	slot_nodes_list_staging(slot, &staging);
	for (size_t i = 0; i < staging.count; i++)
		dismiss(fs, directory, staging.entries[i].name);
	listing_finish(&staging);
	for (uint32_t age = 0; slot_nodes_are_known(slot) && age < slot->depth; age++) {
		char name[16];

		snprintf(name, sizeof(name), "%u", (unsigned)age);
		dismiss(fs, directory, name);
	}
	dismiss(fs, FUSE_ROOT_ID, slot->name);
}

/* --- slots --------------------------------------------------------------------------------- */

/* The caller owns a new slot, if babusfs may do that and the configuration names no owner. */
static void own_by_caller(fuse_req_t req, struct babus_slot_options *opts)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);
	struct stat domain;

	if (geteuid() != 0 || ctx->uid == 0)
		return;
	if (opts->uid == (uid_t)-1)
		opts->uid = ctx->uid;
	if (opts->gid == (gid_t)-1 && !stat(ops_fs(req)->domain_path, &domain) &&
	    !(domain.st_mode & S_ISGID))
		opts->gid = ctx->gid;
}

/*
 * Check the permissions of the domain's directory for the caller: to add a slot,
 * or to remove `slot`.
 */
static int check_root(fuse_req_t req, const struct access *slot)
{
	struct stat st;
	struct access access;

	if (stat(ops_fs(req)->domain_path, &st) < 0)
		return errno == ENOENT ? -ENODEV : -errno;
	access = (struct access){st.st_mode & 0777, st.st_uid, st.st_gid};
	if (!caller_may(req, &access, MAY_WRITE))
		return -EACCES;
	if (slot && st.st_mode & S_ISVTX && !caller_owns(req, slot) && !caller_owns(req, &access))
		return -EPERM;
	return 0;
}

void ops_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	struct fs *fs = ops_fs(req);
	struct babus_slot_options opts;
	babus_slot *created;
	int error;

	(void)mode;
	if (parent != FUSE_ROOT_ID) {
		fuse_reply_err(req, EPERM);
		return;
	}
	error = check_root(req, NULL);
	if (!error)
		error = babus_name_check(name);
	if (!error) {
		babus_config_slot(fs->config, name, &opts);
		own_by_caller(req, &opts);
		error = babus_slot_open(fs->domain, name, BABUS_CREATE | BABUS_EXCLUSIVE, &opts,
					&created);
	}
	if (error) {
		fuse_reply_err(req, ops_errno(error));
		return;
	}
	babus_slot_close(created);
	dir_look_up_root(req, NULL, name);
}

void ops_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fs *fs = ops_fs(req);
	struct slot *slot = NULL;
	struct access access;
	int error;

	if (parent != FUSE_ROOT_ID || babus_name_check(name)) {
		fuse_reply_err(req, EPERM);
		return;
	}
	/* The slot that is checked is removed, even if another one has the name by then. */
	error = slots_find(fs->slots, name, &slot);
	if (!error)
		error = access_of_slot(slot, true, &access);
	if (!error)
		error = check_root(req, &access);
	if (!error && !caller_may(req, &access, MAY_WRITE))
		error = -EACCES;
	if (!error)
		error = babus_slot_remove(slot->bus);
	if (!error)
		slot_gone(slot);
	if (slot)
		slot_put(slot);
	fuse_reply_err(req, ops_errno(error));
}
