/* SPDX-License-Identifier: MIT */
#include "counters.h"

#include <inttypes.h>
#include <stddef.h>

#include "common/json.h"
#include "common/metric.h"
#include "fs.h"
#include "node.h"
#include "slot.h"

/* clang-format off */
static const struct row {
	const char *key, *metric, *help;
	size_t offset; /* of an _Atomic uint64_t in struct fs */
} rows[] = {
#define COUNTER_ROW(key, end, help) \
	{#key, "babus_fs_" #key end, help, offsetof(struct fs, counters.key)},
	COUNTERS(COUNTER_ROW)
	{"pending_bytes", "babus_fs_pending_bytes", "memory of messages being written",
	 offsetof(struct fs, memory.used)},
	{"copied_bytes", "babus_fs_copied_bytes", "memory of messages copied for readers",
	 offsetof(struct fs, copies.used)},
};
/* clang-format on */

enum {
	ROWS = sizeof(rows) / sizeof(rows[0])
};

static uint64_t value_of(struct fs *fs, const struct row *row)
{
	return *(_Atomic uint64_t *)((char *)fs + row->offset);
}

void counters_json(struct fs *fs, struct json *json)
{
	for (size_t i = 0; i < ROWS; i++)
		json_number(json, rows[i].key, value_of(fs, &rows[i]));
	json_number(json, "known_slots", slots_count(fs->slots));
	json_number(json, "nodes", nodes_count(fs->nodes));
}

static void add_metric(FILE *out, const char *name, const char *help, uint64_t value)
{
	metric_head(out, name, help);
	fprintf(out, "%s %" PRIu64 "\n", name, value);
}

void counters_metrics(struct fs *fs, FILE *out)
{
	for (size_t i = 0; i < ROWS; i++)
		add_metric(out, rows[i].metric, rows[i].help, value_of(fs, &rows[i]));
	add_metric(out, "babus_fs_slots", "slots that are looked up or open",
		   slots_count(fs->slots));
	add_metric(out, "babus_fs_nodes", "files that the kernel knows", nodes_count(fs->nodes));
}
