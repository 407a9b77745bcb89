/* SPDX-License-Identifier: MIT */
/* What victims do. */
#include "crash_ops.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "payload.h"
#include "slot.h"
#include "steps.h"
#include "support.h"

/* Larger than any message here. */
static char data[20000];

void crash_try(int error, const char *what, int line)
{
	/* An error said that the slot or domain is gone. */
	if (steps->slot == CUT_OFF && error)
		_exit(0);
	if (steps->slot == MADE_ANEW && (error == -ENODEV || error == -ENOENT))
		_exit(0);
	support_expect_equal(error, 0, what, __FILE__, line);
}

/* A message is whole; where its file was truncated it reads as zeros. */
static void expect_whole(const struct babus_message *message)
{
	EXPECT(steps->slot == CUT_OFF || payload_matches(message));
}

static babus_slot *open_s(babus_domain *domain, unsigned flags)
{
	babus_slot *slot;

	TRY(babus_slot_open(domain, "s", flags, NULL, &slot));
	return slot;
}

static uint64_t limit(babus_slot *slot)
{
	struct babus_slot_info info;

	TRY(babus_slot_info(slot, &info));
	return info.max_size;
}

static void publish_one(babus_slot *slot)
{
	struct babus_stamp stamp = payload_fill(data, limit(slot), payload_tag(2, 0));

	TRY(babus_slot_publish(slot, data, limit(slot), &stamp, NULL));
}

static void op_open(babus_domain *domain)
{
	babus_slot *slot;

	steps_arm();
	slot = open_s(domain, BABUS_PUBLISH);
	steps_disarm();
	babus_slot_close(slot);
}

static void op_publish(babus_domain *domain)
{
	babus_slot *slot = open_s(domain, BABUS_PUBLISH);
	uint64_t size = limit(slot);
	struct babus_stamp stamp = payload_fill(data, size, payload_tag(2, 1));

	steps_arm();
	TRY(babus_slot_publish(slot, data, size, &stamp, NULL));
	steps_disarm();
	babus_slot_close(slot);
}

/* As after a second, so that it checks whether the files are still there. */
static void op_publish_late(babus_domain *domain)
{
	babus_slot *slot = open_s(domain, BABUS_PUBLISH);

	local_put(&slot->look_ns, 0);
	steps_arm();
	publish_one(slot);
	steps_disarm();
	babus_slot_close(slot);
}

/* Enough in a row to go round the ring, to lap readers, and to run out of free buffers. */
static void op_publish_many(babus_domain *domain)
{
	babus_slot *slot = open_s(domain, BABUS_PUBLISH);
	uint64_t size = limit(slot);

	steps_arm();
	for (unsigned i = 0; i < 6; i++) {
		struct babus_stamp stamp = payload_fill(data, size, payload_tag(2, i));

		TRY(babus_slot_publish(slot, data, size, &stamp, NULL));
	}
	steps_disarm();
	babus_slot_close(slot);
}

/* For a rival's step in the middle of a victim's operation. */
static babus_slot *rivals;

static void rival_publishes(void)
{
	publish_one(rivals);
}

/* A rival gets the number that the victim was about to get. */
static void op_publish_beaten(babus_domain *domain)
{
	rivals = open_s(domain, BABUS_PUBLISH);
	steps_before("cell_set", rival_publishes);
	op_publish(domain);
	babus_slot_close(rivals);
}

/* With a message pinned, so that publishing meets a pin. */
static void op_publish_pinned(babus_domain *domain)
{
	babus_slot *slot = open_s(domain, BABUS_READ);
	struct babus_message message;

	TRY(babus_slot_view(slot, BABUS_LATEST, 0, &message));
	op_publish_many(domain);
	expect_whole(&message);
	babus_message_release(&message);
	babus_slot_close(slot);
}

/* The same for certain: publishing looks at the pins when it runs out of free buffers. */
static void op_trim_pinned(babus_domain *domain)
{
	babus_slot *reads = open_s(domain, BABUS_READ), *slot = open_s(domain, BABUS_PUBLISH);
	struct babus_message message;

	TRY(babus_slot_view(reads, BABUS_LATEST, 0, &message));
	steps_arm();
	TRY(babus_slot_trim(slot, NULL));
	steps_disarm();
	expect_whole(&message);
	babus_message_release(&message);
	babus_slot_close(slot);
	babus_slot_close(reads);
}

static void op_loan(babus_domain *domain)
{
	babus_slot *slot = open_s(domain, BABUS_PUBLISH);
	uint64_t size = limit(slot);
	struct babus_loan first, second;

	/* The second loan needs a token of its own. */
	steps_arm();
	TRY(babus_slot_loan(slot, size, &first));
	TRY(babus_slot_loan(slot, size, &second));
	steps_disarm();
	babus_loan_discard(&first);
	babus_loan_discard(&second);
	babus_slot_close(slot);
}

static void op_commit(babus_domain *domain)
{
	babus_slot *slot = open_s(domain, BABUS_PUBLISH);
	uint64_t size = limit(slot);
	struct babus_loan first, second;

	TRY(babus_slot_loan(slot, size, &first));
	TRY(babus_slot_loan(slot, size, &second));
	first.stamp = payload_fill(first.data, size, payload_tag(2, 1));
	second.stamp = payload_fill(second.data, size, payload_tag(2, 2));
	steps_arm();
	TRY(babus_loan_commit(&second, NULL));
	TRY(babus_loan_commit(&first, NULL));
	steps_disarm();
	babus_slot_close(slot);
}

static void op_discard(babus_domain *domain)
{
	babus_slot *slot = open_s(domain, BABUS_PUBLISH);
	struct babus_loan first, second;

	TRY(babus_slot_loan(slot, limit(slot), &first));
	TRY(babus_slot_loan(slot, limit(slot), &second));
	steps_arm();
	babus_loan_discard(&second);
	babus_loan_discard(&first);
	steps_disarm();
	babus_slot_close(slot);
}

static void op_reserve_and_trim(babus_domain *domain)
{
	babus_slot *slot = open_s(domain, BABUS_PUBLISH);
	int count;

	/* So that there is memory to make: the last victim may have left all of it. */
	TRY(babus_slot_trim(slot, NULL));
	steps_arm();
	count = babus_slot_reserve(slot, 1000, limit(slot));
	TRY(count < 0 ? count : 0);
	EXPECT(count);
	TRY(babus_slot_trim(slot, NULL));
	steps_disarm();
	babus_slot_close(slot);
}

/* The mapping is locked in memory; its pages are given back through the file. */
static void op_trim_locked(babus_domain *domain)
{
	babus_slot *slot = open_s(domain, BABUS_PUBLISH);

	EXPECT(!mlock2(slot->header, slot->ring.g.slot_size, MLOCK_ONFAULT));
	steps_arm();
	TRY(babus_slot_trim(slot, NULL));
	steps_disarm();
	babus_slot_close(slot);
}

/* Two at once, so that the second needs a pin of its own. */
static void op_view_and_release(babus_domain *domain)
{
	babus_slot *slot = open_s(domain, BABUS_READ);
	struct babus_message first, second;

	steps_arm();
	TRY(babus_slot_view(slot, BABUS_LATEST, 0, &first));
	TRY(babus_slot_view(slot, BABUS_LATEST, 0, &second));
	expect_whole(&first);
	expect_whole(&second);
	babus_message_release(&second);
	babus_message_release(&first);
	steps_disarm();
	babus_slot_close(slot);
}

static void rival_displaces(void)
{
	struct babus_slot_info info;

	TRY(babus_slot_info(rivals, &info));
	for (uint32_t i = 0; i < info.depth; i++)
		publish_one(rivals);
}

/* Displace the message that the victim is about to pin. */
static void op_view_overtaken(babus_domain *domain)
{
	rivals = open_s(domain, BABUS_PUBLISH);
	steps_before("pin_set", rival_displaces);
	op_view_and_release(domain);
	babus_slot_close(rivals);
}

/* The rival clears this pin. */
static babus_slot *pinning;

/* Until the buffer that was pinned holds another message, or is about to. */
static void rival_unpins_and_displaces(void)
{
	shared64 *pin = &pinning->pins[pinning->view_pin - 1].pin;
	uint64_t cell = *pin;
	const struct layout_record *record = &pinning->ring.records[cell_buffer(cell)];

	EXPECT(cell != 0);
	pin_clear(pin);
	while (record->seq == cell_seq(cell))
		publish_one(rivals);
}

/* Clear the pin that the victim has just set, as a hostile subscriber can. */
static void op_view_unpinned(babus_domain *domain)
{
	struct babus_message message;

	rivals = open_s(domain, BABUS_PUBLISH);
	pinning = open_s(domain, BABUS_READ);
	/* The first view leases the pin. */
	TRY(babus_slot_view(pinning, BABUS_LATEST, 0, &message));
	babus_message_release(&message);
	steps_before("record_get", rival_unpins_and_displaces);
	steps_arm();
	TRY(babus_slot_view(pinning, BABUS_LATEST, 0, &message));
	expect_whole(&message);
	babus_message_release(&message);
	steps_disarm();
	babus_slot_close(pinning);
	babus_slot_close(rivals);
}

static void op_copy(babus_domain *domain)
{
	babus_slot *slot = open_s(domain, BABUS_PUBLISH);
	struct babus_message message;
	babus_reader *reader;
	static char copy[sizeof(data)];

	publish_one(slot);
	TRY(babus_reader_open(slot, BABUS_START_OLDEST, 0, &reader));
	steps_arm();
	TRY(babus_slot_copy(slot, BABUS_LATEST, 0, copy, sizeof(copy), &message));
	expect_whole(&message);
	TRY(babus_reader_next_copy(reader, copy, sizeof(copy), &message));
	expect_whole(&message);
	steps_disarm();
	babus_reader_close(reader);
	babus_slot_close(slot);
}

static void op_read_in_order(babus_domain *domain)
{
	babus_slot *slot = open_s(domain, BABUS_PUBLISH);
	struct babus_message message;
	babus_reader *reader;

	publish_one(slot);
	steps_arm();
	TRY(babus_reader_open(slot, BABUS_START_OLDEST, 0, &reader));
	TRY(babus_reader_next(reader, &message));
	expect_whole(&message);
	babus_message_release(&message);
	babus_reader_close(reader);
	steps_disarm();
	babus_slot_close(slot);
}

/* While it was stopped, others may have published, or removed everything. */
static void expect_waited(int result)
{
	if (result != -ETIMEDOUT)
		TRY(result < 0 ? result : 0);
}

static void op_wait(babus_domain *domain)
{
	babus_slot *slot = open_s(domain, BABUS_READ);
	babus_reader *reader;

	TRY(babus_reader_open(slot, BABUS_START_NEXT, 0, &reader));
	steps_arm();
	expect_waited(babus_reader_wait(reader, babus_deadline(MILLISECOND)));
	steps_disarm();
	babus_reader_close(reader);
	babus_slot_close(slot);
}

/* A wake-up for a slot with another mark: the victim's own group stays quiet. */
static void op_wait_beside_news(babus_domain *domain)
{
	babus_slot *slot = open_s(domain, BABUS_READ);
	struct babus_event event;
	babus_waiter *waiter;
	babus_reader *reader;

	TRY(babus_reader_open(slot, BABUS_START_NEXT, 0, &reader));
	TRY(babus_waiter_open(domain, NULL, &waiter));
	TRY(babus_waiter_add(waiter, reader, NULL));
	expect_waited(babus_waiter_wait(waiter, babus_deadline(MILLISECOND), &event, 1));
	news_bump(&slot->domain_map->channels[slot->place.channel].news);
	steps_arm();
	expect_waited(babus_waiter_wait(waiter, babus_deadline(MILLISECOND), &event, 1));
	steps_disarm();
	babus_waiter_close(waiter);
	babus_reader_close(reader);
	babus_slot_close(slot);
}

/* From opening the descriptor to closing it, with the thread that serves it. */
static void op_descriptor(babus_domain *domain)
{
	babus_slot *slot = open_s(domain, BABUS_PUBLISH);
	struct pollfd ready = {.events = POLLIN};
	struct babus_event event;
	babus_waiter *waiter;
	babus_reader *reader;
	int result;

	TRY(babus_reader_open(slot, BABUS_START_NEXT, 0, &reader));
	TRY(babus_waiter_open(domain, NULL, &waiter));
	steps_arm();
	TRY(babus_waiter_add(waiter, reader, NULL));
	TRY(babus_waiter_watch_domain(waiter, NULL));
	TRY(babus_waiter_fd(waiter, &ready.fd));
	expect_waited(babus_waiter_wait(waiter, BABUS_NOW, &event, 1));
	publish_one(slot);
	EXPECT(poll(&ready, 1, 20000) == 1);
	result = babus_waiter_wait(waiter, BABUS_NOW, &event, 1);
	TRY(result < 0 ? result : 0);
	TRY(babus_waiter_remove(waiter, reader));
	babus_waiter_close(waiter);
	steps_disarm();
	babus_reader_close(reader);
	babus_slot_close(slot);
}

/* With everything that a handle can hold. */
static void op_close(babus_domain *domain)
{
	babus_slot *slot = open_s(domain, BABUS_PUBLISH);
	struct babus_message message;
	babus_reader *reader;

	publish_one(slot);
	TRY(babus_slot_view(slot, BABUS_LATEST, 0, &message));
	babus_message_release(&message);
	TRY(babus_reader_open(slot, BABUS_START_OLDEST, 0, &reader));
	steps_arm();
	babus_reader_close(reader);
	babus_slot_close(slot);
	steps_disarm();
}

static void op_set_access(babus_domain *domain)
{
	babus_slot *slot = open_s(domain, BABUS_PUBLISH);

	steps_arm();
	TRY(babus_slot_set_access(slot, 0600, getuid(), getgid()));
	steps_disarm();
	babus_slot_close(slot);
}

static void op_ask(babus_domain *domain)
{
	babus_slot *slot = open_s(domain, BABUS_PUBLISH);
	struct babus_slot_info info;

	steps_arm();
	TRY(babus_slot_info(slot, &info));
	TRY(babus_slot_clients(slot, ignore_client, NULL));
	steps_disarm();
	babus_slot_close(slot);
}

static void op_observe(babus_domain *domain)
{
	babus_slot *slot = open_s(domain, BABUS_PUBLISH), *seen;
	static char copy[sizeof(data)];
	struct babus_message message;
	struct babus_slot_info info;

	publish_one(slot);
	steps_arm();
	seen = open_s(domain, BABUS_OBSERVE);
	TRY(babus_slot_copy(seen, BABUS_LATEST, 0, copy, sizeof(copy), &message));
	expect_whole(&message);
	TRY(babus_slot_info(seen, &info));
	TRY(babus_slot_clients(seen, ignore_client, NULL));
	babus_slot_close(seen);
	steps_disarm();
	babus_slot_close(slot);
}

const struct crash_op crash_ops[] = {
    {"open", op_open, OP_HOLDS},
    {"publish", op_publish, OP_HOLDS},
    {"publish, late", op_publish_late, OP_HOLDS},
    {"publish many", op_publish_many, OP_PLAIN},
    {"publish, beaten", op_publish_beaten, OP_HOLDS},
    {"publish, pinned", op_publish_pinned, OP_PLAIN},
    {"trim, pinned", op_trim_pinned, OP_PLAIN},
    {"loan", op_loan, OP_HOLDS},
    {"commit", op_commit, OP_HOLDS},
    {"discard", op_discard, OP_HOLDS},
    {"reserve and trim", op_reserve_and_trim, OP_PLAIN},
    {"trim, locked", op_trim_locked, OP_PLAIN},
    {"view and release", op_view_and_release, OP_HOLDS},
    {"view, overtaken", op_view_overtaken, OP_PLAIN},
    {"view, unpinned", op_view_unpinned, OP_PLAIN},
    {"copy", op_copy, OP_PLAIN},
    {"read in order", op_read_in_order, OP_HOLDS},
    {"wait", op_wait, OP_PLAIN},
    {"wait, beside news", op_wait_beside_news, OP_PLAIN},
    {"descriptor", op_descriptor, OP_PLAIN},
    {"close", op_close, OP_HOLDS},
    {"set access", op_set_access, OP_PLAIN},
    {"ask", op_ask, OP_PLAIN},
    {"observe", op_observe, OP_PLAIN},
    {"recover", op_recover, OP_DEAD},
    {"create", op_create, OP_PLAIN},
    {"create, beaten", op_create_beaten, OP_PLAIN},
    {"remove", op_remove, OP_VICTIM},
    {"remove, late", op_remove_late, OP_VICTIM},
    {"remove, too late", op_remove_too_late, OP_VICTIM},
    {"remove, after a death", op_remove_after_a_death, OP_VICTIM},
    {"publish, deleted", op_publish_deleted, OP_VICTIM},
    {"remove damaged", op_remove_damaged, OP_DAMAGED},
    {"make domain", op_make_domain, OP_DOMAIN},
    {"make domain, in vain", op_make_domain_in_vain, OP_DOMAIN},
    {"remove domain", op_remove_domain, OP_DOMAIN},
    {"deny gone", op_deny_gone, OP_PLAIN},
};

const size_t crash_op_count = sizeof(crash_ops) / sizeof(*crash_ops);
