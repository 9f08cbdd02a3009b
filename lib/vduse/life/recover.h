/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VDUSE_RECOVER_H
#define VDUSE_RECOVER_H

#include "life/device.h"

/**
 * Serve a device that another process served before, whose driver may be
 * there and notice nothing. On the control thread, before any message.
 */
void vduse_restore_device(struct rte_vduse_dev *dev);

#endif /* VDUSE_RECOVER_H */
