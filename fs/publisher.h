/* SPDX-License-Identifier: MIT */
/*
 * A slot's publishing handle. It takes a loan from native publishers, so it is
 * closed soon after the last writer; one message at a time is published through
 * it, so one loan is all that a mount ever takes.
 */
#ifndef FS_PUBLISHER_H
#define FS_PUBLISHER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <babus/babus.h>

struct slot;

struct publisher {
	pthread_mutex_t lock; /* protects what follows; one loan at a time */
	babus_slot *bus;      /* NULL: not open */
	unsigned writers;     /* open files that may publish */
	int64_t until_ns;     /* without writers: to be closed then */
};

void publisher_init(struct publisher *publisher);
void publisher_finish(struct publisher *publisher);

/* A writer came, or went. The first needs the right and a loan of the slot. */
int publisher_add_writer(struct slot *slot);
void publisher_drop_writer(struct slot *slot);

/* Publish on behalf of `pid`; by a slot with a writer. */
int publisher_publish(struct slot *slot, const void *data, size_t size, pid_t pid);

/* Whether a message of `size` bytes would find memory now: 0 or the error. */
int publisher_probe(struct slot *slot, size_t size);

/* Close it if it is overdue at `now_ns`; whether it is left for later. */
bool publisher_sweep(struct slot *slot, int64_t now_ns);

#endif
