/* SPDX-License-Identifier: MIT */
#include "slotinfo.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
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

void slotinfo_json(struct json *json, const char *name, const struct babus_slot_info *info)
{
	char text[32];

	json_string(json, "slot", name);
	json_string(json, "type", info->type);
	json_string(json, "description", info->description);
	json_number(json, "seq", info->seq);
	json_number(json, "first_seq", info->first_seq);
	json_number(json, "kept", info->kept);
	json_number(json, "depth", info->depth);
	json_number(json, "limit", info->max_size);
	json_number(json, "size", info->size);
	json_number(json, "time_ns", babus_wall_time(info->time_ns));
	json_number(json, "time_boot_ns", info->time_ns);
	json_number(json, "pid", info->pid);
	json_number(json, "publisher", info->publisher);
	json_number(json, "origin", info->origin);
	json_number(json, "channel", info->channel);
	json_number(json, "loans", info->loans);
	json_number(json, "pins", info->pins);
	json_number(json, "publishers", info->publishers);
	json_number(json, "readers", info->readers);
	json_number(json, "lost", info->lost);
	json_number(json, "bytes_used", info->bytes_used);
	json_number(json, "bytes_max", info->bytes_max);
	snprintf(text, sizeof(text), "%04o", info->mode);
	json_string(json, "mode", text);
	json_number(json, "uid", info->uid);
	json_number(json, "gid", info->gid);
	json_number(json, "created_ns", info->created_ns);
	snprintf(text, sizeof(text), "%016" PRIx64, info->instance);
	json_string(json, "instance", text);
}
