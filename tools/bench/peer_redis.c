/* SPDX-License-Identifier: MIT */
/*
 * Redis streams: XADD with MAXLEN to a stream for each channel, XREAD from as
 * many as an end subscribes to. Unless the work wants to know that a message
 * has arrived, XADD's answer is read only when there is time, or too many are
 * due, so that the publisher does not wait for the server.
 */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "peer.h"

enum {
	DUE_MAX = 64
};

struct state {
	redisContext *to, *from;
	char key[CHANNELS_MAX][32], last[CHANNELS_MAX][48];
	unsigned due; /* answers to XADD */
	redisReply *reply;
	size_t stream, entry; /* the next in reply */
};

/* NULL, or in error: there is no server. */
static redisContext *try_to_connect(const struct rig *rig)
{
	return rig->peer == &peer_redis_unix ? redisConnectUnix(redis_socket())
					     : redisConnect("127.0.0.1", redis_port());
}

static redisContext *connect_to(const struct rig *rig)
{
	redisContext *context = try_to_connect(rig);

	if (!context || context->err)
		bench_fail("redis: %s", context ? context->errstr : "no memory");
	context->reader->maxbuf = 0; /* keep a large buffer */
	return context;
}

static redisReply *answer(redisContext *context)
{
	redisReply *reply = NULL;

	if (redisGetReply(context, (void **)&reply) != REDIS_OK)
		bench_fail("redis: %s", context->errstr);
	if (reply->type == REDIS_REPLY_ERROR)
		bench_fail("redis: %s", reply->str);
	return reply;
}

static void open_end(struct end *end)
{
	struct state *state = end->state;

	for (unsigned i = 0; i < end->rig->channels; i++) {
		strcpy(state->key[i], peer_channel_name(end->rig, i));
		strcpy(state->last[i], "0-0");
	}
	if (end->publishes >= 0)
		state->to = connect_to(end->rig);
	if (end->subscribes)
		state->from = connect_to(end->rig);
}

static void send(struct end *end)
{
	struct state *state = end->state;
	const struct rig *rig = end->rig;
	char depth[16];
	const char *argv[] = {"XADD",   state->key[end->publishes],
			      "MAXLEN", rig->depth < 100 ? "=" : "~",
			      depth,    "*",
			      "d",      end->out};
	size_t length[8];

	snprintf(depth, sizeof(depth), "%u", rig->depth);
	for (int i = 0; i < 7; i++)
		length[i] = strlen(argv[i]);
	length[7] = end->size;
	if (redisAppendCommandArgv(state->to, 8, argv, length) != REDIS_OK)
		bench_fail("redis: %s", state->to->errstr);
	state->due++;
}

static void flush(struct end *end)
{
	struct state *state = end->state;
	int done = 0;

	while (!done) {
		if (redisBufferWrite(state->to, &done) != REDIS_OK)
			bench_fail("redis: %s", state->to->errstr);
	}
	while (state->due > (end->rig->acknowledged ? 0 : DUE_MAX)) {
		freeReplyObject(answer(state->to));
		state->due--;
	}
}

static void ask(struct end *end)
{
	struct state *state = end->state;
	const char *argv[6 + 2 * CHANNELS_MAX] = {"XREAD", "COUNT", end->latest ? "1" : "1000"};
	int count = 3, channels = __builtin_popcount(end->subscribes), at;

	if (end->rig->mode != MODE_POLL) {
		argv[count++] = "BLOCK";
		argv[count++] = "0";
	}
	argv[count++] = "STREAMS";
	at = count;
	for (unsigned i = 0; i < end->rig->channels; i++) {
		if (!(end->subscribes >> i & 1))
			continue;
		argv[at] = state->key[i];
		argv[at + channels] = state->last[i];
		at++;
	}
	count += 2 * channels;
	if (redisAppendCommandArgv(state->from, count, argv, NULL) != REDIS_OK)
		bench_fail("redis: %s", state->from->errstr);
	state->reply = answer(state->from);
	state->stream = state->entry = 0;
	if (state->reply->type != REDIS_REPLY_ARRAY) { /* nothing new */
		freeReplyObject(state->reply);
		state->reply = NULL;
	}
}

/* The next message of the reply; gives it up when there is no more. */
static bool take(struct end *end, struct received *message)
{
	struct state *state = end->state;
	const redisReply *stream, *entry, *value;

	while (state->reply && state->stream < state->reply->elements) {
		stream = state->reply->element[state->stream];
		if (state->entry == stream->element[1]->elements) {
			state->stream++;
			state->entry = 0;
			continue;
		}
		entry = stream->element[1]->element[state->entry++];
		value = entry->element[1]->element[1];
		message->channel = (unsigned)atoi(strchr(stream->element[0]->str, '.') + 1);
		message->data = value->str;
		message->size = (size_t)value->len;
		snprintf(state->last[message->channel], sizeof(state->last[0]), "%s",
			 entry->element[0]->str);
		return true;
	}
	freeReplyObject(state->reply);
	state->reply = NULL;
	return false;
}

static bool receive(struct end *end, struct received *message)
{
	while (!take(end, message)) {
		ask(end);
		if (!end->state->reply && end->rig->mode == MODE_POLL)
			return false;
	}
	return true;
}

static void close_end(struct end *end)
{
	struct state *state = end->state;

	for (; state->due; state->due--)
		freeReplyObject(answer(state->to));
	freeReplyObject(state->reply);
	redisFree(state->to);
	redisFree(state->from);
}

/* If the server has ended, or hangs, its streams do not matter any more. */
static void finish(struct rig *rig)
{
	struct timeval patience = {.tv_sec = 2};
	redisContext *context = try_to_connect(rig);

	if (context && !context->err && redisSetTimeout(context, patience) == REDIS_OK) {
		for (unsigned i = 0; i < rig->channels && !context->err; i++)
			freeReplyObject(
			    redisCommand(context, "UNLINK %s", peer_channel_name(rig, i)));
	}
	redisFree(context);
}

#define REDIS(variable, title, text)            \
	const struct peer variable = {          \
	    .name = (title),                    \
	    .what = (text),                     \
	    .readers_max = 1000,                \
	    .copies = true,                     \
	    .many = true,                       \
	    .state_size = sizeof(struct state), \
	    .queues = true,                     \
	    .open = open_end,                   \
	    .send = send,                       \
	    .flush = flush,                     \
	    .receive = receive,                 \
	    .close = close_end,                 \
	    .finish = finish,                   \
	    .service = &redis_service,          \
	}

REDIS(peer_redis_unix, "redis-unix", "Redis streams over a Unix socket");
REDIS(peer_redis_tcp, "redis-tcp", "Redis streams over TCP");
