/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VDUSE_RECOVER_H
#define VDUSE_RECOVER_H

#include "vduse_dev.h"

/**
 * Serve a device that another process served before, whose driver may be
 * there and notice nothing. On the control thread, before any message.
 */
void vduse_recover(struct rte_vduse_dev *dev);

/** Serve a device again that vduse_run_suspend() stopped. On the control thread. */
void vduse_recover_again(struct rte_vduse_dev *dev);

/** The device stops, as a queue cannot be served: vduse_vq_start()'s error. On the control thread.
 */
void vduse_recover_failed(struct rte_vduse_dev *dev, uint16_t index, int err);

#endif /* VDUSE_RECOVER_H */
