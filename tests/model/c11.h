/* SPDX-License-Identifier: MIT */
/*
 * An exhaustive checker of small concurrent programs under C11's memory model.
 *
 * A program is a few functions, one for each thread, in ordinary C. This header replaces the
 * macros of <stdatomic.h>, so atomic operations come here and not to the processor. The inline
 * functions of core/sync.h run as they are, with the memory orders that they name. README.md says
 * what is checked and what is not.
 *
 * A thread function runs again and again from its start. Between runs it keeps only what it
 * stores for `holds`, and it must do the same if it reads the same.
 */
#ifndef BABUS_MODEL_C11_H
#define BABUS_MODEL_C11_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	C11_THREADS = 4
};

enum c11_memory {
	C11_ABSTRACT, /* RC11: what the C11 standard promises, as repaired in C++20 */
	C11_AARCH64   /* what an AArch64 processor promises for the compiled operations */
};

struct c11_program {
	const char *name;
	const char *ordering; /* of sync.h; NULL: none, a test of the checker */
	const char *claim;
	enum c11_memory memory;
	void (*setup)(void); /* stores the words' first values; may be NULL */
	void (*threads[C11_THREADS])(void);
	/* The property, when no thread can go on; with `anytime`, whenever one cannot. */
	bool (*holds)(void);
	bool anytime;
	bool broken; /* the property does not hold: a program that shows it */
	bool costly; /* does not run for each order that is weakened */
	bool large;  /* runs only with --full */
};

/* --- for thread functions ----------------------------------------------------------- */

/* Memory that is not atomic: a data race on it is an error. */
uint64_t plain_read(const uint64_t *word);
void plain_write(uint64_t *word, uint64_t value);

/* Atomics that are not of sync.h: the kernel's, or a lock's. Their orders stay. */
uint64_t model_load(const _Atomic uint64_t *word, memory_order order);
void model_store(_Atomic uint64_t *word, uint64_t value, memory_order order);
uint64_t model_swap(_Atomic uint64_t *word, uint64_t (*change)(uint64_t old, uint64_t operand),
		    uint64_t operand, memory_order order);

/* Wait, for ever if necessary, until none of the bits is set; an acquire. */
void model_await(const _Atomic uint64_t *word, uint64_t bits);

/* Each of 0 to count - 1 in turn. */
unsigned choose(unsigned count);

/* The thread that runs. */
int this_thread(void);

/* An assertion of the thread itself. */
void require(bool claim, const char *what);

/* --- for `holds` -------------------------------------------------------------------- */

bool thread_finished(int thread);
/* The thread is in model_await(), and no stored value lets it go on. */
bool thread_stuck(int thread);
/* The last value in the word's order of changes. */
uint64_t last_value(const _Atomic uint64_t *word);

/* --- for the driver ----------------------------------------------------------------- */

enum c11_access {
	C11_LOAD,
	C11_STORE,
	C11_UPDATE,   /* fetch_..., exchange, a compare-exchange that succeeds */
	C11_MISMATCH, /* a compare-exchange that fails */
	C11_ACCESSES
};

/* An operation of sync.h, by function, and the order that is named there. */
struct c11_site {
	const char *function;
	enum c11_access access;
	memory_order order; /* as written */
	memory_order used;  /* as the next run uses it */
	bool met;           /* by the last run */
};

struct c11_result {
	const char *error; /* NULL: the property holds */
	uint64_t graphs, executions;
};

extern struct c11_site c11_sites[];
extern int c11_site_count;

struct c11_result c11_run(const struct c11_program *program);
/* The execution that the last run failed in, on standard output. */
void c11_show(void);

/* --- what replaces <stdatomic.h> ------------------------------------------------------ */

uint64_t c11_load(const char *function, const volatile void *word, unsigned bytes,
		  memory_order order);
void c11_store(const char *function, volatile void *word, unsigned bytes, uint64_t value,
	       memory_order order);
uint64_t c11_update(const char *function, volatile void *word, unsigned bytes,
		    uint64_t (*change)(uint64_t old, uint64_t operand), uint64_t operand,
		    memory_order order);
bool c11_cas(const char *function, volatile void *word, unsigned bytes, uint64_t *expected,
	     uint64_t desired, memory_order success, memory_order failure);

uint64_t change_add(uint64_t old, uint64_t operand);
uint64_t change_or(uint64_t old, uint64_t operand);
uint64_t change_and(uint64_t old, uint64_t operand);
uint64_t change_exchange(uint64_t old, uint64_t operand);

#undef atomic_load_explicit
#undef atomic_store_explicit
#undef atomic_exchange_explicit
#undef atomic_fetch_add_explicit
#undef atomic_fetch_or_explicit
#undef atomic_fetch_and_explicit
#undef atomic_compare_exchange_strong_explicit
#define atomic_load_explicit(word, order) c11_load(__func__, word, sizeof(*(word)), order)
#define atomic_store_explicit(word, value, order) \
	c11_store(__func__, word, sizeof(*(word)), value, order)
#define atomic_exchange_explicit(word, value, order) \
	c11_update(__func__, word, sizeof(*(word)), change_exchange, value, order)
#define atomic_fetch_add_explicit(word, value, order) \
	c11_update(__func__, word, sizeof(*(word)), change_add, value, order)
#define atomic_fetch_or_explicit(word, value, order) \
	c11_update(__func__, word, sizeof(*(word)), change_or, value, order)
#define atomic_fetch_and_explicit(word, value, order) \
	c11_update(__func__, word, sizeof(*(word)), change_and, value, order)
#define atomic_compare_exchange_strong_explicit(word, expected, desired, success, failure)       \
	({                                                                                       \
		uint64_t c11_expected = *(expected);                                             \
		bool c11_done = c11_cas(__func__, word, sizeof(*(word)), &c11_expected, desired, \
					success, failure);                                       \
		*(expected) = (__typeof__(*(expected)))c11_expected;                             \
		c11_done;                                                                        \
	})

#endif
