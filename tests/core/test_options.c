/* SPDX-License-Identifier: MIT */
/* Flags and options that the open calls refuse; reserved fields of results are zero. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support.h"

/* Refused with a detail that says why; no new slot or domain exists then. */
#define REFUSED(call, word)                                          \
	do {                                                         \
		assert_int_equal(call, -EINVAL);                     \
		assert_non_null(strstr(babus_error_detail(), word)); \
	} while (0)

static int open_domain(unsigned flags, const struct babus_domain_options *opts)
{
	babus_domain *domain = NULL;
	int error = babus_domain_open("new", flags, opts, &domain);

	if (error)
		assert_null(domain);
	babus_domain_close(domain);
	return error;
}

static void domains_refuse_flags_without_a_meaning(void **state)
{
	(void)state;
	REFUSED(open_domain(BABUS_CREATE | 1u << 5, NULL), "0x20");
	REFUSED(open_domain(BABUS_CREATE | 1u << 31, NULL), "0x80000000");
	REFUSED(open_domain(BABUS_CREATE | BABUS_PUBLISH, NULL), "0x1");
	REFUSED(open_domain(BABUS_CREATE | BABUS_EXACT, NULL), "0x8");
	REFUSED(open_domain(BABUS_EXCLUSIVE, NULL), "BABUS_EXCLUSIVE without BABUS_CREATE");
	REFUSED(open_domain(BABUS_OBSERVE | BABUS_CREATE, NULL), "BABUS_OBSERVE");
	REFUSED(open_domain(BABUS_OBSERVE | BABUS_PUBLISH, NULL), "0x1");
	assert_int_not_equal(access(root_file("babus.new"), F_OK), 0);
}

static void slots_refuse_flags_without_a_meaning(void **state)
{
	(void)state;
	REFUSED(slot_try_open(BABUS_CREATE | 1u << 5, NULL), "0x20");
	REFUSED(slot_try_open(BABUS_CREATE | 1u << 31, NULL), "0x80000000");
	REFUSED(slot_try_open(BABUS_EXCLUSIVE, NULL), "BABUS_EXCLUSIVE without BABUS_CREATE");
	REFUSED(slot_try_open(BABUS_OBSERVE | BABUS_CREATE, NULL), "BABUS_OBSERVE");
	REFUSED(slot_try_open(BABUS_OBSERVE | BABUS_PUBLISH, NULL), "BABUS_OBSERVE");
	REFUSED(slot_try_await(1u << 5, NULL), "0x20");
	REFUSED(slot_try_await(BABUS_EXCLUSIVE, NULL), "BABUS_EXCLUSIVE");
	REFUSED(slot_try_await(BABUS_OBSERVE | BABUS_PUBLISH, NULL), "BABUS_OBSERVE");
	assert_int_not_equal(access(domain_file("s.slot"), F_OK), 0);
}

static void flags_are_checked_though_the_slot_exists(void **state)
{
	babus_slot *slot = make_slot("s", 1, 16);

	(void)state;
	REFUSED(slot_try_open(1u << 5, NULL), "0x20");
	REFUSED(slot_try_open(BABUS_EXCLUSIVE, NULL), "BABUS_EXCLUSIVE without BABUS_CREATE");
	REFUSED(slot_try_await(BABUS_EXCLUSIVE, NULL), "BABUS_EXCLUSIVE");
	babus_slot_close(slot);
}

static void each_reserved_field_must_be_zero_and_is_named(void **state)
{
	struct babus_waiter_options waiting = {0};
	struct babus_domain_options domain;
	struct babus_slot_options slot;
	babus_waiter *waiter = NULL;

	(void)state;
	babus_domain_options_init(&domain);
	babus_slot_options_init(&slot);
#define EACH_RESERVED(opts, call)                                                         \
	for (size_t i = 0; i < sizeof((opts).reserved) / sizeof(*(opts).reserved); i++) { \
		char field[] = {'[', (char)('0' + i), ']', '\0'};                         \
                                                                                          \
		(opts).reserved[i] = UINT64_C(1) << 63;                                   \
		REFUSED(call, field);                                                     \
		(opts).reserved[i] = 0;                                                   \
	}
	EACH_RESERVED(domain, open_domain(BABUS_CREATE, &domain))
	EACH_RESERVED(domain, babus_domain_remove("test", &domain))
	EACH_RESERVED(slot, slot_try_open(BABUS_CREATE, &slot))
	EACH_RESERVED(slot, slot_try_await(0, &slot))
	EACH_RESERVED(waiting, babus_waiter_open(bus, &waiting, &waiter))
#undef EACH_RESERVED
	assert_null(waiter);
	assert_int_equal(babus_domain_check(bus), 0);
}

static void slot_options_of_zeros_name_the_call_that_is_missing(void **state)
{
	struct babus_slot_options opts = {.type = "rgb24"};
	babus_slot *slot;

	(void)state;
	REFUSED(slot_try_open(BABUS_CREATE, &opts), "babus_slot_options_init()");
	slot = make_slot("s", 1, 16);
	REFUSED(slot_try_open(0, &opts), "babus_slot_options_init()");
	REFUSED(slot_try_await(0, &opts), "babus_slot_options_init()");
	babus_slot_close(slot);
}

static void create_with_the_options_of_zeros(void *arg)
{
	struct babus_domain_options opts = {0};
	babus_domain *domain;

	(void)arg;
	child_become(61001, (gid_t)-1);
	EXPECT_EQUAL(babus_domain_open("new", BABUS_CREATE, &opts, &domain), -EPERM);
	EXPECT(strstr(babus_error_detail(), "user 0") != NULL);
}

static void domain_options_of_zeros_ask_for_root(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	child_join(child_start(create_with_the_options_of_zeros, NULL));
}

/* --- results ------------------------------------------------------------------------------ */

static bool all_zero(const uint64_t *words, size_t size)
{
	uint64_t bits = 0;

	for (size_t i = 0; i < size / sizeof(*words); i++)
		bits |= words[i];
	return !bits;
}

#define ZEROED(result) assert_true(all_zero((result).reserved, sizeof((result).reserved)))

static int check_client(void *arg, const struct babus_client_info *info)
{
	(void)arg;
	ZEROED(*info);
	return 0;
}

/* Whatever they held before. So they can get a meaning later. */
static void reserved_fields_of_results_are_zero(void **state)
{
	babus_slot *slot = make_slot("s", 2, 16);
	struct babus_reader_stats stats;
	struct babus_message message;
	struct babus_report report;
	struct babus_slot_info info;
	struct babus_event event;
	struct babus_loan loan;
	babus_waiter *waiter;
	babus_reader *reader;
	char buffer[16];

	(void)state;
	assert_int_equal(babus_reader_open(slot, BABUS_START_NEXT, 0, &reader), 0);
	assert_int_equal(babus_waiter_open(bus, NULL, &waiter), 0);
	assert_int_equal(babus_waiter_add(waiter, reader, NULL), 0);
#define FILLED(result) memset(&(result), 0xa5, sizeof(result))
	FILLED(loan);
	assert_int_equal(babus_slot_loan(slot, 1, &loan), 0);
	ZEROED(loan);
	ZEROED(loan.stamp);
	assert_int_equal(loan.stamp.reserved0, 0);
	assert_int_equal(loan.stamp.tag | loan.stamp.origin | loan.stamp.source_time_ns, 0);
	assert_int_equal(babus_loan_commit(&loan, NULL), 0);
	FILLED(event);
	assert_int_equal(babus_waiter_wait(waiter, BABUS_NOW, &event, 1), 1);
	ZEROED(event);
	FILLED(message);
	assert_int_equal(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
	ZEROED(message);
	babus_message_release(&message);
	FILLED(message);
	assert_int_equal(babus_slot_copy(slot, BABUS_LATEST, 0, buffer, 16, &message), 0);
	ZEROED(message);
	assert_int_equal(message.skipped, 0);
	FILLED(message);
	assert_int_equal(babus_slot_copy(slot, BABUS_LATEST, 0, buffer, 0, &message), -EMSGSIZE);
	ZEROED(message);
	FILLED(message);
	assert_int_equal(babus_reader_latest(reader, &message), 0);
	ZEROED(message);
	babus_message_release(&message);
	FILLED(stats);
	assert_int_equal(babus_reader_stats(reader, &stats), 0);
	ZEROED(stats);
	FILLED(info);
	assert_int_equal(babus_slot_info(slot, &info), 0);
	ZEROED(info);
	FILLED(report);
	assert_int_equal(babus_domain_recover(bus, 0, &report), 0);
	ZEROED(report);
	assert_int_equal(report.reserved0, 0);
	assert_int_equal(babus_slot_clients(slot, check_client, NULL), 0);
#undef FILLED
	babus_waiter_close(waiter);
	babus_reader_close(reader);
	babus_slot_close(slot);
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE(domains_refuse_flags_without_a_meaning),
	    CASE(slots_refuse_flags_without_a_meaning),
	    CASE(flags_are_checked_though_the_slot_exists),
	    CASE(each_reserved_field_must_be_zero_and_is_named),
	    CASE(slot_options_of_zeros_name_the_call_that_is_missing),
	    CASE(domain_options_of_zeros_ask_for_root),
	    CASE(reserved_fields_of_results_are_zero),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 60);
}
