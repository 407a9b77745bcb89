/* SPDX-License-Identifier: MIT */
/*
 * The slots that somebody knows: one struct per instance, from the first
 * look-up until neither the kernel nor an open file nor a waiting request
 * refers to it. A removed slot leaves the table's names at once and lives on
 * for what is still open.
 */
#ifndef FS_SLOT_H
#define FS_SLOT_H

#include <pthread.h>
#include <sys/queue.h>

#include "caller.h"
#include "fs.h"
#include "node.h"

enum {
	SLOT_BUCKETS = 64,   /* of a slot's snapshots */
	SLOT_HOLDS_MAX = 64, /* look-ups whose message is held for the open */
};

struct snapshot;
struct staging;
struct parked;

/* A message that `pid` looked up and is expected to open. */
struct hold {
	struct snapshot *snapshot; /* NULL: free */
	pid_t pid;
	int64_t until_ns;
};

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
	bool dismissed; /* the kernel was told to forget it */

	struct slot_nodes nodes;

	pthread_mutex_t view_lock; /* held while one more message is pinned, for a moment */

	pthread_mutex_t lock; /* protects what follows */
	struct access access;
	uint64_t access_changes; /* of the domain when it was seen */
	int64_t access_until_ns;
	struct snapshot *snapshots[SLOT_BUCKETS];
	uint32_t pinned; /* snapshots that hold a pin */
	struct hold holds[SLOT_HOLDS_MAX];
	unsigned held;
	LIST_HEAD(staging_list, staging) staging;

	pthread_mutex_t publish_lock; /* protects what follows; one loan at a time */
	babus_slot *publisher;        /* NULL: not open */
	unsigned writers;             /* open files that may publish */
	int64_t publisher_until_ns;   /* without writers: to be closed then */

	/* the wake thread's: a publishing handle to be closed, without a lock */
	babus_slot *overdue;
	struct slot *next_overdue;

	/* protected by wake->lock */
	TAILQ_HEAD(parked_list, parked) parked;
	babus_reader *reader; /* for the waiter; NULL: not registered */
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

/* A slot with a reader in the waiter, or NULL. Needs wake->lock. */
struct slot *slots_registered(struct slots *slots);

unsigned slots_count(struct slots *slots);

/* Who may do what with it. `fresh`: as the file says now, else as lately. */
int slot_access(struct slot *slot, bool fresh, struct access *access);

/* inode numbers by name, the same for every instance. */
uint64_t slot_ino(const char *name);

/* A writer came, or went. The first needs the right and a loan of the slot. */
int slot_add_writer(struct slot *slot);
void slot_drop_writer(struct slot *slot);

/* Publish on behalf of `pid`; by a slot with a writer. */
int slot_publish(struct slot *slot, const void *data, size_t size, pid_t pid);

/* Whether a message of `size` bytes would find memory now: 0 or the error. */
int slot_probe(struct slot *slot, size_t size);

#endif
