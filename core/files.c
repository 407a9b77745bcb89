/* SPDX-License-Identifier: MIT */
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "error.h"
#include "shm.h"
#include "wait.h"

/* A byte no pin's index reaches: locked while the creation is under way. */
#define CREATION_BYTE (UINT64_C(1) << 40)

static const char *const suffixes[] = {
    [FILES_SLOT] = ".slot",
    [FILES_PINS] = ".pins",
    [FILES_GONE] = ".gone",
};

void files_name(char file[NAME_MAX + 1], enum files_kind kind, const char *name, uint64_t instance)
{
	if (kind == FILES_SLOT)
		snprintf(file, NAME_MAX + 1, "%s%s", name, suffixes[kind]);
	else
		snprintf(file, NAME_MAX + 1, "%s.%016" PRIx64 "%s", name, instance, suffixes[kind]);
}

/* The length of `file` without the suffix, or 0. */
static size_t stem(const char *file, enum files_kind kind)
{
	size_t length = strlen(file), end = strlen(suffixes[kind]);

	return length > end && !strcmp(file + length - end, suffixes[kind]) ? length - end : 0;
}

static bool copy_name(const char *file, size_t length, char name[BABUS_NAME_MAX + 1])
{
	if (length < 1 || length > BABUS_NAME_MAX)
		return false;
	memcpy(name, file, length);
	name[length] = '\0';
	return !babus_name_check(name);
}

bool files_slot_of(const char *file, char name[BABUS_NAME_MAX + 1])
{
	return copy_name(file, stem(file, FILES_SLOT), name);
}

/* NAME.<instance>.SUFFIX */
static bool instance_of(const char *file, enum files_kind kind, char name[BABUS_NAME_MAX + 1],
			uint64_t *instance)
{
	enum {
		DIGITS = 16
	};
	size_t length = stem(file, kind);
	const char *digits = file + length - DIGITS;

	if (length < DIGITS + 2 || digits[-1] != '.' ||
	    strspn(digits, "0123456789abcdef") != DIGITS)
		return false;
	*instance = strtoull(digits, NULL, 16);
	return copy_name(file, length - DIGITS - 1, name);
}

int files_open_dir(int dirfd, DIR **dir)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	*dir = fdopendir(fd);
	if (*dir)
		return 0;
	close(fd);
	return -ENOMEM;
}

int files_count_foreign(int dirfd, const char *except)
{
	struct dirent *entry;
	DIR *dir = NULL;
	int count = files_open_dir(dirfd, &dir);

	if (count)
		return count;
	while ((entry = readdir(dir)))
		count += strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..") &&
			 strcmp(entry->d_name, except);
	closedir(dir);
	return count;
}

/* --- creating ---------------------------------------------------------------- */

mode_t files_pins_mode(mode_t slot)
{
	return (slot & 0444) | (slot & 0444) >> 1;
}

/* Pages that hold the fields before the leases. */
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

int files_create(babus_domain *domain, const char *name, const struct babus_slot_options *opts,
		 const struct layout_geometry *g)
{
	struct shm_access access = {opts->mode & 0777, opts->uid, opts->gid};
	char slot_file[NAME_MAX + 1], pins_file[NAME_MAX + 1];
	int dirfd = domain->dirfd;
	int slot_fd = -1, pins_fd = -1;
	uint64_t instance;
	int error = shm_random(&instance);

	if (error)
		return error;
	files_name(slot_file, FILES_SLOT, name, instance);
	files_name(pins_file, FILES_PINS, name, instance);
	/* Racing creators mostly see the winner here, before any work. */
	if (!faccessat(dirfd, slot_file, F_OK, AT_SYMLINK_NOFOLLOW))
		return -EEXIST;

	error = slot_fd = shm_create_unnamed(dirfd, &access, g->slot_size, g->payload);
	if (error >= 0)
		error = fill_slot(domain, slot_fd, instance, opts, g);
	if (error)
		goto out;
	access.mode = files_pins_mode(opts->mode & 0777);
	error = pins_fd = shm_create_unnamed(dirfd, &access, g->pins_size, g->pins_size);
	if (error >= 0)
		error = fill_pins(pins_fd, instance, g);
	if (!error)
		error = shm_life_lock(pins_fd, CREATION_BYTE);
	if (!error) {
		STEP("link_pins");
		error = shm_link(pins_fd, dirfd, pins_file);
	}
	if (error)
		goto out;
	STEP("link_slot");
	error = shm_link(slot_fd, dirfd, slot_file);
	if (error) {
		STEP("unlink_pins");
		unlinkat(dirfd, pins_file, 0);
	} else {
		STEP("announce");
		domain_changed(domain);
	}
out:
	if (slot_fd >= 0)
		close(slot_fd);
	if (pins_fd >= 0)
		close(pins_fd);
	if (error == -EPERM)
		babus_fail(error, "slot '%s': you may not give its file to that owner or group",
			   name);
	return error;
}

/* --- removing ----------------------------------------------------------------- */

static void mark_removed(babus_domain *domain, int fd)
{
	struct layout_slot *map;
	uint32_t channel;

	if (shm_map(fd, LAYOUT_PAGE, true, (void **)&map))
		return;
	channel = map->channel;
	flag_raise(&map->removed, 1);
	shm_unmap(map, LAYOUT_PAGE);
	wait_notify(domain->map, 1u << channel % BABUS_CHANNELS);
}

int files_finish_removal(babus_domain *domain, const char *gone)
{
	char name[BABUS_NAME_MAX + 1], pins_file[NAME_MAX + 1];
	struct layout_slot header;
	struct stat st;
	uint64_t instance;
	int fd, error;

	if (!instance_of(gone, FILES_GONE, name, &instance))
		return -EINVAL;
	fd = shm_open_file(domain->dirfd, gone, O_RDWR, &st);
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	error = shm_read_start(fd, &header, sizeof(header));
	if (!error)
		error = layout_check_head(&header.head, LAYOUT_SLOT_MAGIC, 0, gone);
	if (!error) {
		mark_removed(domain, fd);
		STEP("unlink_pins");
		files_name(pins_file, FILES_PINS, name, header.head.instance);
		unlinkat(domain->dirfd, pins_file, 0);
	}
	close(fd);
	STEP("unlink_gone");
	if (unlinkat(domain->dirfd, gone, 0) < 0 && errno != ENOENT)
		return -errno;
	STEP("announce");
	domain_changed(domain);
	return 0;
}

int babus_slot_remove(babus_domain *domain, const char *name)
{
	char slot_file[NAME_MAX + 1], gone[NAME_MAX + 1];
	struct stat st;
	uint64_t instance;
	int fd, error;

	babus_fail_clear();
	error = domain_check(domain);
	if (!error)
		error = babus_name_check(name);
	if (!error)
		error = shm_random(&instance);
	if (error)
		return error;
	files_name(slot_file, FILES_SLOT, name, 0);
	files_name(gone, FILES_GONE, name, instance);
	/* Who may publish may say that it is over. */
	fd = shm_open_file(domain->dirfd, slot_file, O_RDWR, &st);
	if (fd < 0)
		return fd;
	close(fd);
	STEP("rename_gone");
	if (renameat(domain->dirfd, slot_file, domain->dirfd, gone) < 0)
		return -errno;
	return files_finish_removal(domain, gone);
}

/* --- leftovers ---------------------------------------------------------------- */

/* Whether the pins belong to no slot, and nobody is about to link one. */
static bool is_orphan(babus_domain *domain, const char *file, const char *name, uint64_t instance)
{
	char slot_file[NAME_MAX + 1];
	struct layout_head head;
	struct stat st;
	bool orphan = false;
	int fd = shm_open_file(domain->dirfd, file, O_RDONLY, &st);

	if (fd < 0)
		return false;
	orphan = shm_life_probe(fd, CREATION_BYTE) == 0;
	close(fd);
	if (!orphan)
		return false;
	/* Only now: a creator that has let go has linked the slot, or given up. */
	files_name(slot_file, FILES_SLOT, name, 0);
	fd = shm_open_file(domain->dirfd, slot_file, O_RDONLY, &st);
	if (fd < 0)
		return fd == -ENOENT;
	if (!shm_read_start(fd, &head, sizeof(head)))
		orphan = head.instance != instance;
	close(fd);
	return orphan;
}

static int recover_file(babus_domain *domain, const char *file, bool repair, uint32_t *leftovers)
{
	char name[BABUS_NAME_MAX + 1];
	uint64_t instance;

	if (instance_of(file, FILES_GONE, name, &instance)) {
		++*leftovers;
		return repair ? files_finish_removal(domain, file) : 0;
	}
	if (instance_of(file, FILES_PINS, name, &instance) &&
	    is_orphan(domain, file, name, instance)) {
		++*leftovers;
		if (repair && unlinkat(domain->dirfd, file, 0) < 0 && errno != ENOENT)
			return -errno;
	}
	return 0;
}

int files_recover(babus_domain *domain, bool repair, uint32_t *leftovers)
{
	struct dirent *entry;
	DIR *dir = NULL;
	int error = files_open_dir(domain->dirfd, &dir);

	if (error)
		return error;
	while (!error && (entry = readdir(dir)))
		error = recover_file(domain, entry->d_name, repair, leftovers);
	closedir(dir);
	return error;
}
