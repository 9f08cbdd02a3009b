/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VDUSE_RUN_H
#define VDUSE_RUN_H

#include "vduse_dev.h"

/*
 * A device between attach and detach: what the driver does to it, seen from
 * the control thread.
 */

/** Watch the device. @return 0 or -errno; mirror: vduse_run_end() */
int vduse_run_begin(struct rte_vduse_dev *dev);

/** Stop watching, and stop what runs. Not on the control thread. */
void vduse_run_end(struct rte_vduse_dev *dev);

/**
 * Serve an adopted device whose driver is there already, on the control
 * thread and soon; once the owner is ready for callbacks.
 */
void vduse_run_resume(struct rte_vduse_dev *dev);

/**
 * Map an address space anew, as if the driver had changed all of it. Control
 * thread.
 *
 * @return 0 or -errno, and what could not be mapped is not served
 */
int vduse_run_remap(struct rte_vduse_dev *dev, struct vduse_iotlb *tlb);

#endif /* VDUSE_RUN_H */
