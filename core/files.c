/* SPDX-License-Identifier: MIT */
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cancel.h"
#include "error.h"
#include "guard.h"
#include "name.h"
#include "shm.h"
#include "wait.h"

/* Stacks are small: not inlined, such a function frees its part when it returns. */
#define OWN_FRAME __attribute__((noinline))

/* --- creating ---------------------------------------------------------------- */

mode_t files_pins_mode(mode_t slot)
{
	return (slot & 0444) | (slot & 0444) >> 1;
}

/* The fields before the leases. */
static int fill_pins(int fd, uint64_t instance, const struct layout_geometry *g)
{
	struct layout_pins *map;
	int error = shm_map(fd, LAYOUT_PAGE, true, (void **)&map);

	if (error)
		return error;
	layout_fill_head(&map->head, LAYOUT_PINS_MAGIC, instance);
	map->pins = g->pins;
	counter_put(&map->next_incarnation, 1);
	shm_unmap(map, LAYOUT_PAGE);
	return 0;
}

static uint32_t choose_channel(babus_domain *domain, int32_t wanted)
{
	if (wanted >= 0)
		return (uint32_t)wanted;
	return (uint32_t)(ticket_take(&domain->map->next_channel) % WAIT_CONTROL_CHANNEL);
}

static int fill_slot(babus_domain *domain, int fd, uint64_t instance,
		     const struct babus_slot_options *opts, const struct layout_geometry *g)
{
	struct layout_slot *map;
	int error = shm_map(fd, LAYOUT_PAGE, true, (void **)&map);

	if (error)
		return error;
	layout_fill_head(&map->head, LAYOUT_SLOT_MAGIC, instance);
	map->depth = g->depth;
	map->loans = g->loans;
	map->pins = g->pins;
	map->max_size = g->max_size;
	map->first_seq = g->first_seq;
	map->file_size = g->slot_size;
	map->channel = choose_channel(domain, opts->channel);
	snprintf(map->type, sizeof(map->type), "%s", opts->type ? opts->type : "");
	snprintf(map->description, sizeof(map->description), "%s",
		 opts->description ? opts->description : "");
	counter_put(&map->newest, g->first_seq - 1);
	counter_put(&map->next_incarnation, 1);
	shm_unmap(map, LAYOUT_PAGE);
	return 0;
}

/* Both make a file without a name, and return its descriptor. */
static int make_slot(babus_domain *domain, uint64_t instance, const struct babus_slot_options *opts,
		     const struct layout_geometry *g)
{
	struct shm_access access = {opts->mode & 0777, opts->uid, opts->gid};
	int fd = shm_create_unnamed(domain->dirfd, &access, g->slot_size, g->payload);
	int error = fd < 0 ? fd : fill_slot(domain, fd, instance, opts, g);

	if (fd >= 0 && error)
		close(fd);
	return error ? error : fd;
}

static int make_pins(babus_domain *domain, uint64_t instance, const struct babus_slot_options *opts,
		     const struct layout_geometry *g)
{
	struct shm_access access = {files_pins_mode(opts->mode & 0777), opts->uid, opts->gid};
	int fd = shm_create_unnamed(domain->dirfd, &access, g->pins_size, g->pins_size);
	int error = fd < 0 ? fd : fill_pins(fd, instance, g);

	if (!error)
		error = shm_life_lock(fd, SHM_CREATION_BYTE);
	if (fd >= 0 && error)
		close(fd);
	return error ? error : fd;
}

/* The pins first: linking the slot is the commit. */
static int link_files(babus_domain *domain, const char *slot_file, int slot_fd,
		      const char *pins_file, int pins_fd)
{
	int dirfd = domain->dirfd;
	int error;

	STEP("link_pins");
	error = shm_link(pins_fd, dirfd, pins_file);
	if (error)
		return error;
	STEP("link_slot");
	error = shm_link(slot_fd, dirfd, slot_file);
	if (error) {
		STEP("unlink_own_pins");
		unlinkat(dirfd, pins_file, 0);
		return error;
	}
	STEP("announce");
	domain_changed(domain);
	return 0;
}

static int create(babus_domain *domain, const char *name, const struct babus_slot_options *opts,
		  const struct layout_geometry *g)
{
	char slot_file[NAME_MAX + 1], pins_file[NAME_MAX + 1];
	int slot_fd, pins_fd;
	uint64_t instance;
	int error = shm_random(&instance);

	if (error)
		return error;
	name_file(slot_file, NAME_SLOT, name, instance);
	name_file(pins_file, NAME_PINS, name, instance);
	STEP("look_for_slot");
	/* Most of several creators see the winner here, before any work. */
	if (!faccessat(domain->dirfd, slot_file, F_OK, AT_SYMLINK_NOFOLLOW))
		return -EEXIST;

	error = slot_fd = make_slot(domain, instance, opts, g);
	if (error < 0)
		goto out;
	error = pins_fd = make_pins(domain, instance, opts, g);
	if (error >= 0) {
		error = link_files(domain, slot_file, slot_fd, pins_file, pins_fd);
		close(pins_fd);
	}
	close(slot_fd);
out:
	if (error == -EPERM)
		babus_fail(error, "slot '%s': you may not give its file to that owner or group",
			   name);
	return error;
}

int files_create(babus_domain *domain, const char *name, const struct babus_slot_options *opts,
		 const struct layout_geometry *g)
{
	int error = create(domain, name, opts, g);

	if (error != -ENOSPC || !files_make_room(domain))
		return error;
	babus_fail_clear();
	return create(domain, name, opts, g);
}

/* --- removing ----------------------------------------------------------------- */

/* Open a slot's file that is trusted and of this version. Returns the descriptor. */
static int open_slot_file(babus_domain *domain, const char *file, struct stat *st,
			  struct layout_slot *header)
{
	int fd = shm_open_file(domain->dirfd, file, O_RDWR, st);
	int error;

	if (fd < 0)
		return fd;
	error = shm_read_start(fd, file, header, sizeof(*header));
	if (!error)
		error = layout_check_head(&header->head, LAYOUT_SLOT_MAGIC, 0, file);
	if (!error)
		error = domain_check_owner(domain, st->st_uid, file);
	if (!error)
		return fd;
	close(fd);
	return error;
}

/* The commit of a removal: set the flag, wake the waiters. */
static int mark_removed(babus_domain *domain, int fd)
{
	struct layout_slot *map;
	struct guard *guard;
	struct layout_place place;
	int error = shm_map(fd, LAYOUT_PAGE, true, (void **)&map);

	if (error)
		return error;
	guard = guard_add(map, LAYOUT_PAGE);
	place = layout_place(map->channel, map->head.instance);
	flag_raise(&map->removed, 1);
	guard_remove(guard);
	shm_unmap(map, LAYOUT_PAGE);
	wait_notify(domain->map, place);
	return 0;
}

/* Whether the name belongs to the slot with this instance number now. */
OWN_FRAME static bool is_current(babus_domain *domain, const char *name, uint64_t instance)
{
	char slot_file[NAME_MAX + 1];
	struct error_kept detail;
	struct layout_head head;
	struct stat st;
	bool current;
	int fd;

	error_keep(&detail);
	name_file(slot_file, NAME_SLOT, name, 0);
	fd = shm_open_file(domain->dirfd, slot_file, O_RDONLY, &st);
	if (fd < 0) {
		current = fd != -ENOENT;
	} else {
		current = shm_read_start(fd, slot_file, &head, sizeof(head)) ||
			  head.instance == instance;
		close(fd);
	}
	error_restore(&detail);
	return current;
}

/*
 * A remover that was stopped before its rename, until others went on without the lock, has
 * taken away the name of a later slot. Give it back. If that name is taken by now, the slot is
 * lost to its users, which must learn that.
 */
static int restore(babus_domain *domain, const char *gone, const char *name, int fd)
{
	char slot_file[NAME_MAX + 1];

	name_file(slot_file, NAME_SLOT, name, 0);
	STEP("restore");
	if (!linkat(domain->dirfd, gone, domain->dirfd, slot_file, 0))
		return 0;
	return errno == EEXIST ? mark_removed(domain, fd) : -errno;
}

/* Find out which slot the file was. If its removed flag is not set, give the name back. */
OWN_FRAME static int look_at_gone(babus_domain *domain, const char *gone, const char *name,
				  uint64_t *instance)
{
	struct layout_slot header;
	struct stat st;
	int error = 0;
	int fd = open_slot_file(domain, gone, &st, &header);

	if (fd < 0)
		return fd;
	if (!flag_get(&header.removed))
		error = restore(domain, gone, name, fd);
	close(fd);
	*instance = header.head.instance;
	return error;
}

OWN_FRAME static void unlink_pins(babus_domain *domain, const char *name, uint64_t instance)
{
	char pins_file[NAME_MAX + 1];

	STEP("unlink_pins");
	name_file(pins_file, NAME_PINS, name, instance);
	unlinkat(domain->dirfd, pins_file, 0);
}

static int finish_removal(babus_domain *domain, const char *gone, const char *name)
{
	uint64_t instance;
	int error = look_at_gone(domain, gone, name, &instance);

	if (error)
		return error == -ENOENT ? 0 : error;
	if (!is_current(domain, name, instance))
		unlink_pins(domain, name, instance);
	STEP("unlink_gone");
	if (unlinkat(domain->dirfd, gone, 0) < 0 && errno != ENOENT)
		return -errno;
	STEP("announce");
	domain_changed(domain);
	return 0;
}

/* Needs the lock on names, so that it renames the file that it checked. */
static int rename_away(babus_domain *domain, const char *slot_file, const char *gone, dev_t device,
		       ino_t inode)
{
	int same;

	STEP("look_at_slot");
	same = shm_has_name(domain->dirfd, slot_file, device, inode);
	if (same <= 0)
		return same ? same : -ENOENT; /* another process has done it */
	STEP("rename_gone");
	return renameat(domain->dirfd, slot_file, domain->dirfd, gone) < 0 ? -errno : 0;
}

int files_retire(babus_domain *domain, const char *name, dev_t device, ino_t inode)
{
	char slot_file[NAME_MAX + 1], gone[NAME_MAX + 1];
	uint64_t number;
	int error = shm_random(&number);

	if (error)
		return error;
	name_file(slot_file, NAME_SLOT, name, 0);
	name_file(gone, NAME_GONE, name, number);
	wait_lock_names(domain->map);
	error = rename_away(domain, slot_file, gone, device, inode);
	wait_unlock_names(domain->map);
	if (error)
		return error == -ENOENT ? 0 : error;
	return finish_removal(domain, gone, name);
}

/*
 * Remove a file that has the name of a slot but is none. Not a slot of another version: its
 * removed flag cannot be set, so its users would not notice.
 */
OWN_FRAME static int remove_damaged(babus_domain *domain, const char *name)
{
	char slot_file[NAME_MAX + 1];
	struct layout_slot header = {0};
	struct stat st;
	int fd, error = 0;

	name_file(slot_file, NAME_SLOT, name, 0);
	wait_lock_names(domain->map);
	fd = open_slot_file(domain, slot_file, &st, &header);
	if (fd >= 0) {
		close(fd);
		error = FILES_AGAIN;
	} else if (fd != -EPROTO ||
		   (header.head.magic == LAYOUT_SLOT_MAGIC && layout_is_foreign(&header.head))) {
		error = fd;
	} else {
		babus_fail_clear();
		STEP("unlink_damaged");
		if (unlinkat(domain->dirfd, slot_file, 0) < 0)
			error = -errno;
	}
	wait_unlock_names(domain->map);
	if (!error) {
		STEP("announce");
		domain_changed(domain);
	}
	return error;
}

/* Whether the kernel will allow the rename. */
static int check_may_unlink(babus_domain *domain, uid_t owner, const char *name)
{
	struct stat st;

	if (faccessat(domain->dirfd, ".", W_OK, AT_EACCESS) < 0)
		return babus_fail(
		    -errno,
		    "slot '%s': removing it needs write permission on the domain's directory",
		    name);
	if (fstat(domain->dirfd, &st) < 0)
		return -errno;
	if (st.st_mode & S_ISVTX && geteuid() != 0 && geteuid() != owner && geteuid() != st.st_uid)
		return babus_fail(-EPERM, "slot '%s': only its owner may remove it", name);
	return 0;
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Set the flag: from then on the slot is removed. -EPROTO: it is no slot. */
OWN_FRAME static int end_slot(babus_domain *domain, const char *name, const struct stat *only,
			      struct stat *st)
{
	char slot_file[NAME_MAX + 1];
	struct layout_slot header;
	int fd, error;

	name_file(slot_file, NAME_SLOT, name, 0);
	/* Users that may publish may set the flag. */
	fd = open_slot_file(domain, slot_file, st, &header);
	if (fd < 0)
		return fd;
	if (only && !is_same(st, only)) {
		close(fd);
		return -ENODEV;
	}
	/* All or nothing: set the flag only if the name can be taken away, too. */
	error = check_may_unlink(domain, st->st_uid, name);
	if (!error)
		error = mark_removed(domain, fd);
	close(fd);
	return error;
}

int files_remove(babus_domain *domain, const char *name, const struct stat *only)
{
	struct stat st;
	int error = end_slot(domain, name, only, &st);

	if (error == -EPROTO && !only)
		return remove_damaged(domain, name);
	return error ? error : files_retire(domain, name, st.st_dev, st.st_ino);
}

/* --- leftovers ---------------------------------------------------------------- */

/* Whether the pins belong to no slot, and no creator is about to link one. */
static bool is_orphan(babus_domain *domain, const char *file, const char *name, uint64_t instance)
{
	struct stat st;
	bool orphan;
	int fd = shm_open_file(domain->dirfd, file, O_RDONLY, &st);

	if (fd < 0)
		return false;
	orphan = shm_life_probe(fd, SHM_CREATION_BYTE) == 0;
	close(fd);
	/* Only now: a creator without the lock has linked the slot, or has given up. */
	return orphan && !is_current(domain, name, instance);
}

static int recover_file(babus_domain *domain, const char *file, bool repair, uint32_t *leftovers)
{
	char name[BABUS_NAME_MAX + 1];
	uint64_t number;

	if (name_of_numbered(file, NAME_GONE, name, &number)) {
		++*leftovers;
		return repair ? finish_removal(domain, file, name) : 0;
	}
	if (name_of_numbered(file, NAME_PINS, name, &number) &&
	    is_orphan(domain, file, name, number)) {
		++*leftovers;
		STEP("unlink_orphan");
		if (repair && unlinkat(domain->dirfd, file, 0) < 0 && errno != ENOENT)
			return -errno;
	}
	return 0;
}

int files_recover(babus_domain *domain, bool repair, uint32_t *leftovers, uint32_t *foreign)
{
	struct error_kept first = {0};
	struct dirent *entry;
	DIR *dir = shm_open_dir(domain->dirfd);

	if (!dir)
		return -errno;
	/* A file that cannot be finished does not keep the others. */
	while ((entry = readdir(dir))) {
		int error;

		babus_fail_clear();
		error = recover_file(domain, entry->d_name, repair, leftovers);
		if (!error)
			continue;
		++*foreign;
		if (first.has_detail)
			continue;
		if (!*babus_error_detail())
			babus_fail(error, "%s: %s", entry->d_name, babus_strerror(error));
		error_keep(&first);
	}
	closedir(dir);
	error_restore(&first);
	return 0;
}

bool files_make_room(babus_domain *domain)
{
	NO_CANCELLATION;
	uint32_t leftovers = 0, foreign = 0;
	struct error_kept detail;

	error_keep(&detail);
	files_recover(domain, true, &leftovers, &foreign);
	error_restore(&detail);
	return leftovers > 0;
}
