/* SPDX-License-Identifier: MIT */
/*
 * The life of a slot's files: created complete or not at all, and removed as a whole. A
 * process that finds the leftovers of a crash finishes the job.
 *
 * Linking NAME.slot commits a creation; the pins are linked before it, and their creator
 * holds a lock on them until then. Setting the removed flag in the slot commits a removal,
 * which its users see at once. Renaming takes the name away next, and then the files go.
 */
#ifndef BABUS_FILES_H
#define BABUS_FILES_H

#include <sys/stat.h>

#include "domain.h"

enum {
	FILES_AGAIN = 1,      /* a result that is no error: others were faster, try again */
	FILES_ATTEMPTS = 100, /* at most */
};

/* The permissions of a slot's pins: users that may read the slot may pin. */
mode_t files_pins_mode(mode_t slot);

/*
 * Finish interrupted creations and removals, because their files may fill the tmpfs. Returns
 * whether there were any. Keeps the detail.
 */
bool files_make_room(babus_domain *domain);

/* Create a slot's files. -EEXIST: the slot exists, or another process was faster. */
int files_create(babus_domain *domain, const char *name, const struct babus_slot_options *opts,
		 const struct layout_geometry *geometry);

/*
 * Remove slot `name`; with `only`, -ENODEV unless its file is this one (device and inode).
 * FILES_AGAIN.
 */
int files_remove(babus_domain *domain, const char *name, const struct stat *only);

/*
 * Take away the name of a slot whose removed flag is set, if the name is still that of this
 * file, and delete the files. Several processes may do this at the same time, and again.
 */
int files_retire(babus_domain *domain, const char *name, dev_t device, ino_t inode);

/*
 * Finish interrupted creations and removals; without `repair` only count them. `foreign`
 * counts those that cannot be finished, and the detail names one.
 */
int files_recover(babus_domain *domain, bool repair, uint32_t *leftovers, uint32_t *foreign);

#endif
