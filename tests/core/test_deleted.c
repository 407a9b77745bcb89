/* SPDX-License-Identifier: MIT */
/*
 * A publisher learns within a second that its domain or slot was deleted past the library (rm -r,
 * logind's RemoveIPC), though it makes no system call before that.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "support.h"

static int64_t boot_ns(void)
{
	return (int64_t)babus_now();
}

static void delete_domain(void)
{
	char command[512];

	snprintf(command, sizeof(command), "rm -r '%s'", babus_domain_path(bus));
	assert_int_equal(system(command), 0);
}

static void delete_slot(void)
{
	assert_int_equal(unlink(domain_file("s.slot")), 0);
}

/* Publish until that is refused: when the last successful publish began. */
static int64_t publish_until_enodev(babus_slot *slot)
{
	int64_t start = boot_ns(), began = 0, last = 0;
	uint64_t seq;
	int error;

	do {
		last = began;
		began = boot_ns();
		seq = 0;
		error = babus_slot_publish(slot, "x", 1, NULL, &seq);
		assert_true(began - start < 10 * SECOND);
	} while (!error);
	assert_int_equal(error, -ENODEV);
	assert_int_equal(seq, 0);
	assert_true(*babus_error_detail());
	return last;
}

/* By the clock that publishes read, so the load of the machine does not matter. */
static void assert_told_in_time(void (*deletes)(void), int times)
{
	for (int i = 0; i < times; i++) {
		int64_t before = boot_ns(), opened, last;
		babus_slot *slot = make_slot("s", 2, 64);

		opened = boot_ns();
		publish_text(slot, "x");
		deletes();
		last = publish_until_enodev(slot);
		assert_true(last < opened + SECOND);
		assert_true(boot_ns() >= before + SECOND);
		/* No later publish succeeds either. */
		for (int n = 0; n < 100; n++)
			assert_int_equal(babus_slot_publish(slot, "x", 1, NULL, NULL), -ENODEV);
		babus_slot_close(slot);
	}
}

static void publisher_learns_that_the_domain_was_deleted(void **state)
{
	(void)state;
	assert_told_in_time(delete_domain, 1);
}

static void publisher_learns_that_the_slot_was_deleted(void **state)
{
	(void)state;
	assert_told_in_time(delete_slot, 2);
}

static void make_another(void)
{
	delete_slot();
	babus_slot_close(make_slot("s", 2, 64));
}

static void publisher_learns_that_another_slot_has_the_name(void **state)
{
	(void)state;
	assert_told_in_time(make_another, 1);
}

/* The commit is refused before it publishes, and the loan is still held. */
static void loan_is_still_held_when_its_slot_was_deleted(void **state)
{
	babus_slot *slot = make_slot("s", 2, 64);
	struct babus_message message;
	struct babus_loan loan;

	(void)state;
	publish_text(slot, "x");
	assert_int_equal(babus_slot_loan(slot, 1, &loan), 0);
	delete_slot();
	publish_until_enodev(slot);
	/* Earlier messages can be read until another publish finds out again. */
	assert_int_equal(babus_slot_view(slot, BABUS_AFTER, 0, &message), 0);
	babus_message_release(&message);
	assert_int_equal(babus_loan_commit(&loan, NULL), -ENODEV);
	assert_non_null(loan.slot);
	babus_loan_discard(&loan);
	babus_slot_close(slot);
}

/* --- others learn it ----------------------------------------------------------------- */

static int ready;

static void wait_for_good(void *arg)
{
	babus_slot *slot = child_open_slot("other", BABUS_READ);
	struct babus_event event;
	babus_waiter *waiter;
	babus_reader *reader;

	(void)arg;
	waiter = child_open_waiter(slot, NO_RECHECK, &reader);
	gate_post(ready, 1);
	EXPECT(babus_waiter_wait(waiter, babus_deadline(60 * SECOND), &event, 1) != -ETIMEDOUT);
}

static void the_publisher_that_finds_out_wakes_all(void **state)
{
	babus_slot *slot = make_slot("s", 2, 64);
	struct babus_slot_options opts = small_options(2, 64);
	pid_t child;

	(void)state;
	opts.channel = 7;
	babus_slot_close(make_slot_with("other", &opts));
	ready = gate_open();
	child = child_start(wait_for_good, NULL);
	gate_wait(ready);
	gate_close(ready);
	/* Until the sleeper sleeps: it has given up the processor. */
	while (!count_sleeps(child))
		sched_yield();
	delete_domain();
	publish_until_enodev(slot);
	child_join(child);
	babus_slot_close(slot);
}

/* Until its slot is gone. */
static void wait_for_the_end(void *arg)
{
	babus_slot *slot = child_open_slot("s", BABUS_READ);
	struct babus_event event;
	babus_waiter *waiter;
	babus_reader *reader;

	(void)arg;
	waiter = child_open_waiter(slot, NO_RECHECK, &reader);
	gate_post(ready, 1);
	do {
		int error = babus_reader_seek(reader, BABUS_START_NEXT, 0);

		EXPECT(!error || error == -ENODEV);
		EXPECT_EQUAL(babus_waiter_wait(waiter, babus_deadline(60 * SECOND), &event, 1), 1);
	} while (!event.status);
	EXPECT_EQUAL(event.status, -ENODEV);
	EXPECT_EQUAL(babus_reader_wait(reader, BABUS_NOW), -ENODEV);
}

/* The domain stays, and so may a slot of the same name. */
static void publisher_that_finds_out_twice_wakes_the_slots_readers(void **state)
{
	babus_slot *slot = make_slot("s", 2, 64), *reads = open_slot("s", BABUS_READ);
	struct babus_message message;
	babus_reader *reader;
	pid_t child;

	(void)state;
	assert_int_equal(babus_reader_open(reads, BABUS_START_NEXT, 0, &reader), 0);
	ready = gate_open();
	child = child_start(wait_for_the_end, NULL);
	gate_wait(ready);
	gate_close(ready);
	delete_slot();
	babus_slot_close(make_slot("s", 2, 64));
	publish_until_enodev(slot);
	usleep(110000);
	assert_int_equal(babus_slot_publish(slot, "x", 1, NULL, NULL), -ENODEV);
	child_join(child);
	while (!babus_reader_next(reader, &message))
		babus_message_release(&message);
	assert_int_equal(babus_reader_next(reader, &message), -ENODEV);
	assert_int_equal(babus_reader_wait(reader, BABUS_NOW), -ENODEV);
	assert_int_equal(babus_slot_view(reads, BABUS_LATEST, 0, &message), -ENODEV);
	babus_reader_close(reader);
	babus_slot_close(reads);
	babus_slot_close(slot);
}

/* Publish more than once while the name is away. False: that took longer than a moment. */
static bool publish_meanwhile(babus_slot *slot)
{
	int64_t last;

	assert_int_equal(rename(domain_file("s.slot"), root_file("away")), 0);
	last = publish_until_enodev(slot);
	assert_int_equal(babus_slot_publish(slot, "x", 1, NULL, NULL), -ENODEV);
	assert_int_equal(rename(root_file("away"), domain_file("s.slot")), 0);
	return boot_ns() < last + 100 * MILLISECOND;
}

/*
 * A remover that was stopped for a long time may take the name of a later slot, and gives it
 * back.
 */
static void slot_whose_name_was_away_for_a_moment_goes_on(void **state)
{
	int times = 0;

	(void)state;
	while (times < 2) {
		babus_slot *slot = make_slot("s", 2, 64), *reads = open_slot("s", BABUS_READ);
		struct babus_message message;

		/* The second moment is long after the first, so it counts again. */
		for (times = 0; times < 2 && publish_meanwhile(slot); times++) {
			usleep(110000);
			publish_text(slot, "again");
			assert_int_equal(babus_slot_view(reads, BABUS_LATEST, 0, &message), 0);
			assert_text(&message, "again");
		}
		babus_domain_remove_slot(bus, "s");
		babus_slot_close(reads);
		babus_slot_close(slot);
	}
}

/* --- the cost ------------------------------------------------------------------------ */

static volatile sig_atomic_t looks, others;

/* Count the call and do not make it: it fails with EACCES. */
static void on_call(int number, siginfo_t *info, void *context)
{
	ucontext_t *frame = context;

	(void)number;
	if (info->si_syscall == SYS_newfstatat)
		looks++;
	else
		others++;
#if defined(__x86_64__)
	frame->uc_mcontext.gregs[REG_RAX] = -EACCES;
#elif defined(__aarch64__)
	frame->uc_mcontext.regs[0] = (uint64_t)-EACCES;
#endif
}

static void count_calls(void)
{
	struct sigaction action = {.sa_sigaction = on_call, .sa_flags = SA_SIGINFO | SA_NODEFER};
	struct sock_filter rules[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 4, 0),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_write, 3, 0),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rt_sigreturn, 2, 0),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clock_gettime, 1, 0),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(rules) / sizeof(*rules), rules};

	EXPECT(!sigaction(SIGSYS, &action, NULL));
	EXPECT(!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	EXPECT(!prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program));
}

static void publish_for_three_seconds(void *arg)
{
	babus_domain *domain;
	babus_slot *slot;
	int64_t opened, now;

	(void)arg;
	EXPECT_EQUAL(babus_domain_open("test", 0, NULL, &domain), 0);
	opened = boot_ns();
	EXPECT_EQUAL(babus_slot_open(domain, "s", BABUS_PUBLISH, NULL, &slot), 0);
	for (int i = 0; i < 1000; i++)
		EXPECT_EQUAL(babus_slot_publish(slot, "x", 1, NULL, NULL), 0);
	count_calls();
	do {
		now = boot_ns();
		EXPECT_EQUAL(babus_slot_publish(slot, "x", 1, NULL, NULL), 0);
		if (now < opened + SECOND && looks + others)
			EXPECT(boot_ns() >= opened + SECOND);
	} while (now < opened + 3 * SECOND + SECOND / 2);
	/* At most two a second: for the domain's file and for the slot's. */
	EXPECT(looks >= 2 && looks % 2 == 0);
	EXPECT(looks <= 2 * ((boot_ns() - opened) / SECOND));
	EXPECT_EQUAL(others, 0);
}

static void publisher_makes_two_calls_a_second_and_none_in_between(void **state)
{
	(void)state;
	if (SUPPORT_SANITIZED || prctl(PR_GET_SECCOMP) < 0) {
		printf("skipped: system calls cannot be counted here\n");
		return;
	}
	babus_slot_close(make_slot("s", 2, 64));
	child_join(child_start(publish_for_three_seconds, NULL));
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE(publisher_makes_two_calls_a_second_and_none_in_between),
	    CASE(publisher_learns_that_the_domain_was_deleted),
	    CASE(publisher_learns_that_the_slot_was_deleted),
	    CASE(publisher_learns_that_another_slot_has_the_name),
	    CASE(loan_is_still_held_when_its_slot_was_deleted),
	    CASE(the_publisher_that_finds_out_wakes_all),
	    CASE(publisher_that_finds_out_twice_wakes_the_slots_readers),
	    CASE(slot_whose_name_was_away_for_a_moment_goes_on),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 120);
}
