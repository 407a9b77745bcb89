/* SPDX-License-Identifier: MIT */
/*
 * A domain whose files are deleted past the library: by rm -r, or by logind at a user's logout.
 * Calls that go to the files report it; none makes a slot there.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support.h"

static babus_slot *slot;

/* --- ways to vanish ------------------------------------------------------------------ */

static void delete_all(void)
{
	DIR *dir = opendir(domain_file(""));
	struct dirent *entry;

	assert_non_null(dir);
	while ((entry = readdir(dir)))
		if (*entry->d_name != '.')
			assert_int_equal(unlink(domain_file(entry->d_name)), 0);
	closedir(dir);
	assert_int_equal(rmdir(domain_file("")), 0);
}

static void delete_and_create_again(void)
{
	babus_domain *other = NULL;
	babus_slot *same = NULL;

	delete_all();
	assert_int_equal(babus_domain_open("test", BABUS_CREATE, NULL, &other), 0);
	assert_int_equal(babus_slot_open(other, "s", BABUS_CREATE, NULL, &same), 0);
	babus_slot_close(same);
	babus_domain_close(other);
}

static void delete_the_file_alone(void)
{
	assert_int_equal(unlink(domain_file("domain")), 0);
}

static void replace_the_file(void)
{
	FILE *file;

	assert_int_equal(unlink(domain_file("domain")), 0);
	file = fopen(domain_file("domain"), "w");
	assert_non_null(file);
	fclose(file);
}

static void (*const ways[])(void) = {delete_all, delete_and_create_again, delete_the_file_alone,
				     replace_the_file};

/* --- calls that notice --------------------------------------------------------------- */

static int check(void)
{
	return babus_domain_check(bus);
}

static int list(void)
{
	return babus_domain_list(bus, ignore_name, NULL);
}

static int open_existing(void)
{
	babus_slot *opened = NULL;
	int error = babus_slot_open(bus, "s", BABUS_READ, NULL, &opened);

	babus_slot_close(opened);
	return error;
}

static int open_missing(void)
{
	babus_slot *opened = NULL;

	return babus_slot_open(bus, "missing", BABUS_READ, NULL, &opened);
}

static int create(void)
{
	babus_slot *opened = NULL;
	int error = babus_slot_open(bus, "new", BABUS_PUBLISH | BABUS_CREATE, NULL, &opened);

	babus_slot_close(opened);
	return error;
}

static int create_exclusively(void)
{
	babus_slot *opened = NULL;
	int error = babus_slot_open(bus, "new", BABUS_CREATE | BABUS_EXCLUSIVE, NULL, &opened);

	babus_slot_close(opened);
	return error;
}

static int await(void)
{
	babus_slot *opened = NULL;

	return babus_slot_await(bus, "missing", 0, NULL, BABUS_FOREVER, &opened);
}

static int remove_by_name(void)
{
	return babus_domain_remove_slot(bus, "s");
}

static int remove_by_handle(void)
{
	return babus_slot_remove(slot);
}

static int recover(void)
{
	struct babus_report report;

	return babus_domain_recover(bus, 1, &report);
}

static int info(void)
{
	struct babus_slot_info result;

	return babus_slot_info(slot, &result);
}

static int no_client(void *arg, const struct babus_client_info *client)
{
	(void)arg;
	(void)client;
	return 0;
}

static int clients(void)
{
	return babus_slot_clients(slot, no_client, NULL);
}

static int alive(void)
{
	return babus_slot_publisher_alive(slot, 1);
}

static int set_access(void)
{
	return babus_slot_set_access(slot, 0644, (uid_t)-1, (gid_t)-1);
}

/* They make no system call to notice: once another call has noticed, they report it too. */
static int publish(void)
{
	return babus_slot_publish(slot, "x", 1, NULL, NULL);
}

static int copy(void)
{
	struct babus_message message;
	char buffer[64];

	return babus_slot_copy(slot, BABUS_LATEST, 0, buffer, sizeof(buffer), &message);
}

static int changes(void)
{
	uint64_t count;

	return babus_domain_changes(bus, &count);
}

static int (*const asking[])(void) = {
    check, list,           open_existing,    open_missing, create, create_exclusively,
    await, remove_by_name, remove_by_handle, recover,      info,   clients,
    alive, set_access,
};

static int (*const following[])(void) = {publish, copy, changes};

/* Whether the directory that has the name now has such an entry. */
static bool has_slot(const char *leaf)
{
	return access(domain_file(leaf), F_OK) == 0;
}

static void try_way(void (*vanish)(void), int (*ask)(void))
{
	slot = make_slot("s", 2, 64);
	publish_text(slot, "hello");
	assert_int_equal(babus_domain_check(bus), 0);
	vanish();
	assert_int_equal(ask(), -ENODEV);
	for (size_t i = 0; i < sizeof(following) / sizeof(*following); i++)
		assert_int_equal(following[i](), -ENODEV);
	assert_int_equal(ask(), -ENODEV);
	assert_false(has_slot("new.slot"));
	if (vanish != delete_all)
		assert_true(has_slot("s.slot"));
	babus_slot_close(slot);
}

static void each_call_that_goes_to_the_files_reports_it_and_then_all_do(void **state)
{
	for (size_t way = 0; way < sizeof(ways) / sizeof(*ways); way++) {
		for (size_t i = 0; i < sizeof(asking) / sizeof(*asking); i++) {
			snprintf(support_context, sizeof(support_context), "way %zu, call %zu", way,
				 i);
			try_way(ways[way], asking[i]);
			*support_context = '\0';
			support_teardown(state);
			assert_int_equal(support_setup(state), 0);
		}
	}
}

static void a_domain_that_exists_is_not_reported(void **state)
{
	(void)state;
	slot = make_slot("s", 2, 64);
	assert_int_equal(check(), 0);
	assert_string_equal(babus_error_detail(), "");
	assert_int_equal(publish(), 0);
	babus_slot_close(slot);
}

/* Its files moved with the directory, which is still the one that is open. */
static void a_renamed_directory_is_still_the_domain(void **state)
{
	(void)state;
	slot = make_slot("s", 2, 64);
	assert_int_equal(rename(domain_file(""), root_file("moved")), 0);
	assert_int_equal(check(), 0);
	assert_int_equal(info(), 0);
	assert_int_equal(create(), 0);
	babus_slot_close(slot);
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE(each_call_that_goes_to_the_files_reports_it_and_then_all_do),
	    CASE(a_domain_that_exists_is_not_reported),
	    CASE(a_renamed_directory_is_still_the_domain),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 120);
}
