/* SPDX-License-Identifier: MIT */
/*
 * Messages of one size through stream descriptors, a pair of them for each
 * reader: what pipes and Unix sockets share. A write for each message: to gather
 * several is what libraries do that are built on these, and are peers here. A read
 * for each, too: reading ahead made pipes slower.
 */
#ifndef BABUS_BENCH_STREAM_H
#define BABUS_BENCH_STREAM_H

#include "peer.h"

/* Make one stream: fd[0] to read from, fd[1] to write to. */
int stream_prepare(struct rig *rig, int (*make)(int fd[2]));

void stream_open(struct end *end);
void *stream_buffer(struct end *end, size_t size);
void stream_send(struct end *end, size_t size);
bool stream_receive(struct end *end, struct received *message);
void stream_release(struct end *end, struct received *message);
void stream_close(struct end *end);
void stream_finish(struct rig *rig);

#endif
