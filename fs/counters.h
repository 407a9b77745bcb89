/* SPDX-License-Identifier: MIT */
/* What babusfs counts, shown by .bus/info and .bus/metrics. */
#ifndef FS_COUNTERS_H
#define FS_COUNTERS_H

#include <stdint.h>
#include <stdio.h>

struct fs;
struct json;

/* Field, key in JSON, the end of the metric's name, help. */
/* clang-format off */
#define COUNTERS(ROW) \
	ROW(published, "published", "_total", "messages published through the mount") \
	ROW(published_bytes, "published_bytes", "_total", "bytes in them") \
	ROW(discarded, "discarded", "_total", "messages of killed writers") \
	ROW(refused, "refused", "_total", "messages that could not be published at close") \
	ROW(delivered, "delivered", "_total", "messages read through wait and stream") \
	ROW(lost, "lost", "_total", "messages that those readers missed") \
	ROW(interrupted, "interrupted", "_total", "blocked reads ended by a signal") \
	ROW(parked, "waiting", "", "blocked reads now") \
	ROW(handles, "open_files", "", "open files now")
/* clang-format on */

struct counters {
#define COUNTER_FIELD(field, key, end, help) _Atomic uint64_t field;
	COUNTERS(COUNTER_FIELD)
#undef COUNTER_FIELD
};

/* As members of an open object, and as metrics. */
void counters_json(struct fs *fs, struct json *json);
void counters_metrics(struct fs *fs, FILE *out);

#endif
