/* SPDX-License-Identifier: MIT */
/*
 * The facts about slots, clients and domains that are shown in JSON, in columns
 * and as metrics: the same names for the same things in every place.
 */
#ifndef COMMON_FACTS_H
#define COMMON_FACTS_H

#include <babus/babus.h>

#include "json.h"

enum fact_kind {
	FACT_TEXT,
	FACT_NUMBER,
	FACT_BYTES,
	FACT_SIZE,      /* bytes of the newest message */
	FACT_MESSAGES,  /* published so far, derived from sequence numbers */
	FACT_WALL_TIME, /* CLOCK_REALTIME, derived from CLOCK_BOOTTIME */
	FACT_BOOT_TIME, /* CLOCK_BOOTTIME */
	FACT_MODE,      /* permissions */
	FACT_USER,
	FACT_GROUP,
	FACT_RANDOM, /* a random number, shown in hexadecimal */
};

/* One fact about a slot. */
struct slot_fact {
	const char *key; /* in JSON */
	enum fact_kind kind;
	size_t offset, size; /* in struct babus_slot_info */
	const char *help;
	const char *metric; /* its name for Prometheus; NULL: it is not a metric */
};

/* The last one has no key. */
extern const struct slot_fact slot_facts[];

/* NULL: there is no such fact. */
const struct slot_fact *slot_fact_find(const char *key);

/* The value of one that is not FACT_TEXT. */
uint64_t slot_fact_number(const struct slot_fact *fact, const struct babus_slot_info *info);
/* The value of a FACT_TEXT. */
const char *slot_fact_text(const struct slot_fact *fact, const struct babus_slot_info *info);

/* These three add members to an object that is open. */

void facts_slot(struct json *json, const char *name, const struct babus_slot_info *info);

/*
 * Whether the publisher of the newest message lives, and all clients. Takes system
 * calls. 0 or an error of the library.
 */
int facts_users(struct json *json, babus_slot *slot, const struct babus_slot_info *info);

void facts_client(struct json *json, const struct babus_client_info *client);

/*
 * Open an object at the top with the facts about a domain; `path` is its directory.
 * 0, or nothing is written: -ENODEV (it is gone), -EACCES.
 */
int facts_open_domain(struct json *json, const char *name, const char *path);

#endif
