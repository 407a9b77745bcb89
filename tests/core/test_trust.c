/* SPDX-License-Identifier: MIT */
/* Which users are trusted, and what each may do, with processes of several users. Needs root. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support.h"

enum {
	ALICE = 61001,
	BOB = 61002,
	TEAM = 62000
};

/* What a child does as this user, perhaps with TEAM as a further group. */
struct person {
	uid_t uid;
	bool in_team;
	void (*act)(void);
};

static void live(void *arg)
{
	struct person *person = arg;

	child_become(person->uid, person->in_team ? TEAM : (gid_t)-1);
	person->act();
}

static void as(uid_t uid, void (*act)(void))
{
	struct person person = {uid, false, act};

	child_join(child_start(live, &person));
}

static void as_member(uid_t uid, void (*act)(void))
{
	struct person person = {uid, true, act};

	child_join(child_start(live, &person));
}

static void make_directory(const char *leaf, mode_t mode, uid_t uid, gid_t gid)
{
	const char *path = root_file(leaf);

	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(chown(path, uid, gid), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static int open_d(unsigned flags, babus_domain **domain)
{
	return babus_domain_open("d", flags, NULL, domain);
}

static void make_domain(mode_t mode, uid_t uid, gid_t gid)
{
	struct babus_domain_options opts;
	babus_domain *domain = NULL;

	babus_domain_options_init(&opts);
	opts.mode = mode;
	opts.uid = uid;
	opts.gid = gid;
	opts.trust_uid = uid;
	assert_int_equal(babus_domain_open("d", BABUS_CREATE, &opts, &domain), 0);
	babus_domain_close(domain);
}

/* --- domains ----------------------------------------------------------------------- */

static void is_refused(void)
{
	babus_domain *domain;

	EXPECT_EQUAL(open_d(0, &domain), -EPERM);
	EXPECT_EQUAL(open_d(BABUS_CREATE, &domain), -EPERM);
	EXPECT(strlen(babus_error_detail()) > 0);
}

static void opens(void)
{
	babus_domain *domain;

	EXPECT_EQUAL(open_d(0, &domain), 0);
	babus_domain_close(domain);
}

static void creates(void)
{
	babus_domain *domain;

	EXPECT_EQUAL(open_d(BABUS_CREATE, &domain), 0);
	babus_domain_close(domain);
}

static void squatted_directory_is_eperm(void **state)
{
	(void)state;
	make_directory("babus.d", 0777, ALICE, ALICE);
	as(BOB, is_refused);
	is_refused();
}

static void domain_of_a_stranger_is_eperm(void **state)
{
	(void)state;
	as(ALICE, creates);
	make_directory("babus.e", 0755, ALICE, ALICE);
	is_refused();
}

static void trusts_alice(void)
{
	struct babus_domain_options opts;
	babus_domain *domain;

	babus_domain_options_init(&opts);
	opts.trust_uid = ALICE;
	EXPECT_EQUAL(babus_domain_open("d", 0, &opts, &domain), 0);
	babus_domain_close(domain);
}

static void domain_of_a_user_named_as_trusted_opens(void **state)
{
	(void)state;
	make_domain(0755, ALICE, ALICE);
	as(BOB, is_refused);
	as(BOB, trusts_alice);
}

static void domain_of_root_opens_for_all_users_that_its_mode_allows(void **state)
{
	(void)state;
	make_domain(0755, 0, 0);
	as(BOB, opens);
}

static void is_denied(void)
{
	babus_domain *domain;

	EXPECT_EQUAL(open_d(0, &domain), -EACCES);
}

static void domain_closed_by_its_mode_is_eacces(void **state)
{
	(void)state;
	make_domain(0700, 0, 0);
	as(BOB, is_denied);
}

static void domain_shared_with_a_group_opens_for_its_members_only(void **state)
{
	(void)state;
	make_domain(02770, ALICE, TEAM);
	as_member(BOB, opens);
	as(BOB, is_denied);
}

static void group_does_not_help_a_directory_writable_by_all(void **state)
{
	(void)state;
	make_domain(0777, ALICE, TEAM);
	as_member(BOB, is_refused);
}

static void owner_and_group_of_a_new_domain_are_as_asked(void **state)
{
	struct stat st;

	(void)state;
	make_domain(02770, ALICE, TEAM);
	assert_int_equal(stat(root_file("babus.d"), &st), 0);
	assert_int_equal(st.st_uid, ALICE);
	assert_int_equal(st.st_gid, TEAM);
	assert_int_equal(stat(root_file("babus.d/domain"), &st), 0);
	assert_int_equal(st.st_uid, ALICE);
	assert_int_equal(st.st_gid, TEAM);
}

/* --- slots -------------------------------------------------------------------------- */

/* A slot of root in a domain that all may enter, with one message. */
static babus_slot *make_shared_slot(mode_t mode)
{
	struct babus_slot_options opts = small_options(4, 64);
	babus_slot *slot = NULL;

	make_domain(0755, 0, 0);
	assert_int_equal(open_d(0, &bus), 0);
	opts.mode = mode;
	slot = make_slot_with("s", &opts);
	publish_text(slot, "hello");
	return slot;
}

static void reads_only(void)
{
	struct babus_message message;
	babus_domain *domain;
	babus_slot *slot;
	babus_reader *reader;

	EXPECT_EQUAL(open_d(0, &domain), 0);
	EXPECT_EQUAL(babus_slot_open(domain, "s", BABUS_PUBLISH, NULL, &slot), -EACCES);
	EXPECT_EQUAL(babus_slot_open(domain, "s", BABUS_READ, NULL, &slot), 0);
	EXPECT_EQUAL(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
	EXPECT(message.size == 5 && !memcmp(message.data, "hello", 5));
	babus_message_release(&message);
	EXPECT_EQUAL(babus_slot_publish(slot, "x", 1, NULL, NULL), -EACCES);
	EXPECT_EQUAL(babus_reader_open(slot, BABUS_START_OLDEST, 0, &reader), 0);
	EXPECT_EQUAL(babus_reader_next(reader, &message), 0);
	babus_message_release(&message);
	EXPECT_EQUAL(babus_reader_wait(reader, babus_deadline(MILLISECOND)), -ETIMEDOUT);
	EXPECT_EQUAL(babus_domain_remove_slot(domain, "s"), -EACCES);
	EXPECT_EQUAL(babus_slot_set_access(slot, 0666, (uid_t)-1, (gid_t)-1), -EPERM);
	babus_reader_close(reader);
	babus_slot_close(slot);
	babus_domain_close(domain);
}

static void subscriber_without_write_permission_reads_waits_and_pins(void **state)
{
	babus_slot *slot = make_shared_slot(0644);

	(void)state;
	as(BOB, reads_only);
	babus_slot_close(slot);
}

static void writes_through_a_view(void)
{
	struct babus_message message;
	babus_domain *domain;
	babus_slot *slot;

	EXPECT_EQUAL(open_d(0, &domain), 0);
	EXPECT_EQUAL(babus_slot_open(domain, "s", BABUS_READ, NULL, &slot), 0);
	EXPECT_EQUAL(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
	*(char *)(uintptr_t)message.data = 'X';
}

static void subscribers_mapping_is_read_only(void **state)
{
	babus_slot *slot = make_shared_slot(0644);
	struct person person = {BOB, false, writes_through_a_view};
	struct babus_message message;

	(void)state;
	assert_int_not_equal(child_wait(child_start(live, &person)), 0);
	assert_int_equal(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
	assert_text(&message, "hello");
	babus_slot_close(slot);
}

static void publishes(void)
{
	babus_domain *domain;
	babus_slot *slot;

	EXPECT_EQUAL(open_d(0, &domain), 0);
	EXPECT_EQUAL(babus_slot_open(domain, "s", BABUS_PUBLISH, NULL, &slot), 0);
	EXPECT_EQUAL(babus_slot_publish(slot, "bob", 3, NULL, NULL), 0);
	babus_slot_close(slot);
}

static void write_permission_lets_others_publish(void **state)
{
	babus_slot *slot = make_shared_slot(0666);
	struct babus_message message;

	(void)state;
	as(BOB, publishes);
	assert_int_equal(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
	assert_text(&message, "bob");
	babus_slot_close(slot);
}

static void may_not_read(void)
{
	babus_domain *domain;
	babus_slot *slot;

	EXPECT_EQUAL(open_d(0, &domain), 0);
	EXPECT_EQUAL(babus_slot_open(domain, "s", BABUS_READ, NULL, &slot), -EACCES);
}

static void slot_without_read_permission_is_eacces(void **state)
{
	babus_slot *slot = make_shared_slot(0600);

	(void)state;
	as(BOB, may_not_read);
	babus_slot_close(slot);
}

static void set_access_opens_it_to_new_handles(void **state)
{
	babus_slot *slot = make_shared_slot(0600);

	(void)state;
	as(BOB, may_not_read);
	assert_int_equal(babus_slot_set_access(slot, 0644, (uid_t)-1, (gid_t)-1), 0);
	as(BOB, reads_only);
	assert_int_equal(babus_slot_set_access(slot, 0666, (uid_t)-1, (gid_t)-1), 0);
	as(BOB, publishes);
	babus_slot_close(slot);
}

static void makes_slot(void)
{
	struct babus_slot_options opts = small_options(2, 64);
	babus_domain *domain;
	babus_slot *slot;

	opts.mode = 0666;
	EXPECT_EQUAL(open_d(0, &domain), 0);
	EXPECT_EQUAL(babus_slot_open(domain, "s", BABUS_PUBLISH | BABUS_CREATE, &opts, &slot), 0);
}

static void distrusts_slot(void)
{
	babus_domain *domain;
	babus_slot *slot;

	EXPECT_EQUAL(open_d(0, &domain), 0);
	EXPECT_EQUAL(babus_slot_open(domain, "s", BABUS_READ, NULL, &slot), -EPERM);
}

static void slot_of_a_stranger_in_an_open_domain_is_eperm(void **state)
{
	(void)state;
	make_domain(01777, 0, 0);
	as(ALICE, makes_slot);
	as(BOB, distrusts_slot);
	as(ALICE, makes_slot);
}

static void may_not_give_away(void)
{
	struct babus_slot_options opts = small_options(2, 64);
	babus_domain *domain;
	babus_slot *slot;

	opts.uid = ALICE;
	EXPECT_EQUAL(open_d(0, &domain), 0);
	EXPECT_EQUAL(babus_slot_open(domain, "s", BABUS_CREATE, &opts, &slot), -EPERM);
	EXPECT_EQUAL(babus_slot_open(domain, "s", 0, NULL, &slot), -ENOENT);
}

static void slot_created_for_another_user_is_eperm_and_leaves_nothing(void **state)
{
	(void)state;
	make_domain(01777, 0, 0);
	as(BOB, may_not_give_away);
}

static void may_not_create(void)
{
	babus_domain *domain;
	babus_slot *slot;

	EXPECT_EQUAL(open_d(0, &domain), 0);
	EXPECT_EQUAL(babus_slot_open(domain, "s", BABUS_CREATE, NULL, &slot), -EACCES);
}

static void create_in_a_directory_without_write_permission_is_eacces(void **state)
{
	(void)state;
	make_domain(0755, 0, 0);
	as(BOB, may_not_create);
}

static void group_of_a_slot_follows_a_setgid_directory(void **state)
{
	struct stat st;

	(void)state;
	make_domain(02770, ALICE, TEAM);
	as_member(BOB, makes_slot);
	assert_int_equal(stat(root_file("babus.d/s.slot"), &st), 0);
	assert_int_equal(st.st_uid, BOB);
	assert_int_equal(st.st_gid, TEAM);
	as_member(ALICE, publishes);
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE_ROOT(squatted_directory_is_eperm),
	    CASE_ROOT(domain_of_a_stranger_is_eperm),
	    CASE_ROOT(domain_of_a_user_named_as_trusted_opens),
	    CASE_ROOT(domain_of_root_opens_for_all_users_that_its_mode_allows),
	    CASE_ROOT(domain_closed_by_its_mode_is_eacces),
	    CASE_ROOT(domain_shared_with_a_group_opens_for_its_members_only),
	    CASE_ROOT(group_does_not_help_a_directory_writable_by_all),
	    CASE_ROOT(owner_and_group_of_a_new_domain_are_as_asked),
	    CASE_ROOT(subscriber_without_write_permission_reads_waits_and_pins),
	    CASE_ROOT(subscribers_mapping_is_read_only),
	    CASE_ROOT(write_permission_lets_others_publish),
	    CASE_ROOT(slot_without_read_permission_is_eacces),
	    CASE_ROOT(set_access_opens_it_to_new_handles),
	    CASE_ROOT(slot_of_a_stranger_in_an_open_domain_is_eperm),
	    CASE_ROOT(slot_created_for_another_user_is_eperm_and_leaves_nothing),
	    CASE_ROOT(create_in_a_directory_without_write_permission_is_eacces),
	    CASE_ROOT(group_of_a_slot_follows_a_setgid_directory),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	if (geteuid() != 0) {
		printf("skipped: only root can act as several users\n");
		return SKIPPED;
	}
	return support_main(run, 60);
}
