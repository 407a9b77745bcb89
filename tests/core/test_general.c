/* SPDX-License-Identifier: MIT */
/* Version, error texts, names, deadlines. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "support.h"

static void version_is_that_of_the_header(void **state)
{
	char expected[32];

	(void)state;
	snprintf(expected, sizeof(expected), "%d.%d.%d", BABUS_VERSION_MAJOR, BABUS_VERSION_MINOR,
		 BABUS_VERSION_PATCH);
	assert_string_equal(babus_version(), expected);
}

static void every_documented_error_has_a_text(void **state)
{
	static const int errors[] = {EINVAL, ENOENT,  ENODEV,    EACCES,    EPERM,    EPROTO,
				     EIO,    ECHILD,  ENOMEM,    EMFILE,    ENFILE,   EEXIST,
				     ENOSPC, ENOBUFS, ENOTEMPTY, EMSGSIZE,  ENODATA,  ESTALE,
				     EAGAIN, EINTR,   ETIMEDOUT, ECANCELED, EOVERFLOW};

	(void)state;
	for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++) {
		const char *text = babus_strerror(-errors[i]);

		assert_non_null(text);
		assert_true(strlen(text) > 3);
		assert_null(strchr(text, '\n'));
	}
	assert_non_null(babus_strerror(0));
	assert_non_null(babus_strerror(-99999));
}

static void names_of_legal_characters_are_accepted(void **state)
{
	char longest[BABUS_NAME_MAX + 1];

	(void)state;
	memset(longest, 'a', BABUS_NAME_MAX);
	longest[BABUS_NAME_MAX] = '\0';
	assert_int_equal(babus_name_check("a"), 0);
	assert_int_equal(babus_name_check("_"), 0);
	assert_int_equal(babus_name_check("camera.front-2_RAW"), 0);
	assert_int_equal(babus_name_check("0"), 0);
	assert_int_equal(babus_name_check(longest), 0);
}

static void names_with_anything_else_are_refused(void **state)
{
	static const char *const bad[] = {"",      ".",    "..",  ".hidden", "-option", "a b",
					  "a/b",   "/a",   "a\n", "a*",      "a:b",     "\xc3\xa4",
					  "a\x7f", "a\\b", "a\t", "~a"};
	char too_long[BABUS_NAME_MAX + 2];

	(void)state;
	memset(too_long, 'a', BABUS_NAME_MAX + 1);
	too_long[BABUS_NAME_MAX + 1] = '\0';
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(babus_name_check(bad[i]), -EINVAL);
	assert_int_equal(babus_name_check(NULL), -EINVAL);
	assert_int_equal(babus_name_check(too_long), -EINVAL);
}

static void deadline_is_on_the_monotonic_clock(void **state)
{
	int64_t before = now_ns();
	int64_t deadline = babus_deadline(5 * SECOND);
	int64_t after = now_ns();

	(void)state;
	assert_true(deadline >= before + 5 * SECOND);
	assert_true(deadline <= after + 5 * SECOND);
}

static uint64_t realtime(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
}

static void wall_time_is_the_wall_clock_and_stays_the_same(void **state)
{
	(void)state;
	uint64_t before = realtime(), now = babus_now(), after = realtime();
	uint64_t wall = babus_wall_time(now);

	assert_in_range(wall, before - SECOND / 1000, after + SECOND / 1000);
	for (int i = 0; i < 10000; i++)
		assert_int_equal(babus_wall_time(now), wall);
	assert_int_equal(babus_wall_time(0), 0);
}

static void deadline_of_a_negative_timeout_is_forever(void **state)
{
	(void)state;
	assert_int_equal(babus_deadline(-1), BABUS_FOREVER);
	assert_int_equal(babus_deadline(INT64_MIN), BABUS_FOREVER);
}

static void deadline_beyond_the_clock_is_forever(void **state)
{
	(void)state;
	assert_int_equal(babus_deadline(INT64_MAX), BABUS_FOREVER);
}

static void error_detail_names_what_was_wrong(void **state)
{
	babus_domain *domain = NULL;

	(void)state;
	assert_int_equal(babus_domain_open("bad/name", 0, NULL, &domain), -EINVAL);
	assert_non_null(strstr(babus_error_detail(), "bad/name"));
	assert_null(strchr(babus_error_detail(), '\n'));
	assert_null(domain);
}

static void error_detail_is_empty_after_a_success(void **state)
{
	babus_domain *domain = NULL;

	(void)state;
	assert_int_equal(babus_domain_open("no-such", 0, NULL, &domain), -ENOENT);
	assert_true(strlen(babus_error_detail()) > 0);
	assert_int_equal(babus_domain_open("test", BABUS_CREATE, NULL, &domain), 0);
	assert_string_equal(babus_error_detail(), "");
	babus_domain_close(domain);
}

static void close_accepts_null(void **state)
{
	(void)state;
	babus_domain_close(NULL);
	babus_slot_close(NULL);
	babus_reader_close(NULL);
	babus_waiter_close(NULL);
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE(version_is_that_of_the_header),
	    CASE(every_documented_error_has_a_text),
	    CASE(names_of_legal_characters_are_accepted),
	    CASE(names_with_anything_else_are_refused),
	    CASE(deadline_is_on_the_monotonic_clock),
	    CASE(wall_time_is_the_wall_clock_and_stays_the_same),
	    CASE(deadline_of_a_negative_timeout_is_forever),
	    CASE(deadline_beyond_the_clock_is_forever),
	    CASE_ROOT(error_detail_names_what_was_wrong),
	    CASE_ROOT(error_detail_is_empty_after_a_success),
	    CASE(close_accepts_null),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 60);
}
