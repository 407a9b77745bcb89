/* SPDX-License-Identifier: MIT */
/*
 * Messages that stay unchanged while they are read. All readers of a message
 * share one snapshot, which takes one pin of the slot. If babusfs has its share of
 * the pins already, it copies the message instead.
 */
#ifndef FS_SNAPSHOT_H
#define FS_SNAPSHOT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <babus/babus.h>

struct slot;

enum {
	SNAPSHOT_BUCKETS = 64,
	HOLDS_MAX = 64 /* look-ups of a slot whose message is held for the open */
};

struct snapshot {
	/* constant */
	struct babus_message message;
	void *copy; /* of the payload; NULL: it is pinned */

	/* protected by snapshots->lock */
	struct snapshot *next;
	unsigned references;
};

/* A message that `pid` looked up and is expected to open. */
struct hold {
	struct snapshot *snapshot; /* NULL: free */
	pid_t pid;
	int64_t until_ns;
};

/* Of a slot. */
struct snapshots {
	pthread_mutex_t view_lock; /* held while one more message is pinned, for a moment */

	pthread_mutex_t lock; /* protects what follows */
	struct snapshot *buckets[SNAPSHOT_BUCKETS];
	uint32_t pinned; /* snapshots that hold a pin */
	struct hold holds[HOLDS_MAX];
	unsigned held;
};

void snapshots_init(struct snapshots *snapshots);
/* Only holds may be left. */
void snapshots_finish(struct slot *slot);

/* As babus_slot_view(); to be given back with snapshot_put(). */
int snapshot_take(struct slot *slot, enum babus_which which, uint64_t n,
		  struct snapshot **snapshot);
void snapshot_put(struct slot *slot, struct snapshot *snapshot);

/* The same without the message: 0, -EAGAIN, or another error of babus_slot_view(). */
int snapshot_is_after(struct slot *slot, uint64_t after);

/* Sequence number of the newest message, 0: none yet. */
int snapshot_newest(struct slot *slot, uint64_t *seq);

/* The newest message without its data; as babus_slot_view(). */
int snapshot_describe(struct slot *slot, struct babus_message *message);

/*
 * Hold it for a while, for the open by `pid` that follows. Takes over the
 * caller's reference.
 */
void snapshot_hold(struct slot *slot, struct snapshot *snapshot, pid_t pid);
/* The open has come. */
void snapshot_unhold(struct slot *slot, pid_t pid);

/* End holds that are overdue. True if others are left. */
bool snapshot_sweep(struct slot *slot, int64_t now_ns);
void snapshot_drop_holds(struct slot *slot);

#endif
