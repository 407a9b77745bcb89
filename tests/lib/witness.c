/* SPDX-License-Identifier: MIT */
#include "witness.h"

#include <assert.h>
#include <string.h>

enum {
	ROUNDS = 100
};

static const char *const blocking[] = {"x/wait", "x/stream", "y/wait"};

static_assert(sizeof(blocking) / sizeof(blocking[0]) == BLOCKED, "as the header says");

void start_blocked(struct job jobs[BLOCKED])
{
	for (int i = 0; i < BLOCKED; i++) {
		const char *const argv[] = {"cat", blocking[i], NULL};

		job_start(&jobs[i], argv);
		await_blocked(jobs[i].pid);
	}
	/* The kernel says that they sleep; babusfs says that it has their reads. */
	shell_run("bash", "until grep -qx 'babus_fs_waiting 3' .bus/metrics; do sleep .01; done");
}

void assert_ended(struct job *jobs, int count, const char *what)
{
	for (int i = 0; i < count; i++) {
		struct outcome outcome = {0};

		job_finish(&jobs[i], &outcome);
		assert_int_equal(outcome.status, 1);
		assert_int_equal(outcome.out_size, 0);
		if (!strstr(outcome.err, what))
			fail_msg("cat %d said '%s', not '%s'", i, outcome.err, what);
		outcome_free(&outcome);
	}
}

void native_open(struct native *native)
{
	native->slot = make_slot("x", 4, 1 << 20);
	assert_int_equal(babus_reader_open(native->slot, BABUS_START_NEXT, 0, &native->reader), 0);
	babus_slot_close(make_slot("y", 4, 4096));
}

void assert_native(struct native *native)
{
	babus_slot *late = open_slot("x", BABUS_PUBLISH);
	uint64_t sleeps = count_sleeps(0);
	struct babus_message message;

	for (int i = 0; i < ROUNDS; i++) {
		publish_text(i % 2 ? late : native->slot, "native");
		assert_int_equal(babus_reader_next(native->reader, &message), 0);
		assert_int_equal(message.lost, 0);
		assert_text(&message, "native");
	}
	/* The kernel may make a process sleep for its own reasons, but not each time. */
	assert_true(count_sleeps(0) - sleeps < ROUNDS / 2);
	babus_slot_close(late);
}

void native_close(struct native *native)
{
	babus_reader_close(native->reader);
	babus_slot_close(native->slot);
}

void assert_daemon_ends(void)
{
	int status;

	assert_true(await_end(mount_daemon, now_ns(), &status) >= 0);
	mount_daemon = 0;
	assert_int_equal(status, 0);
	assert_false(mount_exists(mount_point));
}
