/* SPDX-License-Identifier: MIT */
/*
 * The owner of a slot publishes, members of its group subscribe, others see nothing; and the
 * effects of changes of access. Through the library; test_attacks.c bypasses it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "team.h"

/* --- what each member may do --------------------------------------------------------- */

static int lapped; /* posted when the owner has gone round the buffers */

static void reads_and_waits(void)
{
	struct babus_message message;
	struct babus_event event;
	struct pollfd ready = {.events = POLLIN};
	babus_waiter *waiter;
	babus_reader *reader;
	babus_slot *slot = team_open(BABUS_READ);
	char copy[16];

	EXPECT_EQUAL(babus_slot_copy(slot, BABUS_LATEST, 0, copy, sizeof(copy), &message), 0);
	team_expect_text(&message, "hello");
	EXPECT_EQUAL(babus_reader_open(slot, BABUS_START_NEXT, 0, &reader), 0);
	EXPECT_EQUAL(babus_waiter_open(babus_slot_domain(slot), NULL, &waiter), 0);
	EXPECT_EQUAL(babus_waiter_add(waiter, reader, NULL), 0);
	EXPECT_EQUAL(babus_waiter_fd(waiter, &ready.fd), 0);
	EXPECT_EQUAL(babus_waiter_wait(waiter, BABUS_NOW, &event, 1), -ETIMEDOUT);
	gate_post(team_back, 1);
	EXPECT_EQUAL(poll(&ready, 1, 60000), 1);
	EXPECT_EQUAL(babus_waiter_wait(waiter, BABUS_NOW, &event, 1), 1);
	EXPECT_EQUAL(babus_reader_next(reader, &message), 0);
	/* Pinned: it stays while the owner goes round the buffers. */
	gate_post(team_back, 1);
	gate_wait(lapped);
	team_expect_text(&message, "news");
	gate_post(team_back, 1);
	EXPECT_EQUAL(babus_waiter_wait(waiter, BABUS_FOREVER, &event, 1), 1);
	babus_waiter_close(waiter);
	babus_reader_close(reader);
	babus_slot_close(slot);
}

static void owner_publishes(void)
{
	babus_slot *slot = team_open(BABUS_PUBLISH);

	gate_wait(team_gate);
	EXPECT_EQUAL(babus_slot_publish(slot, "news", 4, NULL, NULL), 0);
	gate_wait(team_gate);
	for (int i = 0; i < 100; i++)
		EXPECT_EQUAL(babus_slot_publish(slot, "later", 5, NULL, NULL), 0);
	babus_slot_close(slot);
}

static void member_reads_waits_and_pins_what_the_owner_publishes(void **state)
{
	babus_slot *slot = team_make_slot_of_mode(02750, 0640);
	pid_t alice, bob;

	(void)state;
	lapped = gate_open();
	alice = team_start(ALICE, NO_GROUP, owner_publishes);
	bob = team_start(BOB, TEAM, reads_and_waits);
	gate_wait(team_back);
	gate_post(team_gate, 1);
	gate_wait(team_back);
	gate_post(team_gate, 1);
	child_join(alice);
	gate_post(lapped, 1);
	gate_wait(team_back);
	child_join(bob);
	gate_close(lapped);
	babus_slot_close(slot);
}

static void does_all_that_needs_permission_to_publish(void)
{
	babus_slot *slot = team_open(BABUS_READ), *other;
	babus_domain *domain = babus_slot_domain(slot);
	struct iovec piece = {(char *)(uintptr_t) "x", 1};
	struct babus_loan loan;
	uint64_t freed;

	EXPECT_EQUAL(babus_slot_open(domain, "s", BABUS_PUBLISH, NULL, &other), -EACCES);
	EXPECT(strlen(babus_error_detail()) > 0);
	EXPECT_EQUAL(babus_slot_publish(slot, "x", 1, NULL, NULL), -EACCES);
	EXPECT_EQUAL(babus_slot_publishv(slot, &piece, 1, NULL, NULL), -EACCES);
	EXPECT_EQUAL(babus_slot_loan(slot, 1, &loan), -EACCES);
	EXPECT_EQUAL(babus_slot_reserve(slot, 1, 1), -EACCES);
	EXPECT_EQUAL(babus_slot_trim(slot, &freed), -EACCES);
	EXPECT_EQUAL(babus_domain_remove_slot(domain, "s"), -EACCES);
	EXPECT_EQUAL(babus_slot_set_access(slot, 0660, (uid_t)-1, (gid_t)-1), -EPERM);
	EXPECT_EQUAL(babus_slot_set_access(slot, (mode_t)-1, BOB, (gid_t)-1), -EPERM);
	EXPECT_EQUAL(babus_slot_open(domain, "t", BABUS_CREATE, NULL, &other), -EACCES);
	EXPECT_EQUAL(babus_domain_remove("test", NULL), -EACCES);
	babus_slot_close(slot);
}

static void member_may_not_publish_create_or_remove(void **state)
{
	babus_slot *slot = team_make_slot_of_mode(02750, 0640);
	struct babus_message message;

	(void)state;
	team_as(BOB, TEAM, does_all_that_needs_permission_to_publish);
	assert_int_equal(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
	assert_int_equal(message.seq, 1);
	assert_text(&message, "hello");
	babus_slot_close(slot);
}

/* --- users outside the group --------------------------------------------------------- */

static void finds_no_file(void)
{
	struct stat st;

	EXPECT(stat(team_slot, &st) < 0 && errno == EACCES);
	EXPECT(open(team_slot, O_RDONLY) < 0 && errno == EACCES);
	EXPECT(open(team_pins, O_RDONLY) < 0 && errno == EACCES);
	EXPECT(open(domain_file("domain"), O_RDONLY) < 0 && errno == EACCES);
}

static void sees_nothing(void)
{
	babus_domain *domain;

	EXPECT(!opendir(domain_file(".")) && errno == EACCES);
	EXPECT_EQUAL(babus_domain_open("test", 0, NULL, &domain), -EACCES);
	EXPECT_EQUAL(babus_domain_open("test", BABUS_CREATE, NULL, &domain), -EACCES);
	finds_no_file();
}

static void others_see_nothing_of_a_domain_that_is_closed_to_them(void **state)
{
	babus_slot *slot = team_make_slot_of_mode(02750, 0644);

	(void)state;
	team_as(CAROL, NO_GROUP, sees_nothing);
	team_as(CAROL, CREW, sees_nothing);
	babus_slot_close(slot);
}

/* A user that may enter the directory is a client of the domain, even if it may not list it. */
static void enters_but_sees_no_slot(void)
{
	struct babus_domain_options opts;
	babus_domain *domain;

	babus_domain_options_init(&opts);
	opts.trust_uid = ALICE;
	EXPECT_EQUAL(babus_domain_open("test", 0, &opts, &domain), -EACCES);
	EXPECT(!opendir(domain_file(".")) && errno == EACCES);
	EXPECT(open(domain_file("domain"), O_RDWR) >= 0);
	EXPECT(open(team_slot, O_RDONLY) < 0 && errno == EACCES);
	EXPECT(open(team_pins, O_RDONLY) < 0 && errno == EACCES);
}

static int count(void *arg, const char *name)
{
	(void)name;
	++*(int *)arg;
	return 0;
}

static void may_list_but_not_read(void)
{
	struct babus_domain_options opts;
	babus_domain *domain;
	babus_slot *slot;
	int slots = 0;

	babus_domain_options_init(&opts);
	opts.trust_uid = ALICE;
	EXPECT_EQUAL(babus_domain_open("test", 0, &opts, &domain), 0);
	EXPECT_EQUAL(babus_domain_list(domain, count, &slots), 0);
	EXPECT_EQUAL(slots, 1);
	EXPECT_EQUAL(babus_slot_open(domain, "s", BABUS_READ, NULL, &slot), -EACCES);
	EXPECT(open(team_slot, O_RDONLY) < 0 && errno == EACCES);
	EXPECT(open(team_pins, O_RDWR) < 0 && errno == EACCES);
	babus_domain_close(domain);
}

static void others_see_of_a_slot_what_directory_and_mode_say(void **state)
{
	babus_slot *slot = team_make_slot_of_mode(02751, 0640);

	(void)state;
	team_as(CAROL, NO_GROUP, enters_but_sees_no_slot);
	assert_int_equal(chmod(domain_file("."), 02755), 0);
	team_as(CAROL, NO_GROUP, may_list_but_not_read);
	babus_slot_close(slot);
}

/* --- a removal that was begun -------------------------------------------------------- */

/* As by a remover that dies after it marked the slot as removed. */
static void remove_but_keep_the_names(babus_slot *slot)
{
	char slot_copy[600], pins_copy[600];

	snprintf(slot_copy, sizeof(slot_copy), "%s", root_file("slot"));
	snprintf(pins_copy, sizeof(pins_copy), "%s", root_file("pins"));
	assert_int_equal(link(team_slot, slot_copy), 0);
	assert_int_equal(link(team_pins, pins_copy), 0);
	assert_int_equal(babus_slot_remove(slot), 0);
	assert_int_equal(rename(slot_copy, team_slot), 0);
	assert_int_equal(rename(pins_copy, team_pins), 0);
}

static void finds_no_slot_until_there_is_another(void)
{
	int64_t deadline;
	babus_domain *domain;
	babus_slot *slot;

	EXPECT_EQUAL(babus_domain_open("test", 0, NULL, &domain), 0);
	EXPECT_EQUAL(babus_slot_open(domain, "s", BABUS_READ, NULL, &slot), -ENOENT);
	EXPECT_EQUAL(babus_slot_open(domain, "s", BABUS_OBSERVE, NULL, &slot), -ENOENT);
	deadline = babus_deadline(20 * MILLISECOND);
	EXPECT_EQUAL(babus_slot_await(domain, "s", BABUS_READ, NULL, deadline, &slot), -ETIMEDOUT);
	EXPECT(now_ns() >= deadline);
	gate_post(team_back, 1);
	deadline = babus_deadline(60 * SECOND);
	EXPECT_EQUAL(babus_slot_await(domain, "s", BABUS_READ, NULL, deadline, &slot), 0);
	babus_slot_close(slot);
	babus_domain_close(domain);
}

/* Its name is there, and may not be taken away. */
static void removed_slot_is_enoent_for_a_member_that_may_not_finish_its_removal(void **state)
{
	struct babus_slot_options opts = small_options(4, 8192);
	babus_slot *slot = team_make_slot_of_mode(02750, 0640);
	pid_t bob;

	(void)state;
	remove_but_keep_the_names(slot);
	bob = team_start(BOB, TEAM, finds_no_slot_until_there_is_another);
	gate_wait(team_back);
	assert_int_equal(access(team_slot, F_OK), 0);
	babus_slot_close(slot);
	opts.uid = ALICE;
	opts.gid = TEAM;
	opts.mode = 0640;
	slot = make_slot_with("s", &opts);
	child_join(bob);
	babus_slot_close(slot);
}

/* --- changes ------------------------------------------------------------------------------- */

static void goes_on_reading(void)
{
	struct babus_message message;
	struct babus_slot_info info;
	babus_slot *slot = team_open(BABUS_READ), *late = team_open(BABUS_READ), *other;
	babus_reader *reader;

	EXPECT_EQUAL(babus_reader_open(slot, BABUS_START_NEXT, 0, &reader), 0);
	gate_post(team_back, 1);
	gate_wait(team_gate);
	/* A handle that has read goes on, with views, readers and waiters. */
	EXPECT_EQUAL(babus_reader_wait(reader, BABUS_FOREVER), 0);
	EXPECT_EQUAL(babus_reader_next(reader, &message), 0);
	team_expect_text(&message, "after");
	EXPECT_EQUAL(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
	team_expect_text(&message, "after");
	/* What does not need the files still works. */
	EXPECT_EQUAL(babus_slot_view(late, BABUS_LATEST, 0, &message), -EACCES);
	EXPECT_EQUAL(babus_slot_info(slot, &info), -EACCES);
	EXPECT_EQUAL(babus_slot_open(babus_slot_domain(slot), "s", BABUS_READ, NULL, &other),
		     -EACCES);
	gate_post(team_back, 1);
	gate_wait(team_gate);
	EXPECT_EQUAL(babus_slot_view(late, BABUS_LATEST, 0, &message), 0);
	team_expect_text(&message, "after");
	babus_reader_close(reader);
	babus_slot_close(late);
	babus_slot_close(slot);
}

static void access_taken_away_affects_handles_that_open_or_first_read_later(void **state)
{
	babus_slot *slot = team_make_slot_of_mode(02750, 0640);
	pid_t bob = team_start(BOB, TEAM, goes_on_reading);

	(void)state;
	gate_wait(team_back);
	assert_int_equal(babus_slot_set_access(slot, 0600, (uid_t)-1, (gid_t)-1), 0);
	publish_text(slot, "after");
	gate_post(team_gate, 1);
	gate_wait(team_back);
	assert_int_equal(babus_slot_set_access(slot, 0640, (uid_t)-1, (gid_t)-1), 0);
	gate_post(team_gate, 1);
	child_join(bob);
	babus_slot_close(slot);
}

static void goes_on_publishing(void)
{
	babus_slot *slot = team_open(BABUS_PUBLISH), *other;
	struct babus_loan first, second;

	gate_post(team_back, 1);
	gate_wait(team_gate);
	EXPECT_EQUAL(babus_slot_open(babus_slot_domain(slot), "s", BABUS_PUBLISH, NULL, &other),
		     -EACCES);
	for (int i = 0; i < 100; i++)
		EXPECT_EQUAL(babus_slot_publish(slot, "still", 5, NULL, NULL), 0);
	EXPECT_EQUAL(babus_slot_loan(slot, 5, &first), 0);
	EXPECT_EQUAL(babus_slot_loan(slot, 5, &second), 0);
	babus_loan_discard(&first);
	babus_loan_discard(&second);
	EXPECT_EQUAL(babus_slot_set_access(slot, 0666, (uid_t)-1, (gid_t)-1), -EACCES);
	babus_slot_close(slot);
}

static void reads_after(void)
{
	struct babus_message message;
	babus_slot *slot = team_open(BABUS_READ), *other;

	EXPECT_EQUAL(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
	team_expect_text(&message, "still");
	EXPECT_EQUAL(babus_slot_open(babus_slot_domain(slot), "s", BABUS_PUBLISH, NULL, &other),
		     -EACCES);
	babus_slot_close(slot);
}

static void may_not_open_it(void)
{
	babus_domain *domain;
	babus_slot *slot;

	EXPECT_EQUAL(babus_domain_open("test", 0, NULL, &domain), 0);
	EXPECT_EQUAL(babus_slot_open(domain, "s", BABUS_READ, NULL, &slot), -EACCES);
	babus_domain_close(domain);
}

static void expect_access(const char *path, mode_t mode, uid_t uid, gid_t gid)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, mode);
	assert_int_equal(st.st_uid, uid);
	assert_int_equal(st.st_gid, gid);
}

static void slot_given_to_another_owner_and_group_belongs_to_them(void **state)
{
	babus_slot *slot = team_make_slot_of_mode(02755, 0660);
	pid_t alice;

	(void)state;
	if (!support_madvise_works()) {
		printf("skipped: without MADV_POPULATE_WRITE the owner must open the file again\n");
		babus_slot_close(slot);
		return;
	}
	assert_int_equal(chown(domain_file("."), 0, 0), 0);
	alice = team_start(ALICE, NO_GROUP, goes_on_publishing);
	gate_wait(team_back);
	/* One call changes both files. */
	assert_int_equal(babus_slot_set_access(slot, 0640, CAROL, CREW), 0);
	expect_access(team_slot, 0640, CAROL, CREW);
	expect_access(team_pins, 0660, CAROL, CREW);
	gate_post(team_gate, 1);
	child_join(alice);
	team_as(BOB, CREW, reads_after);
	team_as(BOB, TEAM, may_not_open_it);
	team_as(ALICE, TEAM, may_not_open_it);
	babus_slot_close(slot);
}

static void changes_group(void)
{
	struct stat st;
	babus_slot *slot = team_open(BABUS_PUBLISH);

	/* Not one of its own groups: refused, and nothing was changed on the way. */
	EXPECT_EQUAL(babus_slot_set_access(slot, 0600, (uid_t)-1, CREW), -EPERM);
	EXPECT(!stat(team_slot, &st) && (st.st_mode & 0777) == 0640 && st.st_gid == TEAM);
	EXPECT(!stat(team_pins, &st) && (st.st_mode & 0777) == 0660 && st.st_gid == TEAM);
	EXPECT_EQUAL(babus_slot_set_access(slot, 0644, (uid_t)-1, ALICE), 0);
	babus_slot_close(slot);
}

static void owner_changes_mode_and_group_as_the_kernel_allows(void **state)
{
	babus_slot *slot = team_make_slot_of_mode(02750, 0640);

	(void)state;
	team_as(ALICE, TEAM, changes_group);
	expect_access(team_slot, 0644, ALICE, ALICE);
	expect_access(team_pins, 0666, ALICE, ALICE);
	babus_slot_close(slot);
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    TEAM_CASE(member_reads_waits_and_pins_what_the_owner_publishes),
	    TEAM_CASE(member_may_not_publish_create_or_remove),
	    TEAM_CASE(others_see_nothing_of_a_domain_that_is_closed_to_them),
	    TEAM_CASE(others_see_of_a_slot_what_directory_and_mode_say),
	    TEAM_CASE(removed_slot_is_enoent_for_a_member_that_may_not_finish_its_removal),
	    TEAM_CASE(access_taken_away_affects_handles_that_open_or_first_read_later),
	    TEAM_CASE(slot_given_to_another_owner_and_group_belongs_to_them),
	    TEAM_CASE(owner_changes_mode_and_group_as_the_kernel_allows),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return team_main(run, 60);
}
