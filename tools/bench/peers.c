/* SPDX-License-Identifier: MIT */
/* The table of peers: a line for each that was built. */
#include "peer.h"

#include <string.h>

#include "peers.h"

const struct peer *const peers[] = {
    &peer_floor,      &peer_ring,        &peer_babus, &peer_pipe, &peer_unix, &peer_mq,
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

const struct peer *peer_find(const char *name)
{
	for (size_t i = 0; i < peer_count; i++) {
		if (strcmp(peers[i]->name, name) == 0)
			return peers[i];
	}
	return NULL;
}

const char *mode_name(enum mode mode)
{
	static const char *const names[MODES] = {"poll", "block", "adapt"};

	return names[mode];
}

void peer_send(struct end *end, size_t size)
{
	const struct peer *peer = end->rig->peer;

	peer->send(end, size);
	if (peer->flush)
		peer->flush(end);
}

void peer_receive(struct end *end, struct received *message, size_t size, uint64_t rest_ns)
{
	const struct peer *peer = end->rig->peer;

	while (!peer->receive(end, message)) {
		uint64_t next = rest_ns ? bench_now() + rest_ns : 0;

		do
			bench_pause();
		while (next && bench_now() < next);
	}
	if (message->size != size)
		bench_fail("%s: received %zu bytes, not %zu", peer->name, message->size, size);
}
