/* SPDX-License-Identifier: MIT */
/* The domain of the benchmark: private, and removed at its end. */
#ifndef BABUS_BENCH_DOMAIN_H
#define BABUS_BENCH_DOMAIN_H

#include <babus/babus.h>

#define DOMAIN_NAME "bench"

/* The calling process's own handle, the same one each time. */
babus_domain *domain_get(void);

/* A new slot, opened for publishing. */
babus_slot *domain_new_slot(const char *name, const struct babus_slot_options *opts);

/* The same with a name that no other slot has. domain_drop() removes it. */
babus_slot *domain_temporary(const struct babus_slot_options *opts);
void domain_drop(babus_slot *slot);

/* An existing slot. */
babus_slot *domain_open_slot(const char *name, unsigned flags);

/* Publish a copy of this, or fail. */
void domain_publish(babus_slot *slot, const void *data, size_t size);

/*
 * What it takes to publish 64 B on these slots in turn: ns for one, the median of so many
 * short stretches.
 */
double domain_time_publish(babus_slot *const *slots, unsigned slot_count, unsigned stretches);

void domain_remove(void);

#endif
