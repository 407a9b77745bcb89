/* SPDX-License-Identifier: MIT */
/* Files that are truncated while mapped, with the guard and without. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "support.h"

enum {
	SIZE = 100000
};

static char data[SIZE];

static void run_deed(void *arg)
{
	(*(void (**)(void))arg)();
}

/* Each act runs in a child, since a signal handler is for a whole process. */
static int end_of(void (*deed)(void))
{
	return child_wait(child_start(run_deed, &deed));
}

static void in_child(void (*deed)(void))
{
	assert_int_equal(end_of(deed), 0);
}

static babus_slot *open_there(const char *name)
{
	static babus_domain *domain;
	babus_slot *slot;

	if (!domain)
		EXPECT_EQUAL(babus_domain_open("test", 0, NULL, &domain), 0);
	EXPECT_EQUAL(babus_slot_open(domain, name, BABUS_PUBLISH, NULL, &slot), 0);
	return slot;
}

static void make_two(void)
{
	babus_slot *slot = make_slot("s", 2, SIZE), *other = make_slot("other", 2, SIZE);

	assert_int_equal(babus_slot_publish(slot, data, SIZE, NULL, NULL), 0);
	assert_int_equal(babus_slot_publish(other, data, SIZE, NULL, NULL), 0);
	babus_slot_close(slot);
	babus_slot_close(other);
}

static void expect_good(babus_slot *slot)
{
	struct babus_message message;

	EXPECT_EQUAL(babus_slot_publish(slot, data, SIZE, NULL, NULL), 0);
	EXPECT_EQUAL(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
	EXPECT(!memcmp(message.data, data, SIZE));
	babus_message_release(&message);
}

static void expect_lost(babus_slot *slot)
{
	struct babus_message message;
	struct babus_slot_info info;
	struct babus_loan loan;
	babus_reader *reader;

	EXPECT_EQUAL(babus_slot_publish(slot, data, SIZE, NULL, NULL), -EIO);
	EXPECT_EQUAL(babus_slot_loan(slot, SIZE, &loan), -EIO);
	EXPECT_EQUAL(babus_slot_view(slot, BABUS_LATEST, 0, &message), -EIO);
	EXPECT_EQUAL(babus_slot_copy(slot, BABUS_LATEST, 0, data, SIZE, &message), -EIO);
	EXPECT_EQUAL(babus_reader_open(slot, BABUS_START_NEXT, 0, &reader), -EIO);
	EXPECT_EQUAL(babus_slot_info(slot, &info), -EIO);
}

static void lose_the_slot(void)
{
	babus_slot *slot = open_there("s"), *other = open_there("other");
	struct babus_message message;
	struct babus_event event;
	babus_waiter *waiter;
	babus_reader *reader;

	EXPECT_EQUAL(babus_guard_install(), 0);
	EXPECT_EQUAL(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
	EXPECT_EQUAL(babus_reader_open(slot, BABUS_START_NEXT, 0, &reader), 0);
	EXPECT_EQUAL(babus_waiter_open(babus_slot_domain(slot), NULL, &waiter), 0);
	EXPECT_EQUAL(babus_waiter_add(waiter, reader, NULL), 0);
	EXPECT(!truncate(domain_file("s.slot"), 0));
	/* The view reads as zeros; a process that reads it is not killed. */
	for (size_t i = 0; i < message.size; i += 100)
		EXPECT(((const char *)message.data)[i] == 0);
	expect_lost(slot);
	EXPECT_EQUAL(babus_reader_next(reader, &message), -EIO);
	EXPECT_EQUAL(babus_waiter_wait(waiter, BABUS_FOREVER, &event, 1), 1);
	EXPECT_EQUAL(event.status, -EIO);
	for (int i = 0; i < 20; i++)
		expect_good(other);
	babus_waiter_close(waiter);
	babus_message_release(&message);
	babus_reader_close(reader);
	babus_slot_close(slot);
	babus_slot_close(other);
}

static void truncated_slot_is_eio_and_the_others_go_on(void **state)
{
	(void)state;
	memset(data, 'd', SIZE);
	make_two();
	in_child(lose_the_slot);
}

static void lose_the_payload(void)
{
	babus_slot *slot = open_there("s"), *other = open_there("other");
	struct babus_message message;

	EXPECT_EQUAL(babus_guard_install(), 0);
	/* All tables stay, the messages are gone. */
	EXPECT(!truncate(domain_file("s.slot"), 8192));
	EXPECT_EQUAL(babus_slot_copy(slot, BABUS_LATEST, 0, data, SIZE, &message), -EIO);
	memset(data, 'd', SIZE);
	expect_lost(slot);
	memset(data, 'd', SIZE);
	expect_good(other);
}

static void copy_from_a_truncated_payload_is_eio(void **state)
{
	(void)state;
	memset(data, 'd', SIZE);
	make_two();
	in_child(lose_the_payload);
}

static void publish_into_nothing(void)
{
	babus_slot *slot = open_there("s");
	int error = 0;

	EXPECT_EQUAL(babus_guard_install(), 0);
	EXPECT(!truncate(domain_file("s.slot"), 8192));
	for (int i = 0; i < 20 && !error; i++)
		error = babus_slot_publish(slot, data, SIZE, NULL, NULL);
	EXPECT_EQUAL(error, -EIO);
}

static void publish_into_a_truncated_payload_is_eio(void **state)
{
	(void)state;
	make_two();
	in_child(publish_into_nothing);
}

/* The first call that meets it; one a child. */
static int first_call(unsigned which, babus_slot *slot)
{
	struct babus_loan loan;
	unsigned clients = 0;

	switch (which) {
	case 0:
		return babus_slot_trim(slot, NULL);
	case 1:
		return babus_slot_reserve(slot, 3, SIZE);
	case 2:
		return babus_slot_loan(slot, SIZE, &loan);
	default:
		return babus_slot_clients(slot, count_alive, &clients);
	}
}

static void meet_it_first(void *arg)
{
	babus_slot *slot = open_there("s");

	EXPECT_EQUAL(babus_guard_install(), 0);
	EXPECT(!truncate(domain_file("s.slot"), 0));
	EXPECT_EQUAL(first_call(*(unsigned *)arg, slot), -EIO);
}

static void first_call_on_a_truncated_slot_is_eio_already(void **state)
{
	(void)state;
	for (unsigned which = 0; which < 4; which++) {
		make_two();
		child_join(child_start(meet_it_first, &which));
		assert_int_equal(unlink(domain_file("s.slot")), 0);
	}
}

/* The call, and what is left of the file. */
struct remains {
	unsigned call;
	off_t size;
};

static void reserve_or_trim_what_is_left(void *arg)
{
	const struct remains *remains = arg;
	babus_slot *slot = open_there("s");

	EXPECT_EQUAL(babus_guard_install(), 0);
	EXPECT(!truncate(domain_file("s.slot"), remains->size));
	EXPECT_EQUAL(first_call(remains->call, slot), -EIO);
	EXPECT_EQUAL(first_call(remains->call, slot), -EIO);
}

static void reserve_all(void)
{
	babus_slot *slot = open_slot("s", BABUS_PUBLISH);

	assert_true(babus_slot_reserve(slot, 1000, SIZE) > 2);
	babus_slot_close(slot);
}

static void trim_and_reserve_of_a_part_of_a_slot_are_eio(void **state)
{
	static const off_t sizes[] = {100, 4096, 8192, (off_t)3 * SIZE};

	(void)state;
	for (unsigned call = 0; call < 2; call++)
		for (size_t i = 0; i < 2 * sizeof(sizes) / sizeof(*sizes); i++) {
			struct remains remains = {call, sizes[i / 2]};

			make_two();
			/* Existing memory is not populated, only looked at. */
			if (i % 2)
				reserve_all();
			child_join(child_start(reserve_or_trim_what_is_left, &remains));
			assert_int_equal(unlink(domain_file("s.slot")), 0);
		}
}

static void lose_the_pins(void)
{
	babus_slot *slot = open_there("s"), *other = open_there("other");
	char path[512];

	EXPECT_EQUAL(babus_guard_install(), 0);
	snprintf(path, sizeof(path), "%s", pins_file(slot));
	EXPECT(!truncate(path, 0));
	while (!babus_slot_publish(slot, data, SIZE, NULL, NULL))
		;
	expect_lost(slot);
	expect_good(other);
	babus_slot_close(slot);
}

static void truncated_pins_are_eio(void **state)
{
	(void)state;
	make_two();
	in_child(lose_the_pins);
}

static void lose_the_domain(void)
{
	babus_slot *slot = open_there("s");
	babus_domain *domain = babus_slot_domain(slot);
	uint64_t changes;
	int error;

	EXPECT_EQUAL(babus_guard_install(), 0);
	EXPECT(!truncate(domain_file("domain"), 0));
	error = babus_domain_changes(domain, &changes);
	EXPECT(error == -EIO || error == 0);
	EXPECT_EQUAL(babus_domain_changes(domain, &changes), -EIO);
	EXPECT_EQUAL(babus_domain_remove_slot(domain, "s"), -EIO);
	/* How should it publish without waking the waiters? Nothing crashes. */
	error = babus_slot_publish(slot, data, SIZE, NULL, NULL);
	EXPECT(error == 0 || error == -EIO);
	babus_slot_close(slot);
}

static void truncated_domain_is_eio(void **state)
{
	(void)state;
	make_two();
	in_child(lose_the_domain);
}

/* --- the program's own faults -------------------------------------------------------- */

static sigjmp_buf back;
static volatile sig_atomic_t own;

static void on_sigbus(int number)
{
	(void)number;
	own++;
	siglongjmp(back, 1);
}

static void hit_own_mapping(void)
{
	FILE *file = tmpfile();
	volatile char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(file), 0);

	EXPECT(page != MAP_FAILED);
	*page = 1;
}

static void own_handler_sees_own_faults(void)
{
	struct sigaction action = {.sa_handler = on_sigbus};
	babus_slot *slot = open_there("s");

	sigaction(SIGBUS, &action, NULL);
	EXPECT_EQUAL(babus_guard_install(), 0);
	EXPECT_EQUAL(babus_guard_install(), 0);
	if (!sigsetjmp(back, 1))
		hit_own_mapping();
	EXPECT_EQUAL(own, 1);
	EXPECT(!truncate(domain_file("s.slot"), 0));
	expect_lost(slot);
	EXPECT_EQUAL(own, 1);
}

static void fault_elsewhere_goes_to_the_handler_that_was_there(void **state)
{
	(void)state;
	make_two();
	in_child(own_handler_sees_own_faults);
}

static void die_of_own_fault(void)
{
	EXPECT_EQUAL(babus_guard_install(), 0);
	hit_own_mapping();
}

static void fault_elsewhere_without_a_handler_ends_the_process(void **state)
{
	(void)state;
	assert_int_equal(end_of(die_of_own_fault), -SIGBUS);
}

static void go_without_guard(void)
{
	babus_slot *slot = open_there("s");

	EXPECT(!truncate(domain_file("s.slot"), 0));
	babus_slot_publish(slot, data, SIZE, NULL, NULL);
}

static void without_the_guard_the_library_handles_no_signal(void **state)
{
	(void)state;
	make_two();
	assert_int_equal(end_of(go_without_guard), -SIGBUS);
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE(truncated_slot_is_eio_and_the_others_go_on),
	    CASE(copy_from_a_truncated_payload_is_eio),
	    CASE(publish_into_a_truncated_payload_is_eio),
	    CASE(first_call_on_a_truncated_slot_is_eio_already),
	    CASE(trim_and_reserve_of_a_part_of_a_slot_are_eio),
	    CASE(truncated_pins_are_eio),
	    CASE(truncated_domain_is_eio),
	    CASE(fault_elsewhere_goes_to_the_handler_that_was_there),
	    CASE(fault_elsewhere_without_a_handler_ends_the_process),
	    CASE(without_the_guard_the_library_handles_no_signal),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 60);
}
