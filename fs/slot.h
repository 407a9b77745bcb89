/* SPDX-License-Identifier: MIT */
/*
 * The slots in use: one struct for each instance, from its first look-up until
 * the kernel, open files, staging files and parked requests no longer refer to it.
 * A removed slot loses its name at once and lasts for what is still open.
 */
#ifndef FS_SLOT_H
#define FS_SLOT_H

#include "access.h"
#include "node.h"
#include "publisher.h"
#include "snapshot.h"
#include "staging.h"
#include "wake.h"

struct slot {
	/* constant */
	struct fs *fs;
	char *name;
	babus_slot *bus; /* reads */
	uint64_t ino;
	uint64_t instance;
	uint64_t created_ns;
	uint64_t max_size;
	uint64_t first_seq;
	uint32_t depth, pins;

	_Atomic uint64_t lost; /* messages that readers of wait and stream missed */

	/* protected by slots->lock */
	LIST_ENTRY(slot) link;
	unsigned references;
	bool removed;

	bool dismissed; /* the wake thread's: the kernel has dropped its names */

	/* Only its module uses each of these. */
	struct slot_nodes nodes;
	struct known_access access;
	struct snapshots snapshots;
	struct staging_names staging;
	struct publisher publisher;
	struct parking parking;
};

int slots_open(struct fs *fs, struct slots **slots);
void slots_close(struct slots *slots);

/* The slot of that name as it is now, referenced. -ENOENT and as babus_slot_open(). */
int slots_find(struct slots *slots, const char *name, struct slot **slot);
struct slot *slot_get(struct slot *slot);
void slot_put(struct slot *slot);

/* A call reported -ENODEV: the name is free for another instance. */
void slot_gone(struct slot *slot);

bool slot_is_gone(struct slot *slot);

/*
 * Have the kernel drop the names of slots that are gone, so that their memory is
 * given back as soon as no file of them is open. Not in a handler of a request:
 * the kernel may need its answer first.
 */
void slots_dismiss(struct slots *slots);

/* By the wake thread: end what is overdue at `now_ns`. True if something is left for later. */
bool slots_sweep(struct slots *slots, int64_t now_ns);

unsigned slots_count(struct slots *slots);

/* inode numbers by name, the same for every instance. */
uint64_t slot_ino(const char *name);

#endif
