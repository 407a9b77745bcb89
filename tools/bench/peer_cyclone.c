/* SPDX-License-Identifier: MIT */
/*
 * Cyclone DDS, reliable, with discovery that stays on this machine: over UDP on the
 * loopback interface, and through shared memory, which is that of iceoryx. Messages
 * are read in samples lent by the reader, and in shared memory written in samples
 * lent by the writer; there at most 256 wait, and others are lost. Batches are on:
 * what follows at once goes in one packet.
 */
#include <dds/dds.h>
#include <dds/ddsc/dds_loan_api.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "blob.h"
#include "peer.h"

enum {
	TAKE = 64 /* samples at a time */
};

struct state {
	dds_entity_t participant, writer, reader, set;
	void *out; /* of end, or lent by the writer */
	void *got[TAKE];
	dds_sample_info_t info[TAKE];
	int next, taken; /* of these */
};

static const char settings[] =
    "<CycloneDDS><Domain>"
    "<General><Interfaces><NetworkInterface name=\"lo\" multicast=\"false\"/></Interfaces>"
    "<AllowMulticast>false</AllowMulticast>"
    "<MaxMessageSize>65500B</MaxMessageSize><FragmentSize>65000B</FragmentSize></General>"
    "<Discovery><ParticipantIndex>auto</ParticipantIndex>"
    "<MaxAutoParticipantIndex>40</MaxAutoParticipantIndex>"
    "<Peers><Peer address=\"127.0.0.1\"/></Peers></Discovery>"
    "<SharedMemory><Enable>%s</Enable><LogLevel>off</LogLevel></SharedMemory>"
    "<Internal><WriteBatch>true</WriteBatch></Internal>"
    "<Tracing><Verbosity>none</Verbosity></Tracing>"
    "</Domain></CycloneDDS>";

static const dds_topic_descriptor_t *const types[] = {
    &bench_blob64_desc, &bench_blob4096_desc, &bench_blob65536_desc, &bench_blob1048576_desc,
    &bench_blob6220800_desc};

static bool shares(const struct rig *rig)
{
	return rig->peer == &peer_cyclone_shm;
}

static dds_entity_t must(dds_entity_t result, const char *what)
{
	if (result < 0)
		bench_fail("cyclone: %s: %s", what, dds_strretcode(-result));
	return result;
}

static const dds_topic_descriptor_t *type_of(size_t size)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		if (types[i]->m_size == size)
			return types[i];
	}
	bench_fail("cyclone: no type of %zu bytes", size);
}

static dds_entity_t new_topic(struct end *end, unsigned channel)
{
	struct state *state = end->state;
	char name[64];

	snprintf(name, sizeof(name), "bench_%d_%u_%u", (int)getppid(), end->rig->run, channel);
	return must(dds_create_topic(state->participant, type_of(end->rig->size), name, NULL, NULL),
		    "topic");
}

static void open_end(struct end *end)
{
	struct state *state = end->state;
	dds_qos_t *qos = dds_create_qos();
	dds_entity_t condition;
	char uri[sizeof(settings) + 8];

	snprintf(uri, sizeof(uri), settings, shares(end->rig) ? "true" : "false");
	setenv("CYCLONEDDS_URI", uri, 1);
	dds_qset_reliability(qos, DDS_RELIABILITY_RELIABLE, DDS_SECS(10));
	/* Shared memory is for the last ones only. */
	dds_qset_history(qos, shares(end->rig) ? DDS_HISTORY_KEEP_LAST : DDS_HISTORY_KEEP_ALL,
			 (int32_t)end->rig->depth);
	state->participant = must(dds_create_participant(DDS_DOMAIN_DEFAULT, NULL, NULL),
				  "participant");
	if (end->publishes >= 0) {
		state->writer = must(dds_create_writer(state->participant,
						       new_topic(end, (unsigned)end->publishes),
						       qos, NULL),
				     "writer");
		state->out = end->out;
		if (dds_is_loan_available(state->writer) != shares(end->rig))
			bench_fail("cyclone: %s memory",
				   end->out ? "unasked for shared" : "no shared");
	}
	if (end->subscribes) {
		state->reader = must(dds_create_reader(state->participant,
						       new_topic(end, peer_channel(end)), qos,
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

static void *buffer(struct end *end)
{
	must(dds_loan_sample(end->state->writer, &end->state->out), "loan");
	return end->state->out;
}

static void send(struct end *end)
{
	must(dds_write(end->state->writer, end->state->out), "write");
}

static void flush(struct end *end)
{
	dds_write_flush(end->state->writer);
}

static void give_back(struct state *state)
{
	if (state->taken)
		must(dds_return_loan(state->reader, state->got, state->taken), "return");
	state->got[0] = NULL; /* lend us some more */
	state->next = state->taken = 0;
}

static bool receive(struct end *end, struct received *message)
{
	struct state *state = end->state;

	for (;;) {
		while (state->next < state->taken && !state->info[state->next].valid_data)
			state->next++;
		if (state->next < state->taken)
			break;
		give_back(state);
		state->taken = must(dds_take(state->reader, state->got, state->info, TAKE, TAKE),
				    "take");
		if (state->taken)
			continue;
		if (end->rig->mode == MODE_POLL)
			return false;
		must(dds_waitset_wait(state->set, NULL, 0, DDS_INFINITY), "wait");
	}
	*message = (struct received){.data = state->got[state->next++], .size = end->rig->size};
	return true;
}

/* All that were taken together, after the last of them. */
static void release(struct end *end)
{
	struct state *state = end->state;

	if (state->next == state->taken)
		give_back(state);
}

static void close_end(struct end *end)
{
	dds_delete(end->state->participant);
}

#define CYCLONE(variable, title, text, lends, needs) \
	const struct peer variable = {               \
	    .name = (title),                         \
	    .what = (text),                          \
	    .readers_max = 8,                        \
	    .in_place = (lends),                     \
	    .copies = !(lends),                      \
	    PEER_CALLS,                              \
	    .queues = !(lends),                      \
	    .settle = settle,                        \
	    .flush = flush,                          \
	    .service = (needs),                      \
	}

CYCLONE(peer_cyclone, "cyclonedds", "Cyclone DDS, reliable, UDP on the loopback interface", false,
	NULL);
CYCLONE(peer_cyclone_shm, "cyclonedds-shm", "Cyclone DDS, reliable, shared memory with loans", true,
	&roudi_service);
