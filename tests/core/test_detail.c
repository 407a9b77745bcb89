/* SPDX-License-Identifier: MIT */
/*
 * The details of errors: a failing call has its own detail or none, never that of another call.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <babus/config.h>

#include "support.h"

/* What the calls work with. */
static struct {
	babus_slot *publisher, *subscriber, *removed;
	babus_reader *reader, *lost;
	babus_waiter *waiter;
	struct babus_loan loan;
	struct babus_message pinned;
} have;

/* A call that fails, with a detail that no other call gives. */
#define MARKER "no/name"

static void leave_a_detail(void)
{
	EXPECT_EQUAL(babus_name_check(MARKER), -EINVAL);
	EXPECT(strstr(babus_error_detail(), MARKER) != NULL);
}

static int fail_name(void *arg, const char *name)
{
	(void)name;
	return *(int *)arg;
}

static int fail_client(void *arg, const struct babus_client_info *info)
{
	(void)info;
	return *(int *)arg;
}

/* --- the calls ------------------------------------------------------------------------ */

static struct babus_message message;
static struct babus_event event;
static babus_domain *no_domain;
static babus_slot *no_slot;
static babus_reader *no_reader;
static babus_waiter *no_waiter;
static char buffer[64];
static int minus_five = -5;

static void check_detail(int got, int error, const char *detail)
{
	assert_int_equal(got, error);
	assert_null(strstr(babus_error_detail(), MARKER));
	assert_non_null(strstr(babus_error_detail(), detail));
	if (!error)
		assert_string_equal(babus_error_detail(), "");
}

static void expect_no_detail(int got)
{
	EXPECT_EQUAL(got, -ECHILD);
	EXPECT(!strcmp(babus_error_detail(), ""));
}

/*
 * Each public call that can fail: with its error here, and a part of its detail, "" if it
 * needs none. A child makes those with a HANDLE only, all of which are -ECHILD there.
 */
#define ANY(call, error, detail)                                                 \
	do {                                                                     \
		if (in_a_child)                                                  \
			break;                                                   \
		snprintf(support_context, sizeof(support_context), "%s", #call); \
		leave_a_detail();                                                \
		check_detail(call, error, detail);                               \
	} while (0)
#define HANDLE(call, error, detail)               \
	do {                                      \
		if (in_a_child) {                 \
			leave_a_detail();         \
			expect_no_detail(call);   \
		} else {                          \
			ANY(call, error, detail); \
		}                                 \
	} while (0)

static void make_each_call(bool in_a_child)
{
	struct babus_waiter_options odd = {.reserved = {0, 1}};
	struct babus_reader_stats stats;
	struct babus_report report;
	struct babus_slot_info info;
	struct babus_loan loan;
	babus_config *config;
	uint64_t number;
	int fd;

	ANY(babus_name_check(""), -EINVAL, "0 characters");
	ANY(babus_guard_install(), 0, "");
	ANY(babus_domain_open("missing", 0, NULL, &no_domain), -ENOENT, "babus.missing");
	HANDLE(babus_domain_list(bus, fail_name, &minus_five), -5, "");
	HANDLE(babus_domain_changes(bus, &number), 0, "");
	HANDLE(babus_domain_check(bus), 0, "");
	HANDLE(babus_domain_recover(bus, 1, &report), 0, "");
	ANY(babus_domain_remove("missing", NULL), -ENOENT, "babus.missing");
	HANDLE(babus_domain_remove_slot(bus, "missing"), -ENOENT, "'missing'");
	HANDLE(babus_slot_open(bus, "missing", 0, NULL, &no_slot), -ENOENT, "'missing'");
	HANDLE(babus_slot_await(bus, "missing", 0, NULL, babus_deadline(1000000), &no_slot),
	       -ETIMEDOUT, "'missing'");
	HANDLE(babus_slot_remove(have.removed), -ENODEV, "");
	HANDLE(babus_slot_set_access(have.removed, 0600, (uid_t)-1, (gid_t)-1), -ENODEV, "");
	HANDLE(babus_slot_info(have.removed, &info), -ENODEV, "");
	HANDLE(babus_slot_clients(have.publisher, fail_client, &minus_five), -5, "");
	HANDLE(babus_slot_publisher_alive(have.publisher, 0), -EINVAL, "0");
	HANDLE(babus_slot_reserve(have.subscriber, 1, 1), -EACCES, "");
	HANDLE(babus_slot_trim(have.subscriber, NULL), -EACCES, "");
	HANDLE(babus_slot_publish(have.publisher, buffer, 65, NULL, NULL), -EMSGSIZE, "65");
	ANY(babus_slot_publishv(have.publisher, NULL, -1, NULL, NULL), -EINVAL, "");
	HANDLE(babus_slot_loan(have.removed, 1, &loan), -ENODEV, "");
	have.loan.size = have.loan.capacity + 1;
	ANY(babus_loan_commit(&have.loan, NULL), -EINVAL, "");
	HANDLE(babus_slot_view(have.subscriber, BABUS_SEQ, 77, &message), -EAGAIN, "");
	HANDLE(babus_slot_copy(have.subscriber, BABUS_LATEST, 0, buffer, 1, &message), -EMSGSIZE,
	       "");
	HANDLE(babus_reader_open(have.subscriber, BABUS_START_SEQ, 0, &no_reader), -EINVAL, "");
	HANDLE(babus_reader_seek(have.reader, (enum babus_start)9, 0), -EINVAL, "");
	HANDLE(babus_reader_next(have.reader, &message), -EAGAIN, "");
	HANDLE(babus_reader_next_copy(have.reader, buffer, sizeof(buffer), &message), -EAGAIN, "");
	HANDLE(babus_reader_latest(have.reader, &message), -EAGAIN, "");
	HANDLE(babus_reader_wait(have.reader, BABUS_NOW), -ETIMEDOUT, "");
	HANDLE(babus_reader_wait(have.lost, BABUS_NOW), -ENODEV, "");
	HANDLE(babus_reader_stats(have.reader, &stats), 0, "");
	HANDLE(babus_waiter_open(bus, &odd, &no_waiter), -EINVAL, "reserved[1]");
	HANDLE(babus_waiter_add(have.waiter, have.reader, NULL), -EEXIST, "");
	HANDLE(babus_waiter_remove(have.waiter, have.lost), -ENOENT, "");
	HANDLE(babus_waiter_watch_domain(have.waiter, NULL), 0, "");
	HANDLE(babus_waiter_watch_domain(have.waiter, NULL), -EEXIST, "");
	HANDLE(babus_waiter_unwatch_domain(have.waiter), 0, "");
	HANDLE(babus_waiter_unwatch_domain(have.waiter), -ENOENT, "");
	HANDLE(babus_waiter_wait(have.waiter, BABUS_NOW, &event, 1), -ETIMEDOUT, "");
	ANY(babus_waiter_wait(have.waiter, BABUS_NOW, &event, 0), -EINVAL, "");
	HANDLE(babus_waiter_wake(have.waiter), 0, "");
	HANDLE(babus_waiter_fd(have.waiter, &fd), 0, "");
	ANY(babus_config_load("/missing.ini", &config), -ENOENT, "/missing.ini");
	ANY(babus_config_parse_size("much", &number), -EINVAL, "'much'");
	ANY(babus_config_parse_duration("long", &number), -EINVAL, "'long'");
	*support_context = '\0';
}
#undef ANY
#undef HANDLE

/* A small slot that takes messages of up to 64 bytes. */
static void open_all(void)
{
	babus_slot *publisher = make_slot("removed", 2, 64);

	have.publisher = make_slot("s", 4, 64);
	have.subscriber = open_slot("s", BABUS_READ);
	have.removed = open_slot("removed", BABUS_READ);
	assert_int_equal(babus_reader_open(have.removed, BABUS_START_NEXT, 0, &have.lost), 0);
	assert_int_equal(babus_slot_remove(publisher), 0);
	babus_slot_close(publisher);
	publish_text(have.publisher, "hello");
	assert_int_equal(babus_reader_open(have.subscriber, BABUS_START_NEXT, 0, &have.reader), 0);
	assert_int_equal(babus_waiter_open(bus, NULL, &have.waiter), 0);
	assert_int_equal(babus_waiter_add(have.waiter, have.reader, NULL), 0);
	assert_int_equal(babus_slot_loan(have.publisher, 8, &have.loan), 0);
	assert_int_equal(babus_slot_view(have.publisher, BABUS_LATEST, 0, &have.pinned), 0);
}

static void close_all(void)
{
	babus_waiter_close(have.waiter);
	babus_reader_close(have.reader);
	babus_reader_close(have.lost);
	babus_loan_discard(&have.loan);
	babus_message_release(&have.pinned);
	babus_slot_close(have.publisher);
	babus_slot_close(have.subscriber);
	babus_slot_close(have.removed);
}

static void each_call_has_its_own_detail_or_none(void **state)
{
	(void)state;
	open_all();
	make_each_call(false);
	close_all();
}

static void make_each_call_in_a_child(void *arg)
{
	(void)arg;
	make_each_call(true);
}

static void calls_in_a_forked_child_have_no_detail(void **state)
{
	(void)state;
	open_all();
	child_join(child_start(make_each_call_in_a_child, NULL));
	close_all();
}

static void closing_releasing_and_names_keep_the_detail(void **state)
{
	(void)state;
	open_all();
	leave_a_detail();
	close_all();
	assert_string_equal(babus_domain_name(bus), "test");
	assert_non_null(strstr(babus_domain_path(bus), "babus.test"));
	assert_string_equal(babus_strerror(-EAGAIN), "not published yet");
	babus_domain_close(bus);
	bus = NULL;
	assert_non_null(strstr(babus_error_detail(), MARKER));
}

/* --- what fails inside a call that succeeds ------------------------------------------------ */

static int calls_that_fail(void *arg, const char *name)
{
	(void)arg;
	(void)name;
	leave_a_detail();
	return 0;
}

static int client_calls_that_fail(void *arg, const struct babus_client_info *info)
{
	(void)arg;
	(void)info;
	leave_a_detail();
	return 0;
}

static void the_detail_that_a_callback_left_does_not_stay(void **state)
{
	babus_slot *slot = make_slot("s", 1, 16);

	(void)state;
	assert_int_equal(babus_domain_list(bus, calls_that_fail, NULL), 0);
	assert_string_equal(babus_error_detail(), "");
	assert_int_equal(babus_slot_clients(slot, client_calls_that_fail, NULL), 0);
	assert_string_equal(babus_error_detail(), "");
	babus_slot_close(slot);
}

static void put_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void removing_a_damaged_slot_leaves_no_detail(void **state)
{
	(void)state;
	put_file(domain_file("s.slot"), "not a slot");
	assert_int_equal(babus_domain_remove_slot(bus, "s"), 0);
	assert_string_equal(babus_error_detail(), "");
}

static void recovery_reports_the_first_damage_and_the_next_one_none(void **state)
{
	struct babus_report report;

	(void)state;
	put_file(domain_file("s.slot"), "not a slot");
	put_file(domain_file(".odd.slot"), "no legal name of a slot");
	assert_int_equal(babus_domain_recover(bus, 1, &report), 0);
	assert_int_equal(report.damaged, 1);
	assert_non_null(strstr(babus_error_detail(), "'s'"));
	assert_int_equal(babus_domain_remove_slot(bus, "s"), 0);
	assert_int_equal(babus_domain_recover(bus, 1, &report), 0);
	assert_int_equal(report.damaged, 0);
	assert_string_equal(babus_error_detail(), "");
}

static void *fail_in_a_thread(void *arg)
{
	EXPECT(!strcmp(babus_error_detail(), ""));
	leave_a_detail();
	return arg;
}

static void each_thread_has_its_own_detail(void **state)
{
	pthread_t thread;

	(void)state;
	assert_int_equal(babus_name_check(""), -EINVAL);
	assert_int_equal(pthread_create(&thread, NULL, fail_in_a_thread, NULL), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_non_null(strstr(babus_error_detail(), "0 characters"));
}

static void control_characters_do_not_reach_the_terminal(void **state)
{
	(void)state;
	assert_int_equal(babus_name_check("a\033[2J\n"), -EINVAL);
	assert_non_null(strstr(babus_error_detail(), "'a?[2J?'"));
}

/* --- babus_perror ---------------------------------------------------------------------------- */

/* What it prints; each datagram is one write. */
static void print_and_read(const char *what, int error, char *text, size_t size)
{
	int pair[2], saved = dup(STDERR_FILENO);
	ssize_t n;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	assert_int_equal(dup2(pair[1], STDERR_FILENO), STDERR_FILENO);
	errno = 4711;
	babus_perror(what, error);
	n = errno;
	dup2(saved, STDERR_FILENO);
	assert_int_equal(n, 4711);
	n = recv(pair[0], text, size - 1, 0);
	assert_true(n > 0);
	text[n] = '\0';
	assert_int_equal(recv(pair[0], text + n, 1, MSG_DONTWAIT), -1);
	close(pair[0]);
	close(pair[1]);
	close(saved);
}

static void perror_prints_the_detail_in_one_write(void **state)
{
	char text[2048], detail[1024];

	(void)state;
	assert_int_equal(babus_slot_open(bus, "imu", 0, NULL, &no_slot), -ENOENT);
	snprintf(detail, sizeof(detail), "open: %s\n", babus_error_detail());
	print_and_read("open", -ENOENT, text, sizeof(text));
	assert_string_equal(text, detail);
	assert_non_null(strstr(text, "'imu'"));
	/* The detail is still there. */
	print_and_read("open", -ENOENT, text, sizeof(text));
	assert_string_equal(text, detail);
}

static void perror_without_a_detail_prints_the_errors_text(void **state)
{
	babus_slot *slot = make_slot("s", 1, 16);
	char text[2048];

	(void)state;
	assert_int_equal(babus_slot_view(slot, BABUS_LATEST, 0, &message), -ENODATA);
	print_and_read("view", -ENODATA, text, sizeof(text));
	assert_string_equal(text, "view: no message yet\n");
	babus_slot_close(slot);
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE(each_call_has_its_own_detail_or_none),
	    CASE(calls_in_a_forked_child_have_no_detail),
	    CASE(closing_releasing_and_names_keep_the_detail),
	    CASE(the_detail_that_a_callback_left_does_not_stay),
	    CASE(removing_a_damaged_slot_leaves_no_detail),
	    CASE(recovery_reports_the_first_damage_and_the_next_one_none),
	    CASE(each_thread_has_its_own_detail),
	    CASE(control_characters_do_not_reach_the_terminal),
	    CASE(perror_prints_the_detail_in_one_write),
	    CASE(perror_without_a_detail_prints_the_errors_text),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 60);
}
