/* SPDX-License-Identifier: MIT */
/* Permission bits of a slot's two files; see test_trust.c for what they do. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support.h"

static mode_t mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

/* Mode of a slot, and the mode of its pins that follows: a process that may read may pin. */
static const struct {
	mode_t slot, pins;
} modes[] = {
    {0600, 0600}, {0640, 0660}, {0644, 0666}, {0660, 0660},
    {0664, 0666}, {0666, 0666}, {0400, 0600}, {0444, 0666},
};

static void modes_are_exact_whatever_the_umask(void **state)
{
	struct babus_slot_options opts = small_options(2, 16);

	(void)state;
	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		struct babus_slot_info info;
		babus_slot *slot = NULL;

		opts.mode = modes[i].slot;
		umask(i % 2 ? 0777 : 0);
		assert_int_equal(babus_slot_open(bus, "s", BABUS_CREATE, &opts, &slot), 0);
		umask(022);
		assert_int_equal(mode_of(domain_file("s.slot")), modes[i].slot);
		assert_int_equal(mode_of(pins_file(slot)), modes[i].pins);
		assert_int_equal(babus_slot_info(slot, &info), 0);
		assert_int_equal(info.mode, modes[i].slot);
		babus_slot_close(slot);
		/* A user that may not write it may not remove it, except root. */
		assert_int_equal(chmod(domain_file("s.slot"), 0600), 0);
		assert_int_equal(babus_domain_remove_slot(bus, "s"), 0);
	}
}

static void set_access_changes_both_files(void **state)
{
	babus_slot *slot = make_slot("s", 2, 16);

	(void)state;
	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		umask(077);
		assert_int_equal(babus_slot_set_access(slot, modes[i].slot, (uid_t)-1, (gid_t)-1),
				 0);
		umask(022);
		assert_int_equal(mode_of(domain_file("s.slot")), modes[i].slot);
		assert_int_equal(mode_of(pins_file(slot)), modes[i].pins);
	}
	babus_slot_close(slot);
}

static void set_access_of_more_than_permissions_is_einval(void **state)
{
	static const mode_t bad[] = {07777, 01000, 04640, S_IFREG | 0640};
	babus_slot *slot = make_slot("s", 2, 16);

	(void)state;
	assert_int_equal(babus_slot_set_access(slot, 0640, (uid_t)-1, (gid_t)-1), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(babus_slot_set_access(slot, bad[i], (uid_t)-1, (gid_t)-1),
				 -EINVAL);
		assert_int_equal(mode_of(domain_file("s.slot")), 0640);
		assert_int_equal(mode_of(pins_file(slot)), 0660);
	}
	babus_slot_close(slot);
}

static void set_access_leaves_what_is_not_asked_for(void **state)
{
	babus_slot *slot = make_slot("s", 2, 16);
	const char *pins = pins_file(slot), *file = domain_file("s.slot");
	struct stat st;

	(void)state;
	assert_int_equal(babus_slot_set_access(slot, 0640, (uid_t)-1, (gid_t)-1), 0);
	assert_int_equal(babus_slot_set_access(slot, (mode_t)-1, getuid(), (gid_t)-1), 0);
	assert_int_equal(babus_slot_set_access(slot, (mode_t)-1, (uid_t)-1, getgid()), 0);
	assert_int_equal(mode_of(file), 0640);
	assert_int_equal(mode_of(pins), 0660);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_uid, getuid());
	assert_int_equal(st.st_gid, getgid());
	babus_slot_close(slot);
}

/* Another slot's file has the name: this handle must not inspect or change it. */
static void set_access_does_not_touch_what_was_renamed_to_the_name(void **state)
{
	babus_slot *slot = make_slot("s", 2, 16), *other = make_slot("other", 2, 16);
	struct babus_slot_info info;

	(void)state;
	assert_int_equal(rename(domain_file("other.slot"), domain_file("s.slot")), 0);
	assert_int_equal(babus_slot_set_access(slot, 0666, (uid_t)-1, (gid_t)-1), -ENODEV);
	assert_int_equal(babus_slot_info(slot, &info), -ENODEV);
	assert_int_equal(mode_of(domain_file("s.slot")), 0600);
	babus_slot_close(slot);
	babus_slot_close(other);
}

static void remove_slot_of_a_closed_directory(void *arg)
{
	babus_domain *domain;
	babus_slot *slot;

	(void)arg;
	child_become(61003, (gid_t)-1);
	EXPECT_EQUAL(babus_domain_open("test", 0, NULL, &domain), 0);
	EXPECT_EQUAL(babus_slot_open(domain, "s", BABUS_PUBLISH, NULL, &slot), 0);
	EXPECT_EQUAL(babus_domain_remove_slot(domain, "s"), -EACCES);
	EXPECT_EQUAL(babus_slot_remove(slot), -EACCES);
	EXPECT_EQUAL(babus_slot_publish(slot, "x", 1, NULL, NULL), 0);
}

/* A user that may write the slot's file but not the directory: all or nothing. */
static void slot_that_may_not_be_removed_goes_on(void **state)
{
	babus_slot *slot = make_slot("s", 2, 16);
	char path[512];

	(void)state;
	if (geteuid() == 0) {
		snprintf(path, sizeof(path), "%s", root_file("babus.test"));
		assert_int_equal(chmod(path, 0755), 0);
		assert_int_equal(chmod(domain_file("domain"), 0666), 0);
		assert_int_equal(babus_slot_set_access(slot, 0666, (uid_t)-1, (gid_t)-1), 0);
		child_join(child_start(remove_slot_of_a_closed_directory, NULL));
		publish_text(slot, "on");
	}
	babus_slot_close(slot);
}

static void set_access_gives_both_files_to_an_owner_and_a_group(void **state)
{
	babus_slot *slot = make_slot("s", 2, 16);
	const char *pins = pins_file(slot), *file = domain_file("s.slot");
	struct stat st;

	(void)state;
	if (geteuid() != 0) {
		babus_slot_close(slot);
		return; /* only root may give files away */
	}
	assert_int_equal(babus_slot_set_access(slot, (mode_t)-1, 61001, 62000), 0);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_uid, 61001);
	assert_int_equal(st.st_gid, 62000);
	assert_int_equal(stat(pins, &st), 0);
	assert_int_equal(st.st_uid, 61001);
	assert_int_equal(st.st_gid, 62000);
	babus_slot_close(slot);
}

static void set_access_of_a_removed_slot_is_enodev(void **state)
{
	babus_slot *slot = make_slot("s", 2, 16);

	(void)state;
	assert_int_equal(babus_domain_remove_slot(bus, "s"), 0);
	assert_int_equal(babus_slot_set_access(slot, 0640, (uid_t)-1, (gid_t)-1), -ENODEV);
	babus_slot_close(slot);
}

static void set_access_does_not_touch_a_successor_of_the_name(void **state)
{
	babus_slot *old = make_slot("s", 2, 16), *new;

	(void)state;
	assert_int_equal(babus_domain_remove_slot(bus, "s"), 0);
	new = make_slot("s", 2, 16);
	assert_int_equal(babus_slot_set_access(old, 0666, (uid_t)-1, (gid_t)-1), -ENODEV);
	assert_int_equal(mode_of(domain_file("s.slot")), 0600);
	babus_slot_close(old);
	babus_slot_close(new);
}

static void existing_handles_keep_the_access_they_have(void **state)
{
	babus_slot *slot = make_slot("s", 2, 16);
	struct babus_message message;

	(void)state;
	/* A handle registers as a reader when it first reads. */
	publish_text(slot, "first");
	assert_int_equal(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
	assert_text(&message, "first");
	assert_int_equal(babus_slot_set_access(slot, 0000, (uid_t)-1, (gid_t)-1), 0);
	publish_text(slot, "still");
	assert_int_equal(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
	assert_text(&message, "still");
	babus_slot_close(slot);
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE(modes_are_exact_whatever_the_umask),
	    CASE(set_access_changes_both_files),
	    CASE(set_access_of_more_than_permissions_is_einval),
	    CASE(set_access_leaves_what_is_not_asked_for),
	    CASE(set_access_does_not_touch_what_was_renamed_to_the_name),
	    CASE(slot_that_may_not_be_removed_goes_on),
	    CASE(set_access_gives_both_files_to_an_owner_and_a_group),
	    CASE(set_access_of_a_removed_slot_is_enodev),
	    CASE(set_access_does_not_touch_a_successor_of_the_name),
	    CASE(existing_handles_keep_the_access_they_have),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 60);
}
