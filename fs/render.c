/* SPDX-License-Identifier: MIT */
#include "render.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/facts.h"
#include "common/metric.h"
#include "kind.h"
#include "snapshot.h"

enum {
	/* The rate is measured over so many of the newest messages. */
	RATE_MESSAGES = 64
};

/* Start to write a text; NULL: out of memory. */
static FILE *start(struct text *text)
{
	*text = (struct text){0};
	return open_memstream(&text->data, &text->size);
}

/* Hand the written text over to `result`, unless there was an error. */
static int finish(FILE *out, int error, struct text *text, struct text *result)
{
	bool failed = ferror(out);

	failed |= fclose(out) != 0;
	if (failed && !error)
		error = -ENOMEM;
	if (error)
		free(text->data);
	else
		*result = *text;
	return error;
}

/* --- a slot ---------------------------------------------------------------------------- */

/* Messages and bytes a second, over the newest messages until now. */
static void add_rate(struct json *json, struct slot *slot, uint64_t newest)
{
	uint64_t count = 0, sum = 0, oldest_ns = 0, now_ns = babus_now();
	double per_s = 0;

	for (uint64_t seq = newest; seq > 0 && count < RATE_MESSAGES; seq--) {
		struct babus_message message;

		if (babus_slot_view(slot->bus, BABUS_SEQ, seq, &message))
			break;
		count++;
		sum += message.size;
		oldest_ns = message.time_ns;
		babus_message_release(&message);
	}
	if (count >= 2 && now_ns > oldest_ns)
		per_s = 1e9 / (double)(now_ns - oldest_ns);
	json_real(json, "rate_hz", (double)count * per_s);
	json_real(json, "rate_bytes", (double)sum * per_s);
}

static void add_files(struct json *json)
{
	json_open(json, "files", '{');
	for (enum file file = FILE_LATEST; file < FILES_OF_SLOT; file++)
		json_string(json, kinds[file].name ? kinds[file].name : "0", kinds[file].help);
	json_close(json, '}');
}

int render_slot(struct slot *slot, struct text *result)
{
	struct json json = {.spaces = true};
	struct babus_slot_info info;
	struct text text;
	int error = babus_slot_info(slot->bus, &info);

	if (error)
		return error;
	json.out = start(&text);
	if (!json.out)
		return -ENOMEM;
	info.lost += slot->lost;
	json_open(&json, NULL, '{');
	facts_slot(&json, slot->name, &info);
	add_rate(&json, slot, info.seq);
	error = facts_users(&json, slot->bus, &info);
	add_files(&json);
	json_end(&json);
	return finish(json.out, error, &text, result);
}

/* --- the domain ------------------------------------------------------------------------ */

struct visit {
	fuse_req_t req;
	struct fs *fs;
	FILE *out;
	struct json *json;            /* NULL: a metric */
	const struct slot_fact *fact; /* which one */
};

/* Any user may see a slot's name, as in the library; its facts need read permission. */
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

static void add_slot(const struct visit *visit, const char *name,
		     const struct babus_slot_info *info)
{
	if (!visit->json) {
		fprintf(visit->out, "%s{slot=\"%s\"} %" PRIu64 "\n", visit->fact->metric, name,
			slot_fact_number(visit->fact, info));
		return;
	}
	json_open(visit->json, NULL, '{');
	facts_slot(visit->json, name, info);
	json_close(visit->json, '}');
}

static int visit_slot(void *arg, const char *name)
{
	const struct visit *visit = arg;
	struct babus_slot_info info;
	struct slot *slot;

	if (slots_find(visit->fs->slots, name, &slot))
		return 0;
	if (look_at_slot(visit, slot, &info) == 0)
		add_slot(visit, name, &info);
	slot_put(slot);
	return 0;
}

static void add_mount(struct fs *fs, struct json *json)
{
	json_open(json, "babusfs", '{');
	json_string(json, "version", babus_version());
	json_number(json, "pid", (uint64_t)getpid());
	json_number(json, "started_ns", fs->start_ns);
	json_number(json, "threads", fs->options.threads);
	json_number(json, "max_pending", fs->memory.max);
	counters_json(fs, json);
	json_close(json, '}');
}

int render_bus(fuse_req_t req, struct fs *fs, struct text *result)
{
	struct text text;
	struct json json = {.out = start(&text), .spaces = true};
	struct visit visit = {.req = req, .fs = fs, .json = &json};
	int error;

	if (!json.out)
		return -ENOMEM;
	error = facts_open_domain(&json, babus_domain_name(fs->domain), fs->domain_path);
	if (error)
		return finish(json.out, error, &text, result);
	add_mount(fs, &json);
	json_open(&json, "slots", '[');
	error = babus_domain_list(fs->domain, visit_slot, &visit);
	json_close(&json, ']');
	json_end(&json);
	return finish(json.out, error, &text, result);
}

int render_metrics(fuse_req_t req, struct fs *fs, struct text *result)
{
	struct text text;
	struct visit visit = {.req = req, .fs = fs, .out = start(&text)};
	int error = 0;

	if (!visit.out)
		return -ENOMEM;
	for (const struct slot_fact *fact = slot_facts; !error && fact->key; fact++) {
		if (!fact->metric)
			continue;
		metric_head(visit.out, fact->metric, fact->help);
		visit.fact = fact;
		error = babus_domain_list(fs->domain, visit_slot, &visit);
	}
	counters_metrics(fs, visit.out);
	return finish(visit.out, error, &text, result);
}
