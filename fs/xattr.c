/* SPDX-License-Identifier: MIT */
/* Extended attributes: the facts of a message. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ops.h"
#include "snapshot.h"

enum {
	VALUE_MAX = 256
};

/* The message that a file stands for; of other files of a slot the newest. */
static bool find_message(const struct node *node, struct babus_message *message)
{
	if (!node_is_message(node))
		return !snapshot_describe(node->slot, message);
	*message = message_node(node)->message;
	return message_is_there(message_node(node));
}

#define AT(field) offsetof(struct babus_message, field), sizeof(((struct babus_message *)0)->field)

static const struct attribute {
	const char *name;
	enum {
		NUMBER,
		WALL_TIME, /* derived from CLOCK_BOOTTIME */
		TYPE       /* of the slot */
	} kind;
	size_t offset, size; /* of a number, in struct babus_message */
} attributes[] = {
    {"user.babus.seq", NUMBER, AT(seq)},
    {"user.babus.time_ns", WALL_TIME, AT(time_ns)},
    {"user.babus.time_boot_ns", NUMBER, AT(time_ns)},
    {"user.babus.pid", NUMBER, AT(pid)},
    {"user.babus.publisher", NUMBER, AT(publisher)},
    {"user.babus.origin", NUMBER, AT(origin)},
    {"user.babus.tag", NUMBER, AT(tag)},
    {"user.babus.source_time_ns", NUMBER, AT(source_time_ns)},
    {"user.babus.type", TYPE, 0, 0},
};

enum {
	ATTRIBUTES = sizeof(attributes) / sizeof(attributes[0])
};

static void reply_value(fuse_req_t req, const char *value, size_t length, size_t size)
{
	if (!size)
		fuse_reply_xattr(req, length);
	else if (size < length)
		fuse_reply_err(req, ERANGE);
	else
		fuse_reply_buf(req, value, length);
}

static int get_type(struct slot *slot, char *value)
{
	struct babus_slot_info info;

	if (babus_slot_info(slot->bus, &info))
		return -1;
	return snprintf(value, VALUE_MAX, "%s", info.type);
}

static uint64_t get_number(const struct babus_message *message, const struct attribute *attribute)
{
	const void *field = (const char *)message + attribute->offset;
	uint64_t number = attribute->size == sizeof(uint32_t) ? *(const uint32_t *)field
							      : *(const uint64_t *)field;

	return attribute->kind == WALL_TIME ? babus_wall_time(number) : number;
}

/* Its length, or -1: there is no such attribute. */
static int get_value(const struct node *node, const char *name, char *value)
{
	struct babus_message message;
	size_t i = 0;

	while (i < ATTRIBUTES && strcmp(attributes[i].name, name) != 0)
		i++;
	if (i == ATTRIBUTES || !node->slot)
		return -1;
	if (attributes[i].kind == TYPE)
		return get_type(node->slot, value);
	if (!find_message(node, &message))
		return -1;
	return snprintf(value, VALUE_MAX, "%" PRIu64, get_number(&message, &attributes[i]));
}

void ops_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	const struct node *node = nodes_find(ops_fs(req)->nodes, ino);
	char value[VALUE_MAX];
	int length = get_value(node, name, value);

	if (length < 0)
		fuse_reply_err(req, ENODATA);
	else
		reply_value(req, value, (size_t)length, size);
}

void ops_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	const struct node *node = nodes_find(ops_fs(req)->nodes, ino);
	bool is_there = false;
	struct babus_message message;
	char names[VALUE_MAX];
	size_t length = 0;

	if (node->slot)
		is_there = find_message(node, &message);
	for (size_t i = 0; node->slot && i < ATTRIBUTES; i++) {
		size_t name_size = strlen(attributes[i].name) + 1;

		if (!is_there && attributes[i].kind != TYPE)
			continue;
		memcpy(names + length, attributes[i].name, name_size);
		length += name_size;
	}
	reply_value(req, names, length, size);
}
