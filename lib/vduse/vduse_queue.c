/* SPDX-License-Identifier: BSD-3-Clause */

/* The end of a queue's life. */

#include "vduse_queue.h"

int
vduse_queue_end(struct rte_vduse_dev *dev, uint16_t index, enum vduse_queue_end how)
{
	struct vduse_vq *vq = dev->vqs[index];
	const bool served = vq->ctl.ready;
	bool unsettled = false;
	int ret = 0;

	vduse_vq_rest(vq);
	if (served && !vq->ctl.unplaced) {
		if (how == VDUSE_QUEUE_TAKEN_BACK && dev->ops.settle != NULL)
			ret = dev->ops.settle(dev->priv, index);
		unsettled = how == VDUSE_QUEUE_LEFT ? vq->takes : ret < 0;
	}
	vduse_vq_stop(vq);
	if (!served)
		return 0;
	vq->ctl.unsettled = unsettled;
	if (how == VDUSE_QUEUE_TAKEN_BACK && !vq->ctl.unplaced)
		vduse_state_vq_park(vq);
	dev->ops.queue(dev->priv, index, false);
	return ret;
}
