/* SPDX-License-Identifier: MIT */
#include "slots.h"

#include <string.h>
#include <sys/stat.h>

#include "support.h"

struct babus_slot_options small_options(uint32_t depth, uint64_t max_size)
{
	struct babus_slot_options opts;

	babus_slot_options_init(&opts);
	opts.depth = depth;
	opts.max_size = max_size;
	opts.loans = 4;
	opts.pins = 8;
	return opts;
}

babus_slot *make_slot_with(const char *name, const struct babus_slot_options *opts)
{
	babus_slot *slot = NULL;

	assert_int_equal(babus_slot_open(bus, name, BABUS_PUBLISH | BABUS_CREATE, opts, &slot), 0);
	return slot;
}

babus_slot *make_slot(const char *name, uint32_t depth, uint64_t max_size)
{
	struct babus_slot_options opts = small_options(depth, max_size);

	return make_slot_with(name, &opts);
}

babus_slot *open_slot(const char *name, unsigned flags)
{
	babus_slot *slot = NULL;

	assert_int_equal(babus_slot_open(bus, name, flags, NULL, &slot), 0);
	return slot;
}

uint64_t publish_text(babus_slot *slot, const char *text)
{
	uint64_t seq = 0;

	assert_int_equal(babus_slot_publish(slot, text, strlen(text), NULL, &seq), 0);
	return seq;
}

void publish_many(babus_slot *slot, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		assert_int_equal(babus_slot_publish(slot, "x", 1, NULL, NULL), 0);
}

void assert_text(struct babus_message *message, const char *text)
{
	assert_int_equal(message->size, strlen(text));
	assert_memory_equal(message->data, text, message->size);
	babus_message_release(message);
}

int slot_try_open(unsigned flags, const struct babus_slot_options *opts)
{
	babus_slot *slot = NULL;
	int error = babus_slot_open(bus, "s", flags, opts, &slot);

	if (error)
		assert_null(slot);
	babus_slot_close(slot);
	return error;
}

int slot_try_await(unsigned flags, const struct babus_slot_options *opts)
{
	babus_slot *slot = NULL;
	int error = babus_slot_await(bus, "s", flags, opts, BABUS_NOW, &slot);

	if (error)
		assert_null(slot);
	babus_slot_close(slot);
	return error;
}

uint64_t bytes_of_slot(void)
{
	struct stat st;

	assert_int_equal(stat(domain_file("s.slot"), &st), 0);
	return (uint64_t)st.st_blocks * 512;
}

int ignore_name(void *arg, const char *name)
{
	(void)arg;
	(void)name;
	return 0;
}

int ignore_client(void *arg, const struct babus_client_info *info)
{
	(void)arg;
	(void)info;
	return 0;
}

int count_alive(void *count, const struct babus_client_info *info)
{
	*(unsigned *)count += info->alive != 0;
	return 0;
}
