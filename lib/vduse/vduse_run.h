/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VDUSE_RUN_H
#define VDUSE_RUN_H

#include "vduse_dev.h"

/*
 * A device between attach and detach: what the driver does to it, seen from
 * the control thread.
 */

/** Prepare to watch the device. @return 0 or -errno; mirror: vduse_run_end() */
int vduse_run_begin(struct rte_vduse_dev *dev);

/** Stop watching, and stop what runs. Not on the control thread. */
void vduse_run_end(struct rte_vduse_dev *dev);

/**
 * The owner is ready: go on where a process before was, and answer what the
 * kernel asks from here on. Once, behind vduse_run_begin(). @return 0 or -errno
 */
int vduse_run_ready(struct rte_vduse_dev *dev);

/** Answer what the kernel asks from here on. @return 0 or -errno */
int vduse_run_watch(struct rte_vduse_dev *dev);

/** Whether that is so: the device is served. On the control thread. */
static inline bool
vduse_run_is_watched(const struct rte_vduse_dev *dev)
{
	return dev->msg_id != 0;
}

/** Go to this virtio device status. On the control thread. @return 0 or -errno: refused */
int vduse_run_set_status(struct rte_vduse_dev *dev, uint8_t status);

/**
 * The device cannot go on: bursts end, and it stays so until the driver
 * resets it. On the control thread.
 */
void vduse_run_fail(struct rte_vduse_dev *dev);

/**
 * For a process that follows: no queue runs and no request is answered, but to
 * the owner the device goes on. On the control thread. Mirror: vduse_recover_again()
 */
void vduse_run_suspend(struct rte_vduse_dev *dev);

#endif /* VDUSE_RUN_H */
