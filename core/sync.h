/* SPDX-License-Identifier: MIT */
/*
 * Every access to a shared word that another process may be using, and with it
 * every memory order of the project. Nothing else may name a memory order.
 *
 * The orderings have names; each operation says which it is an end of. The
 * argument for each is in DESIGN.md, "Memory ordering".
 *
 *   CONTENT  a message's record and payload are written before its cell is
 *            set, and read after the cell was read.
 *              release: cell_set             acquire: cell_get
 *   PIN      a reader announces its pin before it looks at the cell again; an
 *            allocator sees the cell gone before it looks for pins. At least
 *            one of the two sees the other (store, load | store, load).
 *              pin_set, then cell_get   |   cell_set, ... cell_get, then pin_get
 *   UNPIN    a reader's last read of a payload comes before the next owner's
 *            first write.
 *              release: pin_clear            acquire: pin_get
 *   OWN      what an owner did to a buffer, and the allocator's proof that
 *            nobody uses it, come before the next owner's first write.
 *              release: state_set, state_swap   acquire: state_swap
 *   COPY     a copy of a payload is read before the look that tells whether
 *            it was whole.
 *              pin_settle, then cell_get, state_get
 *   WAKE     a waiter sets a slot's mark before it looks at the cells; a
 *            publisher sets the cell before it looks at the mark. At least one
 *            of the two sees the other.
 *              mark_set, then cell_get  |  cell_set, then mark_get
 *            The same with flag_raise/flag_get (a slot is removed),
 *            change_bump/change_get (the domain changes) and
 *            cursor_move/cursor_get (a reader goes back) in the cell's place.
 *   EVENT    a waiter reads the event word, then the channel's count of wake-ups,
 *            then that of a mark; a publisher that found the mark set changes them
 *            in the opposite order. So a sleeper whose mark a publisher saw is
 *            woken, or finds the event word changed; and one that finds a count
 *            unchanged knows that nothing below it has changed.
 *              event_get, then news_get, then mark_get, mark_set  |
 *              mark_news, then news_bump, then event_bump
 *   CLAIM    an entry is prepared before it is claimed by its owner's word and
 *            abandoned before that word is cleared.
 *              claim_swap on both sides
 *
 * PIN and WAKE are store-then-load on both sides, which only the single total
 * order of sequentially consistent operations gives; the others are release and
 * acquire. tests/model/orders shows that each order is needed, and enough. No stand-alone fence is
 * used, so ThreadSanitizer checks the very orders that run.
 *
 * A crash-test build defines BABUS_STEPS: each operation then first calls
 * babus_step() with its name, where the process may be killed or stopped. A
 * step of the protocol that is not in this file cannot touch shared memory, so
 * none can be without a kill point. Steps that are system calls, on files and
 * locks that others see, have theirs before the call. A test greps for both.
 */
#ifndef BABUS_SYNC_H
#define BABUS_SYNC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef _Atomic uint64_t shared64;
typedef _Atomic uint32_t shared32;

_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2 && ATOMIC_INT_LOCK_FREE == 2,
	       "babus needs lock-free 64-bit and 32-bit atomics");
_Static_assert(sizeof(shared64) == 8 && sizeof(shared32) == 4, "atomics carry no padding");

#ifdef BABUS_STEPS
/* One for each name and source file, all in a section, so that a test has a list of them. */
struct babus_step {
	const char *name, *file;
};
void babus_step(const struct babus_step *step);
#define STEP(title)                                                                         \
	do {                                                                                \
		static const struct babus_step here                                         \
		    __attribute__((section("babus_steps"), used)) = {title, __BASE_FILE__}; \
		babus_step(&here);                                                          \
	} while (0)
#else
#define STEP(title) ((void)0)
#endif

/*
 * How often a word is raised again that somebody else changed meanwhile. Each
 * honest change raises it; this bound is for a peer that scribbles.
 */
enum {
	RAISE_TRIES = 1 << 16
};

/* --- cells: (sequence, buffer) of a message ------------------------------- */

/* CONTENT acquire; the second half of PIN and WAKE. */
static inline uint64_t cell_get(const shared64 *cell)
{
	STEP("cell_get");
	return atomic_load_explicit(cell, memory_order_seq_cst);
}

/* CONTENT release; the first half of PIN (displacing) and WAKE (publishing). */
static inline bool cell_set(shared64 *cell, uint64_t expected, uint64_t value)
{
	STEP("cell_set");
	return atomic_compare_exchange_strong_explicit(cell, &expected, value, memory_order_seq_cst,
						       memory_order_relaxed);
}

/* --- head: a hint at the newest sequence, never more ---------------------- */

static inline uint64_t head_get(const shared64 *head)
{
	STEP("head_get");
	return atomic_load_explicit(head, memory_order_acquire);
}

/* Raise head to at least `seq`. Who trusts head finds its cell set, and walks on from there. */
static inline void head_raise(shared64 *head, uint64_t seq)
{
	uint64_t old = atomic_load_explicit(head, memory_order_relaxed);

	STEP("head_raise");
	for (int i = 0; old < seq && i < RAISE_TRIES; i++)
		if (atomic_compare_exchange_strong_explicit(head, &old, seq, memory_order_release,
							    memory_order_relaxed))
			return;
}

/* --- buffer states --------------------------------------------------------- */

/* What it says is acted on by a state_swap only, or was ordered before (COPY). */
static inline uint64_t state_get(const shared64 *state)
{
	STEP("state_get");
	return atomic_load_explicit(state, memory_order_relaxed);
}

/* OWN release; only by the buffer's live owner. */
static inline void state_set(shared64 *state, uint64_t value)
{
	STEP("state_set");
	atomic_store_explicit(state, value, memory_order_release);
}

/* OWN acquire and release: allocators and recoverers. */
static inline bool state_swap(shared64 *state, uint64_t expected, uint64_t value)
{
	STEP("state_swap");
	return atomic_compare_exchange_strong_explicit(state, &expected, value,
						       memory_order_acq_rel, memory_order_relaxed);
}

/* --- pins ------------------------------------------------------------------ */

/* PIN, first half: take an idle pin (0) for a cell's value. False: it is in use. */
static inline bool pin_set(shared64 *pin, uint64_t cell)
{
	uint64_t idle = 0;

	STEP("pin_set");
	return atomic_compare_exchange_strong_explicit(pin, &idle, cell, memory_order_seq_cst,
						       memory_order_relaxed);
}

/* UNPIN release. */
static inline void pin_clear(shared64 *pin)
{
	STEP("pin_clear");
	atomic_store_explicit(pin, 0, memory_order_release);
}

/* COPY: what was read of the payload before stays before what is looked at next. */
static inline void pin_settle(shared64 *pin)
{
	STEP("pin_settle");
	atomic_fetch_or_explicit(pin, 0, memory_order_release);
}

/* PIN, second half, on the allocator's side; UNPIN acquire. */
static inline uint64_t pin_get(const shared64 *pin)
{
	STEP("pin_get");
	return atomic_load_explicit(pin, memory_order_seq_cst);
}

/* --- claims: whose a pin, a token or a client entry is ---------------------- */

/* CLAIM acquire; comes after pin_get in an allocator's scan. */
static inline uint64_t claim_get(const shared64 *claim)
{
	STEP("claim_get");
	return atomic_load_explicit(claim, memory_order_acquire);
}

/* CLAIM: take (0 to word), give back (word to 0), recover (dead word to 0). */
static inline bool claim_swap(shared64 *claim, uint64_t expected, uint64_t value)
{
	STEP("claim_swap");
	return atomic_compare_exchange_strong_explicit(claim, &expected, value,
						       memory_order_acq_rel, memory_order_relaxed);
}

/* --- the lock on names, see wait.h ----------------------------------------- */

/* What its last holder did comes first. */
static inline bool lock_take(shared32 *lock, uint32_t value)
{
	uint32_t unlocked = 0;

	STEP("lock_take");
	return atomic_compare_exchange_strong_explicit(lock, &unlocked, value, memory_order_acquire,
						       memory_order_relaxed);
}

static inline uint32_t lock_swap(shared32 *lock, uint32_t value)
{
	STEP("lock_swap");
	return atomic_exchange_explicit(lock, value, memory_order_acq_rel);
}

/* A number that was never given out before. */
static inline uint64_t ticket_take(shared64 *next)
{
	STEP("ticket_take");
	return atomic_fetch_add_explicit(next, 1, memory_order_relaxed);
}

/* PIN: how many entries an allocator must scan is raised before one is used. */
static inline void extent_raise(shared32 *extent, uint32_t count)
{
	uint32_t old = atomic_load_explicit(extent, memory_order_seq_cst);

	STEP("extent_raise");
	for (int i = 0; old < count && i < RAISE_TRIES; i++)
		if (atomic_compare_exchange_strong_explicit(
			extent, &old, count, memory_order_seq_cst, memory_order_seq_cst))
			return;
}

static inline uint32_t extent_get(const shared32 *extent)
{
	STEP("extent_get");
	return atomic_load_explicit(extent, memory_order_seq_cst);
}

/* --- waiting and waking ------------------------------------------------------ */

/* WAKE, second half, on the publisher's side. EVENT, second, on the waiter's. */
static inline uint64_t mark_get(const shared64 *mark)
{
	STEP("mark_get");
	return atomic_load_explicit(mark, memory_order_seq_cst);
}

/*
 * WAKE, first half, on the waiter's side; EVENT, second. A new odd epoch, so that a
 * wake-up that began before does not clear it. Returns the word.
 */
static inline uint64_t mark_set(shared64 *mark)
{
	uint64_t old = atomic_load_explicit(mark, memory_order_relaxed), marked;

	STEP("mark_set");
	/* Each failure is the success of another; the bound is for one that scribbles. */
	for (int i = 0; i < RAISE_TRIES; i++) {
		marked = (old & ~(uint64_t)UINT32_MAX) | (uint32_t)(old + 1) | 1;
		if (atomic_compare_exchange_strong_explicit(
			mark, &old, marked, memory_order_seq_cst, memory_order_relaxed))
			return marked;
	}
	return old;
}

/* EVENT: count a wake-up that is about to be made. Returns the word. */
static inline uint64_t mark_news(shared64 *mark)
{
	STEP("mark_news");
	return atomic_fetch_add_explicit(mark, UINT64_C(1) << 32, memory_order_relaxed) +
	       (UINT64_C(1) << 32);
}

/* EVENT: the same for the channel, so that waiters need not look at each mark. */
static inline void news_bump(shared64 *news)
{
	STEP("news_bump");
	atomic_fetch_add_explicit(news, 1, memory_order_release);
}

static inline uint64_t news_get(const shared64 *news)
{
	STEP("news_get");
	return atomic_load_explicit(news, memory_order_acquire);
}

/* After the wake-up: clear the mark, unless a waiter has set it again meanwhile. */
static inline void mark_clear(shared64 *mark, uint64_t seen)
{
	uint64_t old = seen;

	STEP("mark_clear");
	for (int i = 0; i < RAISE_TRIES && (uint32_t)old == (uint32_t)seen; i++)
		if (atomic_compare_exchange_strong_explicit(
			mark, &old, (old & ~(uint64_t)UINT32_MAX) | (uint32_t)(old + 1),
			memory_order_relaxed, memory_order_relaxed))
			return;
}

/* EVENT, first half, on the waiter's side. */
static inline uint32_t event_get(const shared32 *event)
{
	STEP("event_get");
	return atomic_load_explicit(event, memory_order_acquire);
}

/* EVENT: after mark_news, before the futex call. */
static inline void event_bump(shared32 *event)
{
	STEP("event_bump");
	atomic_fetch_add_explicit(event, 1, memory_order_release);
}

/* --- plain facts ------------------------------------------------------------- */

/* A field of a message's record: CONTENT orders it, through the cell. */
static inline void record_put(shared64 *field, uint64_t value)
{
	STEP("record_put");
	atomic_store_explicit(field, value, memory_order_relaxed);
}

static inline uint64_t record_get(const shared64 *field)
{
	STEP("record_get");
	return atomic_load_explicit(field, memory_order_relaxed);
}

/* Counters for people: each is written by one thread at a time. */
static inline void counter_put(shared64 *counter, uint64_t value)
{
	STEP("counter_put");
	atomic_store_explicit(counter, value, memory_order_relaxed);
}

static inline void counter_add(shared64 *counter, uint64_t n)
{
	STEP("counter_add");
	atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static inline uint64_t counter_get(const shared64 *counter)
{
	STEP("counter_get");
	return atomic_load_explicit(counter, memory_order_relaxed);
}

/* WAKE, with a flag for a cell. */
static inline void flag_raise(shared32 *flag, uint32_t bits)
{
	STEP("flag_raise");
	atomic_fetch_or_explicit(flag, bits, memory_order_seq_cst);
}

/* Undo a false alarm. */
static inline void flag_lower(shared32 *flag)
{
	STEP("flag_lower");
	atomic_store_explicit(flag, 0, memory_order_seq_cst);
}

static inline uint32_t flag_get(const shared32 *flag)
{
	STEP("flag_get");
	return atomic_load_explicit(flag, memory_order_seq_cst);
}

/* WAKE, with a counter for a cell. */
static inline void change_bump(shared64 *changes)
{
	STEP("change_bump");
	atomic_fetch_add_explicit(changes, 1, memory_order_seq_cst);
}

static inline uint64_t change_get(const shared64 *changes)
{
	STEP("change_get");
	return atomic_load_explicit(changes, memory_order_seq_cst);
}

/* --- words of one process, shared by its threads ------------------------------ */

/*
 * WAKE, with a reader's cursor for a cell. Going forward brings no news, so that is a
 * release (cursor_put): going back must be seen by waiters that do not find the mark.
 */
static inline void cursor_move(shared64 *cursor, uint64_t seq)
{
	atomic_store_explicit(cursor, seq, memory_order_seq_cst);
}

static inline void cursor_put(shared64 *cursor, uint64_t seq)
{
	atomic_store_explicit(cursor, seq, memory_order_release);
}

static inline uint64_t cursor_get(const shared64 *cursor)
{
	return atomic_load_explicit(cursor, memory_order_seq_cst);
}

static inline bool local_take(_Atomic bool *busy)
{
	return !atomic_exchange_explicit(busy, true, memory_order_acquire);
}

static inline void local_give(_Atomic bool *busy)
{
	atomic_store_explicit(busy, false, memory_order_release);
}

static inline bool local_is(const _Atomic bool *word)
{
	return atomic_load_explicit(word, memory_order_seq_cst);
}

static inline uint64_t local_get(const shared64 *word)
{
	return atomic_load_explicit(word, memory_order_acquire);
}

static inline void local_put(shared64 *word, uint64_t value)
{
	atomic_store_explicit(word, value, memory_order_release);
}

static inline bool local_swap(shared64 *word, uint64_t expected, uint64_t value)
{
	return atomic_compare_exchange_strong_explicit(word, &expected, value, memory_order_acq_rel,
						       memory_order_acquire);
}

/* Take a reference (+1) or give it back (-1); returns what is left. */
static inline uint64_t local_add(shared64 *word, int64_t n)
{
	return atomic_fetch_add_explicit(word, (uint64_t)n, memory_order_acq_rel) + (uint64_t)n;
}

/*
 * Tell the processor that a line will be read, or written, soon: hints, which no
 * argument rests on.
 */
static inline void soon_read(const void *line)
{
	__builtin_prefetch(line, 0);
}

static inline void soon_written(const void *line)
{
#if defined(__x86_64__)
	/* What the compiler makes of a write's hint on a plain x86-64 is a read's. */
	__asm__ __volatile__("prefetchw %0" : : "m"(*(const char *)line));
#else
	__builtin_prefetch(line, 1);
#endif
}

/* Tell the processor that this is a spin loop. */
static inline void spin_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ __volatile__("yield");
#endif
}

#endif
