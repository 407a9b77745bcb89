/* SPDX-License-Identifier: MIT */
/* The details of errors: a failing call has its own or none, never another call's. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <babus/config.h>

#include "support.h"

/* What the calls of the table work with. */
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

static int list_fails(void *arg, const char *name)
{
	(void)name;
	return *(int *)arg;
}

static int client_fails(void *arg, const struct babus_client_info *info)
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

static int name_check(void)
{
	return babus_name_check("");
}

static int guard_install(void)
{
	return babus_guard_install();
}

static int domain_open(void)
{
	return babus_domain_open("missing", 0, NULL, &no_domain);
}

static int domain_list(void)
{
	return babus_domain_list(bus, list_fails, &minus_five);
}

static int domain_changes(void)
{
	uint64_t changes;

	return babus_domain_changes(bus, &changes);
}

static int domain_check(void)
{
	return babus_domain_check(bus);
}

static int domain_recover(void)
{
	struct babus_report report;

	return babus_domain_recover(bus, 1, &report);
}

static int domain_remove(void)
{
	return babus_domain_remove("missing", NULL);
}

static int domain_remove_slot(void)
{
	return babus_domain_remove_slot(bus, "missing");
}

static int slot_open(void)
{
	return babus_slot_open(bus, "missing", 0, NULL, &no_slot);
}

static int slot_await(void)
{
	return babus_slot_await(bus, "missing", 0, NULL, babus_deadline(1000000), &no_slot);
}

static int slot_remove(void)
{
	return babus_slot_remove(have.removed);
}

static int slot_set_access(void)
{
	return babus_slot_set_access(have.removed, 0600, (uid_t)-1, (gid_t)-1);
}

static int slot_info(void)
{
	struct babus_slot_info info;

	return babus_slot_info(have.removed, &info);
}

static int slot_clients(void)
{
	return babus_slot_clients(have.publisher, client_fails, &minus_five);
}

static int publisher_alive(void)
{
	return babus_slot_publisher_alive(have.publisher, 0);
}

static int reserve(void)
{
	return babus_slot_reserve(have.subscriber, 1, 1);
}

static int trim(void)
{
	return babus_slot_trim(have.subscriber, NULL);
}

static int publish(void)
{
	return babus_slot_publish(have.publisher, buffer, 65, NULL, NULL);
}

static int publishv(void)
{
	return babus_slot_publishv(have.publisher, NULL, -1, NULL, NULL);
}

static int borrow(void)
{
	struct babus_loan loan;

	return babus_slot_loan(have.removed, 1, &loan);
}

static int commit(void)
{
	have.loan.size = have.loan.capacity + 1;
	return babus_loan_commit(&have.loan, NULL);
}

static int view(void)
{
	return babus_slot_view(have.subscriber, BABUS_SEQ, 77, &message);
}

static int copy(void)
{
	return babus_slot_copy(have.subscriber, BABUS_LATEST, 0, buffer, 1, &message);
}

static int reader_open(void)
{
	return babus_reader_open(have.subscriber, BABUS_START_SEQ, 0, &no_reader);
}

static int reader_seek(void)
{
	return babus_reader_seek(have.reader, (enum babus_start)9, 0);
}

static int reader_next(void)
{
	return babus_reader_next(have.reader, &message);
}

static int reader_next_copy(void)
{
	return babus_reader_next_copy(have.reader, buffer, sizeof(buffer), &message);
}

static int reader_latest(void)
{
	return babus_reader_latest(have.reader, &message);
}

static int reader_wait(void)
{
	return babus_reader_wait(have.reader, BABUS_NOW);
}

static int reader_wait_for_a_removed_slot(void)
{
	return babus_reader_wait(have.lost, BABUS_NOW);
}

static int reader_stats(void)
{
	struct babus_reader_stats stats;

	return babus_reader_stats(have.reader, &stats);
}

static int waiter_open(void)
{
	struct babus_waiter_options opts = {.reserved = {0, 1}};

	return babus_waiter_open(bus, &opts, &no_waiter);
}

static int waiter_add(void)
{
	return babus_waiter_add(have.waiter, have.reader, NULL);
}

static int waiter_remove(void)
{
	return babus_waiter_remove(have.waiter, have.lost);
}

static int waiter_watch(void)
{
	return babus_waiter_watch_domain(have.waiter, NULL);
}

static int waiter_unwatch(void)
{
	return babus_waiter_unwatch_domain(have.waiter);
}

static int waiter_wait(void)
{
	return babus_waiter_wait(have.waiter, BABUS_NOW, &event, 1);
}

static int waiter_wait_for_none(void)
{
	return babus_waiter_wait(have.waiter, BABUS_NOW, &event, 0);
}

static int waiter_wake(void)
{
	return babus_waiter_wake(have.waiter);
}

static int waiter_fd(void)
{
	int fd;

	return babus_waiter_fd(have.waiter, &fd);
}

static int config_load(void)
{
	babus_config *config;

	return babus_config_load("/missing.ini", &config);
}

static int parse_size(void)
{
	uint64_t bytes;

	return babus_config_parse_size("much", &bytes);
}

static int parse_duration(void)
{
	uint64_t ns;

	return babus_config_parse_duration("long", &ns);
}

/* Each public call that can fail: how it fails here, and what its detail then has. */
static const struct {
	int (*call)(void);
	int error;
	const char *detail; /* "": none is needed */
	bool has_handle;    /* it is -ECHILD in a child */
} calls[] = {
    {name_check, -EINVAL, "0 characters", false},
    {guard_install, 0, "", false},
    {domain_open, -ENOENT, "babus.missing", false},
    {domain_list, -5, "", true},
    {domain_changes, 0, "", true},
    {domain_check, 0, "", true},
    {domain_recover, 0, "", true},
    {domain_remove, -ENOENT, "babus.missing", false},
    {domain_remove_slot, -ENOENT, "'missing'", true},
    {slot_open, -ENOENT, "'missing'", true},
    {slot_await, -ETIMEDOUT, "'missing'", true},
    {slot_remove, -ENODEV, "", true},
    {slot_set_access, -ENODEV, "", true},
    {slot_info, -ENODEV, "", true},
    {slot_clients, -5, "", true},
    {publisher_alive, -EINVAL, "0", true},
    {reserve, -EACCES, "", true},
    {trim, -EACCES, "", true},
    {publish, -EMSGSIZE, "65", true},
    {publishv, -EINVAL, "", false},
    {borrow, -ENODEV, "", true},
    {commit, -EINVAL, "", false},
    {view, -EAGAIN, "", true},
    {copy, -EMSGSIZE, "", true},
    {reader_open, -EINVAL, "", true},
    {reader_seek, -EINVAL, "", true},
    {reader_next, -EAGAIN, "", true},
    {reader_next_copy, -EAGAIN, "", true},
    {reader_latest, -EAGAIN, "", true},
    {reader_wait, -ETIMEDOUT, "", true},
    {reader_wait_for_a_removed_slot, -ENODEV, "", true},
    {reader_stats, 0, "", true},
    {waiter_open, -EINVAL, "reserved[1]", true},
    {waiter_add, -EEXIST, "", true},
    {waiter_remove, -ENOENT, "", true},
    {waiter_watch, 0, "", true},
    {waiter_watch, -EEXIST, "", true},
    {waiter_unwatch, 0, "", true},
    {waiter_unwatch, -ENOENT, "", true},
    {waiter_wait, -ETIMEDOUT, "", true},
    {waiter_wait_for_none, -EINVAL, "", false},
    {waiter_wake, 0, "", true},
    {waiter_fd, 0, "", true},
    {config_load, -ENOENT, "/missing.ini", false},
    {parse_size, -EINVAL, "'much'", false},
    {parse_duration, -EINVAL, "'long'", false},
};

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
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		snprintf(support_context, sizeof(support_context), "call %zu", i);
		leave_a_detail();
		assert_int_equal(calls[i].call(), calls[i].error);
		assert_null(strstr(babus_error_detail(), MARKER));
		assert_non_null(strstr(babus_error_detail(), calls[i].detail));
		if (!calls[i].error)
			assert_string_equal(babus_error_detail(), "");
	}
	*support_context = '\0';
	close_all();
}

static void fail_in_the_child(void *arg)
{
	(void)arg;
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		if (!calls[i].has_handle)
			continue;
		leave_a_detail();
		EXPECT_EQUAL(calls[i].call(), -ECHILD);
		EXPECT(!strcmp(babus_error_detail(), ""));
	}
}

static void in_a_forked_child_they_have_none(void **state)
{
	(void)state;
	open_all();
	child_join(child_start(fail_in_the_child, NULL));
	close_all();
}

static void closing_releasing_and_names_leave_it_alone(void **state)
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

static void what_a_callback_left_does_not_stay(void **state)
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

static void removing_a_damaged_slot_leaves_none(void **state)
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

static void each_thread_has_its_own(void **state)
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
	    CASE(in_a_forked_child_they_have_none),
	    CASE(closing_releasing_and_names_leave_it_alone),
	    CASE(what_a_callback_left_does_not_stay),
	    CASE(removing_a_damaged_slot_leaves_none),
	    CASE(recovery_reports_the_first_damage_and_the_next_one_none),
	    CASE(each_thread_has_its_own),
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
