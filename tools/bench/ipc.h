/* SPDX-License-Identifier: MIT */
/* Where peers that name their sockets by a path have them: a file per run and channel. */
#ifndef BABUS_BENCH_IPC_H
#define BABUS_BENCH_IPC_H

#include "peer.h"

enum {
	IPC_ADDRESS_MAX = 300
};

/* "ipc://" and the path of a channel's socket. */
void ipc_address(const struct rig *rig, unsigned channel, char address[IPC_ADDRESS_MAX]);

/* For `finish`: processes that failed leave their sockets. */
void ipc_finish(struct rig *rig);

#endif
