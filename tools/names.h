/* SPDX-License-Identifier: MIT */
/* The names of a domain's slots, sorted. */
#ifndef TOOLS_NAMES_H
#define TOOLS_NAMES_H

#include <babus/babus.h>

/* Free them with names_free(). 0 or negative errno. */
int names_list(babus_domain *domain, char ***names, size_t *count);
void names_free(char **names, size_t count);

#endif
