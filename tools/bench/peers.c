/* SPDX-License-Identifier: MIT */
/* The table of peers: those that were built. And what they share. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "peer.h"

#define SCHEME "ipc://"

const struct peer *const peers[] = {
    &peer_floor,      &peer_floor_2,     &peer_ring, &peer_babus,
    &peer_babus_deep, &peer_pipe,        &peer_unix, &peer_mq,
#ifdef HAVE_HIREDIS
    &peer_redis_unix, &peer_redis_tcp,
#endif
#ifdef HAVE_ZMQ
    &peer_zmq,
#endif
#ifdef HAVE_NNG
    &peer_nng,
#endif
#ifdef HAVE_ICEORYX
    &peer_iceoryx,
#endif
#ifdef HAVE_CYCLONE
    &peer_cyclone,    &peer_cyclone_shm,
#endif
};
const size_t peer_count = sizeof(peers) / sizeof(*peers);

bool peer_has(const struct peer *peer, enum mode mode)
{
	return (peer->modes ? peer->modes : 1 << MODE_POLL | 1 << MODE_BLOCK) >> mode & 1;
}

const char *mode_name(enum mode mode)
{
	static const char *const names[MODES] = {"poll", "block", "adapt"};

	return names[mode];
}

static size_t memory_size(const struct rig *rig)
{
	return (rig->peer->memory(rig) + 4095) / 4096 * 4096;
}

void *peer_memory(const struct rig *rig, unsigned channel)
{
	return (char *)rig->memory + channel * memory_size(rig);
}

int peer_prepare(struct rig *rig)
{
	static unsigned runs;
	const struct service *service = rig->peer->service;
	int error = service ? service->start(rig->why) : 0;

	rig->run = ++runs;
	if (error)
		return error;
	if (service)
		rig->daemon = service->pid();
	if (rig->peer->memory)
		rig->memory = bench_shared(rig->channels * memory_size(rig));
	return rig->peer->prepare ? rig->peer->prepare(rig) : 0;
}

void peer_finish(struct rig *rig)
{
	if (rig->peer->finish)
		rig->peer->finish(rig);
	if (rig->peer->memory)
		bench_unshare(rig->memory, rig->channels * memory_size(rig));
}

void peer_open(struct end *end)
{
	const struct peer *peer = end->rig->peer;

	end->state = bench_memory(peer->state_size);
	if (peer->copies) {
		end->out = bench_memory(end->rig->size);
		end->in = bench_memory(end->rig->size);
	}
	if (peer->open)
		peer->open(end);
}

void peer_close(struct end *end)
{
	if (end->rig->peer->close)
		end->rig->peer->close(end);
	free(end->out);
	free(end->in);
	free(end->state);
}

const char *peer_channel_name(const struct rig *rig, unsigned channel)
{
	static _Thread_local char name[32];

	snprintf(name, sizeof(name), "run%u.%u", rig->run, channel);
	return name;
}

const char *peer_ipc_address(const struct rig *rig, unsigned channel)
{
	static _Thread_local char address[300];

	snprintf(address, sizeof(address), SCHEME "%s/%s", bench_dir(),
		 peer_channel_name(rig, channel));
	return address;
}

void peer_ipc_finish(struct rig *rig)
{
	for (unsigned i = 0; i < rig->channels; i++)
		unlink(peer_ipc_address(rig, i) + strlen(SCHEME));
}
