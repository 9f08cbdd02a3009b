/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <string.h>

#include "life/queues.h"
#include "life/remap.h"
#include "log.h"
#include "ring/queue.h"

void
vduse_remap_resume(struct rte_vduse_dev *dev, uint16_t index)
{
	struct vduse_vq *vq = dev->vqs[index];
	int ret;

	ret = vduse_vq_resume(vq);
	if (ret < 0 && ret != -EFAULT) {
		vduse_queues_failed(dev, index, ret);
	} else if (ret < 0) {
		if (vq->ctl.phase == VDUSE_VQ_PHASE_SERVED) {
			VDUSE_LOG(NOTICE,
					"%s: queue %u: its ring is not mapped any more; it waits "
					"for the next mapping",
					dev->name, index);
			vduse_vq_phase_set(vq, VDUSE_VQ_PHASE_UNMAPPED);
		}
	} else if (vq->ctl.kicks && vduse_vq_is_ready(vq)) {
		dev->ops.kick(dev->priv, index); /* what was kicked while it was paused */
	}
}

/*
 * Linux sends [0, 2^64 - 1] for every change. The kernel's map is the new one
 * when the request comes, so what is dropped here can be mapped again at once.
 */
static int
remap_range(struct rte_vduse_dev *dev, struct vduse_iotlb *tlb, uint64_t start, uint64_t last)
{
	uint16_t i;
	int ret;

	for (i = 0; i < dev->nb_queues; i++)
		if (dev->vqs[i]->map.tlb == tlb)
			vduse_vq_halt(dev->vqs[i]);
	vduse_vq_wait(dev->vqs[0], VDUSE_VQ_NONE);
	ret = vduse_iotlb_remove(tlb, start, last);
	if (!vduse_dev_is_started(dev))
		return ret;
	if (ret == 0)
		ret = vduse_iotlb_load(tlb);
	for (i = 0; i < dev->nb_queues; i++)
		if (dev->vqs[i]->map.tlb == tlb)
			vduse_remap_resume(dev, i);
	return ret < 0 ? ret : 0;
}

int
vduse_remap_update(void *ctx, uint32_t asid, uint64_t start, uint64_t last)
{
	struct rte_vduse_dev *dev = ctx;

	return remap_range(dev, &dev->tlbs[asid], start, last);
}

int
vduse_remap(struct rte_vduse_dev *dev, struct vduse_iotlb *tlb)
{
	return remap_range(dev, tlb, 0, UINT64_MAX);
}

/* Queues of a group move to another address space, rings and buffers. */
int
vduse_remap_group(void *ctx, uint32_t group, uint32_t asid)
{
	struct rte_vduse_dev *dev = ctx;
	const bool control = group == 1;
	uint16_t i;

	for (i = 0; i < dev->nb_queues; i++) {
		if ((i >= dev->first_control_queue) != control)
			continue;
		vduse_vq_pause(dev->vqs[i], VDUSE_VQ_NONE);
		vduse_vq_set_space(dev->vqs[i], &dev->tlbs[asid]);
		if (vduse_dev_is_started(dev))
			vduse_remap_resume(dev, i);
	}
	return 0;
}

void
vduse_remap_umem(struct rte_vduse_dev *dev)
{
	int ret;

	if (!vduse_dev_is_started(dev) || !vduse_umem_prepare(&dev->umem))
		return;
	ret = vduse_remap(dev, &dev->tlbs[0]);
	if (ret < 0)
		VDUSE_LOG(ERR, "%s: cannot map its bounce region: %s", dev->name, strerror(-ret));
	vduse_umem_settle(&dev->umem);
}
