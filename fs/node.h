/* SPDX-License-Identifier: MIT */
/*
 * The id spaces of the mount.
 *
 * node id    what the kernel calls a file by. FUSE_ROOT_ID is the root; every
 *            other one comes from a 64-bit counter and is never used again.
 *            It names one *message* under one file name of one instance of a
 *            slot. Each look-up of `latest` gets a node of its own: all who
 *            open one node share its size, which a publish must not change
 *            under a reader, and which the kernel sets to the offset after
 *            each write. What a node id means is in the table here; it lasts
 *            from the look-up until the kernel forgets it.
 * st_ino     what tools compare. Made of the slot's name and the file's, so it
 *            can be computed, is the same for every message and survives the
 *            slot. It cannot be turned back into a name.
 * seq        a message of one instance of a slot, see libbabus.
 * age        counted back from the newest: means another seq each time.
 * fi->fh     the open file's struct handle; only the kernel hands it back.
 */
#ifndef FS_NODE_H
#define FS_NODE_H

#include "slot.h"

enum file {
	FILE_ROOT,
	FILE_SLOT, /* its directory */
	FILE_LATEST,
	FILE_AGE,
	FILE_WAIT,
	FILE_INFO,
	FILE_STREAM,
	FILE_PUB,
	FILE_STAGING,
	FILE_BUS, /* the directory .bus */
	FILE_BUS_INFO,
	FILE_BUS_METRICS
};

#define NODE_EMPTY  UINT64_C(0)
#define NODE_UNSEEN UINT64_MAX

struct node {
	/* constant */
	uint64_t id;
	enum file file;
	uint32_t age;            /* FILE_AGE */
	struct slot *slot;       /* referenced; NULL outside of slots */
	struct staging *staging; /* referenced; FILE_STAGING */
	/*
	 * FILE_LATEST and FILE_AGE: the message; NODE_EMPTY: the slot was empty;
	 * NODE_UNSEEN: no pin was left to look at it, which is enough to write.
	 */
	uint64_t seq;
	uint64_t size;
	uint64_t time_ns; /* CLOCK_BOOTTIME */
	uint64_t tag, source_time_ns;
	uint64_t publisher, origin;
	uint32_t pid;

	/* protected by nodes->lock */
	uint64_t lookups; /* how often the kernel looked it up */
	struct node *next_by_id, *next_by_name;
};

int nodes_open(struct nodes **nodes);
/* Forgets everything; before slots_close(). */
void nodes_close(struct nodes *nodes);

/* The node for `file` of `slot` and that message (NULL: none), looked up once more. -ENOMEM. */
int nodes_name(struct nodes *nodes, enum file file, struct slot *slot, uint32_t age,
	       const struct babus_message *message, struct node **node);

int nodes_name_staging(struct nodes *nodes, struct slot *slot, struct staging *staging,
		       struct node **node);

/* The node that the kernel means. Valid until it forgets it. */
struct node *nodes_find(struct nodes *nodes, fuse_ino_t id);

/* The kernel has forgotten `count` tellings. */
void nodes_forget(struct nodes *nodes, fuse_ino_t id, uint64_t count);

size_t nodes_count(struct nodes *nodes);

/* Of the slot's nodes the one with the next id after `after`, as it is now; false: none. */
bool nodes_next_of(struct nodes *nodes, const struct slot *slot, uint64_t after, struct node *node);

/* What the file's name is worth in st_ino. */
uint64_t node_ino(enum file file, const struct slot *slot, uint32_t age);

/* Let it stand for that message. */
void node_describe(struct node *node, const struct babus_message *message);

/* Fill in what stat() shows, and how long the kernel may believe it, in seconds. */
int node_stat(struct fs *fs, const struct node *node, struct stat *st);
double node_attr_s(const struct node *node);

static inline bool node_is_message(const struct node *node)
{
	return node->file == FILE_LATEST || node->file == FILE_AGE;
}

/* Whether it stands for a message that was there. */
static inline bool node_has_message(const struct node *node)
{
	return node->seq != NODE_EMPTY && node->seq != NODE_UNSEEN;
}

#endif
