/* SPDX-License-Identifier: MIT */
/* Directories: what there is, by name and as a list; making and removing slots. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attr.h"
#include "ops.h"
#include "snapshot.h"

/* An age as it is listed: no sign, no zeros in front. */
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

/* --- looking up ------------------------------------------------------------------------ */

void ops_reply_entry(fuse_req_t req, struct node *node)
{
	struct fs *fs = ops_fs(req);
	/* Names are looked up each time. */
	struct fuse_entry_param entry = {.ino = nodes_id(fs->nodes, node),
					 .generation = node->generation,
					 .attr_timeout = attr_seconds(node)};
	int error;

	node_look_up(fs, node);
	error = attr_stat(fs, node, &entry.attr);
	if (error)
		fuse_reply_err(req, ops_errno(error));
	else
		error = fuse_reply_entry(req, &entry);
	/* Else the kernel knows it, and may have forgotten it by now. */
	if (error)
		node_forget(fs, node, 1);
}

static void reply_message(fuse_req_t req, enum file file, struct slot *slot, uint32_t age,
			  const struct babus_message *message)
{
	struct node *node;
	int error = node_new(file, slot, age, message, &node);

	if (error)
		fuse_reply_err(req, -error);
	else
		ops_reply_entry(req, node);
}

/* `latest`, or a number: names a message, which is held for the open. */
static void lookup_message(fuse_req_t req, struct slot *slot, enum file file, uint32_t age)
{
	pid_t pid = fuse_req_ctx(req)->pid;
	struct babus_message message;
	struct snapshot *snapshot;
	int error = snapshot_take(slot, file == FILE_LATEST ? BABUS_LATEST : BABUS_AGE, age,
				  &snapshot);

	if (error == -ENODATA && file == FILE_LATEST) {
		reply_message(req, file, slot, age, NULL);
		return;
	}
	/* Readers take all pins, or all memory for copies: that is no matter of writers. */
	if (error == -ENOBUFS && file == FILE_LATEST) {
		message = (struct babus_message){.seq = SEQ_UNSEEN};
		reply_message(req, file, slot, age, &message);
		return;
	}
	if (error) {
		bool none = file == FILE_AGE &&
			    (error == -ESTALE || error == -ENODATA || error == -EINVAL);

		if (error == -ENODEV)
			slot_gone(slot);
		fuse_reply_err(req, none ? ENOENT : error == -ENODEV ? ESTALE : ops_errno(error));
		return;
	}
	message = snapshot->message;
	snapshot_hold(slot, snapshot, pid);
	reply_message(req, file, slot, age, &message);
}

static void lookup_in_slot(fuse_req_t req, struct slot *slot, const char *name)
{
	const struct named_file *file = named_file(slot_files, name);
	uint32_t age;

	if (file && file->file != FILE_LATEST)
		ops_reply_entry(req, nodes_of_slot(slot, file->file));
	else if (file)
		lookup_message(req, slot, FILE_LATEST, 0);
	else if (parse_age(name, &age))
		lookup_message(req, slot, FILE_AGE, age);
	else
		ops_lookup_staging(req, slot, name);
}

static void lookup_slot(fuse_req_t req, const char *name)
{
	struct slot *slot;
	int error;

	if (strcmp(name, ".bus") == 0) {
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

void ops_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	const struct node *node = nodes_find(ops_fs(req)->nodes, parent);
	const struct named_file *file;

	switch (node->file) {
	case FILE_ROOT:
		lookup_slot(req, name);
		return;
	case FILE_SLOT:
		lookup_in_slot(req, node->slot, name);
		return;
	case FILE_BUS:
		file = named_file(bus_files, name);
		if (file)
			ops_reply_entry(req, nodes_of_bus(ops_fs(req)->nodes, file->file));
		else
			fuse_reply_err(req, ENOENT);
		return;
	default:
		fuse_reply_err(req, ENOTDIR);
	}
}

void ops_forget(fuse_req_t req, fuse_ino_t ino, uint64_t count)
{
	struct fs *fs = ops_fs(req);

	node_forget(fs, nodes_find(fs->nodes, ino), count);
	fuse_reply_none(req);
}

void ops_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	struct fs *fs = ops_fs(req);

	for (size_t i = 0; i < count; i++)
		node_forget(fs, nodes_find(fs->nodes, forgets[i].ino), forgets[i].nlookup);
	fuse_reply_none(req);
}

/* --- listing ----------------------------------------------------------------------------- */

static int check_list(fuse_req_t req, const struct node *node)
{
	struct access access;
	int error;

	if (node->file != FILE_SLOT)
		return 0;
	error = slot_access(node->slot, fuse_req_ctx(req)->uid != 0, &access);
	if (!error && !caller_may(req, &access, MAY_READ))
		error = -EACCES;
	return error;
}

void ops_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct fs *fs = ops_fs(req);
	const struct node *node = nodes_find(fs->nodes, ino);
	struct handle *handle = NULL;
	int error = check_list(req, node);

	if (!error)
		error = handle_open(fs, node->file, node->slot, fuse_req_ctx(req)->uid, &handle);
	if (!error)
		error = listing_make(fs, node, &handle->listing);
	if (error) {
		if (handle)
			handle_put(handle);
		fuse_reply_err(req, ops_errno(error));
		return;
	}
	fi->fh = (uintptr_t)handle;
	if (fuse_reply_open(req, fi))
		handle_put(handle);
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

void ops_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	handle_put(handle_of(fi));
	fuse_reply_err(req, 0);
}

/* --- slots --------------------------------------------------------------------------------- */

/* On behalf of the caller, as far as we may and the configuration does not say otherwise. */
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
 * The domain directory's own permissions, asked again for the caller: to add,
 * or to take away what belongs to the owner of `slot`.
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
	lookup_slot(req, name);
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
	/* What is asked about is what is removed, whatever has the name by then. */
	error = slots_find(fs->slots, name, &slot);
	if (!error)
		error = slot_access(slot, true, &access);
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
