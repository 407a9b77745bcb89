/* SPDX-License-Identifier: MIT */
/* A name that ends with '=' or '-' is a prefix. */
#include "mount_option.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "log.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

/* libfuse passes these to the kernel or to fusermount3. */
static const char *const passed[] = {
    "ro",     "rw",       "suid",       "nosuid",      "dev",          "nodev",   "exec",
    "noexec", "sync",     "async",      "dirsync",     "noatime",      "fsname=", "auto_unmount",
    "atime",  "context=", "fscontext=", "defcontext=", "rootcontext=",
};

/* For mount(8), systemd and the boot, or always so. */
static const char *const ignored[] = {
    "defaults",   "auto",        "noauto",
    "user",       "user=",       "users",
    "nouser",     "nousers",     "owner",
    "noowner",    "group",       "nogroup",
    "nofail",     "_netdev",     "relatime",
    "norelatime", "strictatime", "lazytime",
    "diratime",   "nodiratime",  "default_permissions",
    "comment=",   "x-",          "X-",
};

static const struct refusal {
	const char *name, *why;
} refused[] = {
    {"remount", "cannot be changed while it is mounted; unmount it first"},
    {"allow_root", "not supported; use -o allow_other for other users"},
    {"max_read=", "cannot be changed; it is 1 MiB"},
    {"subtype=", "cannot be changed; it is babusfs"},
    {"drop_privileges", "not needed; babusfs gives up unneeded privileges by itself"},
    {"setuid=", "not possible; run babusfs as that user"},
};

static bool is_called(const char *text, const char *name)
{
	size_t length = strlen(name);
	bool is_prefix = name[length - 1] == '=' || name[length - 1] == '-';

	return is_prefix ? strncmp(text, name, length) == 0 : strcmp(text, name) == 0;
}

static bool is_in(const char *const *list, size_t count, const char *text)
{
	for (size_t i = 0; i < count; i++)
		if (is_called(text, list[i]))
			return true;
	return false;
}

enum mount_option mount_option_find(const char *text)
{
	if (is_in(passed, COUNT(passed), text))
		return MOUNT_OPTION_PASS;
	if (is_in(ignored, COUNT(ignored), text))
		return MOUNT_OPTION_IGNORE;
	for (size_t i = 0; i < COUNT(refused); i++) {
		if (!is_called(text, refused[i].name))
			continue;
		log_line("option -o %s: %s", text, refused[i].why);
		return MOUNT_OPTION_REFUSED;
	}
	return MOUNT_OPTION_NONE;
}

static void print_list(const char *title, const char *const *list, size_t count)
{
	enum {
		WIDTH = 78
	};
	int column = 1;

	printf("%s:\n ", title);
	for (size_t i = 0; i < count; i++) {
		if (column + 2 + (int)strlen(list[i]) > WIDTH)
			column = printf("\n ") - 1;
		column += printf(" %s%s", list[i], i + 1 < count ? "," : "\n");
	}
}

void mount_option_print(void)
{
	print_list("Options of the mount itself", passed, COUNT(passed));
	print_list("Accepted without effect here", ignored, COUNT(ignored));
}
