/* SPDX-License-Identifier: MIT */
/*
 * One event loop that serves two waiters, a socket and a timer, while another
 * process publishes and writes at full speed: all of it arrives, and nothing is
 * told for nothing.
 */
#ifndef BABUS_TESTS_LOOP_SCENE_H
#define BABUS_TESTS_LOOP_SCENE_H

#include "looper.h"

/* In a case with a domain. */
void loop_scene_run(const struct looper_kind *kind);

#endif
