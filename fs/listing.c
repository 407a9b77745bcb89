/* SPDX-License-Identifier: MIT */
#include "listing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int listing_add(struct listing *listing, const char *name, uint64_t ino, mode_t type)
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
