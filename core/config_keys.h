/* SPDX-License-Identifier: MIT */
/*
 * The keys of babus.ini and their values. Knows no file and no line beyond the
 * number it is given.
 */
#ifndef BABUS_CONFIG_KEYS_H
#define BABUS_CONFIG_KEYS_H

#include <babus/babus.h>

/* Sections; a key may stand in several. */
enum {
	CONFIG_NO_SECTION = 0,
	CONFIG_DOMAIN = 1 << 0,
	CONFIG_DEFAULTS = 1 << 1,
	CONFIG_SLOT = 1 << 2,
	CONFIG_BABUSFS = 1 << 3,
	CONFIG_SLOTS = CONFIG_DEFAULTS | CONFIG_SLOT,
};

enum {
	CONFIG_KEYS = 26
};

/* What sections say; line[k] is where key k was given, 0 if it was not. */
struct config_values {
	int line[CONFIG_KEYS];         /* set by the caller that takes values */
	const char *text[CONFIG_KEYS]; /* of [babusfs], as written */
	const char *domain_name;
	struct babus_domain_options domain;
	struct babus_slot_options slot;
};

/* Index of a key in a section, or -1. */
int babus_config_key_find(unsigned section, const char *name);
/* What its value has to be, for people. */
const char *babus_config_key_expected(int k);
/* The keys of a section, for people. */
void babus_config_key_list(unsigned section, char *text, size_t size);

void babus_config_values_init(struct config_values *values);
void babus_config_values_finish(struct config_values *values);
/* Read a value. 0, -EINVAL (not what is expected) or -ENOMEM. */
int babus_config_values_take(int k, const char *text, struct config_values *values);
/* Put what these sections say about slots over `opts`. */
void babus_config_values_slot(const struct config_values *values, struct babus_slot_options *opts);
/* The text of a key of [babusfs], or its default. Lives as long as `values`. */
const char *babus_config_values_text(const struct config_values *values, int k);

#endif
