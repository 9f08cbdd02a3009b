/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VDUSE_REMAP_H
#define VDUSE_REMAP_H

#include "life/device.h"

/*
 * The driver's memory changes while the device runs: its queues pause, and go
 * on with the new map. All on the control thread.
 */

/** The kernel's map of an address space changed: VDUSE_UPDATE_IOTLB. ctx is the device. */
int vduse_remap_update(void *ctx, uint32_t asid, uint64_t start, uint64_t last);

/** A group's queues move to another address space: VDUSE_SET_VQ_GROUP_ASID. */
int vduse_remap_group(void *ctx, uint32_t group, uint32_t asid);

/** Let a queue run after a change of the map, or say why it does not. */
void vduse_remap_resume(struct rte_vduse_dev *dev, uint16_t index);

/**
 * Map an address space again, as if the driver had changed all of it.
 *
 * @return 0 or -errno, and what could not be mapped is not served
 */
int vduse_remap(struct rte_vduse_dev *dev, struct vduse_iotlb *tlb);

/** The bounce region may be there: memory of ours takes its place, where that is wanted. */
void vduse_remap_umem(struct rte_vduse_dev *dev);

#endif /* VDUSE_REMAP_H */
