/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VDUSE_RECREATE_H
#define VDUSE_RECREATE_H

#include "life/device.h"

/*
 * A device that the kernel has given up is recreated: same name, same
 * configuration, back on the bus where we had put it. That waits for netlink
 * and for front ends, so it has a thread of its own, from the first time on.
 */

/** @return 0 or -errno; mirror: vduse_recreate_fini() */
int vduse_recreate_init(struct rte_vduse_dev *dev, const struct rte_vduse_conf *conf);
void vduse_recreate_fini(struct rte_vduse_dev *dev);

/**
 * The kernel has given the device up. On the control thread, which waits for nothing here; bursts
 * have ended.
 */
void vduse_recreate_start(struct rte_vduse_dev *dev);

/** End it, as it is. For the owner; not on the control thread. */
void vduse_recreate_stop(struct rte_vduse_dev *dev);

/** Memory and interrupts go by dev->fd, which has changed. No queue runs. */
void vduse_recreate_use_fd(struct rte_vduse_dev *dev);

#endif /* VDUSE_RECREATE_H */
