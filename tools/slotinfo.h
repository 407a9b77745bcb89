/* SPDX-License-Identifier: MIT */
/* What ls and info tell about slots. */
#ifndef TOOLS_SLOTINFO_H
#define TOOLS_SLOTINFO_H

#include <babus/babus.h>

#include "common/json.h"

/* Names of the domain's slots, sorted; free with names_free(). 0 or negative errno. */
int names_list(babus_domain *domain, char ***names, size_t *count);
void names_free(char **names, size_t count);

/* Members of an open object: the slot's name and facts. */
void slotinfo_json(struct json *json, const char *name, const struct babus_slot_info *info);

#endif
