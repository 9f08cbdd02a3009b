/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VDUSE_STATUS_H
#define VDUSE_STATUS_H

#include "life/device.h"

/* The virtio device status (virtio 1.2, 2.1), and what each of its steps means here. */

/** Go to this virtio device status. On the control thread. @return 0 or -errno: refused */
int vduse_status_set(struct rte_vduse_dev *dev, uint8_t status);

/**
 * The driver suspends the device: no queue runs until a reset, and the position of each can be
 * asked for. On the control thread.
 *
 * @return 0; -errno: buffers that are out cannot be given back, and the device goes on as before
 */
int vduse_status_suspend(struct rte_vduse_dev *dev);

/**
 * The same, of a device that a process before has suspended: what that had not come to do is
 * done. @return 0 or -errno
 */
int vduse_status_suspend_again(struct rte_vduse_dev *dev, uint8_t status);

/** As a reset does, the status stays: no queue runs, nothing is mapped. As vduse_queues_stop() */
void vduse_status_stop(struct rte_vduse_dev *dev, enum vduse_phase to, bool tell);

#endif /* VDUSE_STATUS_H */
