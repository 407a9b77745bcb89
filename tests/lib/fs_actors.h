/* SPDX-License-Identifier: MIT */
/*
 * The actors of the stress test of a mount. Every message contains its writer, its number and its
 * length, and all its bytes follow from these.
 */
#ifndef BABUS_TESTS_FS_ACTORS_H
#define BABUS_TESTS_FS_ACTORS_H

#include <stdatomic.h>

#include "support.h"

enum {
	SIZE_MIN = 64,
	FRAME = 6220800,
	SLOTS = 2,
	WRITERS = 8, /* of a slot */
	ACTORS = 32
};

extern const struct slot_kind {
	const char *name;
	uint32_t depth;
	size_t max_size;
} kinds[SLOTS];

/* The writers. */
enum {
	NATIVE,
	BY_FILE,
	BY_TOOL,
	VICTIM,
	LAST_WORD
};

/* Shared by all processes. */
struct stage {
	atomic_bool stop;
	_Atomic uint64_t published[SLOTS][WRITERS]; /* for sure; VICTIM: perhaps */
	_Atomic uint64_t read[ACTORS];              /* messages checked */
	_Atomic uint64_t received[SLOTS], lost[SLOTS];
	_Atomic uint64_t killed;
};
extern struct stage *stage;

struct actor {
	unsigned number;
	const char *what;
	int slot;
	void (*act)(struct actor *actor);
	/* Private to the actor. */
	uint64_t random;
	char *buffer;
	uint64_t seen[WRITERS]; /* counter of the last message of each */
};

/* Fill in the bytes of a message. */
void fill(char *data, size_t size, uint64_t writer, uint64_t counter);

/* They run until stage->stop. On a fault they print it and end the process. */
void publish_natively(struct actor *actor);
void publish_by_file(struct actor *actor);
void publish_by_tool(struct actor *actor);
void kill_writers(struct actor *actor);
void read_latest(struct actor *actor);
void map_latest(struct actor *actor);
void read_by_calls(struct actor *actor);
void read_by_tools(struct actor *actor);
void read_by_python(struct actor *actor);
void kill_readers(struct actor *actor);
/* Until the last word. */
void follow_natively(struct actor *actor);
void loop_over_wait(struct actor *actor);

#endif
