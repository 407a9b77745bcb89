/* SPDX-License-Identifier: MIT */
/* Two hash tables over the same nodes: by id, and by what they name. */
#include "node.h"
#include "staging.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	BUCKETS_FIRST = 1024, /* a power of two */
	INO_ROOT = 1,
	INO_BUS = 2 /* and .bus/info, .bus/metrics */
};

struct nodes {
	pthread_mutex_t lock; /* protects all that follows */
	struct node **by_id, **by_name;
	size_t buckets, count;
	uint64_t last_id;
	struct node root;
};

static size_t id_bucket(const struct nodes *nodes, uint64_t id)
{
	return id & (nodes->buckets - 1);
}

static size_t name_bucket(const struct nodes *nodes, enum file file, const struct slot *slot,
			  uint32_t age, uint64_t seq)
{
	uint64_t hash = (uintptr_t)slot / sizeof(*slot) * 31 + file + seq * 17 +
			(uint64_t)age * 257;

	hash *= UINT64_C(0x9e3779b97f4a7c15);
	return hash >> 32 & (nodes->buckets - 1);
}

static struct node **name_head(struct nodes *nodes, const struct node *node)
{
	return &nodes->by_name[name_bucket(nodes, node->file, node->slot, node->age, node->seq)];
}

static void link_node(struct nodes *nodes, struct node *node)
{
	struct node **by_id = &nodes->by_id[id_bucket(nodes, node->id)];
	struct node **by_name = name_head(nodes, node);

	node->next_by_id = *by_id;
	*by_id = node;
	if (node->file == FILE_LATEST)
		return;
	node->next_by_name = *by_name;
	*by_name = node;
}

static void unlink_name(struct nodes *nodes, struct node *node)
{
	struct node **at = name_head(nodes, node);

	while (*at != node)
		at = &(*at)->next_by_name;
	*at = node->next_by_name;
}

static void unlink_node(struct nodes *nodes, struct node *node)
{
	struct node **at = &nodes->by_id[id_bucket(nodes, node->id)];

	while (*at != node)
		at = &(*at)->next_by_id;
	*at = node->next_by_id;
	if (node->file != FILE_LATEST)
		unlink_name(nodes, node);
}

int nodes_open(struct nodes **result)
{
	struct nodes *nodes = calloc(1, sizeof(*nodes));

	if (!nodes)
		return -ENOMEM;
	nodes->by_id = calloc(BUCKETS_FIRST, sizeof(*nodes->by_id));
	nodes->by_name = calloc(BUCKETS_FIRST, sizeof(*nodes->by_name));
	if (!nodes->by_id || !nodes->by_name) {
		free(nodes->by_id);
		free(nodes->by_name);
		free(nodes);
		return -ENOMEM;
	}
	nodes->buckets = BUCKETS_FIRST;
	nodes->last_id = FUSE_ROOT_ID;
	nodes->root = (struct node){.id = FUSE_ROOT_ID, .file = FILE_ROOT};
	pthread_mutex_init(&nodes->lock, NULL);
	*result = nodes;
	return 0;
}

static void destroy(struct node *node)
{
	staging_put(node->staging);
	if (node->slot)
		slot_put(node->slot);
	free(node);
}

void nodes_close(struct nodes *nodes)
{
	if (!nodes)
		return;
	for (size_t i = 0; i < nodes->buckets; i++) {
		while (nodes->by_id[i]) {
			struct node *node = nodes->by_id[i];

			nodes->by_id[i] = node->next_by_id;
			destroy(node);
		}
	}
	pthread_mutex_destroy(&nodes->lock);
	free(nodes->by_id);
	free(nodes->by_name);
	free(nodes);
}

/* Twice the buckets; without memory for that it works as well, slower. */
static void grow(struct nodes *nodes)
{
	struct node **old = nodes->by_id;
	size_t old_buckets = nodes->buckets;
	struct node **by_id = calloc(2 * old_buckets, sizeof(*by_id));
	struct node **by_name = calloc(2 * old_buckets, sizeof(*by_name));

	if (!by_id || !by_name) {
		free(by_id);
		free(by_name);
		return;
	}
	free(nodes->by_name);
	nodes->by_id = by_id;
	nodes->by_name = by_name;
	nodes->buckets = 2 * old_buckets;
	for (size_t i = 0; i < old_buckets; i++) {
		struct node *next;

		for (struct node *node = old[i]; node; node = next) {
			next = node->next_by_id;
			link_node(nodes, node);
		}
	}
	free(old);
}

static struct node *find_name(struct nodes *nodes, const struct node *wanted)
{
	struct node *node = wanted->file == FILE_LATEST ? NULL : *name_head(nodes, wanted);

	while (node && (node->file != wanted->file || node->slot != wanted->slot ||
			node->age != wanted->age || node->seq != wanted->seq))
		node = node->next_by_name;
	return node;
}

void node_describe(struct node *node, const struct babus_message *message)
{
	node->seq = message->seq;
	node->size = message->size;
	node->time_ns = message->time_ns;
	node->tag = message->tag;
	node->source_time_ns = message->source_time_ns;
	node->publisher = message->publisher;
	node->origin = message->origin;
	node->pid = message->pid;
}

/* The node that is as `wanted`, there already or new. */
static int name(struct nodes *nodes, const struct node *wanted, struct node **result)
{
	struct slot *slot = wanted->slot;
	struct node *node, *fresh = malloc(sizeof(*fresh));

	if (!fresh)
		return -ENOMEM;
	if (slot)
		slot_get(slot);
	pthread_mutex_lock(&nodes->lock);
	node = find_name(nodes, wanted);
	if (!node) {
		node = fresh;
		*node = *wanted;
		node->id = ++nodes->last_id;
		if (node->staging)
			staging_get(node->staging);
		if (++nodes->count > nodes->buckets)
			grow(nodes);
		link_node(nodes, node);
	}
	node->lookups++;
	pthread_mutex_unlock(&nodes->lock);
	if (node != fresh) {
		free(fresh);
		if (slot)
			slot_put(slot);
	}
	*result = node;
	return 0;
}

int nodes_name_staging(struct nodes *nodes, struct slot *slot, struct staging *staging,
		       struct node **result)
{
	struct node wanted = {
	    .file = FILE_STAGING, .slot = slot, .staging = staging, .seq = staging->id};

	return name(nodes, &wanted, result);
}

int nodes_name(struct nodes *nodes, enum file file, struct slot *slot, uint32_t age,
	       const struct babus_message *message, struct node **result)
{
	struct node wanted = {.file = file, .slot = slot, .age = age};

	if (message)
		node_describe(&wanted, message);
	return name(nodes, &wanted, result);
}

struct node *nodes_find(struct nodes *nodes, fuse_ino_t id)
{
	struct node *node;

	if (id == FUSE_ROOT_ID)
		return &nodes->root;
	pthread_mutex_lock(&nodes->lock);
	node = nodes->by_id[id_bucket(nodes, id)];
	while (node && node->id != id)
		node = node->next_by_id;
	pthread_mutex_unlock(&nodes->lock);
	return node;
}

void nodes_forget(struct nodes *nodes, fuse_ino_t id, uint64_t count)
{
	struct node *node = nodes_find(nodes, id);
	bool last = false;

	if (!node || id == FUSE_ROOT_ID)
		return;
	pthread_mutex_lock(&nodes->lock);
	node->lookups -= count;
	last = node->lookups == 0;
	if (last) {
		unlink_node(nodes, node);
		nodes->count--;
	}
	pthread_mutex_unlock(&nodes->lock);
	if (last)
		destroy(node);
}

size_t nodes_count(struct nodes *nodes)
{
	size_t count;

	pthread_mutex_lock(&nodes->lock);
	count = nodes->count;
	pthread_mutex_unlock(&nodes->lock);
	return count;
}

bool nodes_next_of(struct nodes *nodes, const struct slot *slot, uint64_t after,
		   struct node *result)
{
	const struct node *next = NULL;

	pthread_mutex_lock(&nodes->lock);
	for (size_t i = 0; i < nodes->buckets; i++) {
		const struct node *node = nodes->by_id[i];

		for (; node; node = node->next_by_id)
			if (node->slot == slot && node->id > after &&
			    (!next || node->id < next->id))
				next = node;
	}
	if (next)
		*result = *next;
	pthread_mutex_unlock(&nodes->lock);
	return next;
}

uint64_t node_ino(enum file file, const struct slot *slot, uint32_t age)
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
		return slot->ino + INO_STAGING + INO_AGES + age % INO_STAGINGS;
	return slot->ino + (file == FILE_AGE ? INO_AGES + age : (uint64_t)file);
}
