/* SPDX-License-Identifier: MIT */
/* Opening, creating, listing and removing domains. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support.h"

static mode_t mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	return st.st_mode & 07777;
}

static void put_file(const char *path, const void *data, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, size), size);
	close(fd);
}

static void missing_domain_is_enoent(void **state)
{
	babus_domain *domain = NULL;

	(void)state;
	assert_int_equal(babus_domain_open("no", 0, NULL, &domain), -ENOENT);
	assert_null(domain);
	assert_int_not_equal(access(root_file("babus.no"), F_OK), 0);
}

static void create_makes_the_directory_and_its_file(void **state)
{
	babus_domain *domain = NULL;

	(void)state;
	assert_int_equal(babus_domain_open("d", BABUS_CREATE, NULL, &domain), 0);
	assert_string_equal(babus_domain_name(domain), "d");
	assert_string_equal(babus_domain_path(domain), root_file("babus.d"));
	assert_int_equal(mode_of(root_file("babus.d")), 0700);
	assert_int_equal(access(root_file("babus.d/domain"), R_OK | W_OK), 0);
	babus_domain_close(domain);
}

static void second_create_opens_the_same_domain(void **state)
{
	babus_domain *first = NULL, *second = NULL;
	uint64_t before, after;

	(void)state;
	assert_int_equal(babus_domain_open("d", BABUS_CREATE, NULL, &first), 0);
	assert_int_equal(babus_domain_open("d", BABUS_CREATE, NULL, &second), 0);
	assert_int_equal(babus_domain_changes(first, &before), 0);
	assert_int_equal(babus_domain_changes(second, &after), 0);
	assert_int_equal(before, after);
	babus_domain_close(first);
	babus_domain_close(second);
}

static void exclusive_create_of_an_existing_domain_is_eexist(void **state)
{
	babus_domain *first = NULL, *second = NULL;

	(void)state;
	assert_int_equal(babus_domain_open("d", BABUS_CREATE | BABUS_EXCLUSIVE, NULL, &first), 0);
	assert_int_equal(babus_domain_open("d", BABUS_CREATE | BABUS_EXCLUSIVE, NULL, &second),
			 -EEXIST);
	assert_null(second);
	babus_domain_close(first);
}

static void name_and_root_come_from_the_environment(void **state)
{
	babus_domain *domain = NULL;

	(void)state;
	assert_int_equal(babus_domain_open(NULL, BABUS_CREATE, NULL, &domain), 0);
	assert_string_equal(babus_domain_name(domain), "default");
	babus_domain_close(domain);
	setenv("BABUS_DOMAIN", "from-env", 1);
	assert_int_equal(babus_domain_open(NULL, BABUS_CREATE, NULL, &domain), 0);
	assert_string_equal(babus_domain_name(domain), "from-env");
	assert_string_equal(babus_domain_path(domain), root_file("babus.from-env"));
	babus_domain_close(domain);
	unsetenv("BABUS_DOMAIN");
}

static void root_option_wins_over_the_environment(void **state)
{
	struct babus_domain_options opts;
	babus_domain *domain = NULL;
	const char *other = root_file("elsewhere");

	(void)state;
	assert_int_equal(mkdir(other, 0700), 0);
	babus_domain_options_init(&opts);
	opts.root = other;
	assert_int_equal(babus_domain_open("d", BABUS_CREATE, &opts, &domain), 0);
	assert_int_equal(access(root_file("elsewhere/babus.d/domain"), F_OK), 0);
	babus_domain_close(domain);
}

static void missing_root_is_enoent_and_named(void **state)
{
	struct babus_domain_options opts;
	babus_domain *domain = NULL;

	(void)state;
	babus_domain_options_init(&opts);
	opts.root = "/nonexistent-root";
	assert_int_equal(babus_domain_open("d", BABUS_CREATE, &opts, &domain), -ENOENT);
	assert_non_null(strstr(babus_error_detail(), "/nonexistent-root"));
}

static void bad_names_and_options_are_einval(void **state)
{
	struct babus_domain_options opts;
	babus_domain *domain = NULL;

	(void)state;
	assert_int_equal(babus_domain_open("a/b", BABUS_CREATE, NULL, &domain), -EINVAL);
	assert_int_equal(babus_domain_open("..", BABUS_CREATE, NULL, &domain), -EINVAL);
	babus_domain_options_init(&opts);
	opts.reserved[3] = 1;
	assert_int_equal(babus_domain_open("d", BABUS_CREATE, &opts, &domain), -EINVAL);
	babus_domain_options_init(&opts);
	opts.mode = 0100000;
	assert_int_equal(babus_domain_open("d", BABUS_CREATE, &opts, &domain), -EINVAL);
	assert_int_not_equal(access(root_file("babus.d"), F_OK), 0);
}

static void mode_is_exact_whatever_the_umask(void **state)
{
	struct babus_domain_options opts;
	babus_domain *domain = NULL;

	(void)state;
	babus_domain_options_init(&opts);
	opts.mode = 02770;
	umask(0777);
	assert_int_equal(babus_domain_open("d", BABUS_CREATE, &opts, &domain), 0);
	umask(022);
	babus_domain_close(domain);
	assert_int_equal(mode_of(root_file("babus.d")), 02770);
	assert_int_equal(mode_of(root_file("babus.d/domain")), 0660);
}

static void file_of_the_domain_is_writable_for_all_who_may_enter(void **state)
{
	static const struct {
		mode_t directory, file;
	} cases[] = {{0700, 0600}, {0750, 0660}, {0755, 0666}, {0777, 0666}, {0770, 0660}};
	struct babus_domain_options opts;

	(void)state;
	babus_domain_options_init(&opts);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		babus_domain *domain = NULL;

		opts.mode = cases[i].directory;
		assert_int_equal(babus_domain_open("d", BABUS_CREATE, &opts, &domain), 0);
		assert_int_equal(mode_of(root_file("babus.d")), cases[i].directory);
		assert_int_equal(mode_of(root_file("babus.d/domain")), cases[i].file);
		babus_domain_close(domain);
		assert_int_equal(babus_domain_remove("d", NULL), 0);
	}
}

static void domain_without_its_file_gets_completed(void **state)
{
	babus_domain *domain = NULL;

	(void)state;
	assert_int_equal(mkdir(root_file("babus.d"), 0700), 0);
	assert_int_equal(babus_domain_open("d", 0, NULL, &domain), -ENOENT);
	assert_int_equal(babus_domain_open("d", BABUS_CREATE | BABUS_EXCLUSIVE, NULL, &domain), 0);
	babus_domain_close(domain);
}

static void regular_file_in_its_place_is_eperm(void **state)
{
	babus_domain *domain = NULL;

	(void)state;
	put_file(root_file("babus.d"), "x", 1);
	assert_int_equal(babus_domain_open("d", 0, NULL, &domain), -EPERM);
	assert_int_equal(babus_domain_open("d", BABUS_CREATE, NULL, &domain), -EPERM);
}

static void symbolic_link_in_its_place_is_eperm(void **state)
{
	babus_domain *domain = NULL;

	(void)state;
	assert_int_equal(babus_domain_open("real", BABUS_CREATE, NULL, &domain), 0);
	babus_domain_close(domain);
	assert_int_equal(symlink("babus.real", root_file("babus.d")), 0);
	assert_int_equal(babus_domain_open("d", 0, NULL, &domain), -EPERM);
	assert_int_equal(babus_domain_open("d", BABUS_CREATE, NULL, &domain), -EPERM);
}

static void symbolic_link_as_its_file_is_eperm(void **state)
{
	babus_domain *domain = NULL;

	(void)state;
	assert_int_equal(babus_domain_open("real", BABUS_CREATE, NULL, &domain), 0);
	babus_domain_close(domain);
	assert_int_equal(mkdir(root_file("babus.d"), 0700), 0);
	assert_int_equal(symlink("../babus.real/domain", root_file("babus.d/domain")), 0);
	assert_int_equal(babus_domain_open("d", 0, NULL, &domain), -EPERM);
	assert_int_equal(babus_domain_open("d", BABUS_CREATE, NULL, &domain), -EPERM);
}

static void fifo_as_its_file_is_eperm_and_does_not_block(void **state)
{
	babus_domain *domain = NULL;

	(void)state;
	assert_int_equal(mkdir(root_file("babus.d"), 0700), 0);
	assert_int_equal(mkfifo(root_file("babus.d/domain"), 0600), 0);
	assert_int_equal(babus_domain_open("d", 0, NULL, &domain), -EPERM);
}

static void foreign_contents_are_eproto(void **state)
{
	char junk[4096];
	babus_domain *domain = NULL;

	(void)state;
	assert_int_equal(mkdir(root_file("babus.d"), 0700), 0);
	put_file(root_file("babus.d/domain"), "", 0);
	assert_int_equal(babus_domain_open("d", 0, NULL, &domain), -EPROTO);
	memset(junk, 'j', sizeof(junk));
	put_file(root_file("babus.d/domain"), junk, sizeof(junk));
	assert_int_equal(babus_domain_open("d", 0, NULL, &domain), -EPROTO);
	assert_int_equal(babus_domain_open("d", BABUS_CREATE, NULL, &domain), -EPROTO);
}

static void racer(void *arg)
{
	int *gates = arg;
	babus_domain *domain;
	uint64_t changes;

	gate_wait(gates[0]);
	EXPECT_EQUAL(babus_domain_open("race", BABUS_CREATE, NULL, &domain), 0);
	EXPECT_EQUAL(babus_domain_changes(domain, &changes), 0);
	gate_post(gates[1], 1);
	gate_wait(gates[2]);
	/* Each made one change: all are in the same file. */
	EXPECT_EQUAL(babus_slot_open(domain, "x", BABUS_CREATE, NULL, &(babus_slot *){NULL}), 0);
}

static void racing_creators_end_up_in_one_domain(void **state)
{
	enum {
		RACERS = 8,
		ROUNDS = 20
	};
	int gates[3] = {gate_open(), gate_open(), gate_open()};

	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		babus_domain *domain = NULL;
		pid_t racers[RACERS];
		uint64_t before, after;

		for (int i = 0; i < RACERS; i++)
			racers[i] = child_start(racer, gates);
		gate_post(gates[0], RACERS);
		for (int i = 0; i < RACERS; i++)
			gate_wait(gates[1]);
		assert_int_equal(babus_domain_open("race", 0, NULL, &domain), 0);
		assert_int_equal(babus_domain_changes(domain, &before), 0);
		gate_post(gates[2], RACERS);
		for (int i = 0; i < RACERS; i++)
			child_join(racers[i]);
		assert_int_equal(babus_domain_changes(domain, &after), 0);
		assert_int_equal(after, before + 1);
		babus_domain_close(domain);
		assert_int_equal(babus_domain_remove("race", NULL), 0);
	}
	for (int i = 0; i < 3; i++)
		gate_close(gates[i]);
}

static int collect(void *arg, const char *name)
{
	char *names = arg;

	strcat(strcat(names, name), " ");
	return 0;
}

static int stop_at_first(void *arg, const char *name)
{
	(void)name;
	++*(int *)arg;
	return 17;
}

static void list_gives_the_slots_and_nothing_else(void **state)
{
	char names[256] = "";

	(void)state;
	babus_slot_close(make_slot("one", 1, 16));
	babus_slot_close(make_slot("two.slot", 1, 16));
	put_file(domain_file(".hidden.slot"), "", 0);
	put_file(domain_file("notes.txt"), "", 0);
	assert_int_equal(babus_domain_list(bus, collect, names), 0);
	assert_int_equal(strlen(names), strlen("one two.slot "));
	assert_non_null(strstr(names, "one "));
	assert_non_null(strstr(names, "two.slot "));
}

static void list_stops_at_a_nonzero_result_and_returns_it(void **state)
{
	int calls = 0;

	(void)state;
	babus_slot_close(make_slot("one", 1, 16));
	babus_slot_close(make_slot("two", 1, 16));
	assert_int_equal(babus_domain_list(bus, stop_at_first, &calls), 17);
	assert_int_equal(calls, 1);
}

static void changes_count_create_remove_and_mode(void **state)
{
	uint64_t at, now;
	babus_slot *slot;

	(void)state;
	assert_int_equal(babus_domain_changes(bus, &at), 0);
	slot = make_slot("s", 1, 64);
	assert_int_equal(babus_domain_changes(bus, &now), 0);
	assert_int_not_equal(now, at);
	at = now;
	assert_int_equal(babus_slot_set_access(slot, 0640, (uid_t)-1, (gid_t)-1), 0);
	assert_int_equal(babus_domain_changes(bus, &now), 0);
	assert_int_not_equal(now, at);
	at = now;
	publish_text(slot, "no change of the domain");
	assert_int_equal(babus_domain_changes(bus, &now), 0);
	assert_int_equal(now, at);
	assert_int_equal(babus_domain_remove_slot(bus, "s"), 0);
	assert_int_equal(babus_domain_changes(bus, &now), 0);
	assert_int_not_equal(now, at);
	babus_slot_close(slot);
}

static void remove_takes_all_slots_and_their_users_get_enodev(void **state)
{
	babus_slot *slot = make_slot("s", 2, 16);
	uint64_t changes;

	(void)state;
	publish_text(slot, "x");
	assert_int_equal(babus_domain_remove("test", NULL), 0);
	assert_int_not_equal(access(root_file("babus.test"), F_OK), 0);
	assert_int_equal(babus_slot_publish(slot, "y", 1, NULL, NULL), -ENODEV);
	assert_int_equal(babus_domain_changes(bus, &changes), -ENODEV);
	assert_int_equal(babus_domain_list(bus, collect, NULL), -ENODEV);
	babus_slot_close(slot);
}

static void remove_of_a_missing_domain_is_enoent(void **state)
{
	(void)state;
	assert_int_equal(babus_domain_remove("no", NULL), -ENOENT);
}

static void remove_leaves_foreign_files_and_is_enotempty(void **state)
{
	(void)state;
	put_file(domain_file("notes.txt"), "mine", 4);
	assert_int_equal(babus_domain_remove("test", NULL), -ENOTEMPTY);
	assert_int_equal(access(domain_file("notes.txt"), F_OK), 0);
	/* Nor does the domain lose its own file. */
	assert_int_equal(babus_domain_check(bus), 0);
}

static void open_domain_holds_one_descriptor_and_a_slot_none(void **state)
{
	unsigned before = count_descriptors();
	babus_domain *domain = NULL;
	babus_slot *slot = NULL;

	(void)state;
	assert_int_equal(babus_domain_open("test", 0, NULL, &domain), 0);
	assert_int_equal(count_descriptors(), before + 1);
	assert_int_equal(babus_slot_open(domain, "s", BABUS_PUBLISH | BABUS_CREATE, NULL, &slot),
			 0);
	publish_text(slot, "x");
	assert_int_equal(count_descriptors(), before + 1);
	babus_slot_close(slot);
	babus_domain_close(domain);
	assert_int_equal(count_descriptors(), before);
}

static void slots_outlive_the_domain_handle(void **state)
{
	babus_domain *domain = NULL;
	babus_slot *slot = NULL;

	(void)state;
	assert_int_equal(babus_domain_open("test", 0, NULL, &domain), 0);
	assert_int_equal(babus_slot_open(domain, "s", BABUS_PUBLISH | BABUS_CREATE, NULL, &slot),
			 0);
	babus_domain_close(domain);
	publish_text(slot, "still there");
	babus_slot_close(slot);
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE_ROOT(missing_domain_is_enoent),
	    CASE_ROOT(create_makes_the_directory_and_its_file),
	    CASE_ROOT(second_create_opens_the_same_domain),
	    CASE_ROOT(exclusive_create_of_an_existing_domain_is_eexist),
	    CASE_ROOT(name_and_root_come_from_the_environment),
	    CASE_ROOT(root_option_wins_over_the_environment),
	    CASE_ROOT(missing_root_is_enoent_and_named),
	    CASE_ROOT(bad_names_and_options_are_einval),
	    CASE_ROOT(mode_is_exact_whatever_the_umask),
	    CASE_ROOT(file_of_the_domain_is_writable_for_all_who_may_enter),
	    CASE_ROOT(domain_without_its_file_gets_completed),
	    CASE_ROOT(regular_file_in_its_place_is_eperm),
	    CASE_ROOT(symbolic_link_in_its_place_is_eperm),
	    CASE_ROOT(symbolic_link_as_its_file_is_eperm),
	    CASE_ROOT(fifo_as_its_file_is_eperm_and_does_not_block),
	    CASE_ROOT(foreign_contents_are_eproto),
	    CASE_ROOT(racing_creators_end_up_in_one_domain),
	    CASE(list_gives_the_slots_and_nothing_else),
	    CASE(list_stops_at_a_nonzero_result_and_returns_it),
	    CASE(changes_count_create_remove_and_mode),
	    CASE(remove_takes_all_slots_and_their_users_get_enodev),
	    CASE(remove_of_a_missing_domain_is_enoent),
	    CASE(remove_leaves_foreign_files_and_is_enotempty),
	    CASE(open_domain_holds_one_descriptor_and_a_slot_none),
	    CASE(slots_outlive_the_domain_handle),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 60);
}
