/* SPDX-License-Identifier: MIT */
/* Handles after fork(): the child's copies do not work, the parent's do. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support.h"

enum {
	FORKS = 100
};

/* Everything that a program can have open of a slot. */
static struct {
	babus_slot *slot;
	babus_reader *reader;
	babus_waiter *waiter;
	struct babus_message message;
	struct babus_loan loan;
} mine;

static void open_all(void)
{
	struct babus_slot_options opts = small_options(4, 64);

	/* Other clients may publish and read meanwhile. */
	opts.loans = 16;
	opts.pins = 32;
	mine.slot = make_slot_with("s", &opts);
	publish_text(mine.slot, "one");
	assert_int_equal(babus_slot_view(mine.slot, BABUS_LATEST, 0, &mine.message), 0);
	assert_int_equal(babus_slot_loan(mine.slot, 8, &mine.loan), 0);
	memcpy(mine.loan.data, "12345678", 8);
	assert_int_equal(babus_reader_open(mine.slot, BABUS_START_OLDEST, 0, &mine.reader), 0);
	assert_int_equal(babus_waiter_open(bus, NULL, &mine.waiter), 0);
	assert_int_equal(babus_waiter_add(mine.waiter, mine.reader, NULL), 0);
}

static void close_all(void)
{
	babus_waiter_close(mine.waiter);
	babus_reader_close(mine.reader);
	babus_message_release(&mine.message);
	babus_loan_discard(&mine.loan);
	babus_slot_close(mine.slot);
}

/* The parent's handles work as if nothing had been forked. */
static void check_all(void)
{
	struct babus_message message;
	struct babus_report report;
	struct babus_event event;

	assert_int_equal(babus_domain_recover(bus, 1, &report), 0);
	assert_int_equal(report.dead_publishers, 0);
	assert_int_equal(report.dead_readers, 0);
	assert_int_equal(mine.message.size, 3);
	for (int i = 0; i < 50; i++)
		publish_text(mine.slot, "more");
	assert_memory_equal(mine.message.data, "one", 3);
	assert_memory_equal(mine.loan.data, "12345678", 8);
	assert_int_equal(babus_waiter_wait(mine.waiter, BABUS_NOW, &event, 1), 1);
	assert_int_equal(babus_reader_next(mine.reader, &message), 0);
	assert_text(&message, "more");
}

static void try_everything(void *arg)
{
	struct babus_message message;
	struct babus_reader_stats stats;
	struct babus_slot_info info;
	struct babus_report report;
	struct babus_event event;
	struct babus_loan loan;
	babus_reader *reader;
	babus_waiter *waiter;
	babus_slot *slot;
	uint64_t changes;
	char buffer[64];
	int fd;

	(void)arg;
	EXPECT_EQUAL(babus_domain_list(bus, ignore_name, NULL), -ECHILD);
	EXPECT_EQUAL(babus_domain_changes(bus, &changes), -ECHILD);
	EXPECT_EQUAL(babus_domain_recover(bus, 1, &report), -ECHILD);
	EXPECT_EQUAL(babus_slot_open(bus, "s", BABUS_READ, NULL, &slot), -ECHILD);
	EXPECT_EQUAL(babus_domain_remove_slot(bus, "s"), -ECHILD);
	EXPECT_EQUAL(babus_slot_set_access(mine.slot, 0666, (uid_t)-1, (gid_t)-1), -ECHILD);
	EXPECT_EQUAL(babus_slot_info(mine.slot, &info), -ECHILD);
	EXPECT_EQUAL(babus_slot_clients(mine.slot, ignore_client, NULL), -ECHILD);
	EXPECT_EQUAL(babus_slot_reserve(mine.slot, 1, 1), -ECHILD);
	EXPECT_EQUAL(babus_slot_trim(mine.slot, NULL), -ECHILD);
	EXPECT_EQUAL(babus_slot_publish(mine.slot, "x", 1, NULL, NULL), -ECHILD);
	EXPECT_EQUAL(babus_slot_publishv(mine.slot, NULL, 0, NULL, NULL), -ECHILD);
	EXPECT_EQUAL(babus_slot_loan(mine.slot, 1, &loan), -ECHILD);
	EXPECT_EQUAL(babus_loan_commit(&mine.loan, NULL), -ECHILD);
	EXPECT_EQUAL(babus_slot_view(mine.slot, BABUS_LATEST, 0, &message), -ECHILD);
	EXPECT_EQUAL(babus_slot_copy(mine.slot, BABUS_LATEST, 0, buffer, 64, &message), -ECHILD);
	EXPECT_EQUAL(babus_reader_open(mine.slot, BABUS_START_NEXT, 0, &reader), -ECHILD);
	EXPECT_EQUAL(babus_reader_seek(mine.reader, BABUS_START_NEXT, 0), -ECHILD);
	EXPECT_EQUAL(babus_reader_next(mine.reader, &message), -ECHILD);
	EXPECT_EQUAL(babus_reader_next_copy(mine.reader, buffer, 64, &message), -ECHILD);
	EXPECT_EQUAL(babus_reader_latest(mine.reader, &message), -ECHILD);
	EXPECT_EQUAL(babus_reader_wait(mine.reader, BABUS_NOW), -ECHILD);
	EXPECT_EQUAL(babus_reader_stats(mine.reader, &stats), -ECHILD);
	EXPECT_EQUAL(babus_waiter_open(bus, NULL, &waiter), -ECHILD);
	EXPECT_EQUAL(babus_waiter_add(mine.waiter, mine.reader, NULL), -ECHILD);
	EXPECT_EQUAL(babus_waiter_remove(mine.waiter, mine.reader), -ECHILD);
	EXPECT_EQUAL(babus_waiter_watch_domain(mine.waiter, NULL), -ECHILD);
	EXPECT_EQUAL(babus_waiter_wait(mine.waiter, BABUS_NOW, &event, 1), -ECHILD);
	EXPECT_EQUAL(babus_waiter_wake(mine.waiter), -ECHILD);
	EXPECT_EQUAL(babus_waiter_fd(mine.waiter, &fd), -ECHILD);
}

static void every_call_in_the_child_is_echild(void **state)
{
	(void)state;
	open_all();
	child_join(child_start(try_everything, NULL));
	check_all();
	close_all();
}

static void close_everything(void *arg)
{
	(void)arg;
	close_all();
	babus_domain_close(bus);
}

static void closing_in_the_child_is_safe_and_takes_nothing_from_the_parent(void **state)
{
	(void)state;
	open_all();
	for (int i = 0; i < 5; i++)
		child_join(child_start(close_everything, NULL));
	check_all();
	close_all();
}

static void closing_a_waiter_with_a_descriptor_in_the_child_is_safe(void **state)
{
	int fd;

	(void)state;
	open_all();
	assert_int_equal(babus_waiter_fd(mine.waiter, &fd), 0);
	child_join(child_start(close_everything, NULL));
	check_all();
	close_all();
}

static void open_its_own(void *arg)
{
	struct babus_message message;
	babus_domain *domain;
	babus_slot *slot;

	(void)arg;
	EXPECT_EQUAL(babus_domain_open("test", 0, NULL, &domain), 0);
	EXPECT_EQUAL(babus_slot_open(domain, "s", BABUS_PUBLISH, NULL, &slot), 0);
	EXPECT_EQUAL(babus_slot_publish(slot, "child", 5, NULL, NULL), 0);
	EXPECT_EQUAL(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
	EXPECT(message.pid == (uint32_t)getpid());
	babus_message_release(&message);
	/* The parent's handles still do not belong to the child. */
	EXPECT_EQUAL(babus_slot_publish(mine.slot, "x", 1, NULL, NULL), -ECHILD);
	babus_slot_close(slot);
	babus_domain_close(domain);
}

static void child_can_open_its_own(void **state)
{
	struct babus_message message;

	(void)state;
	open_all();
	child_join(child_start(open_its_own, NULL));
	assert_int_equal(babus_slot_view(mine.slot, BABUS_LATEST, 0, &message), 0);
	assert_text(&message, "child");
	check_all();
	close_all();
}

static void grandchild_of_an_opener(void *arg)
{
	babus_domain *domain;
	babus_slot *slot;
	pid_t pid;
	int status;

	(void)arg;
	EXPECT_EQUAL(babus_domain_open("test", 0, NULL, &domain), 0);
	EXPECT_EQUAL(babus_slot_open(domain, "s", BABUS_PUBLISH, NULL, &slot), 0);
	pid = fork();
	if (pid == 0) {
		EXPECT_EQUAL(babus_slot_publish(slot, "x", 1, NULL, NULL), -ECHILD);
		EXPECT_EQUAL(babus_slot_publish(mine.slot, "x", 1, NULL, NULL), -ECHILD);
		open_its_own(NULL);
		_exit(0);
	}
	EXPECT(waitpid(pid, &status, 0) == pid && status == 0);
	EXPECT_EQUAL(babus_slot_publish(slot, "x", 1, NULL, NULL), 0);
	babus_slot_close(slot);
	babus_domain_close(domain);
}

static void generations_of_forks_do_not_mix(void **state)
{
	(void)state;
	open_all();
	child_join(child_start(grandchild_of_an_opener, NULL));
	check_all();
	close_all();
}

/* --- beside other threads ------------------------------------------------------------ */

static _Atomic bool stop;

static void *publish_on(void *arg)
{
	uint64_t *published = arg;

	while (!stop) {
		EXPECT_EQUAL(babus_slot_publish(mine.slot, "x", 1, NULL, NULL), 0);
		++*published;
	}
	return NULL;
}

static void *view_on(void *arg)
{
	struct babus_message message;

	(void)arg;
	while (!stop) {
		EXPECT_EQUAL(babus_slot_view(mine.slot, BABUS_LATEST, 0, &message), 0);
		babus_message_release(&message);
	}
	return NULL;
}

/* Opens and closes all the time, so that forks happen while its locks are held. */
static void *open_on(void *arg)
{
	babus_waiter *waiter;
	babus_slot *slot;
	int fd;

	(void)arg;
	while (!stop) {
		slot = NULL;
		EXPECT_EQUAL(babus_slot_open(bus, "s", BABUS_PUBLISH, NULL, &slot), 0);
		babus_slot_close(slot);
		EXPECT_EQUAL(babus_waiter_open(bus, NULL, &waiter), 0);
		EXPECT_EQUAL(babus_waiter_fd(waiter, &fd), 0);
		babus_waiter_close(waiter);
	}
	return NULL;
}

static void *wait_on(void *arg)
{
	struct babus_message message;
	struct babus_event event;

	(void)arg;
	while (!stop) {
		EXPECT_EQUAL(babus_waiter_wait(mine.waiter, BABUS_FOREVER, &event, 1), 1);
		EXPECT_EQUAL(babus_reader_latest(mine.reader, &message), 0);
		babus_message_release(&message);
	}
	return NULL;
}

/* As a child of a process with threads in any state. */
static void live_a_little(void *arg)
{
	const int *number = arg;
	babus_domain *domain;
	babus_slot *slot;

	try_everything(NULL);
	EXPECT_EQUAL(babus_domain_open("test", 0, NULL, &domain), 0);
	EXPECT_EQUAL(babus_slot_open(domain, "s", BABUS_PUBLISH, NULL, &slot), 0);
	EXPECT_EQUAL(babus_slot_publish(slot, "child", 5, NULL, NULL), 0);
	babus_slot_close(slot);
	babus_domain_close(domain);
	if (*number % 2)
		close_everything(NULL);
}

static void forking_beside_threads_that_publish_wait_and_open(void **state)
{
	void *(*const acts[])(void *) = {publish_on, publish_on, view_on, wait_on, open_on};
	uint64_t published[5] = {0};
	struct babus_slot_info info;
	pthread_t threads[5];

	(void)state;
	open_all();
	stop = false;
	for (int i = 0; i < 5; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, acts[i], &published[i]), 0);
	for (int i = 0; i < FORKS; i++)
		child_join(child_start(live_a_little, &i));
	stop = true;
	publish_text(mine.slot, "end");
	for (int i = 0; i < 5; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(babus_slot_info(mine.slot, &info), 0);
	assert_int_equal(info.seq, 1 + published[0] + published[1] + FORKS + 1);
	close_all();
}

/* --- the lock that proves life ------------------------------------------------------- */

static int gates[2];

static void hold_and_fork(void *arg)
{
	(void)arg;
	EXPECT_EQUAL(babus_domain_open("test", 0, NULL, &bus), 0);
	EXPECT_EQUAL(babus_slot_open(bus, "s", BABUS_PUBLISH, NULL, &mine.slot), 0);
	EXPECT_EQUAL(babus_slot_loan(mine.slot, 1, &mine.loan), 0);
	EXPECT_EQUAL(babus_slot_view(mine.slot, BABUS_LATEST, 0, &mine.message), 0);
	if (fork() == 0) {
		gate_post(gates[0], 1);
		gate_wait(gates[1]);
		_exit(0);
	}
	pause();
}

static void forked_child_does_not_keep_a_dead_parents_leases_alive(void **state)
{
	babus_slot *slot = make_slot("s", 4, 64);
	struct babus_report report;
	int lives[2]; /* its writing end is open as long as the heir lives */
	pid_t parent;
	char none;

	(void)state;
	if (!support_madvise_works()) {
		printf("skipped: MADV_DONTFORK does nothing here\n");
		babus_slot_close(slot);
		return;
	}
	gates[0] = gate_open();
	gates[1] = gate_open();
	assert_int_equal(pipe(lives), 0);
	publish_text(slot, "x");
	parent = child_start(hold_and_fork, NULL);
	close(lives[1]);
	gate_wait(gates[0]);
	assert_int_equal(babus_domain_recover(bus, 0, &report), 0);
	assert_int_equal(report.dead_publishers + report.dead_readers, 0);
	child_kill(parent);
	/* The heir is alive, but the claims were not its own. */
	assert_int_equal(babus_domain_recover(bus, 1, &report), 0);
	assert_int_equal(report.dead_publishers, 1);
	assert_int_equal(report.dead_readers, 1);
	assert_int_equal(report.buffers, 1);
	babus_slot_close(slot);
	gate_post(gates[1], 1);
	assert_int_equal(read(lives[0], &none, 1), 0);
	close(lives[0]);
	gate_close(gates[0]);
	gate_close(gates[1]);
}

static void sweep_descriptors(void *arg)
{
	(void)arg;
	EXPECT_EQUAL(babus_domain_open("test", 0, NULL, &bus), 0);
	EXPECT_EQUAL(babus_slot_open(bus, "s", BABUS_PUBLISH, NULL, &mine.slot), 0);
	EXPECT_EQUAL(babus_slot_loan(mine.slot, 1, &mine.loan), 0);
	EXPECT_EQUAL(babus_slot_view(mine.slot, BABUS_LATEST, 0, &mine.message), 0);
	/* As daemons do; except the gates. */
	for (int fd = 3; fd < 1024; fd++)
		if (fd != gates[0] && fd != gates[1])
			close(fd);
	gate_post(gates[0], 1);
	gate_wait(gates[1]);
	EXPECT_EQUAL(babus_loan_commit(&mine.loan, NULL), 0);
	babus_message_release(&mine.message);
}

static void leases_survive_closing_all_descriptors(void **state)
{
	babus_slot *slot = make_slot("s", 4, 64);
	struct babus_report report;
	pid_t child;

	(void)state;
	gates[0] = gate_open();
	gates[1] = gate_open();
	publish_text(slot, "x");
	child = child_start(sweep_descriptors, NULL);
	gate_wait(gates[0]);
	assert_int_equal(babus_domain_recover(bus, 1, &report), 0);
	assert_int_equal(report.dead_publishers + report.dead_readers, 0);
	gate_post(gates[1], 1);
	child_join(child);
	gate_close(gates[0]);
	gate_close(gates[1]);
	babus_slot_close(slot);
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE(every_call_in_the_child_is_echild),
	    CASE(closing_in_the_child_is_safe_and_takes_nothing_from_the_parent),
	    CASE(closing_a_waiter_with_a_descriptor_in_the_child_is_safe),
	    CASE(child_can_open_its_own),
	    CASE(generations_of_forks_do_not_mix),
	    CASE(forking_beside_threads_that_publish_wait_and_open),
	    CASE(leases_survive_closing_all_descriptors),
	    CASE(forked_child_does_not_keep_a_dead_parents_leases_alive),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 60);
}
