/* SPDX-License-Identifier: MIT */
/*
 * The slots that somebody knows: one struct per instance, from the first
 * look-up until neither the kernel nor an open file nor a waiting request
 * refers to it. A removed slot leaves the table's names at once and lives on
 * for what is still open.
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

	bool dismissed; /* the wake thread's: the kernel was told to forget it */

	/* Each is its module's own. */
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

/* Its calls say -ENODEV: the name is free for another instance. */
void slot_gone(struct slot *slot);

bool slot_is_gone(struct slot *slot);

/*
 * Have the kernel forget the slots that are gone, so that their memory is given
 * back as soon as no file of theirs is open. Not from a handler of a request:
 * the kernel may need that one's answer first.
 */
void slots_dismiss(struct slots *slots);

/* By the wake thread: end what is overdue at `now_ns`; whether something is left for later. */
bool slots_sweep(struct slots *slots, int64_t now_ns);

unsigned slots_count(struct slots *slots);

/* inode numbers by name, the same for every instance. */
uint64_t slot_ino(const char *name);

#endif
