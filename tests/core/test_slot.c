/* SPDX-License-Identifier: MIT */
/* Creating, opening and removing slots. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support.h"

static int try_create(const struct babus_slot_options *opts)
{
	babus_slot *slot = NULL;
	int error = babus_slot_open(bus, "s", BABUS_CREATE, opts, &slot);

	if (!error) {
		babus_slot_close(slot);
		assert_int_equal(babus_domain_remove_slot(bus, "s"), 0);
	} else {
		assert_null(slot);
	}
	return error;
}

static void missing_slot_is_enoent(void **state)
{
	babus_slot *slot = NULL;

	(void)state;
	assert_int_equal(babus_slot_open(bus, "s", BABUS_READ, NULL, &slot), -ENOENT);
	assert_int_equal(babus_slot_open(bus, "s", BABUS_PUBLISH, NULL, &slot), -ENOENT);
	assert_int_equal(babus_domain_remove_slot(bus, "s"), -ENOENT);
}

static void bad_name_is_einval(void **state)
{
	babus_slot *slot = NULL;

	(void)state;
	assert_int_equal(babus_slot_open(bus, "../s", BABUS_CREATE, NULL, &slot), -EINVAL);
	assert_int_equal(babus_slot_open(bus, "", BABUS_CREATE, NULL, &slot), -EINVAL);
	assert_int_equal(babus_domain_remove_slot(bus, "a/b"), -EINVAL);
}

static void defaults_are_as_documented(void **state)
{
	babus_slot *slot = make_slot_with("s", NULL);
	struct babus_slot_info info;

	(void)state;
	assert_int_equal(babus_slot_info(slot, &info), 0);
	assert_int_equal(info.depth, 8);
	assert_int_equal(info.loans, 64);
	assert_int_equal(info.pins, 256);
	assert_int_equal(info.max_size, 16 << 20);
	assert_int_equal(info.first_seq, 1);
	assert_int_equal(info.seq, 0);
	assert_int_equal(info.kept, 0);
	assert_int_equal(info.time_ns, 0);
	assert_int_equal(info.mode, 0600);
	assert_int_equal(info.uid, geteuid());
	assert_string_equal(info.type, "");
	assert_string_equal(info.description, "");
	babus_slot_close(slot);
}

static void info_shows_what_the_creator_asked_for(void **state)
{
	struct babus_slot_options opts = small_options(3, 1000);
	struct babus_slot_info info;
	babus_slot *slot;

	(void)state;
	opts.channel = 7;
	opts.first_seq = 100;
	opts.type = "rgb24";
	opts.description = "front camera 1920x1080";
	slot = make_slot_with("s", &opts);
	publish_text(slot, "hello");
	assert_int_equal(babus_slot_info(slot, &info), 0);
	assert_int_equal(info.depth, 3);
	assert_int_equal(info.loans, 4);
	assert_int_equal(info.pins, 8);
	assert_int_equal(info.channel, 7);
	assert_int_equal(info.max_size, 1000);
	assert_int_equal(info.first_seq, 100);
	assert_int_equal(info.seq, 100);
	assert_int_equal(info.kept, 1);
	assert_int_equal(info.size, 5);
	assert_int_equal(info.pid, getpid());
	assert_int_equal(info.publishers, 1);
	assert_true(babus_wall_time(info.time_ns) >= info.created_ns - MILLISECOND);
	assert_true(info.time_ns <= babus_now());
	assert_true(info.bytes_used > 0);
	assert_true(info.bytes_used <= info.bytes_max);
	assert_int_not_equal(info.instance, 0);
	assert_string_equal(info.type, "rgb24");
	assert_string_equal(info.description, "front camera 1920x1080");
	assert_string_equal(babus_slot_name(slot), "s");
	assert_ptr_equal(babus_slot_domain(slot), bus);
	babus_slot_close(slot);
}

static void labels_of_the_longest_length_are_kept_whole(void **state)
{
	char type[BABUS_TYPE_MAX + 2], description[BABUS_DESCRIPTION_MAX + 2];
	struct babus_slot_options opts = small_options(1, 16);
	struct babus_slot_info info;
	babus_slot *slot;

	(void)state;
	memset(type, 't', sizeof(type));
	memset(description, 'd', sizeof(description));
	type[BABUS_TYPE_MAX] = description[BABUS_DESCRIPTION_MAX] = '\0';
	opts.type = type;
	opts.description = description;
	slot = make_slot_with("s", &opts);
	assert_int_equal(babus_slot_info(slot, &info), 0);
	assert_string_equal(info.type, type);
	assert_string_equal(info.description, description);
	babus_slot_close(slot);
	assert_int_equal(babus_domain_remove_slot(bus, "s"), 0);

	type[BABUS_TYPE_MAX] = 't';
	type[BABUS_TYPE_MAX + 1] = '\0';
	assert_int_equal(try_create(&opts), -EINVAL);
	opts.type = NULL;
	description[BABUS_DESCRIPTION_MAX] = 'd';
	description[BABUS_DESCRIPTION_MAX + 1] = '\0';
	assert_int_equal(try_create(&opts), -EINVAL);
}

static void each_limit_of_the_geometry_is_einval_one_beyond(void **state)
{
	struct babus_slot_options opts = small_options(1, 16), bad;

	(void)state;
#define REFUSED(field, value)                                  \
	do {                                                   \
		bad = opts;                                    \
		bad.field = (value);                           \
		assert_int_equal(try_create(&bad), -EINVAL);   \
		assert_true(strlen(babus_error_detail()) > 0); \
	} while (0)
	REFUSED(depth, 0);
	REFUSED(loans, 0);
	REFUSED(pins, 0);
	REFUSED(max_size, 0);
	REFUSED(first_seq, 0);
	REFUSED(first_seq, BABUS_SEQ_MAX + 1);
	REFUSED(loans, BABUS_LOANS_MAX + 1);
	REFUSED(depth, BABUS_BUFFERS_MAX - opts.loans - opts.pins + 1);
	REFUSED(pins, UINT32_MAX);
	REFUSED(depth, UINT32_MAX);
	REFUSED(max_size, UINT64_MAX);
	REFUSED(channel, 32);
	REFUSED(channel, -2);
	REFUSED(mode, 01000);
	REFUSED(reserved[0], 1);
#undef REFUSED
}

static void largest_geometry_works(void **state)
{
	struct babus_slot_options opts = small_options(1, 16);
	struct babus_message message;
	babus_slot *slot;

	(void)state;
	opts.loans = BABUS_LOANS_MAX;
	opts.pins = 1000;
	opts.depth = BABUS_BUFFERS_MAX - opts.loans - opts.pins;
	slot = make_slot_with("s", &opts);
	publish_text(slot, "first");
	publish_text(slot, "second");
	assert_int_equal(babus_slot_view(slot, BABUS_AGE, 1, &message), 0);
	assert_text(&message, "first");
	babus_slot_close(slot);
}

static void huge_messages_cost_no_memory_until_published(void **state)
{
	struct babus_slot_options opts = small_options(8, UINT64_C(4) << 30);
	struct babus_slot_info info;
	babus_slot *slot;

	(void)state;
	if (!support_address_space(UINT64_C(32) * opts.max_size)) {
		printf("skipped: no 128 GiB of address space here\n");
		return;
	}
	slot = make_slot_with("s", &opts);
	assert_int_equal(babus_slot_info(slot, &info), 0);
	assert_true(info.bytes_used < 100000);
	assert_true(info.bytes_max > UINT64_C(20) * (UINT64_C(4) << 30));
	babus_slot_close(slot);
}

static void other_geometry_is_eexist_where_it_must_be_exact(void **state)
{
	struct babus_slot_options opts = small_options(4, 100), other;
	babus_slot *slot = make_slot_with("s", &opts), *second = NULL;

	(void)state;
#define DIFFERS(field)                                                                      \
	do {                                                                                \
		other = opts;                                                               \
		other.field++;                                                              \
		assert_int_equal(                                                           \
		    babus_slot_open(bus, "s", BABUS_CREATE | BABUS_EXACT, &other, &second), \
		    -EEXIST);                                                               \
		assert_non_null(strstr(babus_error_detail(), "'s'"));                       \
	} while (0)
	DIFFERS(depth);
	DIFFERS(loans);
	DIFFERS(pins);
	DIFFERS(max_size);
#undef DIFFERS
	assert_null(second);
	babus_slot_close(slot);
}

static void same_geometry_opens_and_other_options_do_not_matter(void **state)
{
	struct babus_slot_options opts = small_options(4, 100);
	babus_slot *first = make_slot_with("s", &opts), *second = NULL;
	struct babus_slot_info info;

	(void)state;
	opts.description = "other";
	opts.channel = 3;
	opts.mode = 0666;
	assert_int_equal(babus_slot_open(bus, "s", BABUS_CREATE | BABUS_EXACT, &opts, &second), 0);
	assert_int_equal(babus_slot_info(second, &info), 0);
	assert_string_equal(info.description, "");
	assert_int_equal(info.mode, 0600);
	babus_slot_close(first);
	babus_slot_close(second);
}

static void existing_slot_opens_without_options_whatever_its_geometry(void **state)
{
	babus_slot *first = make_slot("s", 5, 123), *second = make_slot_with("s", NULL);
	struct babus_slot_info info;

	(void)state;
	assert_int_equal(babus_slot_info(second, &info), 0);
	assert_int_equal(info.depth, 5);
	babus_slot_close(first);
	babus_slot_close(second);
}

static void exclusive_create_of_an_existing_slot_is_eexist(void **state)
{
	babus_slot *slot = make_slot("s", 1, 16), *second = NULL;

	(void)state;
	assert_int_equal(babus_slot_open(bus, "s", BABUS_CREATE | BABUS_EXCLUSIVE, NULL, &second),
			 -EEXIST);
	assert_null(second);
	babus_slot_close(slot);
}

static void automatic_channels_spread_the_slots(void **state)
{
	uint32_t seen = 0;
	char name[16];

	(void)state;
	for (int i = 0; i < 31; i++) {
		struct babus_slot_info info;
		babus_slot *slot;

		snprintf(name, sizeof(name), "s%d", i);
		slot = make_slot(name, 1, 16);
		assert_int_equal(babus_slot_info(slot, &info), 0);
		assert_true(info.channel < 31);
		seen |= 1u << info.channel;
		babus_slot_close(slot);
	}
	/* All channels but the last, which is for news of the domain. */
	assert_int_equal(seen, 0x7fffffff);
}

static void failed_create_leaves_no_files(void **state)
{
	struct babus_slot_options opts = small_options(1, 16);
	struct babus_report report;

	(void)state;
	opts.depth = 0;
	assert_int_equal(try_create(&opts), -EINVAL);
	assert_int_equal(babus_domain_recover(bus, 0, &report), 0);
	assert_int_equal(report.slots, 0);
	assert_int_equal(report.leftovers, 0);
}

static void messages_stay_when_all_processes_have_gone(void **state)
{
	babus_slot *slot = make_slot("s", 2, 16);
	struct babus_message message;

	(void)state;
	publish_text(slot, "old");
	publish_text(slot, "new");
	babus_slot_close(slot);
	babus_domain_close(bus);
	assert_int_equal(babus_domain_open("test", 0, NULL, &bus), 0);
	slot = open_slot("s", BABUS_READ);
	assert_int_equal(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
	assert_text(&message, "new");
	assert_int_equal(babus_slot_view(slot, BABUS_AGE, 1, &message), 0);
	assert_text(&message, "old");
	babus_slot_close(slot);
}

/* --- races ------------------------------------------------------------------------- */

struct race {
	int start, opened, finish;
	unsigned flags;
};

static void racer(void *arg)
{
	struct race *race = arg;
	struct babus_slot_options opts = small_options(64, 16);
	babus_domain *domain;
	babus_slot *slot = NULL;
	int error;

	opts.loans = 32;
	EXPECT_EQUAL(babus_domain_open("test", 0, NULL, &domain), 0);
	gate_wait(race->start);
	error = babus_slot_open(domain, "race", race->flags, &opts, &slot);
	EXPECT(!error || (race->flags & BABUS_EXCLUSIVE && error == -EEXIST));
	if (!error)
		EXPECT_EQUAL(babus_slot_publish(slot, "x", 1, NULL, NULL), 0);
	gate_post(race->opened, 1);
	gate_wait(race->finish);
	babus_slot_close(slot);
}

static void run_race(unsigned flags, uint64_t expected)
{
	enum {
		RACERS = 8,
		ROUNDS = 40
	};
	struct race race = {gate_open(), gate_open(), gate_open(), flags};

	for (int round = 0; round < ROUNDS; round++) {
		pid_t racers[RACERS];
		struct babus_slot_info info;
		struct babus_report report;
		babus_slot *slot;

		for (int i = 0; i < RACERS; i++)
			racers[i] = child_start(racer, &race);
		gate_post(race.start, RACERS);
		for (int i = 0; i < RACERS; i++)
			gate_wait(race.opened);
		slot = open_slot("race", BABUS_READ);
		assert_int_equal(babus_slot_info(slot, &info), 0);
		assert_int_equal(info.seq, expected);
		assert_int_equal(info.publishers, expected);
		gate_post(race.finish, RACERS);
		for (int i = 0; i < RACERS; i++)
			child_join(racers[i]);
		assert_int_equal(babus_domain_recover(bus, 0, &report), 0);
		assert_int_equal(report.leftovers, 0);
		assert_int_equal(report.dead_publishers, 0);
		babus_slot_close(slot);
		assert_int_equal(babus_domain_remove_slot(bus, "race"), 0);
	}
	gate_close(race.start);
	gate_close(race.opened);
	gate_close(race.finish);
}

static void racing_creators_end_up_on_one_slot(void **state)
{
	(void)state;
	run_race(BABUS_CREATE | BABUS_PUBLISH, 8);
}

static void only_one_of_racing_exclusive_creators_succeeds(void **state)
{
	(void)state;
	run_race(BABUS_CREATE | BABUS_EXCLUSIVE | BABUS_PUBLISH, 1);
}

static void remover(void *arg)
{
	int stop = *(int *)arg;
	babus_domain *domain;

	EXPECT_EQUAL(babus_domain_open("test", 0, NULL, &domain), 0);
	for (int i = 0; i < 2000; i++) {
		int error = babus_domain_remove_slot(domain, "s");

		EXPECT(!error || error == -ENOENT);
	}
	gate_post(stop, 1);
}

static void open_or_create_survives_a_remover(void **state)
{
	struct babus_slot_options opts = small_options(2, 16);
	int stop = gate_open();
	pid_t child = child_start(remover, &stop);

	(void)state;
	for (int i = 0; i < 2000; i++) {
		babus_slot *slot = NULL;
		int error = babus_slot_open(bus, "s", BABUS_CREATE | BABUS_PUBLISH, &opts, &slot);

		assert_true(error == 0 || error == -ENODEV);
		if (error)
			continue;
		error = babus_slot_publish(slot, "x", 1, NULL, NULL);
		assert_true(error == 0 || error == -ENODEV);
		babus_slot_close(slot);
	}
	child_join(child);
	gate_close(stop);
}

/* --- files that are no slots ---------------------------------------------------------- */

static void symbolic_link_in_its_place_is_eperm(void **state)
{
	babus_slot *slot = make_slot("real", 1, 16);

	(void)state;
	babus_slot_close(slot);
	assert_int_equal(symlink(domain_file("real.slot"), domain_file("s.slot")), 0);
	assert_int_equal(babus_slot_open(bus, "s", BABUS_READ, NULL, &slot), -EPERM);
	assert_int_equal(babus_slot_open(bus, "s", BABUS_CREATE, NULL, &slot), -EPERM);
}

static void fifo_and_directory_in_its_place_are_eperm(void **state)
{
	babus_slot *slot;

	(void)state;
	assert_int_equal(mkfifo(domain_file("fifo.slot"), 0600), 0);
	assert_int_equal(babus_slot_open(bus, "fifo", BABUS_READ, NULL, &slot), -EPERM);
	assert_int_equal(babus_slot_open(bus, "fifo", BABUS_PUBLISH, NULL, &slot), -EPERM);
	assert_int_equal(mkdir(domain_file("dir.slot"), 0700), 0);
	assert_int_equal(babus_slot_open(bus, "dir", BABUS_READ, NULL, &slot), -EPERM);
	assert_int_equal(babus_slot_open(bus, "dir", BABUS_PUBLISH, NULL, &slot), -EPERM);
	assert_int_equal(babus_domain_remove_slot(bus, "dir"), -EPERM);
}

static void symbolic_link_as_its_pins_is_eperm(void **state)
{
	babus_slot *slot = make_slot("s", 1, 16);
	const char *pins = pins_file(slot), *moved = domain_file("moved");

	(void)state;
	assert_int_equal(rename(pins, moved), 0);
	assert_int_equal(symlink(moved, pins), 0);
	babus_slot_close(slot);
	assert_int_equal(babus_slot_open(bus, "s", BABUS_READ, NULL, &slot), -EPERM);
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE(missing_slot_is_enoent),
	    CASE(bad_name_is_einval),
	    CASE(defaults_are_as_documented),
	    CASE(info_shows_what_the_creator_asked_for),
	    CASE(labels_of_the_longest_length_are_kept_whole),
	    CASE(each_limit_of_the_geometry_is_einval_one_beyond),
	    CASE(largest_geometry_works),
	    CASE(huge_messages_cost_no_memory_until_published),
	    CASE(other_geometry_is_eexist_where_it_must_be_exact),
	    CASE(same_geometry_opens_and_other_options_do_not_matter),
	    CASE(existing_slot_opens_without_options_whatever_its_geometry),
	    CASE(exclusive_create_of_an_existing_slot_is_eexist),
	    CASE(automatic_channels_spread_the_slots),
	    CASE(failed_create_leaves_no_files),
	    CASE(messages_stay_when_all_processes_have_gone),
	    CASE(racing_creators_end_up_on_one_slot),
	    CASE(only_one_of_racing_exclusive_creators_succeeds),
	    CASE(open_or_create_survives_a_remover),
	    CASE(symbolic_link_in_its_place_is_eperm),
	    CASE(fifo_and_directory_in_its_place_are_eperm),
	    CASE(symbolic_link_as_its_pins_is_eperm),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 120);
}
