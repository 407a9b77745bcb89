/* SPDX-License-Identifier: MIT */
/* All slots of a domain, in order of their names. */
#ifndef TOOLS_SLOTS_H
#define TOOLS_SLOTS_H

#include <babus/babus.h>

/*
 * Open each slot and call fn(arg, name, slot, error). A slot that cannot be opened
 * is NULL and has an error; one that is removed meanwhile is left out. 0, or an
 * error of the library: the domain cannot be listed.
 */
int slots_each(babus_domain *domain,
	       void (*fn)(void *arg, const char *name, babus_slot *slot, int error), void *arg);

#endif
