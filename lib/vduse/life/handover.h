/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VDUSE_HANDOVER_H
#define VDUSE_HANDOVER_H

#include "life/device.h"

/**
 * Whoever follows may ask from here on, at the socket that the process before
 * gave, or a new one. Nothing where there is no state file, or no_successor. @return 0 or -errno
 */
int vduse_handover_listen(struct rte_vduse_dev *dev);

/**
 * Nobody may any more. Not on the control thread. Where the device was sent,
 * and nobody says whether it came, it is left.
 */
void vduse_handover_close(struct rte_vduse_dev *dev);

/**
 * Wait for the process that takes the device over, where its next word comes at
 * once. Not on the control thread.
 */
void vduse_handover_wait(const struct rte_vduse_dev *dev);

#endif /* VDUSE_HANDOVER_H */
