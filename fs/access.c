/* SPDX-License-Identifier: MIT */
#include "access.h"

#include <errno.h>

#include "slot.h"

/* How long permissions are used again while the domain reports no change. */
#define ACCESS_NS INT64_C(1000000000)

void access_init(struct known_access *known)
{
	pthread_mutex_init(&known->lock, NULL);
}

void access_finish(struct known_access *known)
{
	pthread_mutex_destroy(&known->lock);
}

static bool access_known(struct slot *slot, uint64_t changes, struct access *access)
{
	bool known;

	pthread_mutex_lock(&slot->access.lock);
	known = slot->access.until_ns > fs_monotonic() && slot->access.changes == changes;
	*access = slot->access.access;
	pthread_mutex_unlock(&slot->access.lock);
	return known;
}

int access_of_slot(struct slot *slot, bool fresh, struct access *result)
{
	struct babus_slot_info info;
	struct access access;
	uint64_t changes;
	int error = babus_domain_changes(slot->fs->domain, &changes);

	if (error)
		return error;
	if (!access_known(slot, changes, &access) || fresh) {
		error = babus_slot_info(slot->bus, &info);
		/* A member may have given the name to another file, which is no removal. */
		if (error == -ENODEV && !slot_is_gone(slot))
			slot_gone(slot);
		/* Open files of a removed slot keep their permissions. */
		if (error && (fresh || !access.mode))
			return error;
		if (!error)
			access = (struct access){info.mode, info.uid, info.gid};
		pthread_mutex_lock(&slot->access.lock);
		slot->access.access = access;
		slot->access.changes = changes;
		slot->access.until_ns = fs_monotonic() + ACCESS_NS;
		pthread_mutex_unlock(&slot->access.lock);
	}
	*result = access;
	return 0;
}
