/* SPDX-License-Identifier: MIT */
/*
 * Tests of the checker: small programs from the literature, for which it is known what the memory
 * models allow. Each must find that its property holds or, where one is `broken`, that it does
 * not.
 */
#include "litmus.h"

#include <stddef.h>

static _Atomic uint64_t x, y, z;
static uint64_t data;
static uint64_t a, b, c, d;

#define RLX memory_order_relaxed
#define ACQ memory_order_acquire
#define REL memory_order_release
#define SC  memory_order_seq_cst

/* --- message passing ------------------------------------------------------------------ */

static void pass(void)
{
	plain_write(&data, 1);
	model_store(&x, 1, REL);
}

static void pass_relaxed(void)
{
	plain_write(&data, 1);
	model_store(&x, 1, RLX);
}

static void receive(void)
{
	if (model_load(&x, ACQ))
		require(plain_read(&data) == 1, "old data");
}

static void receive_relaxed(void)
{
	if (model_load(&x, RLX))
		plain_read(&data);
}

/* A release sequence: of updates, by others too, but not of another thread's stores. */
static void pass_on(void)
{
	if (model_load(&x, RLX) == 1)
		model_swap(&x, change_add, 1, RLX);
}

static void pass_on_by_store(void)
{
	if (model_load(&x, RLX) == 1)
		model_store(&x, 2, RLX);
}

static void receive_second(void)
{
	if (model_load(&x, ACQ) == 2)
		require(plain_read(&data) == 1, "old data");
}

static void relay(void)
{
	if (model_load(&x, ACQ))
		model_store(&y, 1, REL);
}

static void receive_relayed(void)
{
	if (model_load(&y, ACQ))
		require(plain_read(&data) == 1, "old data");
}

/* --- store, then load ------------------------------------------------------------------ */

static void store_x_load_y(void)
{
	model_store(&x, 1, SC);
	a = model_load(&y, SC);
}

static void store_y_load_x(void)
{
	model_store(&y, 1, SC);
	b = model_load(&x, SC);
}

static void store_y_load_x_acquire(void)
{
	model_store(&y, 1, SC);
	b = model_load(&x, ACQ);
}

static void swap_x_load_y(void)
{
	model_swap(&x, change_add, 1, memory_order_acq_rel);
	a = model_load(&y, SC);
}

static void swap_y_load_x(void)
{
	model_swap(&y, change_add, 1, memory_order_acq_rel);
	b = model_load(&x, SC);
}

static bool one_sees_the_other(void)
{
	return a || b;
}

/* --- independent reads of independent writes ---------------------------------------------- */

static void write_x(void)
{
	model_store(&x, 1, SC);
}

static void write_y(void)
{
	model_store(&y, 1, SC);
}

static void read_xy(void)
{
	a = model_load(&x, SC);
	b = model_load(&y, SC);
}

static void read_yx(void)
{
	c = model_load(&y, SC);
	d = model_load(&x, SC);
}

static void read_yx_acquire(void)
{
	c = model_load(&y, ACQ);
	d = model_load(&x, ACQ);
}

static bool one_order(void)
{
	return !(a == 1 && b == 0 && c == 1 && d == 0);
}

/* --- coherence --------------------------------------------------------------------------- */

static void write_twice(void)
{
	model_store(&x, 1, RLX);
	model_store(&x, 2, RLX);
}

static void read_twice(void)
{
	a = model_load(&x, RLX);
	b = model_load(&x, RLX);
}

static bool in_order(void)
{
	return a <= b;
}

static void count(void)
{
	a = model_swap(&x, change_add, 1, RLX);
}

static void count_too(void)
{
	b = model_swap(&x, change_add, 1, RLX);
}

static bool each_once(void)
{
	return a != b && last_value(&x) == 2;
}

/* --- Z6.U: seq_cst operations mixed with others (Lahav et al., RC11, section 2) ------------- */

static void z6_first(void)
{
	model_store(&x, 1, SC);
	model_store(&y, 1, REL);
}

static void z6_second(void)
{
	b = model_swap(&y, change_add, 1, SC);
	c = model_load(&y, RLX);
}

static void z6_third(void)
{
	model_store(&y, 3, SC);
	d = model_load(&x, SC);
}

static bool z6_holds(void)
{
	return !(b == 1 && c == 3 && d == 0);
}

/* --- write to read causality, with a seq_cst load at the end --------------------------------- */

static void rwc_read(void)
{
	a = model_load(&x, SC);
	b = model_load(&y, SC);
}

/* Since C++20 this does not order the store of x before. */
static void rwc_read_acquire(void)
{
	a = model_load(&x, ACQ);
	b = model_load(&y, SC);
}

static void rwc_write(void)
{
	model_store(&y, 1, SC);
	c = model_load(&x, SC);
}

static bool rwc_holds(void)
{
	return !(a == 1 && b == 0 && c == 0);
}

static void write_x_release(void)
{
	model_store(&x, 1, REL);
}

/* --- two writes each, in both orders ------------------------------------------------------- */

static void write_xy(void)
{
	model_store(&x, 1, REL);
	model_store(&y, 2, REL);
}

static void write_yx(void)
{
	model_store(&y, 1, REL);
	model_store(&x, 2, REL);
}

static void write_xy_sc(void)
{
	model_store(&x, 1, SC);
	model_store(&y, 2, SC);
}

static void write_yx_sc(void)
{
	model_store(&y, 1, SC);
	model_store(&x, 2, SC);
}

static bool not_both_first(void)
{
	return !(last_value(&x) == 1 && last_value(&y) == 1);
}

/* --- reads before a release of something else, as in COPY ------------------------------------- */

static void overwrite(void)
{
	model_swap(&x, change_add, 1, memory_order_acq_rel);
	model_swap(&x, change_add, 1, memory_order_acq_rel);
	model_store(&y, 1, RLX);
}

static void read_settle_look(void)
{
	a = model_load(&y, RLX);
	model_swap(&z, change_or, 0, SC);
	b = model_load(&x, SC);
}

static void read_settle_look_acquire(void)
{
	a = model_load(&y, RLX);
	model_swap(&z, change_or, 0, SC);
	b = model_load(&x, ACQ);
}

static bool look_tells(void)
{
	return !(a == 1 && b == 0);
}

#define MODEL(name_, memory_, broken_, holds_, ...)                                          \
	{                                                                                    \
		.name = name_, .memory = memory_, .threads = {__VA_ARGS__}, .holds = holds_, \
		.broken = broken_                                                            \
	}

const struct c11_program litmus_programs[] = {
    MODEL("MP", C11_ABSTRACT, false, NULL, pass, receive),
    MODEL("MP, store relaxed", C11_ABSTRACT, true, NULL, pass_relaxed, receive),
    MODEL("MP, load relaxed", C11_ABSTRACT, true, NULL, pass, receive_relaxed),
    MODEL("MP, release sequence", C11_ABSTRACT, false, NULL, pass, pass_on, receive_second),
    MODEL("MP, another's store", C11_ABSTRACT, true, NULL, pass, pass_on_by_store, receive_second),
    MODEL("ISA2", C11_ABSTRACT, false, NULL, pass, relay, receive_relayed),
    MODEL("SB", C11_ABSTRACT, false, one_sees_the_other, store_x_load_y, store_y_load_x),
    MODEL("SB, one load acquire", C11_ABSTRACT, true, one_sees_the_other, store_x_load_y,
	  store_y_load_x_acquire),
    MODEL("SB, stores acq_rel", C11_ABSTRACT, true, one_sees_the_other, swap_x_load_y,
	  swap_y_load_x),
    MODEL("IRIW", C11_ABSTRACT, false, one_order, write_x, write_y, read_xy, read_yx),
    MODEL("IRIW, one reader acquire", C11_ABSTRACT, true, one_order, write_x, write_y, read_xy,
	  read_yx_acquire),
    MODEL("CoRR", C11_ABSTRACT, false, in_order, write_twice, read_twice),
    MODEL("atomicity", C11_ABSTRACT, false, each_once, count, count_too),
    MODEL("Z6.U", C11_ABSTRACT, true, z6_holds, z6_first, z6_second, z6_third),
    MODEL("RWC", C11_ABSTRACT, false, rwc_holds, write_x, rwc_read, rwc_write),
    MODEL("RWC, first load acquire", C11_ABSTRACT, true, rwc_holds, write_x, rwc_read_acquire,
	  rwc_write),
    MODEL("RWC, store release", C11_ABSTRACT, true, rwc_holds, write_x_release, rwc_read,
	  rwc_write),
    MODEL("2+2W", C11_ABSTRACT, true, not_both_first, write_xy, write_yx),
    MODEL("2+2W, seq_cst", C11_ABSTRACT, false, not_both_first, write_xy_sc, write_yx_sc),
    MODEL("read, settle, look", C11_ABSTRACT, true, look_tells, overwrite, read_settle_look),
    MODEL("SB", C11_AARCH64, false, one_sees_the_other, store_x_load_y, store_y_load_x),
    MODEL("SB, one load acquire", C11_AARCH64, true, one_sees_the_other, store_x_load_y,
	  store_y_load_x_acquire),
    MODEL("IRIW, one reader acquire", C11_AARCH64, false, one_order, write_x, write_y, read_xy,
	  read_yx_acquire),
    MODEL("CoRR", C11_AARCH64, false, in_order, write_twice, read_twice),
    MODEL("2+2W", C11_AARCH64, false, not_both_first, write_xy, write_yx),
    MODEL("read, settle, look", C11_AARCH64, false, look_tells, overwrite, read_settle_look),
    MODEL("read, settle, look acquire", C11_AARCH64, true, look_tells, overwrite,
	  read_settle_look_acquire),
    {0},
};
