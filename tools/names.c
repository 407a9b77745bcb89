/* SPDX-License-Identifier: MIT */
#include "names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct names {
	char **name;
	size_t count, room;
};

static int add_name(void *arg, const char *name)
{
	struct names *names = arg;
	char **grown;

	if (names->count == names->room) {
		grown = reallocarray(names->name, 2 * names->room + 16, sizeof(char *));
		if (!grown)
			return -ENOMEM;
		names->name = grown;
		names->room = 2 * names->room + 16;
	}
	names->name[names->count] = strdup(name);
	if (!names->name[names->count])
		return -ENOMEM;
	names->count++;
	return 0;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void names_free(char **names, size_t count)
{
	while (count--)
		free(names[count]);
	free(names);
}

int names_list(babus_domain *domain, char ***names, size_t *count)
{
	struct names found = {0};
	int error = babus_domain_list(domain, add_name, &found);

	if (error) {
		names_free(found.name, found.count);
		return error;
	}
	if (found.count)
		qsort(found.name, found.count, sizeof(char *), compare);
	*names = found.name;
	*count = found.count;
	return 0;
}
