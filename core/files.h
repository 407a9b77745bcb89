/* SPDX-License-Identifier: MIT */
/*
 * The names of a slot's files and their life: created complete or not at all,
 * removed as a whole, finished by whoever finds the leftovers of a crash.
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

/* The permissions of the pins that go with a slot's: who may read it may pin. */
mode_t files_pins_mode(mode_t slot);

/*
 * Finish interrupted creations and removals, whose files may be what fills the tmpfs.
 * Whether there were any. Leaves the detail alone.
 */
bool files_make_room(babus_domain *domain);

/* Create a slot's files. -EEXIST: there is one, possibly of another creator. */
int files_create(babus_domain *domain, const char *name, const struct babus_slot_options *opts,
		 const struct layout_geometry *geometry);

/*
 * Remove slot `name`. `only`: if its file is this one (device and inode), else
 * -ENODEV; NULL: whichever it is. FILES_AGAIN.
 */
int files_remove(babus_domain *domain, const char *name, const struct stat *only);

/*
 * Take away the name of a slot that is marked as removed, if it is still this
 * file's, and its files. Harmless to repeat and to run at once with others.
 */
int files_retire(babus_domain *domain, const char *name, dev_t device, ino_t inode);

/*
 * Finish interrupted creations and removals; only count them without `repair`.
 * `foreign` are those that cannot be finished: the detail names one.
 */
int files_recover(babus_domain *domain, bool repair, uint32_t *leftovers, uint32_t *foreign);

#endif
