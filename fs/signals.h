/* SPDX-License-Identifier: MIT */
/*
 * What babusfs makes of the signals that its caller ignores or blocks. In the
 * foreground, those that the caller ignores (nohup, `&` in a script) stay
 * ignored. A daemon in the background has no terminal and no caller, and each
 * signal to end it does so. A blocked signal arrives in both.
 */
#ifndef FS_SIGNALS_H
#define FS_SIGNALS_H

/* Before a child is started. */
void signals_settle(void);

/* Before fuse_set_signal_handlers(), which leaves alone what is ignored. */
void signals_stop_ignoring(void);

#endif
