/* SPDX-License-Identifier: MIT */
#include "snapshot.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "slot.h"

enum {
	/* Other clients' pins come and go; dropped holds free some of ours. */
	PIN_ATTEMPTS = 4,
	/* Up to so many bytes are copied; for more, other threads' holds are dropped. */
	SMALL = 64 << 10
};

static struct snapshot **find_locked(struct slot *slot, uint64_t seq)
{
	struct snapshot **at = &slot->snapshots.buckets[seq % SNAPSHOT_BUCKETS];

	while (*at && (*at)->message.seq != seq)
		at = &(*at)->next;
	return at;
}

/*
 * Needs view_lock until it is clear whether the pin stays: so that however many
 * threads look at a slot, they have one pin more than its snapshots have.
 */
static int view(struct slot *slot, enum babus_which which, uint64_t n,
		struct babus_message *message)
{
	int error = babus_slot_view(slot->bus, which, n, message);

	for (int i = 0; i < PIN_ATTEMPTS && error == -ENOBUFS; i++) {
		snapshot_drop_holds(slot);
		if (i)
			sched_yield();
		error = babus_slot_view(slot->bus, which, n, message);
	}
	return error;
}

/* Replace a view by a copy, so that its pin is free again. */
static int copy(struct slot *slot, struct snapshot *snapshot)
{
	struct babus_message *message = &snapshot->message;
	struct budget *copies = &slot->fs->copies;
	struct babus_slot_info info;
	int error;

	if (!budget_take(copies, message->size))
		return -ENOBUFS;
	snapshot->copy = malloc(message->size + 1);
	if (!snapshot->copy) {
		budget_give(copies, message->size);
		return -ENOMEM;
	}
	memcpy(snapshot->copy, message->data, message->size);
	babus_message_release(message);
	message->data = snapshot->copy;
	/* If the file was truncated meanwhile, the copy has zeros. */
	error = babus_slot_info(slot->bus, &info);
	if (error == -EIO) {
		budget_give(copies, message->size);
		free(snapshot->copy);
		return error;
	}
	return 0;
}

static void destroy(struct slot *slot, struct snapshot *snapshot)
{
	if (snapshot->copy) {
		budget_give(&slot->fs->copies, snapshot->message.size);
		free(snapshot->copy);
	} else {
		babus_message_release(&snapshot->message);
	}
	free(snapshot);
}

/* An existing snapshot of that message, referenced; or NULL. */
static struct snapshot *share(struct slot *slot, uint64_t seq)
{
	struct snapshot *snapshot;

	pthread_mutex_lock(&slot->snapshots.lock);
	snapshot = *find_locked(slot, seq);
	if (snapshot)
		snapshot->references++;
	pthread_mutex_unlock(&slot->snapshots.lock);
	return snapshot;
}

/* Enter a new one, unless another thread did so meanwhile; then that one. */
static struct snapshot *enter(struct slot *slot, struct snapshot *snapshot)
{
	struct snapshot **at, *other;

	pthread_mutex_lock(&slot->snapshots.lock);
	at = find_locked(slot, snapshot->message.seq);
	other = *at;
	if (other) {
		other->references++;
	} else {
		*at = snapshot;
		slot->snapshots.pinned += !snapshot->copy;
	}
	pthread_mutex_unlock(&slot->snapshots.lock);
	if (other)
		destroy(slot, snapshot);
	return other ? other : snapshot;
}

/* Native readers need pins too: half of them are theirs. */
static bool pins_are_short(struct slot *slot)
{
	bool is_short;

	pthread_mutex_lock(&slot->snapshots.lock);
	is_short = slot->snapshots.pinned >= (slot->pins + 1) / 2;
	pthread_mutex_unlock(&slot->snapshots.lock);
	return is_short;
}

/* A snapshot of a message that is pinned; takes over the pin. */
static int make(struct slot *slot, struct babus_message *message, struct snapshot **result)
{
	struct snapshot *snapshot = calloc(1, sizeof(*snapshot));
	int error = 0;

	if (!snapshot) {
		babus_message_release(message);
		return -ENOMEM;
	}
	snapshot->message = *message;
	snapshot->references = 1;
	if (pins_are_short(slot)) {
		if (message->size > SMALL)
			snapshot_drop_holds(slot);
		error = pins_are_short(slot) ? copy(slot, snapshot) : 0;
	}
	if (error) {
		babus_message_release(&snapshot->message);
		free(snapshot);
		return error;
	}
	*result = enter(slot, snapshot);
	return 0;
}

/* Needs view_lock. */
static int take(struct slot *slot, enum babus_which which, uint64_t n, struct snapshot **result)
{
	struct babus_message message;
	struct snapshot *shared;
	int error = view(slot, which, n, &message);

	if (error)
		return error;
	shared = share(slot, message.seq);
	if (!shared)
		return make(slot, &message, result);
	babus_message_release(&message);
	*result = shared;
	return 0;
}

int snapshot_take(struct slot *slot, enum babus_which which, uint64_t n, struct snapshot **result)
{
	struct snapshot *shared = which == BABUS_SEQ ? share(slot, n) : NULL;
	int error;

	if (shared) {
		*result = shared;
		return 0;
	}
	pthread_mutex_lock(&slot->snapshots.view_lock);
	error = take(slot, which, n, result);
	pthread_mutex_unlock(&slot->snapshots.view_lock);
	return error;
}

/* Needs snapshots->lock; the caller destroys what is returned, after it. */
static struct snapshot *put_locked(struct slot *slot, struct snapshot *snapshot)
{
	if (--snapshot->references)
		return NULL;
	*find_locked(slot, snapshot->message.seq) = snapshot->next;
	if (!snapshot->copy) {
		/* Before the count says so: a thread that reads it takes a pin. */
		babus_message_release(&snapshot->message);
		slot->snapshots.pinned--;
	}
	return snapshot;
}

void snapshot_put(struct slot *slot, struct snapshot *snapshot)
{
	if (!snapshot)
		return;
	pthread_mutex_lock(&slot->snapshots.lock);
	snapshot = put_locked(slot, snapshot);
	pthread_mutex_unlock(&slot->snapshots.lock);
	if (snapshot)
		destroy(slot, snapshot);
}

/* A view without its data. */
static int describe(struct slot *slot, enum babus_which which, uint64_t n,
		    struct babus_message *message)
{
	struct babus_message pinned;
	int error;

	pthread_mutex_lock(&slot->snapshots.view_lock);
	error = view(slot, which, n, &pinned);
	if (!error) {
		*message = pinned;
		message->data = NULL;
		babus_message_release(&pinned);
	}
	pthread_mutex_unlock(&slot->snapshots.view_lock);
	return error;
}

int snapshot_is_after(struct slot *slot, uint64_t after)
{
	struct babus_message message;

	return describe(slot, BABUS_AFTER, after, &message);
}

int snapshot_describe(struct slot *slot, struct babus_message *message)
{
	return describe(slot, BABUS_LATEST, 0, message);
}

int snapshot_newest(struct slot *slot, uint64_t *seq)
{
	struct babus_message message;
	int error = snapshot_describe(slot, &message);

	if (error && error != -ENODATA)
		return error;
	*seq = error ? 0 : message.seq;
	return 0;
}

/* --- holds -------------------------------------------------------------------------- */

/* Pins are few; copies, which are made when they are, need none. */
static unsigned holds_max(const struct slot *slot, const struct snapshot *snapshot)
{
	unsigned max = snapshot->copy ? HOLDS_MAX : slot->pins / 4;

	return max < 1 ? 1 : max > HOLDS_MAX ? HOLDS_MAX : max;
}

/* The thread's own hold, else a free place, else the oldest hold. */
static struct hold *choose_hold(struct slot *slot, const struct snapshot *snapshot, pid_t pid)
{
	struct hold *chosen = &slot->snapshots.holds[0];

	for (unsigned i = 0; i < holds_max(slot, snapshot); i++) {
		struct hold *hold = &slot->snapshots.holds[i];

		if (hold->snapshot && hold->pid == pid)
			return hold;
		if (chosen->snapshot && (!hold->snapshot || hold->until_ns < chosen->until_ns))
			chosen = hold;
	}
	return chosen;
}

/* Needs snapshots->lock; as put_locked(). */
static struct snapshot *drop_hold(struct slot *slot, struct hold *hold)
{
	struct snapshot *snapshot = hold->snapshot;

	if (!snapshot)
		return NULL;
	hold->snapshot = NULL;
	slot->snapshots.held--;
	return put_locked(slot, snapshot);
}

void snapshot_hold(struct slot *slot, struct snapshot *snapshot, pid_t pid)
{
	struct snapshot *dropped;
	struct hold *hold;

	if (!slot->fs->options.hold_ns) {
		snapshot_put(slot, snapshot);
		return;
	}
	pthread_mutex_lock(&slot->snapshots.lock);
	hold = choose_hold(slot, snapshot, pid);
	dropped = drop_hold(slot, hold);
	hold->snapshot = snapshot;
	hold->pid = pid;
	hold->until_ns = fs_monotonic() + (int64_t)slot->fs->options.hold_ns;
	slot->snapshots.held++;
	pthread_mutex_unlock(&slot->snapshots.lock);
	if (dropped)
		destroy(slot, dropped);
	wake_arm(slot->fs->wake);
}

/* Drop the first hold that `which` says; whether there was one. */
static bool drop_one(struct slot *slot, bool (*which)(const struct hold *, int64_t), int64_t arg)
{
	struct snapshot *dropped = NULL;
	bool found = false;

	pthread_mutex_lock(&slot->snapshots.lock);
	for (unsigned i = 0; i < HOLDS_MAX && slot->snapshots.held && !found; i++) {
		found = slot->snapshots.holds[i].snapshot && which(&slot->snapshots.holds[i], arg);
		if (found)
			dropped = drop_hold(slot, &slot->snapshots.holds[i]);
	}
	pthread_mutex_unlock(&slot->snapshots.lock);
	if (dropped)
		destroy(slot, dropped);
	return found;
}

static bool is_of(const struct hold *hold, int64_t pid)
{
	return hold->pid == (pid_t)pid;
}

static bool is_over(const struct hold *hold, int64_t now_ns)
{
	return hold->until_ns <= now_ns;
}

void snapshot_unhold(struct slot *slot, pid_t pid)
{
	drop_one(slot, is_of, pid);
}

bool snapshot_sweep(struct slot *slot, int64_t now_ns)
{
	bool left;

	while (drop_one(slot, is_over, now_ns)) {
	}
	pthread_mutex_lock(&slot->snapshots.lock);
	left = slot->snapshots.held > 0;
	pthread_mutex_unlock(&slot->snapshots.lock);
	return left;
}

void snapshot_drop_holds(struct slot *slot)
{
	snapshot_sweep(slot, INT64_MAX);
}

void snapshots_init(struct snapshots *snapshots)
{
	pthread_mutex_init(&snapshots->view_lock, NULL);
	pthread_mutex_init(&snapshots->lock, NULL);
}

void snapshots_finish(struct slot *slot)
{
	snapshot_drop_holds(slot);
	pthread_mutex_destroy(&slot->snapshots.view_lock);
	pthread_mutex_destroy(&slot->snapshots.lock);
}
