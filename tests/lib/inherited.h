/* SPDX-License-Identifier: MIT */
/*
 * Before main(), a test program drops what it inherits from its caller: ignored and blocked
 * signals, limits, most of the environment, the terminal, descriptors, the umask, an alarm. Every
 * test program links this. Scripts start through afresh.c.
 */
#ifndef BABUS_TESTS_INHERITED_H
#define BABUS_TESTS_INHERITED_H

enum {
	INHERITED_FILES = 1024, /* RLIMIT_NOFILE of every test, as after a login on Debian */
};

#endif
