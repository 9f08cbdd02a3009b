/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VDUSE_SERVE_H
#define VDUSE_SERVE_H

#include "life/device.h"

/*
 * A device between attach and detach: what the driver does to it, seen from
 * the control thread.
 */

/** Prepare to watch the device. @return 0 or -errno; mirror: vduse_serve_end() */
int vduse_serve_begin(struct rte_vduse_dev *dev);

/** Stop watching, and stop what runs. Not on the control thread. */
void vduse_serve_end(struct rte_vduse_dev *dev);

/**
 * The owner is ready: go on where a process before was, and answer what the
 * kernel asks from here on. Once, behind vduse_serve_begin(). @return 0 or -errno
 */
int vduse_serve_ready(struct rte_vduse_dev *dev);

/** Answer what the kernel asks from here on. @return 0 or -errno */
int vduse_serve_watch(struct rte_vduse_dev *dev);

/** Whether that is so: the device is served. On the control thread. */
static inline bool
vduse_serve_is_watched(const struct rte_vduse_dev *dev)
{
	return dev->msg_id != 0;
}

/**
 * For a process that follows: no queue runs and no request is answered, but to
 * the owner the device goes on. On the control thread. Mirror: vduse_serve_again()
 */
void vduse_serve_rest(struct rte_vduse_dev *dev);

/** Serve it again. On the control thread. */
void vduse_serve_again(struct rte_vduse_dev *dev);

#endif /* VDUSE_SERVE_H */
