/* SPDX-License-Identifier: MIT */
/* What babusfs counts, shown by .bus/info and .bus/metrics. */
#ifndef FS_COUNTERS_H
#define FS_COUNTERS_H

#include <stdint.h>
#include <stdio.h>

struct fs;
struct json;

/* Key in JSON, end of the metric's name, help. */
/* clang-format off */
#define COUNTERS(ROW) \
	ROW(published, "_total", "messages published through the mount") \
	ROW(published_bytes, "_total", "bytes in them") \
	ROW(discarded, "_total", "messages of killed writers") \
	ROW(refused, "_total", "messages that could not be published at close") \
	ROW(delivered, "_total", "messages read through wait and stream") \
	ROW(lost, "_total", "messages that those readers missed") \
	ROW(interrupted, "_total", "blocked reads ended by a signal") \
	ROW(waiting, "", "blocked reads now") \
	ROW(open_files, "", "open files now")
/* clang-format on */

struct counters {
#define COUNTER_FIELD(key, end, help) _Atomic uint64_t key;
	COUNTERS(COUNTER_FIELD)
#undef COUNTER_FIELD
};

/* As members of an open object, and as metrics. */
void counters_json(struct fs *fs, struct json *json);
void counters_metrics(struct fs *fs, FILE *out);

#endif
