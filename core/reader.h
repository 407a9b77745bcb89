/* SPDX-License-Identifier: MIT */
/* What a waiter needs to know of a reader. */
#ifndef BABUS_READER_H
#define BABUS_READER_H

#include <stdbool.h>

#include <babus/babus.h>

#include "layout.h"

/* Whether there is a message after the cursor; negative errno if the slot is gone. */
int reader_look(const babus_reader *reader, bool *news);

/* Where it is marked that somebody waits for its news. */
struct layout_place reader_place(const babus_reader *reader);

#endif
