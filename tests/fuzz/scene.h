/* SPDX-License-Identifier: MIT */
/*
 * What the fuzzers of shared memory share: a domain with one small slot, whose files are restored
 * byte for byte before each input; and the results that a call may have. A call that gives an
 * error which babus.h does not name for it, or that computes for more than a second, ends the
 * fuzzer like a crash.
 */
#ifndef BABUS_FUZZ_SCENE_H
#define BABUS_FUZZ_SCENE_H

#include <stddef.h>
#include <stdint.h>

#include <babus/babus.h>

enum scene_file {
	SCENE_DOMAIN,
	SCENE_SLOT,
	SCENE_PINS,
	SCENE_FILES
};

/* Two geometries: a few small messages; one large one. */
enum {
	SCENE_KINDS = 2
};

#define SCENE_SLOT_NAME "s"

/* Where the files are, and how large they are before any damage. */
const char *scene_root(void);
uint64_t scene_size(unsigned kind, enum scene_file file);

/* Make the scenes. Once, before anything else. */
void scene_init(void);

/* Restore the files, and remove all others in the directory. */
void scene_restore(unsigned kind);

/* Write into a file, change its size, or both. What is impossible is ignored. */
void scene_write(unsigned kind, enum scene_file file, uint64_t offset, const void *bytes,
		 size_t size);
void scene_resize(unsigned kind, enum scene_file file, uint64_t size);
/* Put another kind of thing in place of a file: a link, a FIFO, a directory. */
void scene_replace(unsigned kind, enum scene_file file, unsigned what);

/* Open the scene's domain. */
int scene_open(unsigned kind, babus_domain **domain);

/* Check that each descriptor opened since scene_restore() is closed. */
void scene_check_descriptors(void);

/* Around a call: CALL(babus_slot_info(...), -EPROTO) gives its result. */
int64_t scene_began(void);
int scene_ended(const char *call, int64_t began, int result, const int *errors, size_t count);

/*
 * Any call may find the slot removed or damaged, the domain gone, or a file truncated. The
 * further errors that it may give follow.
 */
#define CALL(call, ...)                                                          \
	scene_ended(#call, scene_began(), (call), (const int[]){0, __VA_ARGS__}, \
		    sizeof((const int[]){0, __VA_ARGS__}) / sizeof(int))

/* Ends the fuzzer with a message unless the condition holds. */
#define HOLDS(condition)                                            \
	do {                                                        \
		if (!(condition))                                   \
			scene_fail(#condition, __FILE__, __LINE__); \
	} while (0)
_Noreturn void scene_fail(const char *what, const char *file, int line);

#endif
