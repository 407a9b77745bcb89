/* SPDX-License-Identifier: MIT */
/*
 * What the service manager wants to know (systemd's sd_notify(3) protocol: one
 * datagram of NAME=VALUE lines to the socket that $NOTIFY_SOCKET names). The
 * protocol is small and promised to stay, so no library is needed for it.
 * Without such a manager nothing happens.
 */
#ifndef FS_NOTIFY_H
#define FS_NOTIFY_H

/* Take $NOTIFY_SOCKET, which is for this process and none that it starts. */
void notify_open(void);
void notify_close(void);

/* Send these lines; what went wrong is told. */
void notify_send(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
