/* SPDX-License-Identifier: MIT */
/*
 * Signals that the caller ignores or blocks. In the foreground, ignored signals
 * (nohup, `&` in a script) stay ignored. In the background babusfs has no
 * terminal and no caller, so each signal to end it does so. Blocked signals are
 * unblocked in both cases.
 */
#ifndef FS_SIGNALS_H
#define FS_SIGNALS_H

/* Before a child is started. */
void signals_settle(void);

/* Before fuse_set_signal_handlers(), which does not change ignored signals. */
void signals_stop_ignoring(void);

#endif
