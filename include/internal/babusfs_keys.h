/* SPDX-License-Identifier: MIT */
/*
 * The keys of section [babusfs], a row each. The library checks them when it
 * reads babus.ini; babusfs takes its options, their defaults and its --help
 * from the same rows. Not installed.
 *
 *     ROW(name, kind, max, default, field in struct options, help)
 */
#ifndef INTERNAL_BABUSFS_KEYS_H
#define INTERNAL_BABUSFS_KEYS_H

/* clang-format off */
#define BABUSFS_KEYS(ROW) \
	ROW("allow_other", BOOL, 0, "no", allow_other, "other users see the mount too") \
	ROW("list_all", BOOL, 0, "no", list_all, "list stream, pub and .bus as well") \
	ROW("hide_wait", BOOL, 0, "no", hide_wait, "do not list wait, which blocks its reader") \
	ROW("threads", COUNT, 1024, "4", threads, "answer requests with N threads at most") \
	ROW("max_pending", SIZE, 0, "256 MiB", max_pending, \
	    "memory for messages being written (then EDQUOT)") \
	ROW("max_user_pending", SIZE, 0, "128 MiB", max_user_pending, "how much of it one user may take") \
	ROW("max_user_files", COUNT, 1073741824, "16384", max_user_files, \
	    "open files of each user (then EMFILE)") \
	ROW("max_user_waiting", COUNT, 1073741824, "8192", max_user_waiting, \
	    "blocked reads of each user (then EDQUOT)") \
	ROW("hold", DURATION, 0, "1 s", hold_ns, "how long a message is kept from look-up to open") \
	ROW("spin", DURATION, 0, "0", spin_ns, "look for news this long before sleeping")
/* clang-format on */

#endif
