/* SPDX-License-Identifier: MIT */
/*
 * The operations in which a victim dies or is stopped, and those who look on:
 * a publisher, an in-order reader, and a listener that sleeps in a process of
 * its own. They use the slot "s"; operations that make or remove a slot use
 * "victim", or a domain, "other".
 */
#ifndef BABUS_TESTS_CRASH_OPS_H
#define BABUS_TESTS_CRASH_OPS_H

#include <stdbool.h>
#include <stddef.h>

#include <babus/babus.h>

struct crash_op {
	const char *name;
	void (*act)(babus_domain *domain); /* arms the steps around what matters */
	enum {
		OP_PLAIN,
		OP_HOLDS,   /* holds a loan or a pin meanwhile */
		OP_VICTIM,  /* there is a slot "victim" when it begins */
		OP_DOMAIN,  /* it is on a domain, "other" */
		OP_DAMAGED, /* there is something damaged in its place */
		OP_DEAD     /* there is somebody dead to be found */
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

/* Before OP_DEAD: a dead publisher and reader, and files that the dead left. */
void ops_leave_the_dead(void);

/* In a victim: expect 0, or an end in good order when its slot is taken away. */
#define TRY(call) crash_try((call), #call, __LINE__)
void crash_try(int error, const char *what, int line);

/* Of the slot "s" of a test. */
struct crash_scene {
	uint32_t depth;
	uint64_t max_size;
};

/* Make the slot and those who look on. Asserts, as all of these. */
void scene_begin(const struct crash_scene *scene);
void scene_end(void);

/* Start a victim that runs the operation. */
pid_t scene_start(const struct crash_op *op);

/* The same up to its step n. True: it was stopped there. */
bool scene_stop_at(const struct crash_op *op, unsigned n, pid_t *pid);
/* Let it go on, to a good end. */
void scene_revive(pid_t pid);

/*
 * All go on: open, publish, read in order, sleep and be woken, without delay
 * and without damage, whatever became of the victim.
 */
void scene_goes_on(void);

/* Slot "victim" is there and whole, or it is not there and can be made. */
void scene_victim_is_sound(void);

/* After a recovery nothing is left in use but by those who look on. */
void scene_recover(void);
/* Nor any file but the domain's and the two of "s". */
void scene_assert_no_leftovers(void);
void scene_is_clean(void);

#endif
