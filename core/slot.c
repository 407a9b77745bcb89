/* SPDX-License-Identifier: MIT */
#include "slot.h"

#include <fcntl.h>
#include <unistd.h>

#include "error.h"
#include "name.h"
#include "shm.h"

const char *babus_slot_name(const babus_slot *slot)
{
	return slot->name;
}

babus_domain *babus_slot_domain(const babus_slot *slot)
{
	return slot->domain;
}

int slot_refuse_observer(const babus_slot *slot, const char *what)
{
	return babus_fail(-EACCES, "slot '%s': it was opened with BABUS_OBSERVE, %s", slot->name,
			  what);
}

int slot_check_now(const babus_slot *slot)
{
	int error = slot_check(slot);

	return error ? error : domain_check_files(slot->domain);
}

int slot_refuse_view(const babus_slot *slot)
{
	return slot_refuse_observer(slot, "and cannot pin a message: copy it");
}

/* --- files -------------------------------------------------------------------- */

static int is_gone(const babus_slot *slot)
{
	return babus_fail(-ENODEV, "slot '%s': its files are no longer there", slot->name);
}

int slot_reopen(babus_slot *slot, enum slot_file file, int flags, struct stat *st)
{
	char name[NAME_MAX + 1];
	int fd;

	name_file(name, file == SLOT_FILE ? NAME_SLOT : NAME_PINS, slot->name, slot->instance);
	fd = shm_open_file(slot->domain->dirfd, name, flags, st);
	if (fd == -ENOENT)
		return is_gone(slot);
	if (fd == -EACCES)
		return babus_fail(fd, "%s/%s: %s permission is needed", slot->domain->path, name,
				  flags & O_RDWR ? "read and write" : "read");
	if (fd < 0)
		return fd;
	if (st->st_dev != (file == SLOT_FILE ? slot->device : slot->pins_device) ||
	    st->st_ino != (file == SLOT_FILE ? slot->inode : slot->pins_inode)) {
		close(fd);
		return is_gone(slot);
	}
	return fd;
}

int slot_open_pins(babus_slot *slot, int flags, struct layout_pins *header, struct stat *st)
{
	char file[NAME_MAX + 1];
	int fd, error;

	name_file(file, NAME_PINS, slot->name, slot->instance);
	fd = shm_open_file(slot->domain->dirfd, file, flags, st);
	/* They are deleted after the flag is set, and linked before the slot is. */
	if (fd == -ENOENT && !flag_get(&slot->header->removed))
		return babus_fail(-EPROTO, "slot '%s': its file %s is missing", slot->name, file);
	if (fd < 0)
		return fd == -ENOENT ? -ENODEV : fd;
	error = shm_read_start(fd, file, header, sizeof(*header));
	if (!error)
		error = layout_check_pins(header, (uint64_t)st->st_size, slot->instance,
					  &slot->ring.g, file);
	if (!error)
		error = domain_check_owner(slot->domain, st->st_uid, file);
	if (!error)
		return fd;
	close(fd);
	return error;
}
