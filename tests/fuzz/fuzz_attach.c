/* SPDX-License-Identifier: MIT */
/*
 * Fuzzing of what opens files: they hold anything, have any size, or are no
 * files. What can be opened all the same is used a little. An input is
 *
 *     kind and mode, then
 *     raw:    which file, its size, and its bytes
 *     lists:  steps: which file, what (bytes at an offset, size, replacement)
 */
#include <errno.h>
#include <stdlib.h>

#include "input.h"
#include "scene.h"

enum {
	STEPS = 40,
	PIECE = 32
};

int LLVMFuzzerInitialize(int *count, char ***arguments);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
	(void)count;
	(void)arguments;
	scene_init();
	return 0;
}

/* --- the files ------------------------------------------------------------------ */

/* Sizes that matter are near the right one; others are anything. */
static uint64_t choose_size(struct input *input, uint64_t right)
{
	uint16_t number = input_short(input);

	if (number % 4 == 0)
		return right + number / 4 - 64;
	return (uint64_t)(number / 4) << number % 20;
}

static void write_whole(unsigned kind, struct input *input)
{
	enum scene_file file = input_byte(input) % SCENE_FILES;
	uint64_t size = input_short(input);

	scene_resize(kind, file, 0);
	scene_write(kind, file, 0, input->next, input->left);
	if (size)
		scene_resize(kind, file, size % 2 ? scene_size(kind, file) : size);
	input->left = 0;
}

static void change(unsigned kind, struct input *input)
{
	uint8_t what = input_byte(input);
	enum scene_file file = what % SCENE_FILES;
	uint8_t bytes[PIECE];
	uint64_t offset;
	size_t size;

	switch (what / SCENE_FILES % 16) {
	case 0:
		scene_resize(kind, file, choose_size(input, scene_size(kind, file)));
		break;
	case 1:
		scene_replace(kind, file, input_byte(input));
		break;
	case 2: /* a field of the headers */
		offset = input_byte(input) * UINT64_C(4);
		input_take(input, bytes, 4);
		scene_write(kind, file, offset, bytes, 4);
		break;
	default:
		offset = input_short(input);
		size = 1 + input_byte(input) % PIECE;
		input_take(input, bytes, size);
		scene_write(kind, file, offset, bytes, size);
	}
}

/* --- the calls ------------------------------------------------------------------- */

static int count_client(void *arg, const struct babus_client_info *info)
{
	*(unsigned *)arg += info->alive != 0;
	return 0;
}

static int count_slot(void *arg, const char *name)
{
	HOLDS(!babus_name_check(name));
	++*(unsigned *)arg;
	return 0;
}

static void use(babus_slot *slot)
{
	struct babus_slot_info info = {.max_size = UINT64_MAX};
	struct babus_message message;
	unsigned clients = 0;

	if (!CALL(babus_slot_info(slot, &info), -EPERM)) {
		HOLDS(info.type[BABUS_TYPE_MAX] == '\0');
		HOLDS(info.description[BABUS_DESCRIPTION_MAX] == '\0');
		HOLDS(info.channel < BABUS_CHANNELS);
		HOLDS(info.kept <= info.depth);
	}
	CALL(babus_slot_clients(slot, count_client, &clients), -EPERM);
	if (!CALL(babus_slot_view(slot, BABUS_LATEST, 0, &message), -ENODATA, -ENOBUFS, -EPERM)) {
		HOLDS(message.size <= info.max_size);
		babus_message_release(&message);
	}
	CALL(babus_slot_publish(slot, "x", 1, NULL, NULL), -EACCES, -ENOBUFS, -EOVERFLOW, -ENOSPC,
	     -EPERM);
}

static void open_and_use(babus_domain *domain, unsigned flags)
{
	struct babus_slot_options opts;
	babus_slot *slot = NULL;

	babus_slot_options_init(&opts);
	opts.loans = 4;
	opts.pins = 8;
	opts.max_size = 200;
	if (CALL(babus_slot_open(domain, SCENE_SLOT_NAME, flags,
				 flags & BABUS_CREATE ? &opts : NULL, &slot),
		 -ENOENT, -EEXIST, -EPERM, -ENOBUFS))
		return;
	use(slot);
	babus_slot_close(slot);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};
	uint8_t mode = input_byte(&input);
	unsigned kind = mode % SCENE_KINDS, slots = 0;
	struct babus_report report;
	babus_domain *domain;

	scene_restore(kind);
	if (mode & 0x80)
		write_whole(kind, &input);
	for (int i = 0; i < STEPS && input.left; i++)
		change(kind, &input);
	if (scene_open(kind, &domain))
		return 0;
	CALL(babus_domain_list(domain, count_slot, &slots), -EPERM);
	open_and_use(domain, BABUS_READ);
	CALL(babus_domain_recover(domain, mode & 0x40, &report), -EPERM);
	open_and_use(domain, BABUS_PUBLISH);
	if (mode & 0x20)
		CALL(babus_domain_remove_slot(domain, SCENE_SLOT_NAME), -ENOENT, -EPERM);
	open_and_use(domain, BABUS_PUBLISH | BABUS_CREATE);
	babus_domain_close(domain);
	scene_check_descriptors();
	return 0;
}
