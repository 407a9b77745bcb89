/* SPDX-License-Identifier: MIT */
/*
 * Publishing: a token, a buffer, its memory, the message, the wake-up. A loan
 * is the first three held by the caller; plain publishing is a loan, a copy
 * and a commit.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cancel.h"
#include "error.h"
#include "files.h"
#include "shm.h"
#include "slot.h"

/* --- tokens -------------------------------------------------------------------- */

static int take_token(babus_slot *slot, uint32_t *token)
{
	int error;

	if (local_take(&slot->token_busy)) {
		*token = slot->publisher.own;
		return 0;
	}
	error = lease_take(&slot->token_table, &slot->publisher, token);
	if (error == -ENOBUFS && slot_recover(slot, SLOT_FILE, true, NULL) >= 0)
		error = lease_take(&slot->token_table, &slot->publisher, token);
	return error == -ENOBUFS ? slot_full(slot, SLOT_FILE) : error;
}

static void give_token(babus_slot *slot, uint32_t token)
{
	if (token == slot->publisher.own)
		local_give(&slot->token_busy);
	else
		lease_give(&slot->token_table, &slot->publisher, token);
}

/* --- memory --------------------------------------------------------------------- */

/* Before Linux 5.14: through the file, and not into our page table. */
static int allocate(babus_slot *slot, uint64_t offset, uint64_t size)
{
	NO_CANCELLATION;
	struct stat st;
	int fd = slot_reopen(slot, SLOT_FILE, O_RDWR, &st);
	int error;

	if (fd < 0)
		return fd;
	error = shm_allocate(fd, offset, size);
	close(fd);
	return error;
}

/* Whether buffers share no pages, so that the memory of each can be given back. */
static bool has_own_pages(const struct ring *ring)
{
	return (ring->g.payload | ring->g.stride) % (uint64_t)sysconf(_SC_PAGESIZE) == 0;
}

/* Give back the memory of an OWNED buffer beyond its first `keep` bytes. */
static int give_pages(babus_slot *slot, uint32_t buffer, uint64_t keep)
{
	struct ring *ring = &slot->ring;
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	keep = (keep + page - 1) & ~(page - 1);
	if (keep >= ring->g.stride)
		return 0;
	/* The mark first: who dies in between leaves memory that is not known of,
	   which is harmless, and not a mark without memory, which is SIGBUS. */
	if (record_get(&ring->marks[buffer]) > keep)
		record_put(&ring->marks[buffer], keep);
	STEP("give_pages");
	return madvise(ring_data(ring, buffer) + keep, ring->g.stride - keep, MADV_REMOVE) < 0
		   ? -errno
		   : 0;
}

/* A failed population: is tmpfs full, or has the file been cut off? */
static int explain(babus_slot *slot, int error)
{
	NO_CANCELLATION;
	struct stat st;
	int fd;

	if (error != -ENOSPC)
		return error;
	fd = slot_reopen(slot, SLOT_FILE, O_RDONLY, &st);
	babus_fail_clear();
	if (fd < 0)
		return error;
	close(fd);
	return (uint64_t)st.st_size < slot->ring.g.slot_size ? -EIO : error;
}

/*
 * Make sure that `size` bytes of an OWNED buffer have memory. The mark says how
 * far that is known already, so in the steady state this is one load.
 */
static int populate(babus_slot *slot, uint32_t buffer, uint64_t size)
{
	const struct layout_geometry *g = &slot->ring.g;
	uint64_t mark = record_get(&slot->ring.marks[buffer]);
	uint64_t start = g->payload + buffer * g->stride;
	uint64_t page, from, to;
	int error;

	if (__builtin_expect(size <= mark, 1))
		return 0;
	page = (uint64_t)sysconf(_SC_PAGESIZE);
	/* Whole pages: neighbours of a small message get theirs early. */
	from = (start + mark) & ~(page - 1);
	to = (start + size + page - 1) & ~(page - 1);
	if (to > g->slot_size)
		to = g->slot_size;
	error = shm_populate((uint8_t *)slot->header + from, to - from);
	if (error == -EOPNOTSUPP)
		error = allocate(slot, from, to - from);
	if (error) {
		/* Others can use the part that there was room for. */
		if (has_own_pages(&slot->ring))
			give_pages(slot, buffer, mark);
		return explain(slot, error);
	}
	to -= start;
	record_put(&slot->ring.marks[buffer], to < g->stride ? to : g->stride);
	return 0;
}

/* --- loans ---------------------------------------------------------------------- */

/* Take back what the dead hold, pinned or owned. How many of them there were. */
static int bury_dead(babus_slot *slot)
{
	int readers = slot_recover(slot, SLOT_PINS_FILE, true, NULL);
	int publishers = slot_recover(slot, SLOT_FILE, true, NULL);

	return (readers > 0 ? readers : 0) + (publishers > 0 ? publishers : 0);
}

static int take_buffer(babus_slot *slot, uint64_t size, uint32_t *buffer)
{
	struct ring *ring = &slot->ring;
	uint64_t owner = slot->publisher.incarnation;

	if (!ring_take(ring, owner, size, false, buffer))
		return 0;
	/* All warm buffers are in use. Before cold memory is touched: is it the dead that
	   hold them? Happens once for each buffer more. */
	if (bury_dead(slot) && !ring_take(ring, owner, size, false, buffer))
		return 0;
	return ring_take(ring, owner, size, true, buffer);
}

/* A buffer with memory for the message. */
static int get_buffer(babus_slot *slot, uint64_t size, uint32_t *buffer)
{
	struct ring *ring = &slot->ring;
	int error = take_buffer(slot, size, buffer);

	if (error)
		return error;
	error = populate(slot, *buffer, size);
	if (!error)
		return 0;
	ring_discard(ring, *buffer);
	if (error != -ENOSPC)
		return error;
	/* The dead may hold buffers that have memory; so may some be that we never used. */
	bury_dead(slot);
	error = ring_take(ring, slot->publisher.incarnation, size, true, buffer);
	if (error)
		return error;
	error = populate(slot, *buffer, size);
	if (error)
		ring_discard(ring, *buffer);
	return error;
}

static int too_large(const babus_slot *slot, uint64_t size)
{
	return babus_fail(-EMSGSIZE, "slot '%s': a message of %" PRIu64 " bytes: at most %" PRIu64,
			  slot->name, size, slot->ring.g.max_size);
}

static int check_publish(const babus_slot *slot, uint64_t size)
{
	int error = slot_check(slot);

	babus_fail_clear();
	if (__builtin_expect(error != 0, 0))
		return error;
	if (!slot->publishes)
		return babus_fail(-EACCES, "slot '%s': opened without BABUS_PUBLISH", slot->name);
	return size > slot->ring.g.max_size ? too_large(slot, size) : 0;
}

static int borrow(babus_slot *slot, uint64_t size, uint32_t *token, uint32_t *buffer)
{
	int error = check_publish(slot, size);

	if (error)
		return error;
	error = take_token(slot, token);
	if (error)
		return error;
	error = get_buffer(slot, size, buffer);
	if (error)
		give_token(slot, *token);
	return error;
}

static void give_back(babus_slot *slot, uint32_t token, uint32_t buffer)
{
	ring_discard(&slot->ring, buffer);
	give_token(slot, token);
}

static int check_stamp(const struct babus_stamp *stamp)
{
	if (!(stamp->reserved0 | stamp->reserved[0] | stamp->reserved[1]))
		return 0;
	return babus_fail(-EINVAL, "stamp: a reserved field is not zero");
}

/* Whether the slot's own file is still there; -ENODEV. Not being allowed to look says nothing. */
static int check_file(const babus_slot *slot)
{
	char name[NAME_MAX + 1];
	struct stat st;

	files_name(name, FILES_SLOT, slot->name, 0);
	STEP("look_for_slot");
	if (fstatat(slot->domain->dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno != ENOENT)
			return 0;
	} else if (st.st_dev == slot->device && st.st_ino == slot->inode) {
		return 0;
	}
	return babus_fail(-ENODEV, "slot '%s': its file was deleted", slot->name);
}

/*
 * A publisher makes no call that would tell it that the files were deleted. So it looks
 * once a second, by the clock that it reads anyway; one thread for all. Once they are
 * gone each publish looks.
 */
static int look_for_files(babus_slot *slot, uint64_t now_ns)
{
	uint64_t due = local_get(&slot->look_ns);
	int error;

	if (now_ns < due || !local_swap(&slot->look_ns, due, now_ns + SLOT_LOOK_NS))
		return 0;
	error = domain_check_files(slot->domain);
	if (!error)
		error = check_file(slot);
	if (error)
		local_put(&slot->look_ns, 0);
	return error;
}

static int commit(babus_slot *slot, uint32_t token, uint32_t buffer, uint64_t size,
		  const struct babus_stamp *stamp, uint64_t *seq)
{
	struct ring_label label = {
	    .size = size,
	    .time_ns = shm_boottime(),
	    .publisher = slot->publisher.incarnation,
	    .pid = slot->pid,
	};
	uint64_t published;
	int error;

	if (stamp) {
		label.source_time_ns = stamp->source_time_ns;
		label.tag = stamp->tag;
		label.origin = stamp->origin;
		if (stamp->pid)
			label.pid = stamp->pid;
	}
	if (__builtin_expect(label.time_ns >= local_get(&slot->look_ns), 0)) {
		error = look_for_files(slot, label.time_ns);
		if (error)
			return error;
	}
	error = ring_commit(&slot->ring, buffer, &label, &published);
	/* Cut off meanwhile? Then it went to zero pages that nobody else sees. */
	if (__builtin_expect(guard_was_hit(slot->slot_guard), 0))
		error = -EIO;
	if (error)
		return error;
	wait_notify(slot->domain_map, slot->place);
	give_token(slot, token);
	if (seq)
		*seq = published;
	return 0;
}

int babus_slot_loan(babus_slot *slot, size_t size, struct babus_loan *loan)
{
	uint32_t token, buffer;
	int error = borrow(slot, size, &token, &buffer);

	if (error)
		return error;
	*loan = (struct babus_loan){
	    .data = ring_data(&slot->ring, buffer),
	    .capacity = size,
	    .size = size,
	    .slot = slot,
	    .buffer = buffer,
	    .token = token,
	};
	return 0;
}

int babus_loan_commit(struct babus_loan *loan, uint64_t *seq)
{
	int error;

	babus_fail_clear();
	if (!loan->slot)
		return babus_fail(-EINVAL, "the loan is over");
	if (loan->size > loan->capacity)
		return babus_fail(-EINVAL, "slot '%s': a message of %zu bytes in a loan of %zu",
				  loan->slot->name, loan->size, loan->capacity);
	error = slot_check(loan->slot);
	if (!error)
		error = check_stamp(&loan->stamp);
	if (!error)
		error = commit(loan->slot, loan->token, loan->buffer, loan->size, &loan->stamp,
			       seq);
	if (!error)
		loan->slot = NULL;
	return error;
}

void babus_loan_discard(struct babus_loan *loan)
{
	babus_slot *slot = loan->slot;

	loan->slot = NULL;
	if (slot && fork_is_ours(slot->generation))
		give_back(slot, loan->token, loan->buffer);
}

/* --- publishing ----------------------------------------------------------------- */

int babus_slot_publish(babus_slot *slot, const void *data, size_t size,
		       const struct babus_stamp *stamp, uint64_t *seq)
{
	uint32_t token, buffer;
	int error = stamp ? check_stamp(stamp) : 0;

	if (!error)
		error = borrow(slot, size, &token, &buffer);
	if (error)
		return error;
	if (size)
		memcpy(ring_data(&slot->ring, buffer), data, size);
	error = commit(slot, token, buffer, size, stamp, seq);
	if (error)
		give_back(slot, token, buffer);
	return error;
}

int babus_slot_publishv(babus_slot *slot, const struct iovec *iov, int count,
			const struct babus_stamp *stamp, uint64_t *seq)
{
	uint32_t token, buffer;
	uint64_t size = 0;
	uint8_t *to;
	int error;

	babus_fail_clear();
	if (count < 0)
		return babus_fail(-EINVAL, "%d pieces", count);
	for (int i = 0; i < count; i++)
		if (__builtin_add_overflow(size, iov[i].iov_len, &size))
			return too_large(slot, UINT64_MAX);
	error = stamp ? check_stamp(stamp) : 0;
	if (!error)
		error = borrow(slot, size, &token, &buffer);
	if (error)
		return error;
	to = ring_data(&slot->ring, buffer);
	for (int i = 0; i < count; i++) {
		if (iov[i].iov_len)
			memcpy(to, iov[i].iov_base, iov[i].iov_len);
		to += iov[i].iov_len;
	}
	error = commit(slot, token, buffer, size, stamp, seq);
	if (error)
		give_back(slot, token, buffer);
	return error;
}

/* --- memory ahead, and back ------------------------------------------------------ */

int babus_slot_reserve(babus_slot *slot, uint32_t count, size_t size)
{
	NO_CANCELLATION;
	struct ring *ring = &slot->ring;
	uint32_t token, done = 0;
	int error = check_publish(slot, size);

	if (!error)
		error = take_token(slot, &token);
	if (error)
		return error;
	for (uint32_t i = 0; i < ring->g.buffers && done < count && !error; i++) {
		uint64_t owned = word_state(STATE_OWNED, slot->publisher.incarnation);

		if (record_get(&ring->marks[i]) < size) {
			/* One that is in use is being populated by its user, or was. */
			if (!state_swap(&ring->states[i], STATE_FREE, owned))
				continue;
			error = populate(slot, i, size);
			ring_discard(ring, i);
		}
		done += !error;
	}
	give_token(slot, token);
	return slot_was_cut(slot) ? -EIO : error;
}

/* Bytes that a kept message needs of its buffer, which we own. */
static uint64_t bytes_needed(const struct ring *ring, uint32_t buffer, uint64_t seq)
{
	const struct layout_record *record = &ring->records[buffer];
	uint64_t size = record_get(&record->size);

	/* Damaged: not for us to make it worse. */
	return record_get(&record->seq) == seq && size <= ring->g.max_size ? size : ring->g.stride;
}

/*
 * Owned for a moment, also with a message in it: that is what a publisher leaves
 * who stops right after its message is out, and as harmless to readers, who have
 * no business beyond the message's end.
 */
static int trim_buffer(babus_slot *slot, uint32_t buffer)
{
	struct ring *ring = &slot->ring;
	shared64 *place = &ring->states[buffer];
	uint64_t state = state_get(place), keep = 0;
	int error;

	if (state_kind(state) != STATE_HISTORY && state != STATE_FREE)
		return 0;
	if (!state_swap(place, state, word_state(STATE_OWNED, slot->publisher.incarnation)))
		return 0;
	if (state_kind(state) == STATE_HISTORY)
		keep = bytes_needed(ring, buffer, state_value(state));
	else
		record_put(&ring->records[buffer].seq, 0);
	error = give_pages(slot, buffer, keep);
	state_set(place, state);
	return error;
}

/* Bytes of tmpfs that the slot's file has now. */
static int file_bytes(babus_slot *slot, uint64_t *bytes)
{
	struct stat st;
	int fd = slot_reopen(slot, SLOT_FILE, O_RDONLY, &st);

	if (fd < 0)
		return fd;
	close(fd);
	*bytes = (uint64_t)st.st_blocks * 512;
	return 0;
}

static int trim_buffers(babus_slot *slot)
{
	struct ring *ring = &slot->ring;
	uint32_t token;
	int error = take_token(slot, &token);

	if (error)
		return error;
	error = ring_reclaim(ring);
	for (uint32_t i = 0; i < ring->g.buffers && !error; i++)
		error = trim_buffer(slot, i);
	local_put(&ring->cursor, 0);
	give_token(slot, token);
	/* Cut off meanwhile? Then there was no file behind what we gave back. */
	return slot_was_cut(slot) ? -EIO : error;
}

int babus_slot_trim(babus_slot *slot, uint64_t *freed)
{
	NO_CANCELLATION;
	uint64_t before = 0, after = 0;
	int error = check_publish(slot, 0);

	if (!error && freed)
		error = file_bytes(slot, &before);
	if (!error && has_own_pages(&slot->ring))
		error = trim_buffers(slot);
	if (!error && freed)
		error = file_bytes(slot, &after);
	if (!error && freed)
		*freed = before > after ? before - after : 0;
	return error;
}
