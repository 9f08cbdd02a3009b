/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VDUSE_BIRTH_H
#define VDUSE_BIRTH_H

#include "life/device.h"

/* A device comes to be, and its state file says how far. */

/** What tells this device from others of its name. @return 0 or -errno */
int vduse_birth_identify(const struct rte_vduse_dev *dev, struct vduse_statefile_id *id);

/** A device is about to be created: note it. @return 0 or -errno with a line of log */
int vduse_birth_creating(struct rte_vduse_dev *dev, const struct rte_vduse_conf *conf);

/** The device is about to be recreated: a successor has nothing to go on from. */
void vduse_birth_recreating(struct rte_vduse_dev *dev);

/** It is there: a successor may take it. @return 0 or -errno with a line of log */
int vduse_birth_served(struct rte_vduse_dev *dev, const struct rte_vduse_conf *conf);

/** Create, open and set up, with control_fd; notes it in the state file. @return 0 or -errno */
int vduse_birth_make(struct rte_vduse_dev *dev, const struct rte_vduse_conf *conf);

#endif /* VDUSE_BIRTH_H */
