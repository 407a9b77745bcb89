/* SPDX-License-Identifier: MIT */
/* One file, one peer: peer_NAME.c. */
#ifndef BABUS_BENCH_PEERS_H
#define BABUS_BENCH_PEERS_H

#include "peer.h"

extern const struct peer peer_floor, peer_ring, peer_babus, peer_pipe, peer_unix, peer_mq;
extern const struct peer peer_redis_unix, peer_redis_tcp, peer_zmq, peer_nng;
extern const struct peer peer_iceoryx, peer_cyclone, peer_cyclone_shm;

#endif
