/* SPDX-License-Identifier: MIT */
#include "facts.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

/* clang-format off */
#define AT(field) offsetof(struct babus_slot_info, field), \
		  sizeof(((struct babus_slot_info *)0)->field)

const struct slot_fact slot_facts[] = {
    {"type", FACT_TEXT, AT(type), "label for programs", NULL},
    {"description", FACT_TEXT, AT(description), "text for people", NULL},
    {"seq", FACT_NUMBER, AT(seq), "sequence number of the newest message", NULL},
    {"first_seq", FACT_NUMBER, AT(first_seq), "sequence number of the first message", NULL},
    {"messages", FACT_MESSAGES, AT(seq), "messages published", "babus_slot_messages_total"},
    {"kept", FACT_NUMBER, AT(kept), "messages that can be read", NULL},
    {"depth", FACT_NUMBER, AT(depth), "messages kept at most", NULL},
    {"limit", FACT_BYTES, AT(max_size), "size of the largest message allowed", NULL},
    {"size", FACT_SIZE, AT(size), "size of the newest message", "babus_slot_message_bytes"},
    {"time_ns", FACT_WALL_TIME, AT(time_ns), "time of the newest message", NULL},
    {"time_boot_ns", FACT_BOOT_TIME, AT(time_ns), "the same on CLOCK_BOOTTIME", NULL},
    {"pid", FACT_NUMBER, AT(pid), "process that published the newest message", NULL},
    {"publisher", FACT_NUMBER, AT(publisher), "incarnation of that publisher", NULL},
    {"origin", FACT_NUMBER, AT(origin), "machine of the newest message; 0: this one", NULL},
    {"channel", FACT_NUMBER, AT(channel), "wake-up channel", NULL},
    {"loans", FACT_NUMBER, AT(loans), "messages that can be filled at once", NULL},
    {"pins", FACT_NUMBER, AT(pins), "readers and held messages at most", NULL},
    {"publishers", FACT_NUMBER, AT(publishers), "publishers", "babus_slot_publishers"},
    {"readers", FACT_NUMBER, AT(readers), "readers and held messages", "babus_slot_readers"},
    {"lost", FACT_NUMBER, AT(lost), "messages that readers missed", "babus_slot_lost_total"},
    {"bytes_used", FACT_BYTES, AT(bytes_used), "memory in use", "babus_slot_memory_bytes"},
    {"bytes_max", FACT_BYTES, AT(bytes_max), "memory at most", "babus_slot_memory_max_bytes"},
    {"mode", FACT_MODE, AT(mode), "permissions", NULL},
    {"uid", FACT_USER, AT(uid), "owner", NULL},
    {"gid", FACT_GROUP, AT(gid), "group", NULL},
    {"created_ns", FACT_NUMBER, AT(created_ns), "time of creation", NULL},
    {"instance", FACT_RANDOM, AT(instance), "random number of this instance", NULL},
    {NULL, FACT_NUMBER, 0, 0, NULL, NULL},
};
/* clang-format on */

const struct slot_fact *slot_fact_find(const char *key)
{
	for (const struct slot_fact *fact = slot_facts; fact->key; fact++)
		if (strcmp(fact->key, key) == 0)
			return fact;
	return NULL;
}

const char *slot_fact_text(const struct slot_fact *fact, const struct babus_slot_info *info)
{
	return (const char *)info + fact->offset;
}

uint64_t slot_fact_number(const struct slot_fact *fact, const struct babus_slot_info *info)
{
	const void *field = (const char *)info + fact->offset;
	uint64_t value = fact->size == sizeof(uint32_t) ? *(const uint32_t *)field
							: *(const uint64_t *)field;

	if (fact->kind == FACT_MESSAGES)
		return value + 1 - info->first_seq;
	return fact->kind == FACT_WALL_TIME ? babus_wall_time(value) : value;
}

static void add_mode(struct json *json, mode_t mode)
{
	char text[16];

	snprintf(text, sizeof(text), "%04o", (unsigned)mode & 07777);
	json_string(json, "mode", text);
}

static void add_random(struct json *json, const char *key, uint64_t value)
{
	char text[32];

	snprintf(text, sizeof(text), "%016" PRIx64, value);
	json_string(json, key, text);
}

static void add_slot_fact(struct json *json, const struct slot_fact *fact,
			  const struct babus_slot_info *info)
{
	switch (fact->kind) {
	case FACT_TEXT:
		json_string(json, fact->key, slot_fact_text(fact, info));
		break;
	case FACT_MODE:
		add_mode(json, info->mode);
		break;
	case FACT_RANDOM:
		add_random(json, fact->key, slot_fact_number(fact, info));
		break;
	default:
		json_number(json, fact->key, slot_fact_number(fact, info));
	}
}

void facts_slot(struct json *json, const char *name, const struct babus_slot_info *info)
{
	json_string(json, "slot", name);
	for (const struct slot_fact *fact = slot_facts; fact->key; fact++)
		add_slot_fact(json, fact, info);
}

void facts_client(struct json *json, const struct babus_client_info *client)
{
	json_string(json, "role", client->publisher ? "publisher" : "reader");
	json_number(json, "pid", client->pid);
	json_number(json, "incarnation", client->incarnation);
	json_bool(json, "alive", client->alive);
	json_number(json, "held", client->held);
	if (client->publisher)
		return;
	json_number(json, "cursor", client->cursor);
	json_number(json, "received", client->received);
	json_number(json, "lost", client->lost);
}

static int add_client(void *arg, const struct babus_client_info *client)
{
	struct json *json = arg;

	json_open(json, NULL, '{');
	facts_client(json, client);
	json_close(json, '}');
	return 0;
}

int facts_users(struct json *json, babus_slot *slot, const struct babus_slot_info *info)
{
	int error, alive = babus_slot_publisher_alive(slot, info->publisher);

	if (alive < 0)
		json_null(json, "publisher_alive");
	else
		json_bool(json, "publisher_alive", alive);
	json_open(json, "clients", '[');
	error = babus_slot_clients(slot, add_client, json);
	json_close(json, ']');
	return error;
}

int facts_open_domain(struct json *json, const char *name, const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return errno == ENOENT ? -ENODEV : -errno;
	json_open(json, NULL, '{');
	json_string(json, "domain", name);
	json_string(json, "path", path);
	add_mode(json, st.st_mode);
	json_number(json, "uid", st.st_uid);
	json_number(json, "gid", st.st_gid);
	return 0;
}
