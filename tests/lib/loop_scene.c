/* SPDX-License-Identifier: MIT */
/*
 * The loop serves a waiter only when its descriptor is reported, so the timer hides no lost
 * wake-up. Bursts of the publisher follow each other at once, or when all was seen and the loop
 * is about to sleep. No re-check helps.
 */
#include "loop_scene.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "payload.h"
#include "waiting.h"

enum {
	WAITERS = 2,
	SLOTS = 6, /* 0 to 3 are the first waiter's, 4 and 5 the second's, on the channel of 0 */
	SOCKET = WAITERS,
	TIMER,
	SOURCES,
	MOST_SECONDS = 2
};

/* In place of its number: the last message of a publisher. */
#define LAST UINT64_MAX

/* Shared by the processes. */
struct board {
	_Atomic uint64_t seen[SLOTS]; /* number of the last message */
	_Atomic uint64_t bytes_sent;
};

struct scene {
	struct board *board;
	int gate, sockets[2], fds[SOURCES];
	babus_slot *slots[SLOTS];
	babus_reader *readers[SLOTS];
	babus_waiter *waiters[WAITERS];
	unsigned left; /* slots whose last message has not come */
	bool hung_up;
	uint64_t messages, lost, bytes, ticks;
	uint64_t reported, in_vain; /* of a waiter; without news */
};

/* --- the publisher -------------------------------------------------------------------------- */

static void open_slots(babus_domain *domain, unsigned flags, babus_slot *slots[SLOTS])
{
	for (unsigned i = 0; i < SLOTS; i++) {
		char name[16];

		snprintf(name, sizeof(name), "s%u", i);
		EXPECT_EQUAL(babus_slot_open(domain, name, flags, NULL, &slots[i]), 0);
	}
}

static void send_some(struct scene *scene, uint64_t *random)
{
	static const char bytes[16];
	size_t count = 1 + random_next(random) % sizeof(bytes);

	EXPECT(write(scene->sockets[1], bytes, count) == (ssize_t)count);
	atomic_fetch_add(&scene->board->bytes_sent, count);
}

static void publish_all_the_time(void *arg)
{
	struct scene *scene = arg;
	uint64_t random = (uint64_t)getpid() << 20, published[SLOTS] = {0};
	babus_slot *slots[SLOTS];
	babus_domain *domain;
	int64_t end;

	EXPECT_EQUAL(babus_domain_open("test", 0, NULL, &domain), 0);
	open_slots(domain, BABUS_PUBLISH, slots);
	gate_wait(scene->gate);
	end = now_ns() + MOST_SECONDS * SECOND;
	while (now_ns() < end) {
		unsigned burst = 1 + (unsigned)random_next(&random) % 32;

		for (unsigned n = 0; n < burst; n++) {
			unsigned i = (unsigned)random_next(&random) % SLOTS;

			published[i]++;
			EXPECT_EQUAL(babus_slot_publish(slots[i], &published[i], 8, NULL, NULL), 0);
		}
		if (random_next(&random) % 2)
			send_some(scene, &random);
		if (random_next(&random) % 4)
			for (unsigned i = 0; i < SLOTS; i++)
				await_word(&scene->board->seen[i], published[i]);
		pause_for_a_moment(&random);
	}
	for (unsigned i = 0; i < SLOTS; i++)
		EXPECT_EQUAL(babus_slot_publish(slots[i], &(uint64_t){LAST}, 8, NULL, NULL), 0);
}

/* --- the loop ------------------------------------------------------------------------------- */

static void take_message(struct scene *scene, const struct babus_event *event)
{
	unsigned i = (unsigned)(uintptr_t)event->user;
	struct babus_message message;
	uint64_t number;

	assert_int_equal(event->status, 0);
	assert_ptr_equal(event->reader, scene->readers[i]);
	assert_int_equal(babus_reader_next(event->reader, &message), 0);
	assert_int_equal(message.seq, atomic_load(&scene->board->seen[i]) + message.lost + 1);
	number = *(const uint64_t *)message.data;
	assert_true(number == LAST || number == message.seq);
	scene->left -= number == LAST;
	scene->messages++;
	scene->lost += message.lost;
	atomic_store(&scene->board->seen[i], message.seq);
	babus_message_release(&message);
}

static void serve_waiter(struct scene *scene, unsigned n)
{
	uint64_t before = scene->messages;
	struct babus_event event;
	int result;

	while ((result = babus_waiter_wait(scene->waiters[n], BABUS_NOW, &event, 1)) > 0)
		take_message(scene, &event);
	assert_int_equal(result, -ETIMEDOUT);
	scene->reported++;
	scene->in_vain += scene->messages == before;
}

static void serve_socket(struct scene *scene)
{
	char bytes[4096];
	ssize_t got;

	while ((got = recv(scene->fds[SOCKET], bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
		scene->bytes += (uint64_t)got;
	assert_true(got == 0 || errno == EAGAIN);
	scene->hung_up = got == 0;
}

static void serve_timer(struct scene *scene)
{
	uint64_t ticks;

	while (read(scene->fds[TIMER], &ticks, sizeof(ticks)) == sizeof(ticks))
		scene->ticks += ticks;
	assert_int_equal(errno, EAGAIN);
}

static void go_round(struct scene *scene, struct looper *looper)
{
	uint32_t ready = looper->kind->wait(looper, 20000);

	assert_int_not_equal(ready, 0);
	for (unsigned n = 0; n < WAITERS; n++)
		if (ready >> n & 1)
			serve_waiter(scene, n);
	if (ready >> SOCKET & 1)
		serve_socket(scene);
	if (ready >> TIMER & 1)
		serve_timer(scene);
}

/* --- the scene ----------------------------------------------------------------------- */

static void make_slots(void)
{
	for (unsigned i = 0; i < SLOTS; i++) {
		struct babus_slot_options opts = small_options(8, 64);
		char name[16];

		snprintf(name, sizeof(name), "s%u", i);
		opts.channel = i < 4 ? (int32_t)i : 0;
		babus_slot_close(make_slot_with(name, &opts));
	}
}

static void make_board(struct scene *scene)
{
	scene->board = mmap(NULL, sizeof(*scene->board), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(scene->board != MAP_FAILED);
	scene->gate = gate_open();
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, scene->sockets), 0);
}

static void make_sources(struct scene *scene)
{
	struct itimerspec each = {{.tv_nsec = 5 * MILLISECOND}, {.tv_nsec = 5 * MILLISECOND}};

	close(scene->sockets[1]);
	scene->fds[SOCKET] = scene->sockets[0];
	scene->fds[TIMER] = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	assert_int_equal(timerfd_settime(scene->fds[TIMER], 0, &each, NULL), 0);
	open_slots(bus, BABUS_READ, scene->slots);
	for (unsigned n = 0; n < WAITERS; n++)
		scene->waiters[n] = open_waiter(0, NO_RECHECK);
	for (unsigned i = 0; i < SLOTS; i++) {
		scene->readers[i] = open_reader(scene->slots[i]);
		assert_int_equal(babus_waiter_add(scene->waiters[i / 4], scene->readers[i],
						  (void *)(uintptr_t)i),
				 0);
	}
	for (unsigned n = 0; n < WAITERS; n++) {
		assert_int_equal(babus_waiter_fd(scene->waiters[n], &scene->fds[n]), 0);
		assert_no_news(scene->waiters[n]);
	}
}

static void end_sources(struct scene *scene)
{
	for (unsigned n = 0; n < WAITERS; n++)
		babus_waiter_close(scene->waiters[n]);
	for (unsigned i = 0; i < SLOTS; i++) {
		babus_reader_close(scene->readers[i]);
		babus_slot_close(scene->slots[i]);
	}
	close(scene->fds[SOCKET]);
	close(scene->fds[TIMER]);
	gate_close(scene->gate);
}

void loop_scene_run(const struct looper_kind *kind)
{
	struct scene scene = {.left = SLOTS};
	struct looper looper;
	int64_t patience;
	pid_t publisher;

	snprintf(support_context, sizeof(support_context), "%s", kind->name);
	make_slots();
	make_board(&scene);
	publisher = child_start(publish_all_the_time, &scene);
	make_sources(&scene);
	looper_open(&looper, kind, scene.fds, SOURCES);
	gate_post(scene.gate, 1);
	patience = now_ns() + (MOST_SECONDS + 30 * SUPPORT_SLOWER) * SECOND;
	while (scene.left || !scene.hung_up) {
		go_round(&scene, &looper);
		assert_true(now_ns() < patience);
	}
	child_join(publisher);
	printf("# %s: %llu messages, %llu lapped, %llu bytes, %llu ticks; %llu reports of "
	       "messages, %llu without\n",
	       kind->name, (unsigned long long)scene.messages, (unsigned long long)scene.lost,
	       (unsigned long long)scene.bytes, (unsigned long long)scene.ticks,
	       (unsigned long long)scene.reported, (unsigned long long)scene.in_vain);
	assert_int_equal(scene.bytes, atomic_load(&scene.board->bytes_sent));
	assert_true(scene.ticks > 0);
	/* What the loop drained before it saw the report does not count. */
	assert_true(scene.in_vain <= (kind->exact ? 0 : scene.messages));
	assert_true(scene.reported <= 2 * scene.messages);
	kind->close(&looper);
	end_sources(&scene);
	munmap(scene.board, sizeof(*scene.board));
	*support_context = '\0';
}
