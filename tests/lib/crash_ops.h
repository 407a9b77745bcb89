/* SPDX-License-Identifier: MIT */
/*
 * The operations in which a victim dies or is stopped, and the witnesses: a publisher, an
 * in-order reader, and a listener that sleeps in a process of its own. All use the slot "s".
 * Operations that make or remove a slot use "victim", or a domain, "other".
 */
#ifndef BABUS_TESTS_CRASH_OPS_H
#define BABUS_TESTS_CRASH_OPS_H

#include <stdbool.h>
#include <stddef.h>

#include <babus/babus.h>

struct crash_op {
	const char *name;
	void (*act)(babus_domain *domain); /* arms the steps around the part under test */
	enum {
		OP_PLAIN,
		OP_HOLDS,   /* holds a loan or a pin meanwhile */
		OP_VICTIM,  /* a slot "victim" exists when it begins */
		OP_DOMAIN,  /* works on a domain, "other" */
		OP_DAMAGED, /* something damaged is in its place */
		OP_DEAD     /* there are dead clients to find */
	} kind;
};

extern const struct crash_op crash_ops[];
extern const size_t crash_op_count;

/* With files, in crash_file_ops.c. */
void op_create(babus_domain *domain);
void op_create_beaten(babus_domain *domain);
void op_remove(babus_domain *domain);
void op_remove_late(babus_domain *domain);
void op_remove_too_late(babus_domain *domain);
void op_remove_after_a_death(babus_domain *domain);
void op_publish_deleted(babus_domain *domain);
void op_remove_damaged(babus_domain *domain);
void op_recover(babus_domain *domain);
void op_make_domain(babus_domain *domain);
void op_make_domain_in_vain(babus_domain *domain);
void op_remove_domain(babus_domain *domain);
void op_deny_gone(babus_domain *domain);

/* Before OP_DEAD: a dead publisher, a dead reader, and files that dead processes left. */
void ops_leave_the_dead(void);

/* In a victim: expect 0, or an orderly end if its slot was taken away. */
#define TRY(call) crash_try((call), #call, __LINE__)
void crash_try(int error, const char *what, int line);

/* The slot "s" of a test. */
struct crash_scene {
	uint32_t depth;
	uint64_t max_size;
};

/* Make the slot and the witnesses. Like all of these, it asserts. */
void scene_begin(const struct crash_scene *scene);
void scene_end(void);

/* Start a victim that runs the operation. */
pid_t scene_start(const struct crash_op *op);

/* The same, up to its step n. True: it stopped there. */
bool scene_stop_at(const struct crash_op *op, unsigned n, pid_t *pid);
/* Let it go on to an orderly end. */
void scene_revive(pid_t pid);

/*
 * All witnesses go on: open, publish, read in order, sleep and wake up, without delay and without
 * damage, whatever happened to the victim.
 */
void scene_goes_on(void);

/* Slot "victim" exists and is whole, or it does not exist and can be made. */
void scene_victim_is_sound(void);

/* After a recovery, only what the witnesses hold is in use. */
void scene_recover(void);
/* No file exists but the domain's and the two of "s". */
void scene_assert_no_leftovers(void);
void scene_is_clean(void);

#endif
