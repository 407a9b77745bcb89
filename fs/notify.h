/* SPDX-License-Identifier: MIT */
/*
 * Messages to the service manager by systemd's sd_notify(3) protocol: one
 * datagram of NAME=VALUE lines to the socket that $NOTIFY_SOCKET names. The
 * protocol is small and stable, so no library is needed. Without a manager these
 * functions do nothing.
 */
#ifndef FS_NOTIFY_H
#define FS_NOTIFY_H

/* Take $NOTIFY_SOCKET from the environment: child processes must not use it. */
void notify_open(void);
void notify_close(void);

/* Send these lines. A failure is logged. */
void notify_send(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
