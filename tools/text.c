/* SPDX-License-Identifier: MIT */
#include "text.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>

void text_size(char *text, size_t room, uint64_t bytes)
{
	static const char units[] = "BKMGTPE";
	double value = (double)bytes;
	int unit = 0;

	if (bytes < 10000) {
		snprintf(text, room, "%ju", (uintmax_t)bytes);
		return;
	}
	while (value >= 999.5 && units[unit + 1]) {
		value /= 1024;
		unit++;
	}
	if (value == (double)(uint64_t)value || value >= 99.95)
		snprintf(text, room, "%.0f%c", value, units[unit]);
	else
		snprintf(text, room, "%.*f%c", value < 9.995 ? 2 : 1, value, units[unit]);
}

void text_age(char *text, size_t room, uint64_t then_ns, uint64_t now_ns)
{
	double s = now_ns > then_ns ? (double)(now_ns - then_ns) / 1e9 : 0;

	if (s < 1e-3)
		snprintf(text, room, "%.0fus", s * 1e6);
	else if (s < 1)
		snprintf(text, room, "%.0fms", s * 1e3);
	else if (s < 60)
		snprintf(text, room, "%.1fs", s);
	else if (s < 3600)
		snprintf(text, room, "%.0fmin", s / 60);
	else if (s < 48 * 3600)
		snprintf(text, room, "%.0fh", s / 3600);
	else
		snprintf(text, room, "%.0fd", s / 86400);
}

void text_user(char *text, size_t room, unsigned uid)
{
	const struct passwd *entry = getpwuid(uid);

	if (entry)
		snprintf(text, room, "%s", entry->pw_name);
	else
		snprintf(text, room, "%u", uid);
}

void text_group(char *text, size_t room, unsigned gid)
{
	const struct group *entry = getgrgid(gid);

	if (entry)
		snprintf(text, room, "%s", entry->gr_name);
	else
		snprintf(text, room, "%u", gid);
}
