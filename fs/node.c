/* SPDX-License-Identifier: MIT */
#include "node.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>

#include "slot.h"
#include "staging.h"

enum {
	INO_ROOT = 1,
	INO_BUS = 2 /* and .bus/info, .bus/metrics */
};

struct nodes {
	uint64_t mask; /* constant */
	_Atomic uint64_t generation;
	struct node root, bus[FILES - FILE_BUS];

	pthread_mutex_t lock; /* protects what follows, and what node.h says */
	size_t count;
};

int nodes_open(struct nodes **result)
{
	struct nodes *nodes = calloc(1, sizeof(*nodes));

	if (!nodes)
		return -ENOMEM;
	if (getrandom(&nodes->mask, sizeof(nodes->mask), 0) < 0) {
		free(nodes);
		return -errno;
	}
	/* No address has the top bit, so no id is FUSE_ROOT_ID. */
	nodes->mask |= UINT64_C(1) << 63;
	node_init(nodes, &nodes->root, FILE_ROOT, NULL);
	for (enum file file = FILE_BUS; file < FILES; file++)
		node_init(nodes, &nodes->bus[file - FILE_BUS], file, NULL);
	pthread_mutex_init(&nodes->lock, NULL);
	*result = nodes;
	return 0;
}

void nodes_close(struct nodes *nodes)
{
	if (!nodes)
		return;
	pthread_mutex_destroy(&nodes->lock);
	free(nodes);
}

struct node *nodes_find(struct nodes *nodes, fuse_ino_t id)
{
	if (id == FUSE_ROOT_ID)
		return &nodes->root;
	return (struct node *)(uintptr_t)(id ^ nodes->mask); /* NOLINT(performance-no-int-to-ptr) */
}

fuse_ino_t nodes_id(const struct nodes *nodes, const struct node *node)
{
	return node == &nodes->root ? FUSE_ROOT_ID : (uintptr_t)node ^ nodes->mask;
}

size_t nodes_count(struct nodes *nodes)
{
	size_t count;

	pthread_mutex_lock(&nodes->lock);
	count = nodes->count;
	pthread_mutex_unlock(&nodes->lock);
	return count;
}

struct node *nodes_of_bus(struct nodes *nodes, enum file file)
{
	return &nodes->bus[file - FILE_BUS];
}

void node_init(struct nodes *nodes, struct node *node, enum file file, struct slot *slot)
{
	*node = (struct node){.file = file, .slot = slot, .generation = ++nodes->generation};
}

/* Not part of its slot: it lasts as long as the kernel knows it. */
static bool is_other(const struct node *node)
{
	return node_is_message(node) || node->file == FILE_STAGING;
}

/* Whether it is the first time. Needs nodes->lock. */
static bool count_look_up(struct nodes *nodes, struct node *node)
{
	bool first = node->lookups++ == 0;

	nodes->count += first;
	if (first && is_other(node))
		LIST_INSERT_HEAD(&node->slot->nodes.others, node, link);
	return first;
}

void node_look_up(struct fs *fs, struct node *node)
{
	bool first;

	pthread_mutex_lock(&fs->nodes->lock);
	first = count_look_up(fs->nodes, node);
	pthread_mutex_unlock(&fs->nodes->lock);
	if (!first)
		return;
	if (node->file == FILE_STAGING)
		staging_get(staging_of(node));
	if (node->slot)
		slot_get(node->slot);
}

/* Where look-ups of the same file find a node that they share. */
static struct message_node **shared_by(const struct message_node *node)
{
	uint32_t place = node->node.file == FILE_LATEST ? 0 : 1 + node->age % NODE_AGES;

	return &node->node.slot->nodes.shared[place];
}

/* Needs nodes->lock. */
static void stop_sharing(const struct message_node *node)
{
	struct message_node **shared = shared_by(node);

	if (*shared == node)
		*shared = NULL;
}

/* The kernel has forgotten it. */
static void let_go(struct node *node)
{
	if (node->file == FILE_STAGING)
		staging_put(staging_of(node));
	else if (node_is_message(node))
		free(message_node(node));
}

void node_forget(struct fs *fs, struct node *node, uint64_t count)
{
	struct nodes *nodes = fs->nodes;
	struct slot *slot = node->slot;
	bool last;

	if (node == &nodes->root)
		return;
	pthread_mutex_lock(&nodes->lock);
	node->lookups -= count;
	last = node->lookups == 0;
	nodes->count -= last;
	if (last && is_other(node))
		LIST_REMOVE(node, link);
	if (last && node_is_message(node))
		stop_sharing(message_node(node));
	pthread_mutex_unlock(&nodes->lock);
	if (!last)
		return;
	let_go(node);
	if (slot)
		slot_put(slot);
}

/* --- sharing nodes of messages ------------------------------------------------------ */

/* How long an entry lasts. A thread that is killed leaves its entry behind. */
#define KEEP_NS (60 * INT64_C(1000000000))

struct writer {
	LIST_ENTRY(writer) link;
	pid_t pid;           /* 0: any outside of our PID namespace; kept until until_ns */
	uint64_t generation; /* of the node that it met last */
	int64_t until_ns;
};

static void drop_writer(struct writer *writer)
{
	LIST_REMOVE(writer, link);
	free(writer);
}

/* Also drops entries that have expired. Needs nodes->lock. */
static struct writer *find_writer(struct slot *slot, pid_t pid)
{
	struct writer *writer, *next, *found = NULL;

	for (writer = LIST_FIRST(&slot->nodes.writers); writer; writer = next) {
		next = LIST_NEXT(writer, link);
		if (writer->until_ns < fs_monotonic())
			drop_writer(writer);
		else if (writer->pid == pid)
			found = writer;
	}
	return found;
}

/* The shared node of that message, or `fresh`. Needs nodes->lock. */
static struct message_node *share(struct slot *slot, struct message_node *fresh)
{
	struct message_node **shared = shared_by(fresh), *known = *shared;

	if (fresh->node.file == FILE_LATEST && find_writer(slot, fresh->looker))
		return fresh;
	if (!known || known->age != fresh->age || known->message.seq != fresh->message.seq)
		return *shared = fresh;
	known->is_shared |= !fresh->looker || known->looker != fresh->looker;
	return known;
}

int node_look_up_message(struct slot *slot, enum file file, uint32_t age,
			 const struct babus_message *message, pid_t pid, struct node **result)
{
	struct message_node *node, *fresh = calloc(1, sizeof(*fresh));
	struct nodes *nodes = slot->fs->nodes;

	if (!fresh)
		return -ENOMEM;
	node_init(nodes, &fresh->node, file, slot);
	fresh->age = age;
	fresh->looker = pid;
	if (message)
		fresh->message = *message;
	fresh->message.data = NULL;
	pthread_mutex_lock(&nodes->lock);
	node = share(slot, fresh);
	count_look_up(nodes, &node->node);
	pthread_mutex_unlock(&nodes->lock);
	if (node == fresh)
		slot_get(slot);
	else
		free(fresh);
	*result = &node->node;
	return 0;
}

void node_open_to_read(struct node *node)
{
	struct nodes *nodes = node->slot->fs->nodes;

	pthread_mutex_lock(&nodes->lock);
	message_node(node)->is_shared = true;
	pthread_mutex_unlock(&nodes->lock);
}

/* Its next look-up gets a node of its own. `writer`: its entry, or NULL. Needs nodes->lock. */
static int send_back(struct slot *slot, struct writer *writer, const struct message_node *node,
		     pid_t pid)
{
	if (!writer) {
		writer = malloc(sizeof(*writer));
		if (!writer)
			return -ENOMEM;
		LIST_INSERT_HEAD(&slot->nodes.writers, writer, link);
	}
	writer->pid = pid;
	writer->generation = node->node.generation;
	writer->until_ns = fs_monotonic() + KEEP_NS;
	return -ESTALE;
}

/* Needs nodes->lock. */
static int own(struct slot *slot, struct message_node *node, pid_t pid)
{
	struct writer *writer = find_writer(slot, pid);

	/* A second try with the same node came by a name such as /proc/self/fd/3. */
	if (node->is_shared && (!writer || writer->generation != node->node.generation))
		return send_back(slot, writer, node, pid);
	if (writer && pid)
		drop_writer(writer);
	stop_sharing(node);
	return 0;
}

int node_open_to_write(struct node *node, pid_t pid)
{
	struct nodes *nodes = node->slot->fs->nodes;
	int error;

	pthread_mutex_lock(&nodes->lock);
	error = own(node->slot, message_node(node), pid);
	pthread_mutex_unlock(&nodes->lock);
	return error;
}

/* --- of a slot ------------------------------------------------------------------------ */

void slot_nodes_init(struct slot *slot)
{
	for (enum file file = 0; file < FILES_OF_SLOT; file++)
		node_init(slot->fs->nodes, &slot->nodes.fixed[file], file, slot);
	LIST_INIT(&slot->nodes.others);
	LIST_INIT(&slot->nodes.writers);
}

void slot_nodes_finish(struct slot *slot)
{
	struct node *node, *next;
	struct writer *writer, *next_writer;

	for (node = LIST_FIRST(&slot->nodes.others); node; node = next) {
		next = LIST_NEXT(node, link);
		let_go(node);
	}
	for (writer = LIST_FIRST(&slot->nodes.writers); writer; writer = next_writer) {
		next_writer = LIST_NEXT(writer, link);
		free(writer);
	}
}

struct node *nodes_of_slot(struct slot *slot, enum file file)
{
	return &slot->nodes.fixed[file];
}

int slot_nodes_list_staging(struct slot *slot, struct listing *listing)
{
	struct nodes *nodes = slot->fs->nodes;
	struct node *node;
	int error = 0;

	pthread_mutex_lock(&nodes->lock);
	LIST_FOREACH(node, &slot->nodes.others, link)
	if (node->file == FILE_STAGING && !error)
		error = listing_add(listing, staging_of(node)->name, 0, S_IFREG);
	pthread_mutex_unlock(&nodes->lock);
	return error;
}

bool slot_nodes_are_known(struct slot *slot)
{
	struct nodes *nodes = slot->fs->nodes;
	bool known;

	pthread_mutex_lock(&nodes->lock);
	known = !LIST_EMPTY(&slot->nodes.others);
	pthread_mutex_unlock(&nodes->lock);
	return known;
}

uint64_t node_ino(enum file file, const struct slot *slot, uint32_t number)
{
	enum {
		INO_AGES = 16,
		INO_STAGING = 1 << 16,
		INO_STAGINGS = 1 << 15 /* after that they repeat */
	};

	if (file == FILE_ROOT)
		return INO_ROOT;
	if (!slot)
		return INO_BUS + (uint64_t)(file - FILE_BUS);
	if (file == FILE_STAGING)
		return slot->ino + INO_STAGING + INO_AGES + number % INO_STAGINGS;
	return slot->ino + (file == FILE_AGE ? INO_AGES + number : (uint64_t)file);
}
