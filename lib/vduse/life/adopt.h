/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VDUSE_ADOPT_H
#define VDUSE_ADOPT_H

#include "life/device.h"

/* Devices that are there already. */

/**
 * Take a device that is there already: one that a process before this one
 * served and left a state file of, or the one that conf->adopt asks for.
 *
 * @param conf what is otherwise in the kernel is changed in it
 * @return 1: taken; 0: there is none, dev->store is open where conf has a
 *   folder; -errno with a line of log, and nothing is open
 */
int vduse_adopt(struct rte_vduse_dev *dev, struct rte_vduse_conf *conf);

/**
 * Have the device from the process that served it so far, which forgets it.
 *
 * @return 0, and dev->fd is open; -errno with a line of log, and that process
 *   goes on
 */
int vduse_adopt_take_over(struct rte_vduse_dev *dev);

#endif /* VDUSE_ADOPT_H */
