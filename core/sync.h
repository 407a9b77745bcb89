/* SPDX-License-Identifier: MIT */
/*
 * Every access to a shared word that another process may use, and with it every memory order
 * of the project. No other file may name a memory order.
 *
 * The orderings have names: CONTENT, PIN, UNPIN, OWN, CLAIM, LOCK, WAKE, EVENT, COPY. Each
 * operation says of which it is an end. ORDERING.md defines them and argues why they are
 * enough; tests/model/orders shows that each is needed. There are no stand-alone fences, so
 * ThreadSanitizer checks the very orders that run.
 *
 * A crash-test build defines BABUS_STEPS. Then each operation first calls babus_step() with its
 * name, where a test may kill or stop the process. Shared memory is touched only in this file,
 * so no step of the protocol is without such a kill point. System calls on files and locks that
 * other processes notice have theirs before the call. A test searches the sources for both.
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
/* One for each name and source file. They are in a section, so that a test can list them. */
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
 * How often to try again to raise a word that another process changed meanwhile. Each honest
 * change raises it; the bound is for a peer that scribbles.
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

/* Raise head to at least `seq`, whose cell is set. */
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

/* Its result is acted on by state_swap() only, or was ordered before (COPY). */
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

/* COPY: earlier reads of the payload stay before later loads. */
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

/* CLAIM acquire. An allocator calls it after pin_get(). */
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

/* LOCK acquire. */
static inline bool lock_take(shared32 *lock, uint32_t value)
{
	uint32_t unlocked = 0;

	STEP("lock_take");
	return atomic_compare_exchange_strong_explicit(lock, &unlocked, value, memory_order_acquire,
						       memory_order_relaxed);
}

/* LOCK acquire and release. */
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

/* PIN: the number of entries that an allocator scans is raised before one more is used. */
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
 * WAKE, first half, on the waiter's side; EVENT, second. Sets a new odd epoch, so that a
 * wake-up that began before does not clear it. Returns the word.
 */
static inline uint64_t mark_set(shared64 *mark)
{
	uint64_t old = atomic_load_explicit(mark, memory_order_relaxed), marked;

	STEP("mark_set");
	/* Each failure is another process's success; the bound is for a peer that scribbles. */
	for (int i = 0; i < RAISE_TRIES; i++) {
		marked = (old & ~(uint64_t)UINT32_MAX) | (uint32_t)(old + 1) | 1;
		if (atomic_compare_exchange_strong_explicit(
			mark, &old, marked, memory_order_seq_cst, memory_order_relaxed))
			return marked;
	}
	return old;
}

/* EVENT: count a wake-up that begins. Returns the word. */
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

/* A field of a message's record: CONTENT orders it by the cell. */
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

/* Counters for people. counter_put() only where one thread writes at a time. */
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
 * WAKE, with a reader's cursor for a cell. Moving forward brings no news, so cursor_put() is
 * a release. Waiters that do not find the mark must see a move back.
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

/* Take a reference (+1) or give it back (-1). Returns how many are left. */
static inline uint64_t local_add(shared64 *word, int64_t n)
{
	return atomic_fetch_add_explicit(word, (uint64_t)n, memory_order_acq_rel) + (uint64_t)n;
}

/* Tell the processor that a line will be read, or written, soon: hints only. */
static inline void soon_read(const void *line)
{
	__builtin_prefetch(line, 0);
}

static inline void soon_written(const void *line)
{
#if defined(__x86_64__)
	/* For a plain x86-64 the compiler turns a write hint into a read hint. */
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
