/* SPDX-License-Identifier: MIT */
/*
 * One event loop serves two waiters, a socket and a timer, while another process publishes and
 * writes at full speed. Everything arrives, and no report is without cause.
 */
#ifndef BABUS_TESTS_LOOP_SCENE_H
#define BABUS_TESTS_LOOP_SCENE_H

#include "looper.h"

/* For a case with a domain. */
void loop_scene_run(const struct looper_kind *kind);

#endif
