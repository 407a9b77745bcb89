/* SPDX-License-Identifier: MIT */
#include "signals.h"

#include <signal.h>
#include <stddef.h>

static const int to_end[] = {SIGTERM, SIGINT, SIGHUP};

enum {
	TO_END = sizeof(to_end) / sizeof(to_end[0])
};

void signals_settle(void)
{
	sigset_t set;

	/* waitpid() finds no child where this is ignored. */
	signal(SIGCHLD, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	for (int i = 0; i < TO_END; i++)
		sigaddset(&set, to_end[i]);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

void signals_stop_ignoring(void)
{
	for (int i = 0; i < TO_END; i++)
		signal(to_end[i], SIG_DFL);
}
