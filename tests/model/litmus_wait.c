/* SPDX-License-Identifier: MIT */
/*
 * The orderings of waiting and waking. The publisher's side, sleeping and the lock of removals
 * are core/wait.c itself, compiled against a model of the futex call. The waiter's side has the
 * steps of look_prepare() in core/look.c and interest_look() in core/interest.c.
 *
 * The property: no waiter sleeps for ever though a publish has returned whose message it did not
 * see. It must hold after every step of every thread, so also if each of the other publishers is
 * stopped for ever, anywhere.
 */
#include "litmus.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* --- the kernel ---------------------------------------------------------------------------- */

/*
 * A futex's queue, in one word: which threads sleep, for which channels; half of it is thread
 * 0's, half thread 1's. The kernel holds a lock while it compares and sleeps, or wakes: each is
 * one update of the queue, and reads come after it.
 */
static _Atomic uint64_t event_queue, lock_queue;
static bool spurious; /* sleeps may end without a wake-up */

static int half(void)
{
	return 32 * this_thread();
}

static uint64_t change_wake(uint64_t old, uint64_t bits)
{
	uint64_t first = old & UINT32_MAX, second = old >> 32;

	return (first & bits ? 0 : first) | (second & bits ? 0 : second) << 32;
}

static uint64_t change_wake_one(uint64_t old, uint64_t bits)
{
	(void)bits;
	return old & UINT32_MAX ? old & ~(uint64_t)UINT32_MAX : 0;
}

static long futex_wait(_Atomic uint64_t *queue, const uint32_t *word, uint32_t value, uint32_t bits)
{
	const uint64_t mine = (uint64_t)bits << half();

	model_swap(queue, change_or, mine, memory_order_acq_rel);
	if ((uint32_t)c11_load(NULL, word, 4, memory_order_relaxed) != value) {
		model_swap(queue, change_and, ~mine, memory_order_acq_rel);
		errno = EAGAIN;
		return -1;
	}
	if (spurious && choose(2)) {
		model_swap(queue, change_and, ~mine, memory_order_acq_rel);
		return 0;
	}
	model_await(queue, mine);
	return 0;
}

static long futex(long number, void *word, int operation, uint32_t value, ...);

#define syscall futex
#include "wait.c"
#undef syscall

static struct layout_domain domain;

static long futex(long number, void *word, int operation, uint32_t value, ...)
{
	_Atomic uint64_t *queue = word == (void *)&domain.names_lock ? &lock_queue : &event_queue;
	uint32_t bits = FUTEX_BITSET_MATCH_ANY;
	va_list rest;

	(void)number;
	va_start(rest, value);
	if (operation == FUTEX_WAIT_BITSET || operation == FUTEX_WAKE_BITSET) {
		va_arg(rest, void *);
		va_arg(rest, void *);
		bits = va_arg(rest, uint32_t);
	}
	va_end(rest);
	if (operation == FUTEX_WAIT_BITSET)
		return futex_wait(queue, word, value, bits);
	model_swap(queue, operation == FUTEX_WAKE && value == 1 ? change_wake_one : change_wake,
		   bits, memory_order_acq_rel);
	return 0;
}

int64_t clock_monotonic(void)
{
	return 0;
}

int64_t babus_deadline(int64_t timeout_ns)
{
	return timeout_ns;
}

/* --- what a waiter waits for --------------------------------------------------------- */

static shared64 cells[2], cursor, changes, lock;
static shared32 removed;
static uint64_t readers, doubt, kick, armed; /* of the waiter, under its lock */
static bool saw[2][2];                       /* waiter, slot */
static bool added, was_armed;

static struct layout_place place_of[2]; /* of a slot */
static bool (*has_news)(int slot);      /* reader_look() */

static void quiet_domain(void)
{
	memset(&domain, 0, sizeof(domain));
	event_queue = lock_queue = 0;
	cells[0] = cells[1] = 0;
	cursor = 1;
	changes = lock = 0;
	removed = 0;
	readers = 1;
	doubt = kick = armed = 0;
	memset(place_of, 0, sizeof(place_of));
	spurious = false;
}

static bool cell_is_set(int slot)
{
	return cell_get(&cells[slot]) && !saw[this_thread()][slot];
}

static bool is_removed(int slot)
{
	return flag_get(&removed) && !saw[this_thread()][slot];
}

static bool has_changed(int slot)
{
	return change_get(&changes) && !saw[this_thread()][slot];
}

static bool cursor_went_back(int slot)
{
	uint64_t after = cursor_get(&cursor);

	return cell_seq(cell_get(&cells[slot])) > after && !saw[this_thread()][slot];
}

/* --- the waiter --------------------------------------------------------------------------------
 */

/* As in core/interest.c: groups are the slots that share a mark. */
struct group {
	bool quiet;
	uint32_t seen;
};

struct channel {
	struct group groups[2];
	bool quiet;
	uint64_t seen;
};

static bool is_in(int slot, uint64_t slots, uint32_t channel, uint32_t mark)
{
	return slots >> slot & 1 && place_of[slot].channel == channel &&
	       place_of[slot].mark == mark;
}

/* look_at_group(): whether there is news. */
static bool look_at_group(struct group *group, uint64_t slots, uint32_t channel, uint32_t mark)
{
	shared64 *word = &domain.channels[channel].marks[mark];
	bool news = false;

	if (group->quiet && mark_count(mark_get(word)) == group->seen)
		return false;
	group->seen = mark_count(mark_set(word));
	for (int slot = 0; slot < 2; slot++) {
		if (!is_in(slot, slots, channel, mark) || !has_news(slot))
			continue;
		saw[this_thread()][slot] = true;
		news = true;
	}
	group->quiet = !news;
	return news;
}

/* look_at_channel() */
static bool look_at_channel(struct channel *channel, uint64_t slots, uint32_t c)
{
	uint64_t seen = news_get(&domain.channels[c].news);
	bool news = false;

	if (channel->quiet && seen == channel->seen)
		return false;
	channel->quiet = true;
	for (uint32_t mark = 0; mark < 2; mark++) {
		if (!is_in(0, slots, c, mark) && !is_in(1, slots, c, mark))
			continue;
		news = look_at_group(&channel->groups[mark], slots, c, mark) || news;
		channel->quiet = channel->quiet && channel->groups[mark].quiet;
	}
	channel->seen = seen;
	return news;
}

/* interest_look() with `mark` */
static bool mark_and_look(struct channel *channels, uint64_t slots)
{
	bool news = false;

	for (uint32_t c = 0; c < 2; c++)
		if ((slots & 1 && place_of[0].channel == c) ||
		    (slots & 2 && place_of[1].channel == c))
			news = look_at_channel(&channels[c], slots, c) || news;
	return news;
}

static uint32_t bits_of(uint64_t slots)
{
	return (slots & 1 ? 1u << place_of[0].channel : 0) |
	       (slots & 2 ? 1u << place_of[1].channel : 0);
}

/* sleep_once(), a few times. A thread that comes to the end does not sleep. */
static void wait_for(uint64_t slots, int rounds)
{
	struct channel channels[2] = {0};

	saw[this_thread()][0] = saw[this_thread()][1] = false;
	while (rounds--) {
		uint32_t word = event_get(&domain.event);

		if (!mark_and_look(channels, slots))
			wait_sleep(&domain, word, bits_of(slots), -1);
	}
}

static void wait_for_first(void)
{
	wait_for(1, 2);
}

static void wait_thrice_for_first(void)
{
	wait_for(1, 3);
}

static void wait_once_for_first(void)
{
	wait_for(1, 1);
}

static void wait_once_for_second(void)
{
	wait_for(2, 1);
}

static void wait_for_both(void)
{
	wait_for(3, 2);
}

static void wait_thrice_for_both(void)
{
	wait_for(3, 3);
}

/* --- publishers ------------------------------------------------------------------------------- */

static void publish_first(void)
{
	cell_set(&cells[0], 0, word_cell(1, 0));
	wait_notify(&domain, place_of[0]);
}

static void publish_second(void)
{
	cell_set(&cells[1], 0, word_cell(1, 0));
	wait_notify(&domain, place_of[1]);
}

static void remove_slot(void)
{
	flag_raise(&removed, 1);
	wait_notify(&domain, place_of[0]);
}

static void change_domain(void)
{
	change_bump(&changes);
	wait_notify(&domain, place_of[0]);
}

/* move_cursor() */
static void seek_back(void)
{
	cursor_move(&cursor, 0);
	if (cell_get(&cells[0]))
		wait_notify(&domain, place_of[0]);
}

/* --- the waiter's lock --------------------------------------------------------------------------
 */

static bool locked(void)
{
	model_await(&lock, 1);
	return !(model_swap(&lock, change_or, 1, memory_order_acquire) & 1);
}

static void unlock(void)
{
	model_store(&lock, 0, memory_order_release);
}

/* sleep_once(): a change after the critical section makes it look again. */
static void wait_with_lock(void)
{
	struct channel channels[2] = {0};

	saw[0][0] = saw[0][1] = false;
	for (int round = 0; round < 2; round++) {
		uint32_t word, listen;
		bool news;

		if (!locked())
			return;
		word = event_get(&domain.event);
		listen = bits_of(plain_read(&readers));
		if (plain_read(&doubt))
			channels[0].quiet = channels[0].groups[0].quiet = false;
		news = mark_and_look(channels, plain_read(&readers));
		plain_write(&kick, !news);
		unlock();
		if (!news)
			wait_sleep(&domain, word, listen, -1);
	}
}

/* babus_waiter_add() of a reader that has news. */
static void add_second(void)
{
	uint64_t tell;

	added = false;
	if (!locked())
		return;
	plain_write(&readers, 3);
	plain_write(&doubt, 1); /* its channel is not quiet */
	tell = plain_read(&kick);
	unlock();
	if (tell)
		wait_kick(&domain, 1);
	added = true;
}

/* serve(), for a waiter that may be armed meanwhile. */
static void serve(void)
{
	struct channel channels[2] = {0};

	saw[0][0] = saw[0][1] = false;
	for (int round = 0; round < 2; round++) {
		uint32_t word = event_get(&domain.event);

		if (!locked())
			return;
		if (plain_read(&armed) && mark_and_look(channels, 1))
			plain_write(&armed, 0);
		unlock();
		wait_sleep(&domain, word, 1, -1);
	}
}

/* arm() */
static void arm(void)
{
	struct channel channels[2] = {0};

	was_armed = false;
	saw[1][0] = false;
	if (!locked())
		return;
	plain_write(&armed, 1);
	if (mark_and_look(channels, 1))
		plain_write(&armed, 0);
	else
		was_armed = true;
	unlock();
}

/* --- the lock on names ---------------------------------------------------------------------------
 */

static uint64_t held;

static void take_lock(void)
{
	wait_lock_names(&domain);
	plain_write(&held, plain_read(&held) + 1);
	wait_unlock_names(&domain);
}

/* --- the programs ------------------------------------------------------------------------------
 */

/* Thread 2 brings news of slot 0, thread 3 of slot 1. */
static bool woken_by_one(void)
{
	return !(thread_stuck(0) && thread_finished(2) && !saw[0][0]);
}

static bool woken_by_both_together(void)
{
	return !(thread_stuck(0) && thread_finished(2) && thread_finished(3) && !saw[0][0]);
}

static bool woken_by_two(void)
{
	return woken_by_one() && !(thread_stuck(0) && thread_finished(3) && !saw[0][1]);
}

static bool each_is_woken(void)
{
	return woken_by_one() && !(thread_stuck(1) && thread_finished(2) && !saw[1][0]);
}

static bool each_is_woken_by_its_own(void)
{
	return woken_by_one() && !(thread_stuck(1) && thread_finished(3) && !saw[1][1]);
}

static bool added_is_seen(void)
{
	return !(thread_stuck(0) && thread_finished(2) && added && !saw[0][1]);
}

static bool armed_is_served(void)
{
	return !(thread_stuck(0) && thread_finished(1) && thread_finished(2) && was_armed &&
		 !saw[0][0]);
}

static bool no_one_sleeps_for_ever(void)
{
	return !thread_stuck(0) && !thread_stuck(1);
}

static void with_cells(void)
{
	quiet_domain();
	has_news = cell_is_set;
}

static void with_two_channels(void)
{
	with_cells();
	place_of[1].channel = 1;
}

static void with_two_marks(void)
{
	with_cells();
	place_of[1].mark = 1;
}

static void with_spurious_wakes(void)
{
	with_cells();
	spurious = true;
}

static void with_second_message(void)
{
	with_cells();
	cells[1] = word_cell(1, 0);
}

static void with_flag(void)
{
	quiet_domain();
	has_news = is_removed;
}

static void with_changes(void)
{
	quiet_domain();
	has_news = has_changed;
}

static void with_cursor(void)
{
	quiet_domain();
	has_news = cursor_went_back;
}

static void with_cursor_and_message(void)
{
	with_cursor();
	cells[0] = word_cell(1, 0);
}

#define WAIT(order, claim_, setup, holds, ...)                                                    \
	{                                                                                         \
		"wait", order, claim_, C11_ABSTRACT, setup, {__VA_ARGS__}, holds, .anytime = true \
	}
#define COSTLY(order, claim_, setup, holds, ...)                                                   \
	{                                                                                          \
		"wait", order, claim_, C11_ABSTRACT, setup, {__VA_ARGS__}, holds, .anytime = true, \
										  .costly = true   \
	}
#define LARGE(order, claim_, setup, holds, ...)                                                    \
	{                                                                                          \
		"wait", order, claim_, C11_ABSTRACT, setup, {__VA_ARGS__}, holds, .anytime = true, \
										  .large = true    \
	}

const struct c11_program wait_programs[] = {
    WAIT("WAKE", "a publisher wakes a waiter", with_cells, woken_by_one, wait_for_first, NULL,
	 publish_first),
    WAIT("WAKE", "a removed slot does", with_flag, woken_by_one, wait_for_first, NULL, remove_slot),
    WAIT("WAKE", "a change of the domain does", with_changes, woken_by_one, wait_for_first, NULL,
	 change_domain),
    WAIT("WAKE", "a reader that goes back does", with_cursor_and_message, woken_by_one,
	 wait_for_first, NULL, seek_back),
    WAIT("WAKE", "or goes back before the message comes", with_cursor, woken_by_both_together,
	 wait_once_for_first, NULL, seek_back, publish_first),
    WAIT("WAKE", "a publisher wakes two waiters", with_cells, each_is_woken, wait_once_for_first,
	 wait_once_for_first, publish_first),
    COSTLY("EVENT", "two publishers wake a waiter", with_cells, woken_by_two, wait_for_both, NULL,
	   publish_first, publish_second),
    COSTLY("EVENT", "two publishers wake a waiter on two channels", with_two_channels, woken_by_two,
	   wait_for_both, NULL, publish_first, publish_second),
    COSTLY("EVENT", "two publishers wake a waiter on two marks", with_two_marks, woken_by_two,
	   wait_for_both, NULL, publish_first, publish_second),
    WAIT("EVENT", "a quiet channel is not marked again", with_spurious_wakes, woken_by_one,
	 wait_thrice_for_first, NULL, publish_first),
    WAIT("EVENT", "a reader that is added is looked at", with_second_message, added_is_seen,
	 wait_with_lock, NULL, add_second),
    WAIT("EVENT", "a descriptor that is armed is served", with_cells, armed_is_served, serve, arm,
	 publish_first),
    {"wait",
     "LOCK",
     "one has the lock, and none sleeps that could have it",
     C11_ABSTRACT,
     quiet_domain,
     {take_lock, take_lock},
     no_one_sleeps_for_ever,
     .anytime = false},
    LARGE("WAKE", "two waiters that sleep twice", with_cells, each_is_woken, wait_for_first,
	  wait_for_first, publish_first),
    LARGE("EVENT", "two publishers, a waiter that sleeps three times", with_cells, woken_by_two,
	  wait_thrice_for_both, NULL, publish_first, publish_second),
    LARGE("EVENT", "the same on two channels", with_two_channels, woken_by_two,
	  wait_thrice_for_both, NULL, publish_first, publish_second),
    LARGE("EVENT", "the same on two marks", with_two_marks, woken_by_two, wait_thrice_for_both,
	  NULL, publish_first, publish_second),
    LARGE("EVENT", "two publishers, two waiters", with_cells, each_is_woken_by_its_own,
	  wait_once_for_first, wait_once_for_second, publish_first, publish_second),
    {0},
};
