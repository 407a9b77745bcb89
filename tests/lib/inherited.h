/* SPDX-License-Identifier: MIT */
/*
 * What a test program forgets of its caller before main(): ignored and blocked
 * signals, limits, the environment but for a few variables, the terminal,
 * descriptors, the umask, an alarm. Every test program links this. Scripts are
 * started through afresh.c.
 */
#ifndef BABUS_TESTS_INHERITED_H
#define BABUS_TESTS_INHERITED_H

enum {
	INHERITED_FILES = 1024, /* RLIMIT_NOFILE of every test, as after a login on Debian */
};

#endif
