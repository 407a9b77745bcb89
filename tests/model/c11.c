/* SPDX-License-Identifier: MIT */
/*
 * The checker. An execution is a graph: events, each one access of a thread; for each read the
 * write that it reads from; for each word the order of its writes. The search adds one event at a
 * time, of any thread, in each way that the memory model allows, and drops graphs that it has
 * seen. So it finds every graph whose reads do not depend on themselves, and no other: in these
 * models each prefix of an allowed graph is allowed.
 */
#include "c11.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	EVENTS = 128, /* the bits of a set */
	WORDS = 64,
	SITES = 128,
	INITIAL = -1, /* the write that gives a word its first value, as `source` */
};

typedef unsigned __int128 set;
#define ONE(i) ((set)1 << (i))

enum kind {
	READ,
	WRITE,
	UPDATE, /* reads and writes in one step */
	CHOICE,
};

struct event {
	uint8_t thread, place; /* in the thread */
	uint8_t kind, word;
	bool plain;
	memory_order order;
	int source; /* READ, UPDATE: the write read from; CHOICE: what was chosen */
	uint64_t read, written;
	set before; /* that happen before it */
	set passed; /* of a write: what happens before a thread that acquires from it */
	const char *function;
};

/* What a thread is about to do. */
struct operation {
	enum {
		FINISHED,
		LOAD,
		STORE,
		CHANGE,
		COMPARE,
		AWAIT,
		CHOOSE,
		FAILED,
	} what;
	uint8_t word;
	bool plain;
	uint64_t operand, expected;
	uint64_t (*change)(uint64_t old, uint64_t operand);
	memory_order order, failure;
	uint64_t mask; /* of the word's size */
	const char *function;
};

static const struct c11_program *program;
static const char *error;
static uint64_t graphs, executions;

static struct event events[EVENTS];
static int event_count;
static int thread_events[C11_THREADS][EVENTS], thread_length[C11_THREADS];
static struct {
	const volatile void *address;
	uint64_t initial;
	int writes[EVENTS], count; /* in the order of changes, without the first value */
} words[WORDS];
static int word_count;

static struct operation pending[C11_THREADS];
static int running, position; /* the thread that runs, and its progress */
static jmp_buf leave;

struct c11_site c11_sites[SITES];
int c11_site_count;

static void give_up(const char *what)
{
	fprintf(stderr, "c11: %s: %s\n", program->name, what);
	exit(3);
}

static bool acquires(memory_order order)
{
	return order == memory_order_acquire || order == memory_order_acq_rel ||
	       order == memory_order_seq_cst;
}

static bool releases(memory_order order)
{
	return order == memory_order_release || order == memory_order_acq_rel ||
	       order == memory_order_seq_cst;
}

/* --- running a thread --------------------------------------------------------------- */

static uint8_t find_word(const volatile void *address, unsigned bytes)
{
	int i = 0;

	while (i < word_count && words[i].address != address)
		i++;
	if (i < word_count)
		return (uint8_t)i;
	if (word_count == WORDS)
		give_up("too many words");
	words[i].address = address;
	words[i].count = 0;
	words[i].initial = 0;
	memcpy(&words[i].initial, (const void *)address, bytes);
	word_count++;
	return (uint8_t)i;
}

/* The order that the run uses for the one that the function names. */
static memory_order site_order(const char *function, enum c11_access access, memory_order order)
{
	struct c11_site *site = c11_sites;

	if (!function)
		return order;
	while (site < c11_sites + c11_site_count &&
	       (site->access != access || strcmp(site->function, function) != 0))
		site++;
	if (site == c11_sites + SITES)
		give_up("too many sites");
	if (site == c11_sites + c11_site_count) {
		c11_site_count++;
		*site = (struct c11_site){function, access, order, order, false};
	}
	if (site->order != order)
		give_up("two orders of one access in one function");
	site->met = true;
	return site->used;
}

/*
 * The next event of the running thread, if it has happened already. Otherwise the thread gets no
 * further.
 */
static const struct event *step(struct operation operation)
{
	if (position < thread_length[running])
		return &events[thread_events[running][position++]];
	pending[running] = operation;
	longjmp(leave, 1);
}

static uint64_t mask_of(unsigned bytes)
{
	return bytes == 8 ? UINT64_MAX : (UINT64_C(1) << 8 * bytes) - 1;
}

uint64_t c11_load(const char *function, const volatile void *word, unsigned bytes,
		  memory_order order)
{
	return step((struct operation){.what = LOAD,
				       .word = find_word(word, bytes),
				       .order = site_order(function, C11_LOAD, order),
				       .function = function})
	    ->read;
}

void c11_store(const char *function, volatile void *word, unsigned bytes, uint64_t value,
	       memory_order order)
{
	step((struct operation){.what = STORE,
				.word = find_word(word, bytes),
				.operand = value & mask_of(bytes),
				.order = site_order(function, C11_STORE, order),
				.function = function});
}

uint64_t c11_update(const char *function, volatile void *word, unsigned bytes,
		    uint64_t (*change)(uint64_t old, uint64_t operand), uint64_t operand,
		    memory_order order)
{
	return step((struct operation){.what = CHANGE,
				       .word = find_word(word, bytes),
				       .change = change,
				       .operand = operand,
				       .mask = mask_of(bytes),
				       .order = site_order(function, C11_UPDATE, order),
				       .function = function})
	    ->read;
}

bool c11_cas(const char *function, volatile void *word, unsigned bytes, uint64_t *expected,
	     uint64_t desired, memory_order success, memory_order failure)
{
	const struct event *event = step(
	    (struct operation){.what = COMPARE,
			       .word = find_word(word, bytes),
			       .expected = *expected,
			       .operand = desired & mask_of(bytes),
			       .order = site_order(function, C11_UPDATE, success),
			       .failure = site_order(function, C11_MISMATCH, failure),
			       .function = function});

	if (event->kind == UPDATE)
		return true;
	*expected = event->read;
	return false;
}

uint64_t change_add(uint64_t old, uint64_t operand)
{
	return old + operand;
}

uint64_t change_or(uint64_t old, uint64_t operand)
{
	return old | operand;
}

uint64_t change_and(uint64_t old, uint64_t operand)
{
	return old & operand;
}

uint64_t change_exchange(uint64_t old, uint64_t operand)
{
	(void)old;
	return operand;
}

uint64_t plain_read(const uint64_t *word)
{
	return step((struct operation){.what = LOAD,
				       .word = find_word(word, 8),
				       .plain = true,
				       .order = memory_order_relaxed})
	    ->read;
}

void plain_write(uint64_t *word, uint64_t value)
{
	step((struct operation){.what = STORE,
				.word = find_word(word, 8),
				.plain = true,
				.operand = value,
				.order = memory_order_relaxed});
}

uint64_t model_load(const _Atomic uint64_t *word, memory_order order)
{
	return c11_load(NULL, word, 8, order);
}

void model_store(_Atomic uint64_t *word, uint64_t value, memory_order order)
{
	c11_store(NULL, word, 8, value, order);
}

uint64_t model_swap(_Atomic uint64_t *word, uint64_t (*change)(uint64_t old, uint64_t operand),
		    uint64_t operand, memory_order order)
{
	return c11_update(NULL, word, 8, change, operand, order);
}

void model_await(const _Atomic uint64_t *word, uint64_t bits)
{
	step((struct operation){.what = AWAIT,
				.word = find_word(word, 8),
				.operand = bits,
				.order = memory_order_acquire});
}

unsigned choose(unsigned count)
{
	return (unsigned)step((struct operation){.what = CHOOSE, .operand = count})->source;
}

int this_thread(void)
{
	return running;
}

void require(bool claim, const char *what)
{
	if (claim)
		return;
	error = what;
	pending[running] = (struct operation){.what = FAILED};
	longjmp(leave, 1);
}

static void run_thread(int thread)
{
	running = thread;
	position = 0;
	pending[thread] = (struct operation){.what = FINISHED};
	if (program->threads[thread] && !setjmp(leave))
		program->threads[thread]();
}

/* --- the graph ---------------------------------------------------------------------- */

/* The write that an access of a word reads or is, by its place in the word's order. */
static int place_of(int write)
{
	int place = 0;

	if (write == INITIAL)
		return 0;
	while (words[events[write].word].writes[place] != write)
		place++;
	return place + 1;
}

static int write_of(int event)
{
	return events[event].kind == READ ? events[event].source : event;
}

/*
 * Coherence: what happened before an access of a word binds the access to that write's place in
 * the word's order, or a later one.
 */
static int floor_of(uint8_t word, set before)
{
	int floor = 0;

	for (int i = 0; i < event_count; i++) {
		int place;

		if (!(before & ONE(i)) || events[i].kind == CHOICE || events[i].word != word)
			continue;
		place = place_of(write_of(i));
		if (place > floor)
			floor = place;
	}
	return floor;
}

/* An update is the next write after the one that it read. */
static bool is_taken(uint8_t word, int place)
{
	int source = place ? words[word].writes[place - 1] : INITIAL;
	int next = place < words[word].count ? words[word].writes[place] : INITIAL;

	return next != INITIAL && events[next].kind == UPDATE && events[next].source == source;
}

/* Two accesses of one word that are not ordered: one of them plain, one of them a write. */
static bool races(const struct event *event)
{
	for (int i = 0; i < event_count; i++) {
		const struct event *other = &events[i];

		if (other != event && other->kind != CHOICE && other->word == event->word &&
		    other->thread != event->thread && (other->plain || event->plain) &&
		    (other->kind != READ || event->kind != READ) && !(event->before & ONE(i)))
			return true;
	}
	return false;
}

/* --- RC11: sequentially consistent operations ----------------------------------------- */

static bool is_seq_cst(int event)
{
	return events[event].kind != CHOICE && events[event].order == memory_order_seq_cst;
}

/* What happens before something of b's thread that is before b, at another word than b's. */
static set seen_elsewhere(int b)
{
	set seen = 0;

	for (int i = 0; i < b; i++)
		if (events[i].thread == events[b].thread && events[i].kind != CHOICE &&
		    events[i].word != events[b].word)
			seen |= events[i].before;
	return seen;
}

/* The order that RC11 calls psc, between two of the operations. */
static bool must_precede(int a, int b, set elsewhere)
{
	const struct event *x = &events[a], *y = &events[b];

	if (x->thread == y->thread && x->place < y->place)
		return true;
	if (x->word == y->word) {
		int from = place_of(write_of(a)), to = place_of(write_of(b));

		if (y->before & ONE(a))
			return true;
		if (y->kind != READ && from < to) /* changed after; read before the change */
			return true;
	}
	for (int i = a + 1; i < event_count; i++)
		if (elsewhere & ONE(i) && events[i].thread == x->thread &&
		    events[i].kind != CHOICE && events[i].word != x->word)
			return true;
	return false;
}

static bool is_acyclic(const set *preceding, set left)
{
	for (bool found = true; found && left;) {
		found = false;
		for (int i = 0; i < EVENTS && left >> i; i++)
			if (left & ONE(i) && !(preceding[i] & left)) {
				left &= ~ONE(i);
				found = true;
			}
	}
	return !left;
}

static bool seq_cst_is_consistent(void)
{
	set preceding[EVENTS], all = 0;

	/* Only edges from or to the newest event are new. */
	if (!is_seq_cst(event_count - 1))
		return true;
	for (int b = 0; b < event_count; b++) {
		set elsewhere;

		if (!is_seq_cst(b))
			continue;
		all |= ONE(b);
		preceding[b] = 0;
		elsewhere = seen_elsewhere(b);
		for (int a = 0; a < event_count; a++)
			if (a != b && is_seq_cst(a) && must_precede(a, b, elsewhere))
				preceding[b] |= ONE(a);
	}
	return is_acyclic(preceding, all);
}

/* --- AArch64 -------------------------------------------------------------------------- */

/*
 * Ordered-before, of the reads (2i) and writes (2i + 1) of the events. The compiled code is: a
 * load ldr, ldapr, ldar; a store str, stlr; an update ldxr or ldaxr, stxr or stlxr, of the
 * architecture's first version, which orders less than its later instructions. Dependencies,
 * which order more, are left out.
 */
static bool reads(int i)
{
	return events[i].kind == READ || events[i].kind == UPDATE;
}

static bool writes(int i)
{
	return events[i].kind == WRITE || events[i].kind == UPDATE;
}

/* In program order, x before y, and preserved: node x is a read or write of its event. */
static bool is_kept(int a, bool a_writes, int b, bool b_writes)
{
	const struct event *x = &events[a], *y = &events[b];

	if (!a_writes && acquires(x->order)) /* [A|Q]; po */
		return true;
	if (b_writes && releases(y->order)) /* po; [L] */
		return true;
	/* [L]; po; [A]. An acquire load is ldapr, a seq_cst one ldar, of an update ldaxr. */
	if (a_writes && releases(x->order) && !b_writes &&
	    (y->kind == UPDATE ? acquires(y->order) : y->order == memory_order_seq_cst))
		return true;
	/* [range(rmw)]; rfi; [A|Q] */
	return a_writes && x->kind == UPDATE && !b_writes && y->source == a && acquires(y->order);
}

/* The same from another processor: rfe, coe, fre. */
static bool is_observed(int a, bool a_writes, int b, bool b_writes)
{
	if (events[a].word != events[b].word)
		return false;
	if (a_writes && !b_writes)
		return events[b].source == a;
	if (a_writes && b_writes)
		return place_of(a) < place_of(b);
	return b_writes && place_of(events[a].source) < place_of(b);
}

static bool is_ordered(int a, bool a_writes, int b, bool b_writes)
{
	if (a == b)
		return !a_writes && b_writes; /* rmw */
	if (events[a].thread != events[b].thread)
		return is_observed(a, a_writes, b, b_writes);
	return events[a].place < events[b].place && is_kept(a, a_writes, b, b_writes);
}

static bool aarch64_is_consistent(void)
{
	set preceding[EVENTS], all = 0;

	if (2 * event_count > EVENTS)
		give_up("too many events");
	for (int y = 0; y < 2 * event_count; y++) {
		if (!(y % 2 ? writes(y / 2) : reads(y / 2)))
			continue;
		all |= ONE(y);
		preceding[y] = 0;
		for (int x = 0; x < 2 * event_count; x++)
			if ((x % 2 ? writes(x / 2) : reads(x / 2)) &&
			    is_ordered(x / 2, x % 2, y / 2, y % 2))
				preceding[y] |= ONE(x);
	}
	return is_acyclic(preceding, all);
}

/* --- the search ----------------------------------------------------------------------- */

/* Graphs seen: two hashes of 64 bits each, so that a collision is out of the question. */
static struct {
	uint64_t *slots;
	size_t count, room;
} seen;

static uint64_t mix(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 29;
}

static uint64_t name_of(int event)
{
	return event == INITIAL ? 0xffff
				: (uint64_t)events[event].thread << 8 | events[event].place;
}

static uint64_t hash_graph(uint64_t hash)
{
	for (int t = 0; t < C11_THREADS; t++) {
		hash = mix(hash, 0x10000u + (unsigned)thread_length[t]);
		for (int i = 0; i < thread_length[t]; i++) {
			const struct event *event = &events[thread_events[t][i]];

			hash = mix(hash, event->kind);
			if (event->kind == CHOICE)
				hash = mix(hash, (uint64_t)event->source);
			else if (event->kind != WRITE)
				hash = mix(hash, name_of(event->source));
		}
	}
	for (int w = 0; w < word_count; w++) {
		hash = mix(hash, 0x20000u + (unsigned)words[w].count);
		for (int i = 0; i < words[w].count; i++)
			hash = mix(hash, name_of(words[w].writes[i]));
	}
	return hash;
}

static bool insert(uint64_t first, uint64_t second)
{
	size_t i = (size_t)first & (seen.room - 1);

	while (seen.slots[2 * i]) {
		if (seen.slots[2 * i] == first && seen.slots[2 * i + 1] == second)
			return false;
		i = (i + 1) & (seen.room - 1);
	}
	seen.slots[2 * i] = first;
	seen.slots[2 * i + 1] = second;
	seen.count++;
	return true;
}

static void grow(void)
{
	uint64_t *old = seen.slots;
	size_t room = seen.room;

	seen.room = room ? 2 * room : 1 << 12;
	seen.count = 0;
	seen.slots = calloc(2 * seen.room, sizeof(*seen.slots));
	if (!seen.slots)
		give_up("no memory");
	for (size_t i = 0; i < room; i++)
		if (old[2 * i])
			insert(old[2 * i], old[2 * i + 1]);
	free(old);
}

static bool is_new(void)
{
	if (2 * (seen.count + 1) > seen.room)
		grow();
	return insert(hash_graph(1) | 1, hash_graph(2));
}

static void explore(void);

static struct event next_event(int thread)
{
	const struct operation *operation = &pending[thread];
	int length = thread_length[thread];
	struct event event = {.thread = (uint8_t)thread,
			      .place = (uint8_t)length,
			      .word = operation->word,
			      .plain = operation->plain,
			      .order = operation->order,
			      .source = INITIAL,
			      .function = operation->function};

	if (length) {
		int last = thread_events[thread][length - 1];

		event.before = events[last].before | ONE(last);
	}
	return event;
}

/* Add the event; a write at that place of its word's order. Go on from there, and undo it. */
static void try_event(const struct event *event, int place)
{
	struct operation saved = pending[event->thread];
	int thread = event->thread, at = event_count, *order = words[event->word].writes;
	bool stores = event->kind == WRITE || event->kind == UPDATE;
	bool allowed;

	if (event_count == EVENTS)
		give_up("too many events");
	events[event_count++] = *event;
	thread_events[thread][thread_length[thread]++] = at;
	if (stores) {
		for (int i = words[event->word].count++; i >= place; i--)
			order[i] = order[i - 1];
		order[place - 1] = at;
	}
	if (event->kind == CHOICE)
		allowed = true;
	else if (program->memory == C11_ABSTRACT)
		allowed = seq_cst_is_consistent();
	else
		allowed = aarch64_is_consistent();
	if (allowed && program->memory == C11_ABSTRACT && event->kind != CHOICE && races(event))
		error = "a data race";
	else if (allowed && is_new())
		explore();
	if (error)
		return; /* to be shown */
	if (stores) {
		for (int i = place; i < words[event->word].count; i++)
			order[i - 1] = order[i];
		words[event->word].count--;
	}
	thread_length[thread]--;
	event_count--;
	pending[thread] = saved;
}

static void set_passed(struct event *event)
{
	const set itself = ONE(event_count);

	event->passed = 0;
	if (program->memory == C11_AARCH64 || event->plain)
		return;
	if (event->kind == UPDATE && event->source != INITIAL)
		event->passed = events[event->source].passed; /* extends a release sequence */
	if (releases(event->order))
		event->passed |= event->before | itself;
}

static void try_store(int thread)
{
	struct event event = next_event(thread);
	int floor = floor_of(event.word, event.before);

	event.kind = WRITE;
	event.written = pending[thread].operand;
	set_passed(&event);
	for (int place = words[event.word].count; place >= floor && !error; place--)
		if (!is_taken(event.word, place))
			try_event(&event, place + 1);
}

/* An access that reads, from that place. False: it may not. */
static bool read_from(int thread, int place, struct event *event)
{
	const struct operation *operation = &pending[thread];
	bool updates;

	*event = next_event(thread);
	event->source = place ? words[event->word].writes[place - 1] : INITIAL;
	event->read = place ? events[event->source].written : words[event->word].initial;
	updates = operation->what == CHANGE ||
		  (operation->what == COMPARE && event->read == operation->expected);
	if (operation->what == AWAIT && event->read & operation->operand)
		return false;
	if (operation->what == COMPARE && !updates)
		event->order = operation->failure;
	if (place && program->memory == C11_ABSTRACT && !event->plain && acquires(event->order))
		event->before |= events[event->source].passed;
	if (place < floor_of(event->word, event->before))
		return false;
	event->kind = READ;
	if (!updates)
		return true;
	event->kind = UPDATE;
	event->written = operation->what == COMPARE
			     ? operation->operand
			     : operation->change(event->read, operation->operand) & operation->mask;
	set_passed(event);
	return !is_taken(event->word, place);
}

static void try_read(int thread)
{
	uint8_t word = pending[thread].word;

	for (int place = words[word].count; place >= 0 && !error; place--) {
		struct event event;

		if (read_from(thread, place, &event))
			try_event(&event, place + 1);
	}
}

static void try_choice(int thread)
{
	struct event event = next_event(thread);

	event.kind = CHOICE;
	for (uint64_t i = 0; i < pending[thread].operand && !error; i++) {
		event.source = (int)i;
		try_event(&event, 0);
	}
}

static void try_thread(int thread)
{
	switch (pending[thread].what) {
	case FINISHED:
	case FAILED:
		break;
	case STORE:
		try_store(thread);
		break;
	case CHOOSE:
		try_choice(thread);
		break;
	case LOAD:
	case CHANGE:
	case COMPARE:
	case AWAIT:
		try_read(thread);
		break;
	}
}

bool thread_finished(int thread)
{
	return pending[thread].what == FINISHED;
}

bool thread_stuck(int thread)
{
	struct event event;

	if (pending[thread].what != AWAIT)
		return false;
	for (int place = words[pending[thread].word].count; place >= 0; place--)
		if (read_from(thread, place, &event))
			return false;
	return true;
}

uint64_t last_value(const _Atomic uint64_t *word)
{
	uint8_t w = find_word(word, 8);

	return words[w].count ? events[words[w].writes[words[w].count - 1]].written
			      : words[w].initial;
}

/* The threads' last runs, which are of this graph, stored what `holds` looks at. */
static void check_property(bool complete)
{
	bool stuck = false;

	for (int t = 0; t < C11_THREADS; t++)
		stuck = stuck || thread_stuck(t);
	if (!complete && !(program->anytime && stuck))
		return;
	for (int t = 0; t < C11_THREADS && !error; t++)
		run_thread(t);
	if (!error && program->holds && !program->holds())
		error = "the property does not hold";
}

static void explore(void)
{
	bool complete = true;
	int only = -1;

	graphs++;
	/* The newest event's thread; the others stand where they stood. */
	if (event_count)
		run_thread(events[event_count - 1].thread);
	for (int t = 0; t < C11_THREADS && !error; t++) {
		complete = complete && (thread_finished(t) || thread_stuck(t));
		/*
		 * Nothing that other threads do makes a difference for a store or for a choice.
		 */
		if (!program->anytime && only < 0 &&
		    (pending[t].what == STORE || pending[t].what == CHOOSE))
			only = t;
	}
	executions += complete;
	if (!error)
		check_property(complete);
	for (int t = 0; t < C11_THREADS && !error; t++)
		if (only < 0 || t == only)
			try_thread(t);
}

struct c11_result c11_run(const struct c11_program *which)
{
	program = which;
	error = NULL;
	graphs = executions = 0;
	event_count = word_count = 0;
	memset(thread_length, 0, sizeof(thread_length));
	for (int i = 0; i < c11_site_count; i++)
		c11_sites[i].met = false;
	free(seen.slots);
	memset(&seen, 0, sizeof(seen));
	if (program->setup)
		program->setup();
	for (int t = 0; t < C11_THREADS && !error; t++)
		run_thread(t);
	explore();
	return (struct c11_result){error, graphs, executions};
}

/* --- showing ------------------------------------------------------------------------ */

static void show_event(int i)
{
	static const char *const orders[] = {
	    [memory_order_relaxed] = "relaxed", [memory_order_consume] = "consume",
	    [memory_order_acquire] = "acquire", [memory_order_release] = "release",
	    [memory_order_acq_rel] = "acq_rel", [memory_order_seq_cst] = "seq_cst",
	};
	const struct event *event = &events[i];

	printf("    %2d  thread %d  %-14s ", i, event->thread,
	       event->function ? event->function : "");
	if (event->kind == CHOICE) {
		printf("chooses %d\n", event->source);
		return;
	}
	printf("word %d, %s:", event->word, event->plain ? "plain" : orders[event->order]);
	if (reads(i)) {
		printf(" reads %#llx", (unsigned long long)event->read);
		if (event->source != INITIAL)
			printf(" of %d", event->source);
	}
	if (writes(i))
		printf(" writes %#llx", (unsigned long long)event->written);
	printf("\n");
}

void c11_show(void)
{
	for (int i = 0; i < event_count; i++)
		show_event(i);
	for (int w = 0; w < word_count; w++) {
		printf("    word %d: first", w);
		for (int i = 0; i < words[w].count; i++)
			printf(", %d", words[w].writes[i]);
		printf("\n");
	}
}
