/* SPDX-License-Identifier: MIT */
/*
 * The options of the command line and of [babusfs] in babus.ini. The command line
 * wins.
 */
#ifndef FS_OPTIONS_H
#define FS_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include <babus/config.h>

/* Where messages go once the mount is ready; until then to standard error. */
enum log_target {
	LOG_TARGET_AUTO, /* in the foreground standard error, else the system's log */
	LOG_TARGET_STDERR,
	LOG_TARGET_SYSTEM
};

struct options {
	unsigned given; /* which options the command line gave, a bit each */
	bool foreground;
	bool debug; /* libfuse prints each request */
	bool allow_other;
	bool list_all;
	bool hide_wait;
	bool clone_fd;
	unsigned threads;
	uint64_t max_pending; /* bytes */
	uint64_t max_user_pending;
	unsigned max_user_files, max_user_waiting;
	uint64_t hold_ns;
	uint64_t spin_ns;
	enum log_target log;
	const char *root;       /* NULL: as configured */
	const char *config;     /* file; NULL: the usual one */
	const char *domain;     /* NULL: not given */
	const char *mountpoint; /* as given */
	char *mount;            /* ",option,option" for the mount itself */
};

enum options_result {
	OPTIONS_RUN,
	OPTIONS_DONE,  /* --help or --version: exit 0 */
	OPTIONS_FAILED /* the reason has been logged: exit 2 */
};

/* Read the command line; strings live as long as argv. */
enum options_result options_parse(int argc, char **argv, struct options *options);

/* Fill in from the configuration what the command line left open. */
enum options_result options_configure(const babus_config *config, struct options *options);

void options_finish(struct options *options);

#endif
