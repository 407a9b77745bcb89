/* SPDX-License-Identifier: MIT */
/* What the victims do. */
#include "crash_ops.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "payload.h"
#include "steps.h"
#include "support.h"

/* Larger than any message here. */
static char data[20000];

static babus_slot *open_s(babus_domain *domain, unsigned flags)
{
	babus_slot *slot;

	EXPECT_EQUAL(babus_slot_open(domain, "s", flags, NULL, &slot), 0);
	return slot;
}

static uint64_t limit(babus_slot *slot)
{
	struct babus_slot_info info;

	EXPECT_EQUAL(babus_slot_info(slot, &info), 0);
	return info.max_size;
}

static void publish_one(babus_slot *slot)
{
	struct babus_stamp stamp = payload_fill(data, limit(slot), payload_tag(2, 0));

	EXPECT_EQUAL(babus_slot_publish(slot, data, limit(slot), &stamp, NULL), 0);
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
	EXPECT_EQUAL(babus_slot_publish(slot, data, size, &stamp, NULL), 0);
	steps_disarm();
	babus_slot_close(slot);
}

/* Enough in a row to wrap, to lap, and to run out of free buffers on the way. */
static void op_publish_many(babus_domain *domain)
{
	babus_slot *slot = open_s(domain, BABUS_PUBLISH);
	uint64_t size = limit(slot);

	steps_arm();
	for (unsigned i = 0; i < 6; i++) {
		struct babus_stamp stamp = payload_fill(data, size, payload_tag(2, i));

		EXPECT_EQUAL(babus_slot_publish(slot, data, size, &stamp, NULL), 0);
	}
	steps_disarm();
	babus_slot_close(slot);
}

static void op_loan(babus_domain *domain)
{
	babus_slot *slot = open_s(domain, BABUS_PUBLISH);
	uint64_t size = limit(slot);
	struct babus_loan first, second;

	/* The second needs a token of its own. */
	steps_arm();
	EXPECT_EQUAL(babus_slot_loan(slot, size, &first), 0);
	EXPECT_EQUAL(babus_slot_loan(slot, size, &second), 0);
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

	EXPECT_EQUAL(babus_slot_loan(slot, size, &first), 0);
	EXPECT_EQUAL(babus_slot_loan(slot, size, &second), 0);
	first.stamp = payload_fill(first.data, size, payload_tag(2, 1));
	second.stamp = payload_fill(second.data, size, payload_tag(2, 2));
	steps_arm();
	EXPECT_EQUAL(babus_loan_commit(&second, NULL), 0);
	EXPECT_EQUAL(babus_loan_commit(&first, NULL), 0);
	steps_disarm();
	babus_slot_close(slot);
}

static void op_discard(babus_domain *domain)
{
	babus_slot *slot = open_s(domain, BABUS_PUBLISH);
	struct babus_loan first, second;

	EXPECT_EQUAL(babus_slot_loan(slot, limit(slot), &first), 0);
	EXPECT_EQUAL(babus_slot_loan(slot, limit(slot), &second), 0);
	steps_arm();
	babus_loan_discard(&second);
	babus_loan_discard(&first);
	steps_disarm();
	babus_slot_close(slot);
}

static void op_reserve_and_trim(babus_domain *domain)
{
	babus_slot *slot = open_s(domain, BABUS_PUBLISH);

	steps_arm();
	EXPECT_EQUAL(babus_slot_reserve(slot, 1000, limit(slot)), 0);
	EXPECT_EQUAL(babus_slot_trim(slot, NULL), 0);
	steps_disarm();
	babus_slot_close(slot);
}

/* Two at once, so that the second needs a pin of its own. */
static void op_view_and_release(babus_domain *domain)
{
	babus_slot *slot = open_s(domain, BABUS_READ);
	struct babus_message first, second;

	steps_arm();
	EXPECT_EQUAL(babus_slot_view(slot, BABUS_LATEST, 0, &first), 0);
	EXPECT_EQUAL(babus_slot_view(slot, BABUS_LATEST, 0, &second), 0);
	EXPECT(payload_matches(&first) && payload_matches(&second));
	babus_message_release(&second);
	babus_message_release(&first);
	steps_disarm();
	babus_slot_close(slot);
}

static void op_read_in_order(babus_domain *domain)
{
	babus_slot *slot = open_s(domain, BABUS_PUBLISH);
	struct babus_message message;
	babus_reader *reader;

	publish_one(slot);
	steps_arm();
	EXPECT_EQUAL(babus_reader_open(slot, BABUS_START_OLDEST, 0, &reader), 0);
	EXPECT_EQUAL(babus_reader_next(reader, &message), 0);
	EXPECT(payload_matches(&message));
	babus_message_release(&message);
	babus_reader_close(reader);
	steps_disarm();
	babus_slot_close(slot);
}

static void op_wait(babus_domain *domain)
{
	babus_slot *slot = open_s(domain, BABUS_READ);
	babus_reader *reader;
	int error;

	EXPECT_EQUAL(babus_reader_open(slot, BABUS_START_NEXT, 0, &reader), 0);
	steps_arm();
	error = babus_reader_wait(reader, babus_deadline(MILLISECOND));
	steps_disarm();
	/* Others may have published while it was stopped. */
	EXPECT(error == -ETIMEDOUT || error == 0);
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
	EXPECT_EQUAL(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
	babus_message_release(&message);
	EXPECT_EQUAL(babus_reader_open(slot, BABUS_START_OLDEST, 0, &reader), 0);
	steps_arm();
	babus_reader_close(reader);
	babus_slot_close(slot);
	steps_disarm();
}

static void op_set_access(babus_domain *domain)
{
	babus_slot *slot = open_s(domain, BABUS_PUBLISH);

	steps_arm();
	EXPECT_EQUAL(babus_slot_set_access(slot, 0600, (uid_t)-1, (gid_t)-1), 0);
	steps_disarm();
	babus_slot_close(slot);
}

static void op_recover(babus_domain *domain)
{
	struct babus_report report;

	steps_arm();
	EXPECT_EQUAL(babus_domain_recover(domain, 1, &report), 0);
	steps_disarm();
}

static void op_create(babus_domain *domain)
{
	struct babus_slot_options opts = small_options(2, 64);
	babus_slot *slot;

	steps_arm();
	EXPECT_EQUAL(babus_slot_open(domain, "victim", BABUS_CREATE | BABUS_PUBLISH, &opts, &slot),
		     0);
	steps_disarm();
	babus_slot_close(slot);
}

static void op_remove(babus_domain *domain)
{
	int error;

	steps_arm();
	error = babus_slot_remove(domain, "victim");
	steps_disarm();
	/* Others may have removed it while it was stopped. */
	EXPECT(error == 0 || error == -ENOENT);
}

const struct crash_op crash_ops[] = {
    {"open", op_open, OP_HOLDS},
    {"publish", op_publish, OP_HOLDS},
    {"publish many", op_publish_many, OP_PLAIN},
    {"loan", op_loan, OP_HOLDS},
    {"commit", op_commit, OP_HOLDS},
    {"discard", op_discard, OP_HOLDS},
    {"reserve and trim", op_reserve_and_trim, OP_PLAIN},
    {"view and release", op_view_and_release, OP_HOLDS},
    {"read in order", op_read_in_order, OP_HOLDS},
    {"wait", op_wait, OP_PLAIN},
    {"close", op_close, OP_HOLDS},
    {"set access", op_set_access, OP_PLAIN},
    {"recover", op_recover, OP_DEAD},
    {"create", op_create, OP_PLAIN},
    {"remove", op_remove, OP_VICTIM},
};

const size_t crash_op_count = sizeof(crash_ops) / sizeof(*crash_ops);
