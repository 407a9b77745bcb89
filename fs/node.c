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

int node_new(enum file file, struct slot *slot, uint32_t age, const struct babus_message *message,
	     struct node **result)
{
	struct message_node *node = calloc(1, sizeof(*node));

	if (!node)
		return -ENOMEM;
	node_init(slot->fs->nodes, &node->node, file, slot);
	node->age = age;
	if (message)
		node->message = *message;
	node->message.data = NULL;
	*result = &node->node;
	return 0;
}

/* It has memory of its own, that lasts as long as the kernel knows it. */
static bool is_other(const struct node *node)
{
	return node_is_message(node) || node->file == FILE_STAGING;
}

void node_look_up(struct fs *fs, struct node *node)
{
	struct nodes *nodes = fs->nodes;
	bool first;

	pthread_mutex_lock(&nodes->lock);
	first = node->lookups++ == 0;
	nodes->count += first;
	if (first && is_other(node))
		LIST_INSERT_HEAD(&node->slot->nodes.others, node, link);
	pthread_mutex_unlock(&nodes->lock);
	if (!first)
		return;
	if (node->file == FILE_STAGING)
		staging_get(staging_of(node));
	if (node->slot)
		slot_get(node->slot);
}

/* What the kernel's knowledge kept. */
static void let_go(struct node *node)
{
	if (node->file == FILE_STAGING)
		staging_put(staging_of(node));
	else if (node_is_message(node))
		free((void *)message_node(node));
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
	pthread_mutex_unlock(&nodes->lock);
	if (!last)
		return;
	let_go(node);
	if (slot)
		slot_put(slot);
}

/* --- of a slot ------------------------------------------------------------------------ */

void slot_nodes_init(struct slot *slot)
{
	for (enum file file = 0; file < FILES_OF_SLOT; file++)
		node_init(slot->fs->nodes, &slot->nodes.fixed[file], file, slot);
	LIST_INIT(&slot->nodes.others);
}

struct node *nodes_of_slot(struct slot *slot, enum file file)
{
	return &slot->nodes.fixed[file];
}

void slot_nodes_drop(struct slot *slot)
{
	struct node *node, *next;

	for (node = LIST_FIRST(&slot->nodes.others); node; node = next) {
		next = LIST_NEXT(node, link);
		let_go(node);
	}
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
