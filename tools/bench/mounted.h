/* SPDX-License-Identifier: MIT */
/*
 * The file systems that the file view is measured on: babusfs over the benchmark's domain,
 * with the slots small and image, and the FUSE floor, with files of the same names. Mounted
 * once, unmounted at the end of the benchmark.
 */
#ifndef BABUS_BENCH_MOUNTED_H
#define BABUS_BENCH_MOUNTED_H

#include "bench.h"

enum mounted {
	MOUNTED_BABUSFS,
	MOUNTED_FLOOR,
	MOUNTEDS
};

/* Mount it if it is not. 0, or a negative errno with the reason in `why`. */
int mounted_start(enum mounted which, char why[WHY_MAX]);

/* Its mount point. */
const char *mounted_point(enum mounted which);

/* Unmount all. */
void mounted_stop(void);

#endif
