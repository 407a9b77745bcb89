/* SPDX-License-Identifier: MIT */
/*
 * What the kernel calls a file by.
 *
 * node id    the address of a struct node, mixed with a random number, which
 *            keeps the addresses of babusfs secret. FUSE_ROOT_ID is the root.
 *            A node lives from the kernel's look-up until the kernel forgets
 *            it. The kernel does so only when no request names it any more: a
 *            handler may use its node until it replies, and not after that.
 * generation a number that no other node of the mount has. An id may be used
 *            again, the two together never.
 * st_ino     what tools compare. Made of the slot's name and the file's, so it
 *            can be computed, is the same for every message and survives the
 *            slot. It cannot be turned back into a name.
 * seq        a message of one instance of a slot, see libbabus.
 * age        counted back from the newest: means another seq each time.
 * fi->fh     the open file's struct handle; only the kernel hands it back.
 *
 * The fixed files of a slot have their nodes in struct slot, staging files in
 * struct staging. A node of `latest` or of a number is for one message, since all
 * that have a node open share its size: a publish must not change it under a
 * reader.
 *
 * The kernel sets the size of a node to the offset after each write, so a writer
 * of `latest` needs a node that no other process knows. Look-ups share a node
 * with others all the same, since the kernel asks twice if it finds another node
 * than last time. An open for writing that meets a shared node fails with
 * ESTALE, on which the kernel looks up once more; that look-up, known by its
 * thread, gets a node of its own.
 */
#ifndef FS_NODE_H
#define FS_NODE_H

#include <sys/queue.h>

#include "fs.h"

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
	FILE_BUS_METRICS,
	FILES,
	FILES_OF_SLOT = FILE_PUB + 1
};

struct listing;
struct slot;

struct node {
	/* constant */
	enum file file;
	struct slot *slot; /* referenced while the kernel knows the node; NULL: outside of slots */
	uint64_t generation;

	/* protected by nodes->lock */
	uint64_t lookups;      /* how often the kernel looked it up and did not forget it */
	LIST_ENTRY(node) link; /* of messages and staging files, while the kernel knows it */
};

enum {
	NODE_AGES = 16 /* nodes of numbers that look-ups share: number n in place n % 16 */
};

/* The nodes of a slot. */
struct slot_nodes {
	struct node fixed[FILES_OF_SLOT]; /* of files with one name and one meaning */

	/* protected by nodes->lock */
	LIST_HEAD(node_list, node) others;          /* that the kernel knows */
	struct message_node *shared[1 + NODE_AGES]; /* by look-ups: `latest`, ages; or NULL */
	LIST_HEAD(writer_list, writer) writers;     /* threads whose open failed with ESTALE */
};

#define SEQ_EMPTY  UINT64_C(0)
#define SEQ_UNSEEN UINT64_MAX

/* FILE_LATEST and FILE_AGE. */
struct message_node {
	struct node node;
	uint32_t age; /* FILE_AGE */
	/*
	 * Without its data. seq is SEQ_EMPTY if the slot was empty, and SEQ_UNSEEN
	 * if no pin was left to look at the message, which is enough to write.
	 */
	struct babus_message message;

	/* of FILE_LATEST; protected by nodes->lock */
	pid_t looker;   /* the first thread that looked it up */
	bool is_shared; /* other threads know it, or it was opened to read */
};

int nodes_open(struct nodes **nodes);
/* After slots_close(). */
void nodes_close(struct nodes *nodes);

struct node *nodes_find(struct nodes *nodes, fuse_ino_t id);
fuse_ino_t nodes_id(const struct nodes *nodes, const struct node *node);
size_t nodes_count(struct nodes *nodes);

/* The node of a file with a fixed name, of .bus or of a slot. */
struct node *nodes_of_bus(struct nodes *nodes, enum file file);
struct node *nodes_of_slot(struct slot *slot, enum file file);

/* For a node inside another struct. */
void node_init(struct nodes *nodes, struct node *node, enum file file, struct slot *slot);

/* The kernel looks up a message (NULL: none), for thread `pid`. 0 or -ENOMEM. */
int node_look_up_message(struct slot *slot, enum file file, uint32_t age,
			 const struct babus_message *message, pid_t pid, struct node **node);
/* Thread `pid` opens `latest`. To write: -ESTALE, the kernel must look up again; -ENOMEM. */
void node_open_to_read(struct node *node);
int node_open_to_write(struct node *node, pid_t pid);

/* The kernel looks it up, or forgets `count` look-ups. Forgetting the last frees it. */
void node_look_up(struct fs *fs, struct node *node);
void node_forget(struct fs *fs, struct node *node, uint64_t count);

void slot_nodes_init(struct slot *slot);
/* At the end also what the kernel still knows. */
void slot_nodes_finish(struct slot *slot);
/* Add the names of the staging files that the kernel knows. 0 or -ENOMEM. */
int slot_nodes_list_staging(struct slot *slot, struct listing *listing);
/* Whether the kernel knows files of messages of that slot, or staging files. */
bool slot_nodes_are_known(struct slot *slot);

/* st_ino of a file. `number`: the age, or the staging file's id. */
uint64_t node_ino(enum file file, const struct slot *slot, uint32_t number);

static inline bool node_is_message(const struct node *node)
{
	return node->file == FILE_LATEST || node->file == FILE_AGE;
}

/* Whether it names a message that was there. */
static inline bool message_is_there(const struct message_node *node)
{
	return node->message.seq != SEQ_EMPTY && node->message.seq != SEQ_UNSEEN;
}

static inline struct message_node *message_node(const struct node *node)
{
	return (struct message_node *)((uintptr_t)node - offsetof(struct message_node, node));
}

#endif
