/* SPDX-License-Identifier: MIT */
/*
 * Fuzzing of babus.ini: any file is a configuration or one line of error, and
 * what was loaded answers every question.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <babus/config.h>

#include "scene.h"

static int file;
static char path[64];

int LLVMFuzzerInitialize(int *count, char ***arguments);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
	(void)count;
	(void)arguments;
	unsetenv("BABUS_DOMAIN");
	unsetenv("BABUS_CONFIG");
	file = memfd_create("babus.ini", MFD_CLOEXEC);
	HOLDS(file >= 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	return 0;
}

static void ask(const babus_config *config, const char *name)
{
	static const char *const keys[] = {"mountpoint", "allow_other", "list_all", "no such key"};
	struct babus_domain_options domain;
	struct babus_slot_options slot;

	HOLDS(babus_config_domain(config, &domain));
	HOLDS(!babus_name_check(babus_config_domain(config, &domain)));
	babus_config_slot(config, name, &slot);
	HOLDS(slot.depth >= 1 && slot.loans >= 1 && slot.pins >= 1 && slot.max_size >= 1);
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		babus_config_babusfs(config, keys[i]);
}

/* The input's start as a word of its own. */
static void parse_word(const uint8_t *data, size_t size)
{
	char word[64];
	uint64_t number;

	if (size >= sizeof(word))
		size = sizeof(word) - 1;
	if (size)
		memcpy(word, data, size);
	word[size] = '\0';
	CALL(babus_config_parse_size(word, &number), -EINVAL);
	CALL(babus_config_parse_duration(word, &number), -EINVAL);
	CALL(babus_name_check(word), -EINVAL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	babus_config *config;

	parse_word(data, size);
	HOLDS(!ftruncate(file, 0));
	HOLDS(pwrite(file, data, size, 0) == (ssize_t)size);
	if (CALL(babus_config_load(path, &config), -EINVAL)) {
		HOLDS(*babus_error_detail() && !strchr(babus_error_detail(), '\n'));
		return 0;
	}
	ask(config, "camera0");
	ask(config, "s");
	babus_config_free(config);
	return 0;
}
