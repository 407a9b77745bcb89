/* SPDX-License-Identifier: MIT */
/* The programs that orders.c runs. */
#ifndef BABUS_MODEL_LITMUS_H
#define BABUS_MODEL_LITMUS_H

#include "c11.h"

/* Each ends with one without a name. */
extern const struct c11_program litmus_programs[]; /* what is known of the memory models */
extern const struct c11_program ring_programs[];
extern const struct c11_program wait_programs[];

#endif
