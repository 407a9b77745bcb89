/* SPDX-License-Identifier: MIT */
/* Several slots: all of a domain in order of their names, or those with given names. */
#ifndef TOOLS_SLOTS_H
#define TOOLS_SLOTS_H

#include <babus/babus.h>

#include "tool.h"

/*
 * Open each slot and call fn(arg, name, slot, error). A slot that cannot be opened
 * is NULL and has an error; one that is removed meanwhile is left out. 0, or an
 * error of the library: the domain cannot be listed.
 */
int slots_each(babus_domain *domain,
	       void (*fn)(void *arg, const char *name, babus_slot *slot, int error), void *arg);

/*
 * Open the domain, and each slot of `names`, which ends with NULL; call fn(arg, slot),
 * which returns an exit status. A failure does not keep the others from it. Returns
 * the exit status, of the last failure.
 */
int slots_named(struct tool *tool, unsigned flags, char **names,
		int (*fn)(void *arg, babus_slot *slot), void *arg);

#endif
