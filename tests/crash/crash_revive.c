/* SPDX-License-Identifier: MIT */
/*
 * A revived process does no harm with what it remembers. A process is stopped before each of its
 * steps in shared memory. Meanwhile its slot is removed and another one is made under the name,
 * or its files are truncated. Revived, it ends in good order, and the new slot is as if the
 * process had never existed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "accounts.h"
#include "crash_ops.h"
#include "payload.h"
#include "steps.h"
#include "support.h"

enum {
	MESSAGES = 3,
	MAKER = 7,      /* published by the witnesses */
	NEW_MODE = 0640 /* not what the victims set */
};

static const struct crash_scene one_small = {1, 64}, two_large = {2, 20000};

static char payload[20000];

static babus_slot *make_s(const struct crash_scene *scene)
{
	struct babus_slot_options opts = small_options(scene->depth, scene->max_size);
	babus_slot *slot;

	opts.loans = 8;
	opts.pins = 12;
	opts.mode = NEW_MODE;
	slot = make_slot_with("s", &opts);
	for (unsigned i = 0; i < MESSAGES; i++) {
		uint64_t size = scene->max_size;
		struct babus_stamp stamp = payload_fill(payload, size, payload_tag(MAKER, i));

		assert_int_equal(babus_slot_publish(slot, payload, size, &stamp, NULL), 0);
	}
	return slot;
}

/* All that was published is there. Nothing else is there, or is held. */
static void assert_untouched(babus_slot *slot, const struct crash_scene *scene)
{
	struct babus_message message;
	struct babus_slot_info info;

	assert_int_equal(babus_slot_info(slot, &info), 0);
	assert_int_equal(info.seq, MESSAGES);
	assert_int_equal(info.publishers, 1);
	assert_int_equal(info.readers, 0);
	assert_int_equal(info.mode, NEW_MODE);
	assert_true(accounts_balance(slot, 1, 0));
	for (unsigned i = MESSAGES - scene->depth; i < MESSAGES; i++) {
		assert_int_equal(babus_slot_view(slot, BABUS_SEQ, i + 1, &message), 0);
		assert_int_equal(message.tag, payload_tag(MAKER, i));
		assert_true(payload_matches(&message));
		babus_message_release(&message);
	}
}

static void recover(void)
{
	struct babus_report report;

	assert_int_equal(babus_domain_recover(bus, 1, &report), 0);
	assert_int_equal(report.damaged, 0);
	assert_int_equal(babus_domain_recover(bus, 0, &report), 0);
	assert_int_equal(report.dead_publishers + report.dead_readers + report.leftovers, 0);
}

static void remove_if_there(const char *name)
{
	int error = babus_domain_remove_slot(bus, name);

	assert_true(!error || error == -ENOENT);
}

static void cut_off(const char *path)
{
	assert_int_equal(truncate(path, 0), 0);
}

/* True: it was stopped at step n, and more steps may follow. */
static bool revive_at(const struct crash_op *op, const struct crash_scene *scene, unsigned n)
{
	babus_slot *slot = make_s(scene);
	pid_t pid;
	bool stopped = scene_stop_at(op, n, &pid);

	if (stopped && steps->slot == CUT_OFF) {
		/* What this process has of it must not be touched from now on. */
		char pins[600];

		snprintf(pins, sizeof(pins), "%s", pins_file(slot));
		babus_slot_close(slot);
		cut_off(domain_file("s.slot"));
		cut_off(pins);
		scene_revive(pid);
		remove_if_there("s");
		slot = make_s(scene);
	} else if (stopped) {
		babus_slot_close(slot);
		remove_if_there("s");
		slot = make_s(scene);
		scene_revive(pid);
	}
	remove_if_there("victim");
	if (stopped) {
		recover();
		assert_untouched(slot, scene);
		scene_assert_no_leftovers();
	}
	babus_slot_close(slot);
	remove_if_there("s");
	return stopped;
}

static void every_op(const struct crash_scene *scene, int fate)
{
	unsigned steps_taken = 0;

	for (size_t i = 0; i < crash_op_count; i++) {
		unsigned n = 1;

		steps->slot = fate;
		while (revive_at(&crash_ops[i], scene, n))
			n++;
		steps_taken += n - 1;
	}
	printf("# %u steps\n", steps_taken);
	assert_true(steps_taken > 500);
	steps->slot = LEFT_ALONE;
	*support_context = '\0';
}

static void revived_at_any_step_it_does_not_touch_a_new_slot(void **state)
{
	(void)state;
	every_op(&one_small, MADE_ANEW);
}

static void revived_at_any_step_it_does_not_touch_a_new_slot_of_large_messages(void **state)
{
	(void)state;
	every_op(&two_large, MADE_ANEW);
}

static void revived_at_any_step_without_its_files_it_ends_in_good_order(void **state)
{
	(void)state;
	every_op(&two_large, CUT_OFF);
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE(revived_at_any_step_it_does_not_touch_a_new_slot),
	    CASE(revived_at_any_step_it_does_not_touch_a_new_slot_of_large_messages),
	    CASE(revived_at_any_step_without_its_files_it_ends_in_good_order),
	};

	steps_init();
	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 300);
}
