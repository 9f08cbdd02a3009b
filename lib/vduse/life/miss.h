/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VDUSE_MISS_H
#define VDUSE_MISS_H

#include "life/device.h"

/**
 * Resolve what lcores have missed, and let those queues run again. A miss is one
 * question where the kernel has nothing at the address, and then it is the
 * device's last: `fault` of the queue says so. Control thread.
 *
 * @return whether some queue waits for what the process lacks, files or memory:
 *   to be tried again
 */
bool vduse_miss_resolve(struct rte_vduse_dev *dev);

#endif /* VDUSE_MISS_H */
