/* SPDX-License-Identifier: MIT */
#include "ipc.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SCHEME "ipc://"

void ipc_address(const struct rig *rig, unsigned channel, char address[IPC_ADDRESS_MAX])
{
	snprintf(address, IPC_ADDRESS_MAX, SCHEME "%s/%s.%u.%u", bench_dir(), rig->peer->name,
		 rig->run, channel);
}

void ipc_finish(struct rig *rig)
{
	char address[IPC_ADDRESS_MAX];

	for (unsigned i = 0; i < rig->channels; i++) {
		ipc_address(rig, i, address);
		unlink(address + strlen(SCHEME));
	}
}
