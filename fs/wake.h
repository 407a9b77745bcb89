/* SPDX-License-Identifier: MIT */
/*
 * Requests that wait for a message are parked here. One thread sleeps in one
 * babus_waiter for all of them and has them answered. The same thread ends what
 * is overdue (holds, publishing handles) and dismisses removed slots.
 *
 * Nothing is lost between looking and sleeping: wake_park() looks at the slot
 * after its reader is in the waiter, and the thread moves the reader on to the
 * newest message before it looks at what is parked, both under wake->lock.
 */
#ifndef FS_WAKE_H
#define FS_WAKE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include <babus/babus.h>

struct fs;
struct slot;
struct wake;

enum parked_state {
	PARKED_NOT,
	PARKED_WAITS,
	PARKED_TAKEN /* on its way to be answered */
};

struct parked {
	/* set before it is parked */
	struct slot *slot; /* kept alive by the file that is being read */
	uint64_t after;    /* a later message is news */
	/*
	 * Called by the wake thread, without locks; the request is its own
	 * from then on. `status`: 0 (have a look), or why there will be no news.
	 */
	void (*answer)(struct parked *parked, int status);

	/* protected by wake->lock */
	enum parked_state state;
	bool interrupted;
	TAILQ_ENTRY(parked) link;
};

/* Of a slot; protected by wake->lock. */
struct parking {
	TAILQ_HEAD(parked_list, parked) parked;
	babus_reader *reader;  /* in the waiter; NULL: not registered */
	LIST_ENTRY(slot) link; /* of those that are registered */
};

void parking_init(struct parking *parking);

int wake_open(struct fs *fs, struct wake **wake);
/* Start the thread. */
int wake_start(struct wake *wake);
/* End the thread; everything parked is answered with -ENODEV, now and later. */
void wake_stop(struct wake *wake);
void wake_close(struct wake *wake);

/*
 * Park it. -EEXIST: there is news, it was not parked. -EINTR: interrupted
 * already. Else as snapshot_is_after(). Once parked it may be answered before
 * this returns.
 */
int wake_park(struct wake *wake, struct parked *parked);

/*
 * Have it answered with 0; when it is parked again that fails with -EINTR.
 * Only marks; may be called at any time.
 */
void wake_interrupt(struct wake *wake, struct parked *parked);

/* Have one that is not parked answered with 0, after others that wait for that. */
void wake_retry(struct wake *wake, struct parked *parked);

/* Something will be overdue: sweep before long. */
void wake_arm(struct wake *wake);

/* For state that parked requests share with others. */
void wake_lock(struct wake *wake);
void wake_unlock(struct wake *wake);

/* Whether it was waiting; then it is the caller's again. Needs wake->lock. */
bool wake_unpark_locked(struct parked *parked);

/* wake_park(), needs wake->lock. */
int wake_park_locked(struct wake *wake, struct parked *parked);

#endif
