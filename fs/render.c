/* SPDX-License-Identifier: MIT */
#include "render.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

static void add_mode(struct text *text, mode_t mode)
{
	char digits[16];

	snprintf(digits, sizeof(digits), "%04o", (unsigned)mode);
	text_string(text, "mode", digits);
}

static int add_client(void *arg, const struct babus_client_info *client)
{
	struct text *text = arg;

	text_open(text, NULL, '{');
	text_string(text, "role", client->publisher ? "publisher" : "reader");
	text_number(text, "pid", client->pid);
	text_number(text, "incarnation", client->incarnation);
	text_bool(text, "alive", client->alive);
	text_number(text, "held", client->held);
	if (!client->publisher) {
		text_number(text, "cursor", client->cursor);
		text_number(text, "received", client->received);
		text_number(text, "lost", client->lost);
	}
	text_close(text, '}');
	return 0;
}

static void add_geometry(struct text *text, const struct babus_slot_info *info)
{
	text_number(text, "depth", info->depth);
	text_number(text, "limit", info->max_size);
	text_number(text, "channel", info->channel);
	text_string(text, "type", info->type);
	text_string(text, "description", info->description);
	add_mode(text, info->mode);
	text_number(text, "uid", info->uid);
	text_number(text, "gid", info->gid);
	text_number(text, "loans", info->loans);
	text_number(text, "pins", info->pins);
	text_number(text, "bytes_used", info->bytes_used);
	text_number(text, "bytes_max", info->bytes_max);
	text_number(text, "created_ns", info->created_ns);
}

static void add_state(struct text *text, const struct babus_slot_info *info)
{
	text_number(text, "seq", info->seq);
	text_number(text, "kept", info->kept);
	text_number(text, "size", info->size);
	text_number(text, "time_ns", babus_wall_time(info->time_ns));
	text_number(text, "time_boot_ns", info->time_ns);
	text_number(text, "pid", info->pid);
	text_number(text, "publisher", info->publisher);
	text_number(text, "origin", info->origin);
	text_number(text, "publishers", info->publishers);
	text_number(text, "readers", info->readers);
	text_number(text, "lost", info->lost);
}

static void add_files(struct text *text)
{
	static const char *const files[][2] = {
	    {"latest", "read the newest message; what is written is published at close"},
	    {"0", "and 1, 2, ...: the history by age"},
	    {"wait", "blocks until a newer message, gives it, end of file"},
	    {"info", "this"},
	    {"stream", "every message from now on, in order, without end"},
	    {"pub", "each write is one message, up to 1044480 bytes"},
	};

	text_open(text, "files", '{');
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		text_add(text, "%s\n    \"%s\": \"%s\"", i ? "," : "", files[i][0], files[i][1]);
	}
	text_close(text, '}');
}

int render_slot(struct slot *slot, struct text *text)
{
	struct babus_slot_info info;
	double messages, bytes;
	int alive, error = babus_slot_info(slot->bus, &info);

	if (error)
		return error;
	info.lost += slot->lost;
	alive = babus_slot_publisher_alive(slot->bus, info.publisher);
	measure_rate(slot, info.seq, &messages, &bytes);
	text_open(text, NULL, '{');
	text_string(text, "slot", slot->name);
	add_geometry(text, &info);
	add_state(text, &info);
	if (alive >= 0)
		text_bool(text, "publisher_alive", alive);
	text_real(text, "rate_hz", messages);
	text_real(text, "rate_bytes", bytes);
	text_open(text, "clients", '[');
	error = babus_slot_clients(slot->bus, add_client, text);
	text_close(text, ']');
	add_files(text);
	text_close(text, '}');
	text_add(text, "\n");
	return error ? error : text_error(text);
}

/* --- the domain ------------------------------------------------------------------------ */

struct visit {
	fuse_req_t req;
	struct text *text;
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
		text_add(visit->text, "%s{slot=\"%s\"} %" PRIu64 "\n", visit->metric, name,
			 visit->value(&info));
		return 0;
	}
	text_open(visit->text, NULL, '{');
	text_string(visit->text, "slot", name);
	text_number(visit->text, "depth", info.depth);
	text_number(visit->text, "limit", info.max_size);
	add_state(visit->text, &info);
	text_close(visit->text, '}');
	return 0;
}

static void add_mount(struct fs *fs, struct text *text)
{
	const struct counters *counters = &fs->counters;

	text_open(text, "babusfs", '{');
	text_string(text, "version", babus_version());
	text_number(text, "pid", (uint64_t)getpid());
	text_number(text, "started_ns", fs->start_ns);
	text_number(text, "threads", fs->options.threads);
	text_number(text, "published", counters->published);
	text_number(text, "published_bytes", counters->published_bytes);
	text_number(text, "discarded", counters->discarded);
	text_number(text, "refused", counters->refused);
	text_number(text, "delivered", counters->delivered);
	text_number(text, "lost", counters->lost);
	text_number(text, "interrupted", counters->interrupted);
	text_number(text, "waiting", counters->parked);
	text_number(text, "open_files", counters->handles);
	text_number(text, "nodes", nodes_count(fs->nodes));
	text_number(text, "pending_bytes", fs->memory.used);
	text_number(text, "copied_bytes", fs->copies.used);
	text_number(text, "max_pending", fs->memory.max);
	text_close(text, '}');
}

int render_bus(fuse_req_t req, struct fs *fs, struct text *text)
{
	struct visit visit = {.req = req, .text = text, .fs = fs};
	int error;

	text_open(text, NULL, '{');
	text_string(text, "domain", babus_domain_name(fs->domain));
	text_string(text, "path", fs->domain_path);
	add_mount(fs, text);
	text_open(text, "slots", '[');
	error = babus_domain_list(fs->domain, visit_slot, &visit);
	text_close(text, ']');
	text_close(text, '}');
	text_add(text, "\n");
	return error ? error : text_error(text);
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

static void add_metric(struct text *text, const char *name, const char *type, const char *help,
		       uint64_t value)
{
	text_add(text, "# HELP %s %s\n# TYPE %s %s\n%s %" PRIu64 "\n", name, help, name, type, name,
		 value);
}

static void add_mount_metrics(struct fs *fs, struct text *text)
{
	const struct counters *counters = &fs->counters;

	add_metric(text, "babus_fs_published_total", "counter",
		   "Messages published through the mount.", counters->published);
	add_metric(text, "babus_fs_published_bytes_total", "counter", "Bytes in them.",
		   counters->published_bytes);
	add_metric(text, "babus_fs_discarded_total", "counter", "Messages of killed writers.",
		   counters->discarded);
	add_metric(text, "babus_fs_refused_total", "counter",
		   "Messages that could not be published at close.", counters->refused);
	add_metric(text, "babus_fs_delivered_total", "counter",
		   "Messages read through wait and stream.", counters->delivered);
	add_metric(text, "babus_fs_lost_total", "counter", "Messages that those readers missed.",
		   counters->lost);
	add_metric(text, "babus_fs_interrupted_total", "counter",
		   "Blocked reads ended by a signal.", counters->interrupted);
	add_metric(text, "babus_fs_waiting", "gauge", "Blocked reads now.", counters->parked);
	add_metric(text, "babus_fs_open_files", "gauge", "Open files.", counters->handles);
	add_metric(text, "babus_fs_pending_bytes", "gauge", "Memory of messages being written.",
		   fs->memory.used);
	add_metric(text, "babus_fs_copied_bytes", "gauge", "Memory of messages copied for readers.",
		   fs->copies.used);
	add_metric(text, "babus_fs_slots", "gauge", "Slots that are looked up or open.",
		   slots_count(fs->slots));
}

int render_metrics(fuse_req_t req, struct fs *fs, struct text *text)
{
	int error = 0;

	for (size_t i = 0; !error && i < sizeof(slot_metrics) / sizeof(slot_metrics[0]); i++) {
		const struct slot_metric *metric = &slot_metrics[i];
		struct visit visit = {req, text, fs, metric->name, metric->value};

		text_add(text, "# HELP %s %s\n# TYPE %s %s\n", metric->name, metric->help,
			 metric->name, metric->type);
		error = babus_domain_list(fs->domain, visit_slot, &visit);
	}
	add_mount_metrics(fs, text);
	return error ? error : text_error(text);
}
