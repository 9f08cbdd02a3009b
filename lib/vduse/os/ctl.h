/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VDUSE_CTL_H
#define VDUSE_CTL_H

#include <stdint.h>

/*
 * The one control thread of the process: it waits for file descriptors and
 * runs their handlers, one at a time. It lives while something is registered.
 */

/** A registered descriptor: never 0, never used twice. */
typedef uint64_t vduse_ctl_id_t;

/** @param events EPOLL* bits that are set */
typedef void (*vduse_ctl_handler_t)(void *arg, uint32_t events);

/**
 * Watch fd (level triggered) and call the handler on the control thread.
 * Any thread.
 *
 * @param arg first argument of the handler, not NULL
 * @return 0 with *id set, or -errno
 */
int vduse_ctl_add(int fd, uint32_t events, vduse_ctl_handler_t handler, void *arg,
		vduse_ctl_id_t *id);

/**
 * Stop watching. When this returns no handler with this registration's
 * argument runs, and this one will not run again; except where the control
 * thread itself asks. Any thread; must not hold a lock that a handler takes.
 * id 0 is nothing.
 */
void vduse_ctl_del(vduse_ctl_id_t id);

#endif /* VDUSE_CTL_H */
