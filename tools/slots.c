/* SPDX-License-Identifier: MIT */
#include "slots.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "out.h"

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

int slots_each(babus_domain *domain,
	       void (*fn)(void *arg, const char *name, babus_slot *slot, int error), void *arg)
{
	struct names names = {0};
	int error = babus_domain_list(domain, add_name, &names);

	if (!error && names.count)
		qsort(names.name, names.count, sizeof(char *), compare);
	for (size_t i = 0; !error && i < names.count; i++) {
		babus_slot *slot = NULL;
		int failed = babus_slot_open(domain, names.name[i], BABUS_READ, NULL, &slot);

		if (failed != -ENOENT && failed != -ENODEV)
			fn(arg, names.name[i], slot, failed);
		babus_slot_close(slot);
	}
	for (size_t i = 0; i < names.count; i++)
		free(names.name[i]);
	free(names.name);
	return error;
}

int slots_named(struct tool *tool, unsigned flags, char **names,
		int (*fn)(void *arg, babus_slot *slot), void *arg)
{
	int one, status = tool_open(tool, BABUS_READ);
	babus_slot *slot;

	for (; tool->bus && *names && out_ok(); names++) {
		one = tool_open_slot(tool, *names, flags, NULL, &slot);
		if (!one) {
			one = fn(arg, slot);
			babus_slot_close(slot);
		}
		status = one ? one : status;
	}
	return status;
}
