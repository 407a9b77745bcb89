/* SPDX-License-Identifier: MIT */
#include "render.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/json.h"
#include "node.h"
#include "snapshot.h"

enum {
	/* So many of the newest messages are looked at for the rate. */
	RATE_MESSAGES = 64
};

/* Messages and bytes a second, over the last messages until now. */
static void measure_rate(struct slot *slot, uint64_t newest, double *messages, double *bytes)
{
	uint64_t count = 0, sum = 0, oldest_ns = 0, now_ns = babus_now();

	*messages = *bytes = 0;
	for (uint64_t seq = newest; seq > 0 && count < RATE_MESSAGES; seq--) {
		struct babus_message message;

		if (babus_slot_view(slot->bus, BABUS_SEQ, seq, &message))
			break;
		count++;
		sum += message.size;
		oldest_ns = message.time_ns;
		babus_message_release(&message);
	}
	if (count < 2 || now_ns <= oldest_ns)
		return;
	*messages = (double)count * 1e9 / (double)(now_ns - oldest_ns);
	*bytes = (double)sum * 1e9 / (double)(now_ns - oldest_ns);
}

static void add_mode(struct json *json, mode_t mode)
{
	char digits[16];

	snprintf(digits, sizeof(digits), "%04o", (unsigned)mode);
	json_string(json, "mode", digits);
}

static int add_client(void *arg, const struct babus_client_info *client)
{
	struct json *json = arg;

	json_open(json, NULL, '{');
	json_string(json, "role", client->publisher ? "publisher" : "reader");
	json_number(json, "pid", client->pid);
	json_number(json, "incarnation", client->incarnation);
	json_bool(json, "alive", client->alive);
	json_number(json, "held", client->held);
	if (!client->publisher) {
		json_number(json, "cursor", client->cursor);
		json_number(json, "received", client->received);
		json_number(json, "lost", client->lost);
	}
	json_close(json, '}');
	return 0;
}

static void add_geometry(struct json *json, const struct babus_slot_info *info)
{
	json_number(json, "depth", info->depth);
	json_number(json, "limit", info->max_size);
	json_number(json, "channel", info->channel);
	json_string(json, "type", info->type);
	json_string(json, "description", info->description);
	add_mode(json, info->mode);
	json_number(json, "uid", info->uid);
	json_number(json, "gid", info->gid);
	json_number(json, "loans", info->loans);
	json_number(json, "pins", info->pins);
	json_number(json, "bytes_used", info->bytes_used);
	json_number(json, "bytes_max", info->bytes_max);
	json_number(json, "created_ns", info->created_ns);
}

static void add_state(struct json *json, const struct babus_slot_info *info)
{
	json_number(json, "seq", info->seq);
	json_number(json, "kept", info->kept);
	json_number(json, "size", info->size);
	json_number(json, "time_ns", babus_wall_time(info->time_ns));
	json_number(json, "time_boot_ns", info->time_ns);
	json_number(json, "pid", info->pid);
	json_number(json, "publisher", info->publisher);
	json_number(json, "origin", info->origin);
	json_number(json, "publishers", info->publishers);
	json_number(json, "readers", info->readers);
	json_number(json, "lost", info->lost);
}

static void add_files(struct json *json)
{
	static const char *const files[][2] = {
	    {"latest", "read the newest message; what is written is published at close"},
	    {"0", "and 1, 2, ...: the history by age"},
	    {"wait", "blocks until a newer message, gives it, end of file"},
	    {"info", "this"},
	    {"stream", "every message from now on, in order, without end"},
	    {"pub", "each write is one message, up to 1044480 bytes"},
	};

	json_open(json, "files", '{');
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		json_string(json, files[i][0], files[i][1]);
	json_close(json, '}');
}

/* Give the written text to `text`, unless there was an error. */
static int finish(FILE *out, int error, struct text *text, struct text *result)
{
	if ((ferror(out) | fclose(out)) && !error)
		error = -ENOMEM;
	if (error)
		free(text->data);
	else
		*result = *text;
	return error;
}

int render_slot(struct slot *slot, struct text *result)
{
	struct json writer = {.spaces = true}, *json = &writer;
	struct babus_slot_info info;
	struct text text = {0};
	double messages, bytes;
	int alive, error = babus_slot_info(slot->bus, &info);

	if (error)
		return error;
	json->out = open_memstream(&text.data, &text.size);
	if (!json->out)
		return -ENOMEM;
	info.lost += slot->lost;
	alive = babus_slot_publisher_alive(slot->bus, info.publisher);
	measure_rate(slot, info.seq, &messages, &bytes);
	json_open(json, NULL, '{');
	json_string(json, "slot", slot->name);
	add_geometry(json, &info);
	add_state(json, &info);
	if (alive >= 0)
		json_bool(json, "publisher_alive", alive);
	json_real(json, "rate_hz", messages);
	json_real(json, "rate_bytes", bytes);
	json_open(json, "clients", '[');
	error = babus_slot_clients(slot->bus, add_client, json);
	json_close(json, ']');
	add_files(json);
	json_close(json, '}');
	json_end(json);
	return finish(json->out, error, &text, result);
}

/* --- the domain ------------------------------------------------------------------------ */

struct visit {
	fuse_req_t req;
	struct json *json;
	struct fs *fs;
	const char *metric; /* NULL: JSON */
	uint64_t (*value)(const struct babus_slot_info *info);
};

/* Others' slots are theirs; as natively, only the name is for everybody. */
static int look_at_slot(const struct visit *visit, struct slot *slot, struct babus_slot_info *info)
{
	struct access access;
	int error = babus_slot_info(slot->bus, info);

	if (error)
		return error;
	info->lost += slot->lost;
	access = (struct access){info->mode, info->uid, info->gid};
	return caller_may(visit->req, &access, MAY_READ) ? 0 : -EACCES;
}

static int visit_slot(void *arg, const char *name)
{
	const struct visit *visit = arg;
	struct babus_slot_info info;
	struct slot *slot;
	int error = slots_find(visit->fs->slots, name, &slot);

	if (error)
		return 0;
	error = look_at_slot(visit, slot, &info);
	slot_put(slot);
	if (error)
		return 0;
	if (visit->metric) {
		fprintf(visit->json->out, "%s{slot=\"%s\"} %" PRIu64 "\n", visit->metric, name,
			visit->value(&info));
		return 0;
	}
	json_open(visit->json, NULL, '{');
	json_string(visit->json, "slot", name);
	json_number(visit->json, "depth", info.depth);
	json_number(visit->json, "limit", info.max_size);
	add_state(visit->json, &info);
	json_close(visit->json, '}');
	return 0;
}

static void add_mount(struct fs *fs, struct json *json)
{
	const struct counters *counters = &fs->counters;

	json_open(json, "babusfs", '{');
	json_string(json, "version", babus_version());
	json_number(json, "pid", (uint64_t)getpid());
	json_number(json, "started_ns", fs->start_ns);
	json_number(json, "threads", fs->options.threads);
	json_number(json, "published", counters->published);
	json_number(json, "published_bytes", counters->published_bytes);
	json_number(json, "discarded", counters->discarded);
	json_number(json, "refused", counters->refused);
	json_number(json, "delivered", counters->delivered);
	json_number(json, "lost", counters->lost);
	json_number(json, "interrupted", counters->interrupted);
	json_number(json, "waiting", counters->parked);
	json_number(json, "open_files", counters->handles);
	json_number(json, "nodes", nodes_count(fs->nodes));
	json_number(json, "pending_bytes", fs->memory.used);
	json_number(json, "copied_bytes", fs->copies.used);
	json_number(json, "max_pending", fs->memory.max);
	json_close(json, '}');
}

int render_bus(fuse_req_t req, struct fs *fs, struct text *result)
{
	struct json writer = {.spaces = true}, *json = &writer;
	struct visit visit = {.req = req, .json = json, .fs = fs};
	struct text text = {0};
	int error;

	json->out = open_memstream(&text.data, &text.size);
	if (!json->out)
		return -ENOMEM;
	json_open(json, NULL, '{');
	json_string(json, "domain", babus_domain_name(fs->domain));
	json_string(json, "path", fs->domain_path);
	add_mount(fs, json);
	json_open(json, "slots", '[');
	error = babus_domain_list(fs->domain, visit_slot, &visit);
	json_close(json, ']');
	json_close(json, '}');
	json_end(json);
	return finish(json->out, error, &text, result);
}

/* --- Prometheus -------------------------------------------------------------------------- */

static uint64_t get_seq(const struct babus_slot_info *info)
{
	return info->seq - (info->first_seq - 1);
}

static uint64_t get_size(const struct babus_slot_info *info)
{
	return info->size;
}

static uint64_t get_readers(const struct babus_slot_info *info)
{
	return info->readers;
}

static uint64_t get_publishers(const struct babus_slot_info *info)
{
	return info->publishers;
}

static uint64_t get_lost(const struct babus_slot_info *info)
{
	return info->lost;
}

static uint64_t get_bytes(const struct babus_slot_info *info)
{
	return info->bytes_used;
}

static uint64_t get_bytes_max(const struct babus_slot_info *info)
{
	return info->bytes_max;
}

static const struct slot_metric {
	const char *name, *type, *help;
	uint64_t (*value)(const struct babus_slot_info *info);
} slot_metrics[] = {
    {"babus_slot_messages_total", "counter", "Messages published.", get_seq},
    {"babus_slot_lost_total", "counter", "Messages that readers missed.", get_lost},
    {"babus_slot_message_bytes", "gauge", "Size of the newest message.", get_size},
    {"babus_slot_publishers", "gauge", "Publishers attached.", get_publishers},
    {"babus_slot_readers", "gauge", "Pins in use.", get_readers},
    {"babus_slot_memory_bytes", "gauge", "Shared memory in use.", get_bytes},
    {"babus_slot_memory_max_bytes", "gauge", "Shared memory at most.", get_bytes_max},
};

static void add_metric(FILE *out, const char *name, const char *type, const char *help,
		       uint64_t value)
{
	fprintf(out, "# HELP %s %s\n# TYPE %s %s\n%s %" PRIu64 "\n", name, help, name, type, name,
		value);
}

static void add_mount_metrics(struct fs *fs, FILE *out)
{
	const struct counters *counters = &fs->counters;

	add_metric(out, "babus_fs_published_total", "counter",
		   "Messages published through the mount.", counters->published);
	add_metric(out, "babus_fs_published_bytes_total", "counter", "Bytes in them.",
		   counters->published_bytes);
	add_metric(out, "babus_fs_discarded_total", "counter", "Messages of killed writers.",
		   counters->discarded);
	add_metric(out, "babus_fs_refused_total", "counter",
		   "Messages that could not be published at close.", counters->refused);
	add_metric(out, "babus_fs_delivered_total", "counter",
		   "Messages read through wait and stream.", counters->delivered);
	add_metric(out, "babus_fs_lost_total", "counter", "Messages that those readers missed.",
		   counters->lost);
	add_metric(out, "babus_fs_interrupted_total", "counter", "Blocked reads ended by a signal.",
		   counters->interrupted);
	add_metric(out, "babus_fs_waiting", "gauge", "Blocked reads now.", counters->parked);
	add_metric(out, "babus_fs_open_files", "gauge", "Open files.", counters->handles);
	add_metric(out, "babus_fs_pending_bytes", "gauge", "Memory of messages being written.",
		   fs->memory.used);
	add_metric(out, "babus_fs_copied_bytes", "gauge", "Memory of messages copied for readers.",
		   fs->copies.used);
	add_metric(out, "babus_fs_slots", "gauge", "Slots that are looked up or open.",
		   slots_count(fs->slots));
}

int render_metrics(fuse_req_t req, struct fs *fs, struct text *result)
{
	struct text text = {0};
	struct json json = {.out = open_memstream(&text.data, &text.size)};
	int error = 0;

	if (!json.out)
		return -ENOMEM;
	for (size_t i = 0; !error && i < sizeof(slot_metrics) / sizeof(slot_metrics[0]); i++) {
		const struct slot_metric *metric = &slot_metrics[i];
		struct visit visit = {req, &json, fs, metric->name, metric->value};

		fprintf(json.out, "# HELP %s %s\n# TYPE %s %s\n", metric->name, metric->help,
			metric->name, metric->type);
		error = babus_domain_list(fs->domain, visit_slot, &visit);
	}
	add_mount_metrics(fs, json.out);
	return finish(json.out, error, &text, result);
}
