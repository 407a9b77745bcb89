/* SPDX-License-Identifier: MIT */
/*
 * pthread_cancel(): no call is a cancellation point, so a cancelled thread leaves nothing locked,
 * open or registered.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <babus/config.h>

#include "support.h"

enum {
	THREADS = 3,
	ROUNDS = 200 / (SUPPORT_SANITIZED ? 10 : 1),
};

/* What one thread has open; the thread that ends it closes all. */
struct own {
	babus_domain *domain;
	babus_slot *slot, *other;
	babus_reader *reader;
	babus_waiter *waiter;
	struct babus_message message;
	struct babus_loan loan;
	babus_config *config;
	bool test;      /* a cancellation point of the program's own after each call */
	unsigned calls; /* that returned */
	int number;
};

/*
 * For functions that a cancelled thread may leave without returning: AddressSanitizer
 * would take their variables for the next function's.
 */
#define LEFT __attribute__((no_sanitize("address")))

LEFT static void done(struct own *own, int result, int expected)
{
	EXPECT_EQUAL(result, expected);
	own->calls++;
	if (own->test)
		pthread_testcancel();
}

static void close_own(void *arg)
{
	struct own *own = arg;

	babus_message_release(&own->message);
	babus_loan_discard(&own->loan);
	babus_waiter_close(own->waiter);
	babus_reader_close(own->reader);
	babus_domain_close(own->domain);
	babus_slot_close(own->other);
	/* The last handle of the domain. */
	babus_slot_close(own->slot);
	babus_config_free(own->config);
	own->config = NULL;
	own->domain = NULL;
	own->slot = own->other = NULL;
	own->reader = NULL;
	own->waiter = NULL;
}

LEFT static int no_slot(void *arg, const char *name)
{
	(void)arg;
	(void)name;
	return 0;
}

LEFT static int no_client(void *arg, const struct babus_client_info *info)
{
	(void)arg;
	(void)info;
	return 0;
}

/* --- all calls ---------------------------------------------------------------------------- */

LEFT static void call_slot(struct own *own)
{
	struct iovec piece = {(char[]){"text"}, 4};
	struct babus_slot_info info;
	struct babus_message copy;
	char buffer[64];
	uint64_t freed;

	done(own, babus_slot_publish(own->slot, "hello", 5, NULL, NULL), 0);
	done(own, babus_slot_publishv(own->slot, &piece, 1, NULL, NULL), 0);
	done(own, babus_slot_view(own->slot, BABUS_LATEST, 0, &own->message), 0);
	/* A second view leases a pin of its own. */
	done(own, babus_slot_copy(own->slot, BABUS_LATEST, 0, buffer, sizeof(buffer), &copy), 0);
	babus_message_release(&own->message);
	done(own, babus_slot_loan(own->slot, 5, &own->loan), 0);
	babus_loan_discard(&own->loan);
	done(own, babus_slot_loan(own->slot, 5, &own->loan), 0);
	done(own, babus_loan_commit(&own->loan, NULL), 0);
	done(own, babus_slot_reserve(own->slot, 1, 5) < 0, 0);
	done(own, babus_slot_trim(own->slot, &freed), 0);
	done(own, babus_slot_info(own->slot, &info), 0);
	done(own, babus_slot_clients(own->slot, no_client, NULL), 0);
	done(own, babus_slot_publisher_alive(own->slot, info.publisher) < 0, 0);
	done(own, babus_slot_set_access(own->slot, 0600, (uid_t)-1, (gid_t)-1), 0);
}

LEFT static void call_waiter(struct own *own)
{
	struct babus_waiter_options opts = {.spin_ns = 1000};
	struct babus_event events[4];
	char name[32];
	int fd;

	snprintf(name, sizeof(name), "other%d", own->number);
	done(own, babus_waiter_open(own->domain, &opts, &own->waiter), 0);
	done(own, babus_waiter_add(own->waiter, own->reader, NULL), 0);
	done(own, babus_waiter_watch_domain(own->waiter, NULL), 0);
	/* Something for the watch to report. */
	done(own, babus_slot_open(own->domain, name, BABUS_CREATE, NULL, &own->other), 0);
	done(own, babus_domain_remove_slot(own->domain, name), 0);
	done(own, babus_waiter_wait(own->waiter, babus_deadline(1000), events, 4) == -EINVAL, 0);
	done(own, babus_waiter_fd(own->waiter, &fd), 0);
	while (babus_waiter_wait(own->waiter, BABUS_NOW, events, 4) >= 0)
		done(own, babus_reader_seek(own->reader, BABUS_START_NEXT, 0), 0);
	done(own, babus_waiter_wait(own->waiter, babus_deadline(1000), events, 4) == -EINVAL, 0);
	done(own, babus_waiter_unwatch_domain(own->waiter), 0);
	done(own, babus_waiter_wake(own->waiter), 0);
	done(own, babus_waiter_wait(own->waiter, BABUS_NOW, events, 1), -ECANCELED);
	done(own, babus_waiter_remove(own->waiter, own->reader), 0);
	babus_waiter_close(own->waiter);
	own->waiter = NULL;
}

LEFT static void call_reader(struct own *own)
{
	struct babus_reader_stats stats;
	struct babus_message copy;
	char buffer[64];

	done(own, babus_reader_open(own->slot, BABUS_START_OLDEST, 0, &own->reader), 0);
	done(own, babus_reader_wait(own->reader, babus_deadline(1000)), 0);
	done(own, babus_reader_next(own->reader, &own->message), 0);
	babus_message_release(&own->message);
	done(own, babus_reader_next_copy(own->reader, buffer, sizeof(buffer), &copy), 0);
	done(own, babus_reader_latest(own->reader, &own->message) == -EINVAL, 0);
	babus_message_release(&own->message);
	done(own, babus_reader_seek(own->reader, BABUS_START_NEXT, 0), 0);
	done(own, babus_reader_stats(own->reader, &stats), 0);
	call_waiter(own);
	babus_reader_close(own->reader);
	own->reader = NULL;
}

LEFT static void call_rest(struct own *own)
{
	struct babus_report report;
	babus_slot *other = NULL;
	uint64_t changes;

	done(own, babus_domain_list(own->domain, no_slot, NULL), 0);
	done(own, babus_domain_changes(own->domain, &changes), 0);
	done(own, babus_domain_check(own->domain), 0);
	done(own, babus_domain_recover(own->domain, 1, &report), 0);
	done(own, babus_slot_await(own->domain, "missing", 0, NULL, babus_deadline(1000), &other),
	     -ETIMEDOUT);
	done(own, babus_name_check("name"), 0);
	done(own, babus_guard_install(), 0);
	done(own, babus_config_load(NULL, &own->config), 0);
	babus_config_free(own->config);
	own->config = NULL;
}

LEFT static void call_all(struct own *own)
{
	struct babus_slot_options opts = small_options(4, 64);
	char name[32];

	opts.loans = opts.pins = 32;
	snprintf(name, sizeof(name), "s%d", own->number);
	done(own, babus_domain_open("test", BABUS_CREATE, NULL, &own->domain), 0);
	babus_domain_close(own->domain);
	done(own, babus_domain_open("test", 0, NULL, &own->domain), 0);
	done(own,
	     babus_slot_open(own->domain, name, BABUS_CREATE | BABUS_PUBLISH, &opts, &own->slot),
	     0);
	call_slot(own);
	call_reader(own);
	call_rest(own);
	done(own, babus_slot_remove(own->slot), 0);
	done(own, babus_domain_remove_slot(own->domain, name), -ENOENT);
	close_own(own);
	own->calls++;
}

/* --- a request that precedes the call ------------------------------------------------ */

/* The request stays until a cancellation point. Nothing after that point runs. */
static void pend(void)
{
	int before;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
	pthread_cancel(pthread_self());
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &before);
}

LEFT static void *call_all_cancelled(void *arg)
{
	pend();
	call_all(arg);
	pthread_testcancel();
	return NULL;
}

/* Runs in a thread; returns its result. */
static void *run_thread(void *(*run)(void *), void *arg)
{
	pthread_t thread;
	void *result;

	assert_int_equal(pthread_create(&thread, NULL, run, arg), 0);
	assert_int_equal(pthread_join(thread, &result), 0);
	return result;
}

static void no_call_is_a_cancellation_point(void **state)
{
	struct own plain = {0}, cancelled = {0};

	(void)state;
	call_all(&plain);
	assert_ptr_equal(run_thread(call_all_cancelled, &cancelled), PTHREAD_CANCELED);
	assert_int_equal(cancelled.calls, plain.calls);
	assert_true(plain.calls >= 42);
}

LEFT static void *remove_domain_cancelled(void *arg)
{
	struct own *own = arg;

	pend();
	done(own, babus_domain_remove("test", NULL), 0);
	pthread_testcancel();
	return NULL;
}

static void removing_a_domain_is_no_cancellation_point(void **state)
{
	struct own own = {0};

	(void)state;
	babus_slot_close(make_slot("a", 1, 16));
	assert_ptr_equal(run_thread(remove_domain_cancelled, &own), PTHREAD_CANCELED);
	assert_int_equal(own.calls, 1);
	assert_int_not_equal(access(domain_file("domain"), F_OK), 0);
}

LEFT static void *print_cancelled(void *arg)
{
	struct own *own = arg;

	pend();
	babus_perror("test_cancel, as expected", -EAGAIN);
	own->calls++;
	pthread_testcancel();
	return NULL;
}

static void printing_an_error_is_no_cancellation_point(void **state)
{
	struct own own = {0};

	(void)state;
	assert_ptr_equal(run_thread(print_cancelled, &own), PTHREAD_CANCELED);
	assert_int_equal(own.calls, 1);
}

/* --- slow paths of fast calls -------------------------------------------------------- */

static void hold_everything(void *arg)
{
	babus_slot *slot = child_open_slot("s", BABUS_PUBLISH);
	struct babus_loan loans[4];
	struct babus_message views[8];

	(void)arg;
	for (int i = 0; i < 3; i++)
		EXPECT_EQUAL(babus_slot_loan(slot, 1, &loans[i]), 0);
	for (int i = 0; i < 8; i++)
		EXPECT_EQUAL(babus_slot_view(slot, BABUS_LATEST, 0, &views[i]), 0);
	_exit(0);
}

static babus_slot *left;

/* All loans but one, and all pins, belong to a dead process. */
LEFT static void *recover_cancelled(void *arg)
{
	struct babus_loan loans[2];
	struct babus_message message;
	struct own *own = arg;

	pend();
	done(own, babus_slot_loan(left, 1, &loans[0]), 0);
	done(own, babus_slot_loan(left, 1, &loans[1]), 0);
	babus_loan_discard(&loans[0]);
	babus_loan_discard(&loans[1]);
	done(own, babus_slot_view(left, BABUS_LATEST, 0, &message), 0);
	babus_message_release(&message);
	pthread_testcancel();
	return NULL;
}

static void recovery_is_no_cancellation_point(void **state)
{
	struct own own = {0};

	(void)state;
	left = make_slot("s", 2, 64);
	publish_text(left, "hello");
	child_join(child_start(hold_everything, NULL));
	assert_ptr_equal(run_thread(recover_cancelled, &own), PTHREAD_CANCELED);
	assert_int_equal(own.calls, 3);
	babus_slot_close(left);
}

LEFT static void *fill_cancelled(void *arg)
{
	static char data[65536];
	struct own *own = arg;
	int error = 0;

	pend();
	for (int i = 0; i < 64 && !error; i++)
		error = babus_slot_publish(own->slot, data, sizeof(data), NULL, NULL);
	done(own, error, -ENOSPC);
	pthread_testcancel();
	return NULL;
}

static void fill_small_tmpfs(void)
{
	struct babus_slot_options opts = small_options(32, 65536);
	struct babus_domain_options where;
	struct own own = {0};

	babus_domain_options_init(&where);
	where.root = root_file("small");
	assert_int_equal(babus_domain_open("d", BABUS_CREATE, &where, &own.domain), 0);
	assert_int_equal(
	    babus_slot_open(own.domain, "s", BABUS_CREATE | BABUS_PUBLISH, &opts, &own.slot), 0);
	assert_ptr_equal(run_thread(fill_cancelled, &own), PTHREAD_CANCELED);
	assert_int_equal(own.calls, 1);
	assert_int_equal(babus_slot_remove(own.slot), 0);
	close_own(&own);
}

/*
 * A publish that finds no memory checks whether the file was truncated. And it gives back what it
 * got: through the file, if memory is locked.
 */
static void publishing_into_a_full_tmpfs_is_no_cancellation_point(void **state)
{
	(void)state;
	assert_int_equal(mkdir(root_file("small"), 0700), 0);
	if (mount("tmpfs", root_file("small"), "tmpfs", 0, "size=512k"))
		skip();
	fill_small_tmpfs();
	/* A sanitizer's shadow is too large. */
	if (SUPPORT_SANITIZED || mlockall(MCL_FUTURE)) {
		printf("# not with locked memory: %s\n",
		       SUPPORT_SANITIZED ? "a sanitizer" : strerror(errno));
		return;
	}
	fill_small_tmpfs();
	assert_int_equal(munlockall(), 0);
}

/* --- at any moment, while others fork ------------------------------------------------ */

LEFT static void *call_all_until_cancelled(void *arg)
{
	struct own *own = arg;

	pthread_cleanup_push(close_own, own);
	for (;;)
		call_all(own);
	pthread_cleanup_pop(1);
	return NULL;
}

/* What a child uses, and some thread of its parent could have left locked. */
static void live(void *arg)
{
	struct own own = {.number = 100};

	(void)arg;
	call_all(&own);
}

static void wait_a_little(unsigned *seed)
{
	int64_t until = now_ns() + rand_r(seed) % 400 * INT64_C(1000);

	while (now_ns() < until)
		sched_yield();
}

static void threads_cancelled_at_any_moment_leave_nothing_locked(void **state)
{
	unsigned descriptors = count_descriptors(), seed = 1;
	struct own after = {.number = 101};
	struct babus_report report;

	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		struct own own[THREADS] = {0};
		pthread_t threads[THREADS];
		pid_t child;

		snprintf(support_context, sizeof(support_context), "round %d", round);
		for (int i = 0; i < THREADS; i++) {
			own[i].test = true;
			own[i].number = i;
			assert_int_equal(
			    pthread_create(&threads[i], NULL, call_all_until_cancelled, &own[i]),
			    0);
		}
		for (int i = 0; i < THREADS; i++) {
			wait_a_little(&seed);
			assert_int_equal(pthread_cancel(threads[i]), 0);
		}
		/* A sanitizer's allocator cannot be forked safely by one of several threads. */
		child = SUPPORT_SANITIZED ? 0 : child_start(live, NULL);
		for (int i = 0; i < THREADS; i++)
			assert_int_equal(pthread_join(threads[i], NULL), 0);
		if (child)
			child_join(child);
	}
	*support_context = '\0';
	call_all(&after);
	assert_int_equal(babus_domain_recover(bus, 0, &report), 0);
	assert_int_equal(report.dead_publishers, 0);
	assert_int_equal(report.dead_readers, 0);
	assert_int_equal(count_descriptors(), descriptors);
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE(no_call_is_a_cancellation_point),
	    CASE(removing_a_domain_is_no_cancellation_point),
	    CASE(printing_an_error_is_no_cancellation_point),
	    CASE(recovery_is_no_cancellation_point),
	    CASE(publishing_into_a_full_tmpfs_is_no_cancellation_point),
	    CASE(threads_cancelled_at_any_moment_leave_nothing_locked),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 120);
}
