/* SPDX-License-Identifier: MIT */
/* What other calls that own buffers need of publishing. */
#ifndef BABUS_PUBLISH_H
#define BABUS_PUBLISH_H

#include "slot.h"

/* Check that the handle may publish so many bytes, and lease a token, with which it may own
   a buffer. */
int publish_begin(babus_slot *slot, uint64_t size, uint32_t *token);
void publish_end(babus_slot *slot, uint32_t token);

#endif
