/* SPDX-License-Identifier: MIT */
/* Short ways to make slots and to publish, by the process that runs the cases. */
#ifndef BABUS_TESTS_SLOTS_H
#define BABUS_TESTS_SLOTS_H

#include <stdint.h>

#include <babus/babus.h>

/* Open a slot of the domain of the case to publish; make it if it is missing. */
babus_slot *make_slot(const char *name, uint32_t depth, uint64_t max_size);
babus_slot *make_slot_with(const char *name, const struct babus_slot_options *opts);
/* Small tables: 4 loans, 8 pins. */
struct babus_slot_options small_options(uint32_t depth, uint64_t max_size);
/* Open an existing one. */
babus_slot *open_slot(const char *name, unsigned flags);

/* Publish a text without its 0: its number. */
uint64_t publish_text(babus_slot *slot, const char *text);
void publish_many(babus_slot *slot, unsigned count);
/* Assert that a message holds this text, and release it. */
void assert_text(struct babus_message *message, const char *text);

/* The result of opening, or awaiting, the slot "s"; closes it again. */
int slot_try_open(unsigned flags, const struct babus_slot_options *opts);
int slot_try_await(unsigned flags, const struct babus_slot_options *opts);

/* How much memory the file of the slot "s" takes. */
uint64_t bytes_of_slot(void);

/* For babus_domain_list() and babus_slot_clients(). */
int ignore_name(void *arg, const char *name);
int ignore_client(void *arg, const struct babus_client_info *info);
int count_alive(void *count, const struct babus_client_info *info); /* an unsigned */

#endif
