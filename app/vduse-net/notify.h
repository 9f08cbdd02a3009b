/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What the service manager is told (sd_notify(3)); nothing where there is none
 * ($NOTIFY_SOCKET). Main lcore.
 */

#ifndef NOTIFY_H
#define NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_common.h>

/* What is told, and beside it a line of status for people. */
void __rte_format_printf(1, 2) notify_ready(const char *fmt, ...);
void __rte_format_printf(1, 2) notify_stopping(const char *fmt, ...);
void notify_alive(void);

/*
 * Whether lcores, as their caller has looked, and the control thread have moved since the
 * last look: then it is time for a sign of life. Says who has not.
 */
bool notify_moved(bool lcores);

/* The line of status alone. */
void __rte_format_printf(1, 2) notify_status(const char *fmt, ...);

/*
 * How often notify_alive() is wanted, in microseconds: twice in the manager's
 * WatchdogSec=. 0: it is not wanted.
 */
uint64_t notify_interval(void);

/*
 * The open descriptor that the manager has handed over by this name
 * (FileDescriptorName=, OpenFile=). Return: it, or -ENOENT, -ENOSYS without libsystemd.
 */
int notify_fd(const char *name);

#endif /* NOTIFY_H */
