/* SPDX-License-Identifier: MIT */
/*
 * Publishing: a token, a buffer, its memory, the message, the wake-up. A loan gives the first
 * three to the caller; plain publishing is a loan, a copy and a commit.
 */
#include "publish.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "alloc.h"
#include "clients.h"
#include "clock.h"
#include "error.h"
#include "files.h"
#include "memory.h"
#include "name.h"
#include "recover.h"
#include "shm.h"

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

int publish_begin(babus_slot *slot, uint64_t size, uint32_t *token)
{
	int error = check_publish(slot, size);

	return error ? error : clients_lease(slot, SLOT_FILE, token);
}

void publish_end(babus_slot *slot, uint32_t token)
{
	clients_return(slot, SLOT_FILE, token);
}

/* --- loans ---------------------------------------------------------------------- */

static int take_buffer(babus_slot *slot, uint64_t size, uint32_t *buffer)
{
	struct ring *ring = &slot->ring;
	uint64_t owner = slot_publisher(slot);

	if (!alloc_take_warm(ring, owner, size, buffer))
		return 0;
	/* All warm buffers are in use. Before we touch cold memory, check whether dead clients
	   hold some. This happens once for each further buffer. */
	if (recover_all_dead(slot) && !alloc_take_warm(ring, owner, size, buffer))
		return 0;
	return alloc_take_any(ring, owner, size, buffer);
}

/* At most once a second, because it goes through all files of the domain. */
static void make_room(babus_slot *slot)
{
	uint64_t now_ns = clock_boottime(), due = local_get(&slot->room_ns);

	if (now_ns >= due && local_swap(&slot->room_ns, due, now_ns + SLOT_LOOK_NS))
		files_make_room(slot->domain);
}

/* A buffer with memory for the message. */
static int get_buffer(babus_slot *slot, uint64_t size, uint32_t *buffer)
{
	struct ring *ring = &slot->ring;
	int error = take_buffer(slot, size, buffer);

	if (error)
		return error;
	error = memory_ensure(slot, *buffer, size);
	if (!error)
		return 0;
	alloc_discard(ring, *buffer);
	if (error != -ENOSPC)
		return error;
	/* Dead clients may hold buffers with memory, or have left files behind. And there may
	   be buffers with memory beyond the window. */
	recover_all_dead(slot);
	make_room(slot);
	babus_fail_clear();
	error = alloc_take_any(ring, slot_publisher(slot), size, buffer);
	if (error)
		return error;
	error = memory_ensure(slot, *buffer, size);
	if (error)
		alloc_discard(ring, *buffer);
	return error;
}

static int borrow(babus_slot *slot, uint64_t size, uint32_t *token, uint32_t *buffer)
{
	int error = publish_begin(slot, size, token);

	if (error)
		return error;
	error = get_buffer(slot, size, buffer);
	if (error)
		clients_return(slot, SLOT_FILE, *token);
	return error;
}

static void give_back(babus_slot *slot, uint32_t token, uint32_t buffer)
{
	alloc_discard(&slot->ring, buffer);
	clients_return(slot, SLOT_FILE, token);
}

static int check_stamp(const struct babus_stamp *stamp)
{
	if (!(stamp->reserved0 | stamp->reserved[0] | stamp->reserved[1]))
		return 0;
	return babus_fail(-EINVAL, "stamp: a reserved field is not zero");
}

/* Check that the slot's own file still exists: 0 or -ENODEV. If we may not look, 0. */
static int check_file(const babus_slot *slot)
{
	char name[NAME_MAX + 1];

	name_file(name, NAME_SLOT, slot->name, 0);
	STEP("look_for_slot");
	if (shm_has_name(slot->domain->dirfd, name, slot->device, slot->inode))
		return 0;
	return babus_fail(-ENODEV, "slot '%s': its file was deleted", slot->name);
}

/*
 * The slot's users look at the removed flag, not for the file. A name that is away only for a
 * moment, because a remover that was stopped gives it back, is no deletion.
 */
static void tell_deleted(babus_slot *slot, uint64_t now_ns)
{
	enum {
		MOMENT_NS = 100000000
	};
	uint64_t since = local_get(&slot->deleted_ns);

	if (!since) {
		local_put(&slot->deleted_ns, now_ns);
	} else if (now_ns - since > MOMENT_NS) {
		flag_raise(&slot->header->removed, 1);
		wait_notify(slot->domain_map, slot->place);
	}
}

/*
 * A publisher makes no system call that would show that the files were deleted. So once a
 * second, by the clock that it reads anyway, one of its threads checks. When they are gone,
 * each publish checks.
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
	if (error == -ENODEV)
		tell_deleted(slot, now_ns);
	else
		local_put(&slot->deleted_ns, 0);
	return error;
}

static int commit(babus_slot *slot, uint32_t token, uint32_t buffer, uint64_t size,
		  const struct babus_stamp *stamp, uint64_t *seq)
{
	struct ring_label label = {
	    .size = size,
	    .time_ns = clock_boottime(),
	    .publisher = slot_publisher(slot),
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
	/* If the file was truncated meanwhile, the message is in zero pages of our own. */
	if (__builtin_expect(guard_was_hit(slot->slot_guard), 0))
		error = -EIO;
	if (error)
		return error;
	wait_notify(slot->domain_map, slot->place);
	clients_return(slot, SLOT_FILE, token);
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
		return babus_fail(-EINVAL, "the loan has ended: it was committed or discarded");
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
		return babus_fail(-EINVAL, "%d pieces: expected 0 or more", count);
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
