/* SPDX-License-Identifier: MIT */
/*
 * The files of slots and domains. At each step of creating, opening, removing and recovering,
 * others do the same, as rivals that are faster, or that take over from a process that was
 * stopped. A slot that was not removed is there, whole, and under its name. A removed one is gone
 * for its users. No file is left over.
 */
#include <dirent.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shm.h"
#include "slot.h"
#include "support.h"

enum deed {
	OPEN,
	RECOVER,
	REMOVE,
	MAKE_ANEW,
	DEEDS,
	BEGIN,  /* to make one, up to where it gets its name, */
	FINISH, /* and on from there */
	CHECK,  /* whether what they made exists, as they see it */
	FORGET
};

/* What others made; it has the name until it is removed. */
static struct theirs {
	bool made;
	uint64_t instance;
} * theirs;

static int others;      /* a socket */
static babus_slot *own; /* of the others: what they made */

static atomic_bool counting;
static unsigned step_number, act_at;
static enum deed deed;
static bool acted;
static bool by_handle;      /* the operation: what has the name later keeps it, */
static bool keeps_the_name; /* from when the operation has checked the owner */
static int pausing = -1;    /* of the others: where they report that they pause */

static babus_slot *existing; /* exists when the operation begins, or NULL */

/* In a process of their own: the step may be inside a lock of this one. */
static void others_do(enum deed what)
{
	char done, now = (char)what;
	int64_t began = now_ns();

	EXPECT_EQUAL(write(others, &now, 1), 1);
	EXPECT_EQUAL(read(others, &done, 1), 1);
	/* A stopped process does not block others for long. */
	EXPECT(now_ns() - began < 3 * SECOND * (SUPPORT_SANITIZED ? SUPPORT_SLOWER : 1));
}

/* The others stop where their slot gets its name, until they may go on. */
static void pause_there(void)
{
	int fd = pausing;
	char go_on;

	pausing = -1;
	EXPECT_EQUAL(write(fd, "", 1), 1);
	EXPECT_EQUAL(read(fd, &go_on, 1), 1);
}

void babus_step(const struct babus_step *step)
{
	if (pausing >= 0 && !strcmp(step->name, "link_slot"))
		pause_there();
	if (!atomic_load(&counting))
		return;
	if (!strcmp(step->name, "look_at_slot"))
		keeps_the_name = by_handle && acted && deed == MAKE_ANEW;
	if (keeps_the_name)
		EXPECT(!access(domain_file("s.slot"), F_OK));
	if (++step_number != act_at)
		return;
	atomic_store(&counting, false);
	acted = true;
	others_do(deed);
	atomic_store(&counting, true);
}

static void arm(void)
{
	step_number = 0;
	keeps_the_name = false;
	atomic_store(&counting, true);
}

static void disarm(void)
{
	atomic_store(&counting, false);
}

/* Publish and read, with files that exist and belong together. */
static void expect_whole(babus_slot *slot)
{
	struct babus_message message;

	EXPECT_EQUAL(babus_slot_publish(slot, "x", 1, NULL, NULL), 0);
	EXPECT_EQUAL(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
	babus_message_release(&message);
}

/* Its name opens this very slot. */
static void expect_named(uint64_t instance)
{
	babus_slot *found = NULL;

	EXPECT_EQUAL(babus_slot_open(bus, "s", BABUS_PUBLISH, NULL, &found), 0);
	EXPECT_EQUAL(found->instance, instance);
	expect_whole(found);
	babus_slot_close(found);
}

static unsigned count_files(void)
{
	DIR *dir = shm_open_dir(bus->dirfd);
	struct dirent *entry;
	unsigned count = 0;

	EXPECT(dir != NULL);
	while ((entry = readdir(dir)))
		count += entry->d_name[0] != '.';
	closedir(dir);
	return count;
}

/* Two files for a slot, and the domain's. */
static void expect_no_leftovers(void)
{
	EXPECT_EQUAL(count_files(), access(domain_file("s.slot"), F_OK) ? 1 : 3);
}

static void forget(babus_slot **slot)
{
	babus_slot_close(*slot);
	*slot = NULL;
}

static struct babus_slot_options options(void)
{
	return small_options(2, 64);
}

/* --- what others do -------------------------------------------------------------------- */

static void open_it(babus_domain *domain)
{
	babus_slot *slot = NULL;
	int error = babus_slot_open(domain, "s", BABUS_PUBLISH, NULL, &slot);

	/* Complete or not at all. */
	if (!error)
		expect_whole(slot);
	else
		EXPECT_EQUAL(error, -ENOENT);
	babus_slot_close(slot);
}

static void recover(babus_domain *domain)
{
	struct babus_report report;

	EXPECT_EQUAL(babus_domain_recover(domain, 1, &report), 0);
	EXPECT_EQUAL(report.damaged, 0);
}

static void remove_it(babus_domain *domain)
{
	int error = babus_domain_remove_slot(domain, "s");

	EXPECT(error == 0 || error == -ENOENT);
}

/* Whatever had the name, now this one has it. */
static void make_anew(babus_domain *domain)
{
	struct babus_slot_options opts = options();

	remove_it(domain);
	EXPECT_EQUAL(babus_slot_open(domain, "s", BABUS_PUBLISH | BABUS_CREATE | BABUS_EXCLUSIVE,
				     &opts, &own),
		     0);
	expect_whole(own);
	*theirs = (struct theirs){true, own->instance};
}

static void do_deed(babus_domain *domain, enum deed what, int fd)
{
	switch (what) {
	case OPEN:
		open_it(domain);
		break;
	case RECOVER:
		recover(domain);
		break;
	case REMOVE:
		remove_it(domain);
		break;
	case MAKE_ANEW:
		make_anew(domain);
		break;
	case BEGIN:
		pausing = fd;
		make_anew(domain);
		break;
	case CHECK:
		if (babus_slot_publish(own, "x", 1, NULL, NULL) == -ENODEV)
			theirs->made = false;
		break;
	default:
		forget(&own);
		theirs->made = false;
	}
}

static void live(void *arg)
{
	int fd = *(const int *)arg;
	babus_domain *domain;
	char what;

	close(others);
	EXPECT_EQUAL(babus_domain_open("test", 0, NULL, &domain), 0);
	while (read(fd, &what, 1) == 1) {
		do_deed(domain, (enum deed)what, fd);
		EXPECT_EQUAL(write(fd, "", 1), 1);
	}
}

/* --- the operations -------------------------------------------------------------------- */

static void op_create(void)
{
	struct babus_slot_options opts = options();
	babus_slot *slot = NULL;
	int error;

	forget(&existing);
	remove_it(bus);
	arm();
	error = babus_slot_open(bus, "s", BABUS_PUBLISH | BABUS_CREATE, &opts, &slot);
	disarm();
	assert_int_equal(error, 0);
	if (theirs->made && slot->instance == theirs->instance)
		expect_whole(slot);
	else if (!theirs->made && deed != REMOVE)
		expect_named(slot->instance);
	babus_slot_close(slot);
	expect_no_leftovers();
}

static void op_create_exclusive(void)
{
	struct babus_slot_options opts = options();
	babus_slot *slot = NULL;
	int error;

	forget(&existing);
	remove_it(bus);
	arm();
	error = babus_slot_open(bus, "s", BABUS_PUBLISH | BABUS_CREATE | BABUS_EXCLUSIVE, &opts,
				&slot);
	disarm();
	if (error) {
		assert_int_equal(error, -EEXIST);
		assert_true(theirs->made);
	} else if (!theirs->made && deed != REMOVE) {
		expect_named(slot->instance);
	}
	babus_slot_close(slot);
	expect_no_leftovers();
}

/* By its handle: what has the name later stays. */
static void op_remove(void)
{
	int error;

	by_handle = true;
	arm();
	error = babus_slot_remove(existing);
	disarm();
	by_handle = false;
	assert_true(error == 0 || error == -ENODEV);
	assert_int_equal(babus_slot_publish(existing, "x", 1, NULL, NULL), -ENODEV);
	if (theirs->made)
		expect_named(theirs->instance);
}

/* By its name, whichever slot has it. */
static void op_remove_by_name(void)
{
	int error;

	arm();
	error = babus_domain_remove_slot(bus, "s");
	disarm();
	assert_true(error == 0 || error == -ENOENT);
	assert_int_equal(babus_slot_publish(existing, "x", 1, NULL, NULL), -ENODEV);
	/* What has come meanwhile exists for all, or is gone for all. */
	if (theirs->made)
		others_do(CHECK);
}

/* A removed slot is in the way of the next one until all its files are gone. */
static void op_open_removed(void)
{
	babus_slot *slot = NULL;
	int error;

	flag_raise(&existing->header->removed, 1);
	arm();
	error = babus_slot_open(bus, "s", BABUS_PUBLISH, NULL, &slot);
	disarm();
	if (!error)
		assert_int_equal(slot->instance, theirs->instance);
	else
		assert_int_equal(error, -ENOENT);
	babus_slot_close(slot);
	if (theirs->made)
		expect_named(theirs->instance);
}

static void op_recover(void)
{
	struct babus_report report;

	arm();
	assert_int_equal(babus_domain_recover(bus, 1, &report), 0);
	disarm();
	if (deed == OPEN || deed == RECOVER)
		expect_named(existing->instance);
	if (theirs->made)
		expect_named(theirs->instance);
}

/* While others are about to give a slot its name, and do so meanwhile. */
static void op_recover_beside_a_creator(void)
{
	struct babus_report report;
	enum deed before = deed;

	forget(&existing);
	others_do(BEGIN);
	deed = FINISH;
	arm();
	assert_int_equal(babus_domain_recover(bus, 1, &report), 0);
	disarm();
	if (!acted)
		others_do(FINISH);
	deed = before;
	expect_named(theirs->instance);
}

/* Leftovers of all kinds: of a removal, and of a creation. */
static void op_recover_leftovers(void)
{
	struct babus_report report;
	char away[512];

	snprintf(away, sizeof(away), "%s", domain_file("s.0123456789abcdef.gone"));
	flag_raise(&existing->header->removed, 1);
	assert_int_equal(rename(domain_file("s.slot"), away), 0);
	arm();
	assert_int_equal(babus_domain_recover(bus, 1, &report), 0);
	disarm();
	if (theirs->made)
		expect_named(theirs->instance);
}

static void (*const ops[])(void) = {op_create,
				    op_create_exclusive,
				    op_remove,
				    op_remove_by_name,
				    op_open_removed,
				    op_recover,
				    op_recover_leftovers,
				    op_recover_beside_a_creator};

/* --- rounds ----------------------------------------------------------------------------- */

static bool run_round(void (*op)(void), unsigned at)
{
	struct babus_slot_options opts = options();
	struct babus_report report;

	existing = make_slot_with("s", &opts);
	act_at = at;
	acted = false;
	op();
	if (theirs->made)
		expect_named(theirs->instance);
	others_do(FORGET);
	forget(&existing);
	assert_int_equal(babus_domain_recover(bus, 1, &report), 0);
	remove_it(bus);
	/* Nothing is left of all that was made but the domain's own file. */
	assert_int_equal(count_files(), 1);
	return acted;
}

static void others_may_do_anything_at_any_step(void **state)
{
	unsigned rounds = 0;
	int ends[2];
	pid_t child;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	others = ends[0];
	child = child_start(live, &ends[1]);
	close(ends[1]);
	for (size_t op = 0; op < sizeof(ops) / sizeof(*ops); op++) {
		for (deed = OPEN; deed < DEEDS; deed++) {
			unsigned at = 0;

			do {
				rounds++;
				snprintf(support_context, sizeof(support_context),
					 "operation %zu, others do %d at step %u", op, deed, ++at);
			} while (run_round(ops[op], at));
		}
	}
	*support_context = '\0';
	close(others);
	child_join(child);
	printf("# %u rounds\n", rounds);
	assert_true(rounds > 500);
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE(others_may_do_anything_at_any_step),
	};

	theirs = mmap(NULL, sizeof(*theirs), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (theirs == MAP_FAILED)
		return 1;
	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 120);
}
