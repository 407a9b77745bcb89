/* SPDX-License-Identifier: MIT */
/*
 * A peer writes anything anywhere into the shared files, all the time, while others attach,
 * publish, read, wait and close. Each of their calls soon returns 0 or an error that babus.h
 * names for it; none crashes or hangs.
 *
 * What is read has no meaning here. The kernel keeps a user that cannot write a slot from doing
 * this, see test_trust.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "actors.h"
#include "layout.h"
#include "payload.h"
#include "support.h"

enum {
	VICTIMS = 4,
	CALL_MS = 1000 /* of the processor, for one call at most */
};

static struct {
	atomic_bool stop;
	_Atomic uint64_t done, refused; /* calls of all victims */
	_Atomic uint64_t scribbled;     /* words */
} * stage;

/* --- calls ------------------------------------------------------------------------- */

static int64_t began; /* the call; each process makes one at a time */

/* Any call may find the slot removed or damaged and the domain gone; `errors` ends with 0. */
static int check(const char *call, int result, const int *errors)
{
	int64_t took = cpu_ns() - began;
	bool named = result >= 0 || result == -EPROTO || result == -ENODEV;

	for (; *errors; errors++)
		named = named || result == *errors;
	if (!named || took > MILLISECOND * SUPPORT_SLOWER * CALL_MS)
		fprintf(stderr, "%s: %d (%s) after %lld ms\n", call, result, babus_error_detail(),
			(long long)(took / MILLISECOND));
	EXPECT(named);
	EXPECT(took <= MILLISECOND * SUPPORT_SLOWER * CALL_MS);
	atomic_fetch_add(result < 0 ? &stage->refused : &stage->done, 1);
	return result;
}

/* The clock before the call: the order in which arguments are evaluated is open. */
#define CALL(call, ...) (began = cpu_ns(), check(#call, (call), (const int[]){__VA_ARGS__}))

/* --- the peer ------------------------------------------------------------------------ */

struct mapping {
	char path[512];
	ino_t inode;
	uint64_t size;
	_Atomic uint64_t *words;
};

static void unmap(struct mapping *mapping)
{
	if (mapping->words)
		munmap(mapping->words, mapping->size);
	mapping->words = NULL;
}

/* Map the file that has the name now. The process that finds a slot gone makes a new one. */
static void map_again(struct mapping *mapping, const char *path)
{
	struct stat st;
	int fd = open(path, O_RDWR | O_CLOEXEC);

	unmap(mapping);
	if (fd < 0)
		return;
	if (!fstat(fd, &st) && st.st_size >= LAYOUT_PAGE) {
		mapping->inode = st.st_ino;
		mapping->size = (uint64_t)st.st_size;
		mapping->words = mmap(NULL, mapping->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
				      0);
		EXPECT(mapping->words != MAP_FAILED);
	}
	close(fd);
}

static uint64_t odd_value(uint64_t *random)
{
	uint64_t value = random_next(random);

	switch (random_next(random) % 6) {
	case 0:
		return 0;
	case 1:
		return word_cell(value % 40, (uint32_t)(value >> 32) % 30);
	case 2:
		return word_state((enum layout_kind)(value % 4), value >> 40);
	case 3:
		return UINT64_MAX - value % 4;
	case 4:
		return value % 300;
	default:
		return value;
	}
}

/* Mostly into the tables, so that the files can sometimes be attached. */
static void scribble_once(const struct mapping *mapping, uint64_t *random)
{
	uint64_t words = mapping->size / 8;
	uint64_t tables = words < 600 ? words : 600;
	uint64_t at = random_next(random) % 50 ? 64 + random_next(random) % (tables - 64)
					       : random_next(random) % words;

	/* The flag of a removed slot would end the game too often. */
	if (at == offsetof(struct layout_slot, removed) / 8 && random_next(random) % 20)
		at--;
	atomic_store_explicit(&mapping->words[at], odd_value(random), memory_order_relaxed);
	atomic_fetch_add(&stage->scribbled, 1);
}

/* Into the words that all share, and the marks that follow them. */
static void scribble_over_the_domain(const struct mapping *mapping, uint64_t *random)
{
	enum {
		SHARED = offsetof(struct layout_domain, gone) / 8,
		MARKS = offsetof(struct layout_domain, channels) / 8,
		END = sizeof(struct layout_domain) / 8
	};
	uint64_t at = random_next(random) % 2 ? SHARED + random_next(random) % (MARKS - SHARED)
					      : MARKS + random_next(random) % (END - MARKS);

	mapping->words[at] = odd_value(random);
}

/* A healthy slot again, so that damage does not only accumulate. */
static void heal(babus_domain *domain)
{
	struct babus_slot_options opts = small_options(3, 200);
	babus_slot *slot;

	babus_domain_remove_slot(domain, "s");
	if (!babus_slot_open(domain, "s", BABUS_CREATE, &opts, &slot))
		babus_slot_close(slot);
}

static void scribble(void *arg)
{
	struct mapping domain = {0}, slot = {0}, pins = {0};
	struct timespec breath = {.tv_nsec = 20000};
	uint64_t random = *(uint64_t *)arg;

	for (uint64_t n = 0; !atomic_load(&stage->stop); n++) {
		struct babus_slot_info info;
		babus_slot *handle;

		if (n % 4096 == 0) {
			heal(bus);
			map_again(&domain, domain_file("domain"));
			map_again(&slot, domain_file("s.slot"));
			unmap(&pins);
			if (!babus_slot_open(bus, "s", BABUS_READ, NULL, &handle)) {
				if (!babus_slot_info(handle, &info))
					map_again(&pins, pins_file(handle));
				babus_slot_close(handle);
			}
		}
		if (slot.words)
			scribble_once(&slot, &random);
		if (pins.words && n % 3 == 0)
			scribble_once(&pins, &random);
		if (domain.words && n % 16 == 0)
			scribble_over_the_domain(&domain, &random);
		if (n % 64 == 0)
			nanosleep(&breath, NULL);
	}
	unmap(&domain);
	unmap(&slot);
	unmap(&pins);
}

/* --- the others ---------------------------------------------------------------------- */

#define READ_ERRORS -ENODATA, -ESTALE, -EAGAIN, -EBUSY, -ENOBUFS, -EMSGSIZE, 0
/* A smaller largest message is as good a header as any. */
#define PUBLISH_ERRORS -ENOBUFS, -EOVERFLOW, -EMSGSIZE, 0

/* NULL: not now. */
static babus_slot *attach(unsigned flags)
{
	babus_slot *slot = NULL;

	CALL(babus_slot_open(bus, "s", flags, NULL, &slot), -ENOENT, -ENOBUFS, 0);
	return slot;
}

static void look_at_all(const struct babus_message *message)
{
	const unsigned char *bytes = message->data;
	unsigned sum = 0;

	EXPECT(message->size <= LAYOUT_PAGE);
	for (size_t i = 0; i < message->size; i++)
		sum += bytes[i];
	EXPECT(sum <= LAYOUT_PAGE * 255);
}

static int reserve(babus_slot *slot, uint32_t count)
{
	int result = babus_slot_reserve(slot, count, 200);

	return result < 0 ? result : 0;
}

static void publish(uint64_t *random)
{
	babus_slot *slot = attach(BABUS_PUBLISH);
	struct babus_loan loan;
	char data[200] = "";

	for (int i = 0; slot && i < 200; i++) {
		CALL(babus_slot_publish(slot, data, random_next(random) % 200, NULL, NULL),
		     PUBLISH_ERRORS);
		if (CALL(babus_slot_loan(slot, 200, &loan), PUBLISH_ERRORS))
			continue;
		memset(loan.data, 1, loan.capacity);
		if (random_next(random) % 2)
			CALL(babus_loan_commit(&loan, NULL), -EOVERFLOW, 0);
		babus_loan_discard(&loan);
	}
	if (slot) {
		CALL(reserve(slot, 4), PUBLISH_ERRORS);
		CALL(babus_slot_trim(slot, NULL), PUBLISH_ERRORS);
	}
	babus_slot_close(slot);
}

static void read_some(uint64_t *random)
{
	babus_slot *slot = attach(BABUS_READ);
	struct babus_message message;
	char data[200];

	for (int i = 0; slot && i < 300; i++) {
		enum babus_which which = (enum babus_which)(random_next(random) % 4);
		uint64_t n = random_next(random) % 30;

		if (!CALL(babus_slot_view(slot, which, n, &message), READ_ERRORS)) {
			look_at_all(&message);
			babus_message_release(&message);
		}
		CALL(babus_slot_copy(slot, which, n, data, sizeof(data), &message), READ_ERRORS);
	}
	babus_slot_close(slot);
}

static void wait_with(babus_waiter *waiter, babus_reader *reader)
{
	struct babus_message message;
	struct babus_event event;

	if (CALL(babus_waiter_add(waiter, reader, NULL), 0))
		return;
	for (int i = 0; i < 100; i++) {
		int64_t deadline = i % 2 ? babus_deadline(MILLISECOND) : BABUS_NOW;

		if (CALL(babus_waiter_wait(waiter, deadline, &event, 1), -ETIMEDOUT, 0) < 0 ||
		    event.status)
			continue;
		if (!CALL(babus_reader_next(reader, &message), READ_ERRORS)) {
			look_at_all(&message);
			babus_message_release(&message);
		}
	}
	babus_waiter_remove(waiter, reader);
}

static void wait_some(uint64_t *random)
{
	enum babus_start start = (enum babus_start)(random_next(random) % 3);
	babus_slot *slot = attach(BABUS_READ);
	babus_reader *reader = NULL;
	babus_waiter *waiter = NULL;
	int fd;

	if (slot && !CALL(babus_reader_open(slot, start, 1, &reader), -ENOBUFS, 0) &&
	    !CALL(babus_waiter_open(bus, NULL, &waiter), 0)) {
		if (random_next(random) % 4 == 0)
			CALL(babus_waiter_fd(waiter, &fd), 0);
		wait_with(waiter, reader);
	}
	babus_waiter_close(waiter);
	babus_reader_close(reader);
	babus_slot_close(slot);
}

static void look_after(uint64_t *random)
{
	struct babus_report report;
	struct babus_slot_info info;
	babus_domain *domain;
	babus_slot *slot = attach(BABUS_CREATE);
	unsigned clients = 0;
	uint64_t changes;

	if (slot) {
		CALL(babus_slot_info(slot, &info), 0);
		CALL(babus_slot_clients(slot, count_alive, &clients), 0);
	}
	babus_slot_close(slot);
	CALL(babus_domain_recover(bus, random_next(random) % 2, &report), 0);
	CALL(babus_domain_changes(bus, &changes), 0);
	if (!CALL(babus_domain_open("test", 0, NULL, &domain), 0))
		babus_domain_close(domain);
}

static void suffer(void *arg)
{
	static void (*const deeds[VICTIMS])(uint64_t * random) = {publish, read_some, wait_some,
								  look_after};
	uint64_t number = *(uint64_t *)arg, random = number + 100;
	babus_domain *inherited = bus;

	/* A handle of this process: the parent's does not work here. */
	EXPECT_EQUAL(babus_domain_open("test", 0, NULL, &bus), 0);
	babus_domain_close(inherited);
	while (!atomic_load(&stage->stop))
		deeds[number % VICTIMS](&random);
	babus_domain_close(bus);
}

static void scribble_with_own_handle(void *arg)
{
	babus_domain *inherited = bus;

	EXPECT_EQUAL(babus_domain_open("test", 0, NULL, &bus), 0);
	babus_domain_close(inherited);
	scribble(arg);
	babus_domain_close(bus);
}

static bool too_early(void)
{
	return stage->scribbled <= 1000 || stage->done <= 1000 || stage->refused <= 100;
}

static void scribbling_peer_blocks_and_crashes_no_other_process(void **state)
{
	struct timespec duration = {.tv_sec = (time_t)actors_seconds(5)};
	uint64_t numbers[VICTIMS];
	pid_t victims[VICTIMS], peer;

	(void)state;
	stage = mmap(NULL, sizeof(*stage), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		     0);
	assert_true(stage != MAP_FAILED);
	heal(bus);
	for (unsigned i = 0; i < VICTIMS; i++) {
		numbers[i] = i;
		victims[i] = child_start(suffer, &numbers[i]);
	}
	peer = child_start(scribble_with_own_handle, &(uint64_t){(uint64_t)getpid()});
	do
		nanosleep(&duration, NULL);
	while (too_early());
	atomic_store(&stage->stop, true);
	for (unsigned i = 0; i < VICTIMS; i++)
		child_join(victims[i]);
	child_join(peer);
	printf("# %llu words scribbled; %llu calls done, %llu refused\n",
	       (unsigned long long)stage->scribbled, (unsigned long long)stage->done,
	       (unsigned long long)stage->refused);
	munmap(stage, sizeof(*stage));
}

/* --- numbers without end ---------------------------------------------------------------- */

static struct mapping swept;
static struct layout_geometry geometry;

/* No buffer is free, and each look for the newest message finds one more, in its cell. */
static void sweep(void *arg)
{
	(void)arg;
	for (uint64_t seq = geometry.depth; !atomic_load(&stage->stop); seq += geometry.depth)
		for (uint32_t i = 0; i < geometry.depth; i++)
			atomic_store_explicit(&swept.words[geometry.cells / 8 + i],
					      word_cell(seq + i, 0), memory_order_relaxed);
}

static void publish_to_swept(void *arg)
{
	babus_slot *slot = NULL;

	(void)arg;
	babus_domain_close(bus);
	EXPECT_EQUAL(babus_domain_open("test", 0, NULL, &bus), 0);
	EXPECT_EQUAL(babus_slot_open(bus, "swept", BABUS_PUBLISH, NULL, &slot), 0);
	for (int i = 0; i < 3; i++)
		CALL(babus_slot_publish(slot, "x", 1, NULL, NULL), PUBLISH_ERRORS);
	babus_slot_close(slot);
	babus_domain_close(bus);
}

static void numbers_without_end_block_no_publisher(void **state)
{
	babus_slot *slot = make_slot("swept", 512, 64);
	struct babus_slot_info info;
	pid_t peer;

	(void)state;
	assert_int_equal(babus_slot_info(slot, &info), 0);
	babus_slot_close(slot);
	geometry = (struct layout_geometry){.depth = info.depth,
					    .loans = info.loans,
					    .pins = info.pins,
					    .max_size = info.max_size,
					    .first_seq = 1};
	assert_int_equal(layout_geometry(&geometry), 0);
	stage = mmap(NULL, sizeof(*stage), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		     0);
	assert_true(stage != MAP_FAILED);
	map_again(&swept, domain_file("swept.slot"));
	EXPECT(swept.words);
	for (uint32_t i = 0; i < geometry.buffers; i++)
		swept.words[geometry.states / 8 + i] = word_state(STATE_OWNED, 12345);
	peer = child_start(sweep, NULL);
	while (!swept.words[geometry.cells / 8])
		sched_yield();
	child_join(child_start(publish_to_swept, NULL));
	atomic_store(&stage->stop, true);
	child_join(peer);
	unmap(&swept);
	munmap(stage, sizeof(*stage));
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE(scribbling_peer_blocks_and_crashes_no_other_process),
	    CASE(numbers_without_end_block_no_publisher),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 60 + 2 * actors_seconds(5));
}
