/* SPDX-License-Identifier: MIT */
/*
 * Cyclone DDS over UDP on the loopback interface, reliable, with discovery that
 * stays on this machine. Messages are read in samples lent by the reader.
 */
#include <dds/dds.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "blob.h"
#include "peers.h"

struct state {
	dds_entity_t participant, writer, reader, set;
	bench_blob out;
	void *got;
};

static const char settings[] =
    "<CycloneDDS><Domain>"
    "<General><Interfaces><NetworkInterface name=\"lo\" multicast=\"false\"/></Interfaces>"
    "<AllowMulticast>false</AllowMulticast>"
    "<MaxMessageSize>65500B</MaxMessageSize><FragmentSize>65000B</FragmentSize></General>"
    "<Discovery><ParticipantIndex>auto</ParticipantIndex>"
    "<MaxAutoParticipantIndex>40</MaxAutoParticipantIndex>"
    "<Peers><Peer address=\"127.0.0.1\"/></Peers></Discovery>"
    "<Tracing><Verbosity>none</Verbosity></Tracing>"
    "</Domain></CycloneDDS>";

static dds_entity_t must(dds_entity_t result, const char *what)
{
	if (result < 0)
		bench_fail("cyclone: %s: %s", what, dds_strretcode(-result));
	return result;
}

static dds_entity_t new_topic(struct end *end, unsigned channel)
{
	struct state *state = end->state;
	char name[64];

	snprintf(name, sizeof(name), "bench_%d_%u_%u", (int)getppid(), end->rig->run, channel);
	return must(dds_create_topic(state->participant, &bench_blob_desc, name, NULL, NULL),
		    "topic");
}

static void open_end(struct end *end)
{
	struct state *state = bench_memory(sizeof(*state));
	dds_qos_t *qos = dds_create_qos();
	dds_entity_t condition;

	end->state = state;
	setenv("CYCLONEDDS_URI", settings, 1);
	dds_qset_reliability(qos, DDS_RELIABILITY_RELIABLE, DDS_SECS(10));
	dds_qset_history(qos, DDS_HISTORY_KEEP_LAST, (int32_t)end->rig->depth);
	state->participant = must(dds_create_participant(DDS_DOMAIN_DEFAULT, NULL, NULL),
				  "participant");
	if (end->publishes >= 0) {
		state->writer = must(dds_create_writer(state->participant,
						       new_topic(end, (unsigned)end->publishes),
						       qos, NULL),
				     "writer");
		state->out.data._buffer = bench_memory(end->rig->size);
		state->out.data._maximum = (uint32_t)end->rig->size;
	}
	if (end->subscribes) {
		state->reader = must(
		    dds_create_reader(state->participant,
				      new_topic(end, (unsigned)__builtin_ctz(end->subscribes)), qos,
				      NULL),
		    "reader");
		condition = must(dds_create_readcondition(state->reader, DDS_ANY_STATE),
				 "condition");
		state->set = must(dds_create_waitset(state->participant), "wait set");
		must(dds_waitset_attach(state->set, condition, 0), "attach");
	}
	dds_delete_qos(qos);
}

/* Until each writer knows its readers and each reader its writer. */
static void settle(struct end *end)
{
	struct state *state = end->state;
	dds_publication_matched_status_t readers = {0};
	dds_subscription_matched_status_t writers = {0};

	while ((state->writer && readers.current_count < end->rig->readers) ||
	       (state->reader && writers.current_count < 1)) {
		bench_sleep(1000000);
		if (state->writer)
			must(dds_get_publication_matched_status(state->writer, &readers), "status");
		if (state->reader)
			must(dds_get_subscription_matched_status(state->reader, &writers),
			     "status");
	}
}

static void *buffer(struct end *end, size_t size)
{
	struct state *state = end->state;

	state->out.data._length = (uint32_t)size;
	return state->out.data._buffer;
}

static void send(struct end *end, size_t size)
{
	struct state *state = end->state;

	(void)size;
	must(dds_write(state->writer, &state->out), "write");
}

static bool receive(struct end *end, struct received *message)
{
	struct state *state = end->state;
	dds_sample_info_t info;
	const bench_blob *blob;

	state->got = NULL;
	while (must(dds_take(state->reader, &state->got, &info, 1, 1), "take") == 0 ||
	       !info.valid_data) {
		if (state->got)
			dds_return_loan(state->reader, &state->got, 1);
		state->got = NULL;
		if (end->rig->mode == MODE_POLL)
			return false;
		must(dds_waitset_wait(state->set, NULL, 0, DDS_INFINITY), "wait");
	}
	blob = state->got;
	*message = (struct received){.data = blob->data._buffer, .size = blob->data._length};
	return true;
}

static void release(struct end *end, struct received *message)
{
	struct state *state = end->state;

	(void)message;
	must(dds_return_loan(state->reader, &state->got, 1), "return");
}

static void close_end(struct end *end)
{
	struct state *state = end->state;

	dds_delete(state->participant);
	free(state->out.data._buffer);
	free(state);
}

const struct peer peer_cyclone = {
    .name = "cyclonedds",
    .what = "Cyclone DDS, reliable, UDP on the loopback interface",
    .group = "peer",
    .modes = 1 << MODE_POLL | 1 << MODE_BLOCK,
    .readers_max = 8,
    .queues = true,
    .open = open_end,
    .settle = settle,
    .buffer = buffer,
    .send = send,
    .receive = receive,
    .release = release,
    .close = close_end,
};
