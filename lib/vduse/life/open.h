/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VDUSE_OPEN_H
#define VDUSE_OPEN_H

#include "life/device.h"

/**
 * Have the device, by creation or as it is there already: fills in control_fd,
 * fd, api_version, vduse_features, adopted, store. Mirror: vduse_close().
 *
 * @param conf what is not as it says, in a device that is there already, is
 *   changed in it
 * @return 0, or as rte_vduse_dev_create()
 */
int vduse_open(struct rte_vduse_dev *dev, struct rte_vduse_conf *conf);

/** Close, and destroy what was created. @return 0 or -errno with a line of log */
int vduse_close(struct rte_vduse_dev *dev);

#endif /* VDUSE_OPEN_H */
