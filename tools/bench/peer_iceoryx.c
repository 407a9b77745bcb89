/* SPDX-License-Identifier: MIT */
/*
 * iceoryx 2.0 by its C binding: loans and views, no copy.
 */
#include <iceoryx_binding_c/log.h>
#include <iceoryx_binding_c/publisher.h>
#include <iceoryx_binding_c/runtime.h>
#include <iceoryx_binding_c/subscriber.h>
#include <iceoryx_binding_c/wait_set.h>
#include <stdio.h>
#include <unistd.h>

#include "peer.h"

enum {
	QUEUE_MAX = 256 /* that iceoryx is built for */
};

struct state {
	iox_pub_storage_t pub_storage;
	iox_sub_storage_t sub_storage;
	iox_ws_storage_t set_storage;
	iox_pub_t out;
	iox_sub_t in;
	iox_ws_t set;
	void *chunk;
	const void *got;
};

static void open_out(struct end *end)
{
	struct state *state = end->state;
	iox_pub_options_t options;

	iox_pub_options_init(&options);
	options.subscriberTooSlowPolicy = ConsumerTooSlowPolicy_WAIT_FOR_CONSUMER;
	state->out = iox_pub_init(&state->pub_storage, "bench", "channel",
				  peer_channel_name(end->rig, (unsigned)end->publishes), &options);
}

static void open_in(struct end *end)
{
	struct state *state = end->state;
	iox_sub_options_t options;

	iox_sub_options_init(&options);
	options.queueCapacity = end->rig->depth < QUEUE_MAX ? end->rig->depth : QUEUE_MAX;
	options.queueFullPolicy = QueueFullPolicy_BLOCK_PRODUCER;
	state->in = iox_sub_init(&state->sub_storage, "bench", "channel",
				 peer_channel_name(end->rig, peer_channel(end)), &options);
	if (end->rig->mode == MODE_POLL)
		return;
	state->set = iox_ws_init(&state->set_storage);
	if (iox_ws_attach_subscriber_event(state->set, state->in, SubscriberEvent_DATA_RECEIVED, 1,
					   NULL) != WaitSetResult_SUCCESS)
		bench_fail("iceoryx: the wait set is full");
}

static void open_end(struct end *end)
{
	char name[32];

	snprintf(name, sizeof(name), ROUDI_CLIENT "%d", (int)getppid(), (int)getpid());
	iox_set_loglevel(Iceoryx_LogLevel_Off);
	iox_runtime_init(name);
	if (end->publishes >= 0)
		open_out(end);
	if (end->subscribes)
		open_in(end);
}

/* RouDi connects them within its next round. */
static void settle(struct end *end)
{
	struct state *state = end->state;

	while (state->in && iox_sub_get_subscription_state(state->in) != SubscribeState_SUBSCRIBED)
		bench_sleep(1000000);
}

static void *buffer(struct end *end)
{
	struct state *state = end->state;

	if (iox_pub_loan_chunk(state->out, &state->chunk, (uint32_t)end->size) !=
	    AllocationResult_SUCCESS)
		bench_fail("iceoryx: no chunk of %zu bytes", end->size);
	return state->chunk;
}

static void send(struct end *end)
{
	iox_pub_publish_chunk(end->state->out, end->state->chunk);
}

static bool receive(struct end *end, struct received *message)
{
	struct state *state = end->state;
	iox_notification_info_t news[1];
	uint64_t missed;

	while (iox_sub_take_chunk(state->in, &state->got) != ChunkReceiveResult_SUCCESS) {
		if (end->rig->mode == MODE_POLL)
			return false;
		iox_ws_wait(state->set, news, 1, &missed);
	}
	*message = (struct received){.data = state->got, .size = end->rig->size};
	return true;
}

static void release(struct end *end)
{
	iox_sub_release_chunk(end->state->in, end->state->got);
}

static void close_end(struct end *end)
{
	struct state *state = end->state;

	if (state->set) {
		iox_ws_detach_subscriber_event(state->set, state->in,
					       SubscriberEvent_DATA_RECEIVED);
		iox_ws_deinit(state->set);
	}
	if (state->in)
		iox_sub_deinit(state->in);
	if (state->out)
		iox_pub_deinit(state->out);
	iox_runtime_shutdown();
}

const struct peer peer_iceoryx = {
    .name = "iceoryx",
    .what = "iceoryx 2.0, loans and views",
    .readers_max = 64,
    .in_place = true,
    .queues = true,
    PEER_CALLS,
    .settle = settle,
    .service = &roudi_service,
};
