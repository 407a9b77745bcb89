/* SPDX-License-Identifier: MIT */
/*
 * Opens that were answered with ESTALE and that the kernel tries once more,
 * from the look-up on: which thread of the system it was, and for which node.
 */
#ifndef FS_RETRY_H
#define FS_RETRY_H

#include "fs.h"

int retries_open(struct retries **retries);
void retries_close(struct retries *retries);

/* The open of that node by `pid` is to be tried again. -ENOMEM. */
int retries_add(struct retries *retries, pid_t pid, uint64_t node);

/* The node whose open `pid` is to try again, 0: none. */
uint64_t retries_find(struct retries *retries, pid_t pid);

/* It was tried again, with success. */
void retries_remove(struct retries *retries, pid_t pid);

#endif
