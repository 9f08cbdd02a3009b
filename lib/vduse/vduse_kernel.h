/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef VDUSE_KERNEL_H
#define VDUSE_KERNEL_H

#include "vduse_dev.h"

/* The kernel's side of a device: API, creation, attributes, adoption, destruction. */

/** A line of log about name: path cannot be opened, why, and the cure. */
void vduse_kernel_log_open(const char *name, const char *path, int err);

/** Open /dev/vduse/control. @return descriptor, or -errno with a line of log about name */
int vduse_kernel_control(const struct vduse_sys *sys, const char *name);

/**
 * Create or adopt the device: fills in control_fd, fd, api_version,
 * vduse_features, adopted, store. Mirror: vduse_kernel_close().
 *
 * @param conf what is not as it says, in a device that is there already, is
 *   changed in it
 * @return 0, or as rte_vduse_dev_create()
 */
int vduse_kernel_open(struct rte_vduse_dev *dev, struct rte_vduse_conf *conf);

/** Create, open and set up, with control_fd; notes it in the state file. @return 0 or -errno */
int vduse_kernel_make(struct rte_vduse_dev *dev, const struct rte_vduse_conf *conf);

/** Close, and destroy what was created. @return 0 or -errno with a line of log */
int vduse_kernel_close(struct rte_vduse_dev *dev);

/** VDUSE_DESTROY_DEV. @return 0; -EBUSY attached or open; -EINVAL no such device */
int vduse_kernel_destroy(const struct vduse_sys *sys, int control_fd, const char *name);

#endif /* VDUSE_KERNEL_H */
