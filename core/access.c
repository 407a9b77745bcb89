/* SPDX-License-Identifier: MIT */
/* Who may use a slot. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "cancel.h"
#include "error.h"
#include "files.h"
#include "shm.h"
#include "slot.h"

int babus_slot_set_access(babus_slot *slot, mode_t mode, uid_t uid, gid_t gid)
{
	NO_CANCELLATION;
	struct shm_access access = {mode, uid, gid};
	struct stat st;
	int slot_fd, pins_fd, error;

	babus_fail_clear();
	error = slot_check_now(slot);
	if (!error && slot->observer)
		error = slot_refuse_observer(slot, "and cannot change its access");
	if (!error && mode != (mode_t)-1 && mode & ~(mode_t)0777)
		error = babus_fail(-EINVAL, "slot mode %#o: expected 0 to 0777", (unsigned)mode);
	if (error)
		return error;
	slot_fd = slot_reopen(slot, SLOT_FILE, O_RDONLY, &st);
	if (slot_fd < 0)
		return slot_fd;
	pins_fd = slot_reopen(slot, SLOT_PINS_FILE, O_RDONLY, &st);
	error = pins_fd < 0 ? pins_fd : shm_set_access(slot_fd, &access);
	if (!error) {
		if (mode != (mode_t)-1)
			access.mode = files_pins_mode(access.mode);
		error = shm_set_access(pins_fd, &access);
	}
	if (!error)
		domain_changed(slot->domain);
	if (pins_fd >= 0)
		close(pins_fd);
	close(slot_fd);
	return error;
}
