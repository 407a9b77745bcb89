/* SPDX-License-Identifier: MIT */
/* What victims do with files: make and remove slots and domains, and clean up. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "crash_ops.h"
#include "domain.h"
#include "slot.h"
#include "steps.h"
#include "support.h"
#include "wait.h"

static babus_domain *rivals;

static babus_slot *make_victim(babus_domain *domain)
{
	struct babus_slot_options opts = small_options(2, 64);
	babus_slot *slot;

	TRY(babus_slot_open(domain, "victim", BABUS_CREATE | BABUS_PUBLISH, &opts, &slot));
	return slot;
}

void op_create(babus_domain *domain)
{
	babus_slot *slot;

	steps_arm();
	slot = make_victim(domain);
	steps_disarm();
	babus_slot_close(slot);
}

static void rival_creates(void)
{
	babus_slot_close(make_victim(rivals));
}

/* By the time that ours is complete, another client's is there. */
void op_create_beaten(babus_domain *domain)
{
	rivals = domain;
	steps_before("link_slot", rival_creates);
	op_create(domain);
}

/* Others may have removed it while this process was stopped. */
static void remove_victim(babus_domain *domain)
{
	int error = babus_domain_remove_slot(domain, "victim");

	EXPECT(error == 0 || error == -ENOENT);
}

void op_remove(babus_domain *domain)
{
	steps_arm();
	remove_victim(domain);
	steps_disarm();
}

/*
 * What rivals made under the name meanwhile. The later one counts if the first has lost the name.
 */
static babus_slot *first, *second;

static void rival_removes_and_creates(void)
{
	remove_victim(rivals);
	first = make_victim(rivals);
}

/*
 * The owner of the name goes on, and the loser notices. If the victim was stopped on the way,
 * others have removed them all.
 */
static void expect_to_be_there(babus_slot *there, babus_slot *lost)
{
	if (steps->signal == SIGKILL) {
		struct babus_slot_info info;
		uint64_t instance;
		babus_slot *again;

		EXPECT_EQUAL(babus_slot_info(there, &info), 0);
		instance = info.instance;
		EXPECT_EQUAL(babus_slot_open(rivals, "victim", BABUS_READ, NULL, &again), 0);
		EXPECT_EQUAL(babus_slot_info(again, &info), 0);
		EXPECT(info.instance == instance);
		babus_slot_close(again);
		if (lost)
			EXPECT_EQUAL(babus_slot_publish(lost, "x", 1, NULL, NULL), -ENODEV);
	}
	babus_slot_close(there);
	babus_slot_close(lost);
}

/* The name belongs to another slot when this process takes it away. */
void op_remove_late(babus_domain *domain)
{
	rivals = domain;
	steps_before("rename_gone", rival_removes_and_creates);
	op_remove(domain);
	expect_to_be_there(first, NULL);
}

static void rival_creates_another(void)
{
	second = make_victim(rivals);
}

static void rival_creates_before_it_is_restored(void)
{
	rival_removes_and_creates();
	steps_before("restore", rival_creates_another);
}

/* And to a third one when this process gives it back. */
void op_remove_too_late(babus_domain *domain)
{
	rivals = domain;
	steps_before("rename_gone", rival_creates_before_it_is_restored);
	op_remove(domain);
	expect_to_be_there(second, first);
}

static void rival_dies_with_the_lock(void)
{
	wait_lock_names(rivals->map);
}

/* Another process has claimed the removal, and never says that it is over. */
void op_remove_after_a_death(babus_domain *domain)
{
	rivals = domain;
	steps_before("lock_take", rival_dies_with_the_lock);
	op_remove(domain);
}

/*
 * Its file was deleted past the library a while ago. This publish finds out, and tells the
 * others.
 */
void op_publish_deleted(babus_domain *domain)
{
	babus_slot *slot = make_victim(domain);
	char path[600];

	snprintf(path, sizeof(path), "%s/victim.slot", babus_domain_path(domain));
	EXPECT(!unlink(path));
	local_put(&slot->look_ns, 0);
	local_put(&slot->deleted_ns, 1);
	steps_arm();
	EXPECT_EQUAL(babus_slot_publish(slot, "x", 1, NULL, NULL), -ENODEV);
	steps_disarm();
	babus_slot_close(slot);
}

/* Not a slot, but it has a slot's name. */
void op_remove_damaged(babus_domain *domain)
{
	char path[600];
	int fd;

	snprintf(path, sizeof(path), "%s/victim.slot", babus_domain_path(domain));
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	EXPECT(fd >= 0);
	EXPECT(write(fd, path, sizeof(path)) == (ssize_t)sizeof(path));
	close(fd);
	op_remove(domain);
}

void op_recover(babus_domain *domain)
{
	struct babus_report report;

	steps_arm();
	EXPECT_EQUAL(babus_domain_recover(domain, 1, &report), 0);
	steps_disarm();
}

/* --- domains ----------------------------------------------------------------------- */

/* Others make and remove it while this process is stopped. */
static void expect_domain(int error)
{
	EXPECT(error == 0 || error == -ENOENT || error == -ENODEV || error == -ENOTEMPTY);
}

void op_make_domain(babus_domain *domain)
{
	babus_domain *other;
	uint64_t changes;
	int error;

	(void)domain;
	steps_arm();
	error = babus_domain_open("other", BABUS_CREATE, NULL, &other);
	expect_domain(error);
	if (!error) {
		expect_domain(babus_domain_changes(other, &changes));
		babus_domain_close(other);
	}
	steps_disarm();
}

/* The file would exceed the limit of file sizes. If others have removed all, it is gone. */
void op_make_domain_in_vain(babus_domain *domain)
{
	struct rlimit before, none;
	babus_domain *other;
	int error;

	(void)domain;
	/* An operation before this one may have made it. */
	expect_domain(babus_domain_remove("other", NULL));
	EXPECT(!getrlimit(RLIMIT_FSIZE, &before));
	none = before;
	none.rlim_cur = 0;
	EXPECT(!setrlimit(RLIMIT_FSIZE, &none));
	steps_arm();
	error = babus_domain_open("other", BABUS_CREATE, NULL, &other);
	steps_disarm();
	EXPECT(!setrlimit(RLIMIT_FSIZE, &before));
	EXPECT(error == -EFBIG || (error == -ENOENT && steps->signal == SIGSTOP));
}

void op_remove_domain(babus_domain *domain)
{
	struct babus_slot_options opts = small_options(2, 64);
	babus_domain *other;
	babus_slot *slot;

	(void)domain;
	EXPECT_EQUAL(babus_domain_open("other", BABUS_CREATE, NULL, &other), 0);
	EXPECT_EQUAL(babus_slot_open(other, "s", BABUS_CREATE | BABUS_PUBLISH, &opts, &slot), 0);
	babus_slot_close(slot);
	babus_domain_close(other);
	steps_arm();
	expect_domain(babus_domain_remove("other", NULL));
	steps_disarm();
}

/* The flag says that the domain is gone. That is false. */
void op_deny_gone(babus_domain *domain)
{
	uint64_t changes;

	flag_raise(&domain->map->gone, 1);
	steps_arm();
	EXPECT_EQUAL(babus_domain_changes(domain, &changes), 0);
	steps_disarm();
}

/* --- the dead that recovery must find ------------------------------------------------ */

static void die(void)
{
	kill(getpid(), SIGKILL);
}

static void hold_and_die(void *arg)
{
	struct babus_message message;
	struct babus_loan loan;
	babus_reader *reader;
	babus_slot *slot = child_open_slot("s", BABUS_PUBLISH);

	(void)arg;
	EXPECT_EQUAL(babus_slot_loan(slot, 1, &loan), 0);
	EXPECT_EQUAL(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
	EXPECT_EQUAL(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
	EXPECT_EQUAL(babus_reader_open(slot, BABUS_START_OLDEST, 0, &reader), 0);
	die();
}

static void create_and_die(void *arg)
{
	babus_domain *domain;

	(void)arg;
	EXPECT_EQUAL(babus_domain_open("test", 0, NULL, &domain), 0);
	steps_only_before("link_slot", die);
	make_victim(domain);
}

static void remove_and_die(void *arg)
{
	babus_domain *domain;

	(void)arg;
	EXPECT_EQUAL(babus_domain_open("test", 0, NULL, &domain), 0);
	babus_slot_close(make_victim(domain));
	steps_only_before("unlink_gone", die);
	remove_victim(domain);
}

void ops_leave_the_dead(void)
{
	assert_int_equal(child_wait(child_start(hold_and_die, NULL)), -SIGKILL);
	assert_int_equal(child_wait(child_start(create_and_die, NULL)), -SIGKILL);
	assert_int_equal(child_wait(child_start(remove_and_die, NULL)), -SIGKILL);
}
