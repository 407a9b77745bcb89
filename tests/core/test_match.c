/* SPDX-License-Identifier: MIT */
/* Which options of an existing slot must match those that it was created with. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "support.h"

static struct babus_slot_options mono8;

/* A slot of type "mono8", or of none, with a publisher. */
static babus_slot *make_typed(const char *type)
{
	mono8 = small_options(4, 100);
	mono8.type = type;
	return make_slot_with("s", &mono8);
}

static const unsigned all_flags[] = {
    BABUS_READ,
    BABUS_PUBLISH,
    BABUS_CREATE,
    BABUS_PUBLISH | BABUS_CREATE,
    BABUS_PUBLISH | BABUS_CREATE | BABUS_EXACT,
};

static void another_type_is_eexist_and_both_are_named(void **state)
{
	babus_slot *slot = make_typed("rgb24");
	struct babus_slot_options opts = mono8;

	(void)state;
	opts.type = "mono8";
	for (size_t i = 0; i < sizeof(all_flags) / sizeof(*all_flags); i++) {
		assert_int_equal(slot_try_open(all_flags[i], &opts), -EEXIST);
		assert_non_null(strstr(babus_error_detail(), "'rgb24'"));
		assert_non_null(strstr(babus_error_detail(), "'mono8'"));
		assert_int_equal(slot_try_await(all_flags[i], &opts), -EEXIST);
	}
	/* One type is a prefix of the other. */
	opts.type = "rgb2";
	assert_int_equal(slot_try_open(BABUS_READ, &opts), -EEXIST);
	opts.type = "rgb24a";
	assert_int_equal(slot_try_open(BABUS_READ, &opts), -EEXIST);
	babus_slot_close(slot);
}

static void a_type_where_there_is_none_is_eexist(void **state)
{
	babus_slot *slot = make_typed(NULL);
	struct babus_slot_options opts = mono8;

	(void)state;
	opts.type = "mono8";
	assert_int_equal(slot_try_open(BABUS_PUBLISH | BABUS_CREATE, &opts), -EEXIST);
	assert_non_null(strstr(babus_error_detail(), "without a type"));
	babus_slot_close(slot);
}

static void the_same_type_or_none_opens(void **state)
{
	static const char *const types[] = {"mono8", "", NULL};
	babus_slot *slot = make_typed("mono8");
	struct babus_slot_options opts = mono8;

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		opts.type = types[i];
		for (size_t k = 0; k < sizeof(all_flags) / sizeof(*all_flags); k++) {
			assert_int_equal(slot_try_open(all_flags[k], &opts), 0);
			assert_string_equal(babus_error_detail(), "");
		}
	}
	babus_slot_close(slot);
}

static void the_longest_type_is_compared_to_its_end(void **state)
{
	char longest[BABUS_TYPE_MAX + 1] = "";
	struct babus_slot_options opts;
	babus_slot *slot;

	(void)state;
	memset(longest, 't', BABUS_TYPE_MAX);
	slot = make_typed(longest);
	opts = mono8;
	assert_int_equal(slot_try_open(BABUS_READ, &opts), 0);
	longest[BABUS_TYPE_MAX - 1] = 'u';
	assert_int_equal(slot_try_open(BABUS_READ, &opts), -EEXIST);
	babus_slot_close(slot);
}

static void asking_for_another_type_registers_nothing(void **state)
{
	babus_slot *slot = make_typed("rgb24");
	struct babus_slot_options opts = mono8;
	struct babus_loan loans[4];
	struct babus_slot_info info;

	(void)state;
	/* All its loans are taken: registering a publisher would be -ENOBUFS. */
	for (int i = 0; i < 4; i++)
		assert_int_equal(babus_slot_loan(slot, 1, &loans[i]), 0);
	opts.type = "mono8";
	assert_int_equal(slot_try_open(BABUS_PUBLISH, &opts), -EEXIST);
	assert_int_equal(babus_slot_info(slot, &info), 0);
	assert_int_equal(info.publishers, 1);
	for (int i = 0; i < 4; i++)
		babus_loan_discard(&loans[i]);
	babus_slot_close(slot);
}

/* Each field of the geometry is one more than the slot has. */
static struct babus_slot_options larger(int field)
{
	struct babus_slot_options opts = mono8;

	opts.depth += field == 0;
	opts.loans += field == 1;
	opts.pins += field == 2;
	opts.max_size += field == 3;
	return opts;
}

static void geometry_is_a_hint(void **state)
{
	babus_slot *slot = make_typed("mono8"), *second;
	struct babus_slot_info info;

	(void)state;
	for (int field = 0; field < 4; field++) {
		struct babus_slot_options opts = larger(field);

		for (size_t i = 0; i < 4; i++)
			assert_int_equal(slot_try_open(all_flags[i], &opts), 0);
		assert_int_equal(babus_slot_open(bus, "s", BABUS_CREATE, &opts, &second), 0);
		assert_int_equal(babus_slot_info(second, &info), 0);
		assert_int_equal(info.depth, mono8.depth);
		assert_int_equal(info.loans, mono8.loans);
		assert_int_equal(info.pins, mono8.pins);
		assert_int_equal(info.max_size, mono8.max_size);
		babus_slot_close(second);
	}
	babus_slot_close(slot);
}

static void with_exact_another_geometry_is_eexist(void **state)
{
	babus_slot *slot = make_typed("mono8");

	(void)state;
	for (int field = 0; field < 4; field++) {
		struct babus_slot_options opts = larger(field);

		for (size_t i = 0; i < 4; i++) {
			assert_int_equal(slot_try_open(all_flags[i] | BABUS_EXACT, &opts), -EEXIST);
			assert_non_null(strstr(babus_error_detail(), "depth 4, size 100"));
		}
		assert_int_equal(slot_try_await(BABUS_EXACT, &opts), -EEXIST);
	}
	assert_int_equal(slot_try_open(BABUS_EXACT, &mono8), 0);
	/* Without options: the defaults. */
	assert_int_equal(slot_try_open(BABUS_EXACT, NULL), -EEXIST);
	babus_slot_close(slot);
}

static void with_exact_the_rest_is_still_a_hint(void **state)
{
	babus_slot *slot = make_typed("mono8");
	struct babus_slot_options opts = mono8;

	(void)state;
	opts.channel = 3;
	opts.first_seq = 77;
	opts.mode = 0666;
	opts.description = "another";
	assert_int_equal(slot_try_open(BABUS_CREATE | BABUS_EXACT, &opts), 0);
	babus_slot_close(slot);
}

static void create_typed(void *arg)
{
	const char *type = arg;
	struct babus_slot_options opts = small_options(4, 100);

	opts.type = type;
	for (int i = 0; i < 300; i++) {
		babus_domain *domain;
		babus_slot *slot = NULL;
		struct babus_slot_info info;
		char name[16];
		int error;

		snprintf(name, sizeof(name), "race%d", i);
		EXPECT_EQUAL(babus_domain_open("test", 0, NULL, &domain), 0);
		error = babus_slot_open(domain, name, BABUS_PUBLISH | BABUS_CREATE, &opts, &slot);
		EXPECT(!error || error == -EEXIST);
		if (!error) {
			EXPECT_EQUAL(babus_slot_info(slot, &info), 0);
			EXPECT(!strcmp(info.type, type));
		}
		babus_slot_close(slot);
		babus_domain_close(domain);
	}
}

static void of_racing_creators_each_gets_its_type_or_eexist(void **state)
{
	static char first[] = "rgb24", second[] = "mono8";
	pid_t a = child_start(create_typed, first);
	pid_t b = child_start(create_typed, second);

	(void)state;
	child_join(a);
	child_join(b);
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE(another_type_is_eexist_and_both_are_named),
	    CASE(a_type_where_there_is_none_is_eexist),
	    CASE(the_same_type_or_none_opens),
	    CASE(the_longest_type_is_compared_to_its_end),
	    CASE(asking_for_another_type_registers_nothing),
	    CASE(geometry_is_a_hint),
	    CASE(with_exact_another_geometry_is_eexist),
	    CASE(with_exact_the_rest_is_still_a_hint),
	    CASE(of_racing_creators_each_gets_its_type_or_eexist),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 60);
}
