/* SPDX-License-Identifier: MIT */
#include "looper.h"

#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <unistd.h>

#include "support.h"

void looper_open(struct looper *looper, const struct looper_kind *kind, const int *fds,
		 unsigned count)
{
	EXPECT(count <= LOOPER_FDS);
	*looper = (struct looper){.kind = kind, .count = count, .epoll = -1};
	memcpy(looper->fds, fds, count * sizeof(*fds));
	kind->open(looper);
}

static void nothing(struct looper *looper)
{
	(void)looper;
}

static uint32_t wait_poll(struct looper *looper, int timeout_ms)
{
	struct pollfd pollers[LOOPER_FDS];
	uint32_t ready = 0;

	for (unsigned i = 0; i < looper->count; i++)
		pollers[i] = (struct pollfd){.fd = looper->fds[i], .events = POLLIN};
	EXPECT(poll(pollers, looper->count, timeout_ms) >= 0);
	for (unsigned i = 0; i < looper->count; i++)
		ready |= (uint32_t) !!pollers[i].revents << i;
	return ready;
}

static uint32_t wait_select(struct looper *looper, int timeout_ms)
{
	struct timeval timeout = {timeout_ms / 1000, timeout_ms % 1000 * 1000L};
	uint32_t ready = 0;
	fd_set set;

	FD_ZERO(&set);
	for (unsigned i = 0; i < looper->count; i++) {
		EXPECT(looper->fds[i] < FD_SETSIZE);
		FD_SET(looper->fds[i], &set);
	}
	EXPECT(select(FD_SETSIZE, &set, NULL, NULL, &timeout) >= 0);
	for (unsigned i = 0; i < looper->count; i++)
		ready |= (uint32_t) !!FD_ISSET(looper->fds[i], &set) << i;
	return ready;
}

/* --- epoll ------------------------------------------------------------------------------ */

static void control(struct looper *looper, int op, unsigned i, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.u32 = i};

	EXPECT(!epoll_ctl(looper->epoll, op, looper->fds[i], &event));
}

static void open_epoll(struct looper *looper, uint32_t events)
{
	looper->epoll = epoll_create1(EPOLL_CLOEXEC);
	EXPECT(looper->epoll >= 0);
	for (unsigned i = 0; i < looper->count; i++)
		control(looper, EPOLL_CTL_ADD, i, events);
}

static void open_level(struct looper *looper)
{
	open_epoll(looper, EPOLLIN);
}

static void open_edge(struct looper *looper)
{
	open_epoll(looper, EPOLLIN | EPOLLET);
}

static void open_oneshot(struct looper *looper)
{
	open_epoll(looper, EPOLLIN | EPOLLONESHOT);
}

static uint32_t wait_epoll(struct looper *looper, int timeout_ms)
{
	struct epoll_event events[LOOPER_FDS];
	uint32_t ready = 0;
	int count = epoll_wait(looper->epoll, events, LOOPER_FDS, timeout_ms);

	EXPECT(count >= 0);
	for (int i = 0; i < count; i++)
		ready |= UINT32_C(1) << events[i].data.u32;
	return ready;
}

static uint32_t wait_oneshot(struct looper *looper, int timeout_ms)
{
	for (unsigned i = 0; i < looper->count; i++)
		if (looper->reported >> i & 1)
			control(looper, EPOLL_CTL_MOD, i, EPOLLIN | EPOLLONESHOT);
	looper->reported = wait_epoll(looper, timeout_ms);
	return looper->reported;
}

static void close_epoll(struct looper *looper)
{
	close(looper->epoll);
}

const struct looper_kind looper_poll = {"poll", true, nothing, wait_poll, nothing};
const struct looper_kind looper_select = {"select", true, nothing, wait_select, nothing};
const struct looper_kind looper_epoll_level = {"epoll, level-triggered", true, open_level,
					       wait_epoll, close_epoll};
const struct looper_kind looper_epoll_edge = {"epoll, edge-triggered", true, open_edge, wait_epoll,
					      close_epoll};
const struct looper_kind looper_epoll_oneshot = {"epoll, one-shot", true, open_oneshot,
						 wait_oneshot, close_epoll};
