/* SPDX-License-Identifier: MIT */
#include "uring.h"

#include <errno.h>
#include <linux/io_uring.h>
#include <linux/time_types.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "support.h"

enum {
	ENTRIES = 2 * LOOPER_FDS
};

/* Shared with the kernel: it moves sq_head and cq_tail, and this program the other two. */
struct uring {
	int fd;
	char *rings;
	size_t rings_size;
	struct io_uring_sqe *sqes;
	size_t sqes_size;
	_Atomic uint32_t *sq_tail, *cq_head, *cq_tail;
	uint32_t *sq_array;
	struct io_uring_cqe *cqes;
	uint32_t sq_mask, cq_mask;
	uint32_t pending; /* prepared, not submitted */
	uint32_t poll_flags;
};

static int setup(struct io_uring_params *params)
{
	long fd = syscall(SYS_io_uring_setup, ENTRIES, params);

	return fd < 0 ? -errno : (int)fd;
}

int uring_check(void)
{
	struct io_uring_params params = {0};
	int fd = setup(&params);

	if (fd < 0)
		return fd;
	close(fd);
	/* One mapping for both rings, and waits with a timeout, need Linux 5.11. */
	return params.features & IORING_FEAT_SINGLE_MMAP && params.features & IORING_FEAT_EXT_ARG
		   ? 0
		   : -ENOSYS;
}

static void *map(int fd, size_t size, off_t offset)
{
	void *start = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);

	EXPECT(start != MAP_FAILED);
	return start;
}

static struct uring *uring_open(uint32_t poll_flags)
{
	struct io_uring_params params = {0};
	struct uring *ring = calloc(1, sizeof(*ring));
	size_t sq_size, cq_size;

	EXPECT(ring);
	ring->fd = setup(&params);
	EXPECT(ring->fd >= 0);
	sq_size = params.sq_off.array + params.sq_entries * sizeof(uint32_t);
	cq_size = params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe);
	ring->rings_size = sq_size > cq_size ? sq_size : cq_size;
	ring->rings = map(ring->fd, ring->rings_size, IORING_OFF_SQ_RING);
	ring->sqes_size = params.sq_entries * sizeof(struct io_uring_sqe);
	ring->sqes = map(ring->fd, ring->sqes_size, IORING_OFF_SQES);
	ring->sq_tail = (void *)(ring->rings + params.sq_off.tail);
	ring->sq_array = (void *)(ring->rings + params.sq_off.array);
	ring->sq_mask = params.sq_entries - 1;
	ring->cq_head = (void *)(ring->rings + params.cq_off.head);
	ring->cq_tail = (void *)(ring->rings + params.cq_off.tail);
	ring->cqes = (void *)(ring->rings + params.cq_off.cqes);
	ring->cq_mask = params.cq_entries - 1;
	ring->poll_flags = poll_flags;
	return ring;
}

static void uring_close(struct uring *ring)
{
	munmap(ring->sqes, ring->sqes_size);
	munmap(ring->rings, ring->rings_size);
	close(ring->fd);
	free(ring);
}

/* There is room: each descriptor has at most one request at a time. */
static void prepare_poll(struct uring *ring, int fd, unsigned user)
{
	uint32_t tail = atomic_load(ring->sq_tail);
	struct io_uring_sqe *sqe = &ring->sqes[tail & ring->sq_mask];

	*sqe = (struct io_uring_sqe){
	    .opcode = IORING_OP_POLL_ADD,
	    .fd = fd,
	    .poll32_events = POLLIN,
	    .len = ring->poll_flags,
	    .user_data = user,
	};
	ring->sq_array[tail & ring->sq_mask] = tail & ring->sq_mask;
	atomic_store(ring->sq_tail, tail + 1);
	ring->pending++;
}

static void submit_and_wait(struct uring *ring, int timeout_ms)
{
	struct __kernel_timespec timeout = {timeout_ms / 1000, timeout_ms % 1000 * MILLISECOND};
	struct io_uring_getevents_arg arg = {.sigmask_sz = _NSIG / 8,
					     .ts = (uint64_t)(uintptr_t)&timeout};
	long result = syscall(SYS_io_uring_enter, ring->fd, ring->pending, 1,
			      IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG, &arg, sizeof(arg));

	EXPECT(result >= 0 || errno == ETIME);
	EXPECT(result < 0 || result == ring->pending);
	ring->pending = 0;
}

/* --- as loops ----------------------------------------------------------------------------- */

static void open_polls(struct looper *looper, uint32_t flags)
{
	looper->uring = uring_open(flags);
	for (unsigned i = 0; i < looper->count; i++)
		prepare_poll(looper->uring, looper->fds[i], i);
}

static void open_single(struct looper *looper)
{
	open_polls(looper, 0);
}

static void open_multishot(struct looper *looper)
{
	open_polls(looper, IORING_POLL_ADD_MULTI);
}

/* Requests that are over are made again with the next wait. */
static uint32_t wait_uring(struct looper *looper, int timeout_ms)
{
	struct uring *ring = looper->uring;
	uint32_t ready = 0, head;

	for (unsigned i = 0; i < looper->count; i++)
		if (looper->reported >> i & 1)
			prepare_poll(ring, looper->fds[i], i);
	looper->reported = 0;
	submit_and_wait(ring, timeout_ms);
	for (head = atomic_load(ring->cq_head); head != atomic_load(ring->cq_tail); head++) {
		const struct io_uring_cqe *cqe = &ring->cqes[head & ring->cq_mask];

		EXPECT(cqe->res > 0);
		ready |= UINT32_C(1) << cqe->user_data;
		if (!(cqe->flags & IORING_CQE_F_MORE))
			looper->reported |= UINT32_C(1) << cqe->user_data;
	}
	atomic_store(ring->cq_head, head);
	return ready;
}

static void close_uring(struct looper *looper)
{
	uring_close(looper->uring);
}

const struct looper_kind looper_uring_single = {"io_uring, single polls", false, open_single,
						wait_uring, close_uring};
const struct looper_kind looper_uring_multishot = {"io_uring, multishot polls", false,
						   open_multishot, wait_uring, close_uring};
