/* SPDX-License-Identifier: MIT */
/*
 * All at once on one mount: native publishers at full speed, writers and real tools through the
 * mount, some of them killed half way; native readers and real tools that read. What is read is
 * whole and in order, and in the end every published message is accounted for.
 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "file.h"
#include "fs_actors.h"
#include "shell.h"

/* The parts of a slot that count what they read. */
enum {
	FIRST_READER = 4,
	LAST_READER = 10
};

static void act(void *arg)
{
	struct actor *actor = arg;

	actor->random = actor->number;
	actor->buffer = malloc(FRAME + 1);
	EXPECT(actor->buffer);
	actor->act(actor);
	free(actor->buffer);
}

static unsigned seconds(void)
{
	const char *text = getenv("BABUS_STRESS_SECONDS");
	long value = text ? strtol(text, NULL, 10) : 0;

	return value > 0 ? (unsigned)value : 10;
}

/* A first message for readers of the newest, and a last one for readers that wait. */
static void speak(int slot, uint64_t counter)
{
	babus_slot *handle = open_slot(kinds[slot].name, BABUS_PUBLISH);
	char data[SIZE_MIN];

	fill(data, sizeof(data), LAST_WORD, counter);
	assert_int_equal(babus_slot_publish(handle, data, sizeof(data), NULL, NULL), 0);
	babus_slot_close(handle);
}

static void assert_accounts(int slot)
{
	babus_slot *handle = open_slot(kinds[slot].name, BABUS_READ);
	_Atomic uint64_t *published = stage->published[slot];
	uint64_t sure = published[NATIVE] + published[BY_FILE] + published[BY_TOOL] + 2;
	struct babus_slot_info info;

	assert_int_equal(babus_slot_info(handle, &info), 0);
	print_message("%s: %llu natively, %llu by file, %llu by tool, %llu killed; "
		      "followed %llu, lost %llu\n",
		      kinds[slot].name, (unsigned long long)published[NATIVE],
		      (unsigned long long)published[BY_FILE],
		      (unsigned long long)published[BY_TOOL], (unsigned long long)published[VICTIM],
		      (unsigned long long)stage->received[slot],
		      (unsigned long long)stage->lost[slot]);
	assert_in_range(info.seq, sure, sure + published[VICTIM]);
	assert_int_equal(stage->received[slot] + stage->lost[slot], info.seq);
	babus_slot_close(handle);
}

/* Whether an actor that should write or read has done too little to count. */
static bool somebody_is_idle(unsigned parts)
{
	bool idle = false;

	for (int slot = 0; slot < SLOTS; slot++) {
		for (int writer = NATIVE; writer <= VICTIM; writer++)
			idle |= stage->published[slot][writer] == 0;
		for (unsigned i = FIRST_READER; i <= LAST_READER; i++)
			idle |= stage->read[(unsigned)slot * parts + i] <= 2;
	}
	return idle;
}

static void all_see_whole_messages_in_order_and_none_is_unaccounted(void **state)
{
	static const struct actor parts[] = {
	    {0, "native publisher", 0, publish_natively, 0, NULL, {0}},
	    {0, "writer of latest", 0, publish_by_file, 0, NULL, {0}},
	    {0, "writing tools", 0, publish_by_tool, 0, NULL, {0}},
	    {0, "killed writers", 0, kill_writers, 0, NULL, {0}},
	    {0, "native reader", 0, follow_natively, 0, NULL, {0}},
	    {0, "reader of latest", 0, read_latest, 0, NULL, {0}},
	    {0, "mapping of latest", 0, map_latest, 0, NULL, {0}},
	    {0, "reader by calls", 0, read_by_calls, 0, NULL, {0}},
	    {0, "reader of wait", 0, loop_over_wait, 0, NULL, {0}},
	    {0, "reading tools", 0, read_by_tools, 0, NULL, {0}},
	    {0, "python", 0, read_by_python, 0, NULL, {0}},
	    {0, "killed readers", 0, kill_readers, 0, NULL, {0}},
	};
	enum {
		PARTS = sizeof(parts) / sizeof(parts[0])
	};
	static struct actor actors[SLOTS * PARTS];
	pid_t pids[SLOTS * PARTS];

	(void)state;
	stage = mmap(NULL, sizeof(*stage), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		     0);
	assert_ptr_not_equal(stage, MAP_FAILED);
	for (int slot = 0; slot < SLOTS; slot++) {
		struct babus_slot_options opts;

		babus_slot_options_init(&opts);
		opts.depth = kinds[slot].depth;
		opts.max_size = kinds[slot].max_size;
		opts.pins = 64;
		babus_slot_close(make_slot_with(kinds[slot].name, &opts));
		speak(slot, 1);
	}
	for (unsigned i = 0; i < SLOTS * PARTS; i++) {
		actors[i] = parts[i % PARTS];
		actors[i].number = i;
		actors[i].slot = (int)(i / PARTS);
		pids[i] = child_start(act, &actors[i]);
	}
	/* So long, or until all have acted; if one has ended by itself, the test stops. */
	poll(NULL, 0, (int)seconds() * 1000);
	while (somebody_is_idle(PARTS)) {
		siginfo_t ended = {0};

		assert_int_equal(waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT), 0);
		assert_int_equal(ended.si_pid, 0);
		poll(NULL, 0, 100);
	}
	stage->stop = true;
	write_file(root_file("stop"), "", 0);
	for (unsigned i = 0; i < SLOTS * PARTS; i++)
		if (actors[i].act != follow_natively && actors[i].act != loop_over_wait)
			child_join(pids[i]);
	for (int slot = 0; slot < SLOTS; slot++)
		speak(slot, 2);
	for (unsigned i = 0; i < SLOTS * PARTS; i++)
		if (actors[i].act == follow_natively || actors[i].act == loop_over_wait)
			child_join(pids[i]);
	for (unsigned i = 0; i < SLOTS * PARTS; i++)
		if (stage->read[i])
			print_message("%-18s %8llu messages\n", actors[i].what,
				      (unsigned long long)stage->read[i]);
	for (int slot = 0; slot < SLOTS; slot++)
		assert_accounts(slot);
	print_message("killed %llu\n", (unsigned long long)stage->killed);
	munmap(stage, sizeof(*stage));
}

static int run(void)
{
	const struct CMUnitTest tests[] = {
	    MOUNTED(all_see_whole_messages_in_order_and_none_is_unaccounted),
	};

	return cmocka_run_group_tests_name("fs_stress", tests, NULL, NULL);
}

int main(void)
{
	return mount_main(run, 60 + seconds());
}
