/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VDUSE_QUEUE_H
#define VDUSE_QUEUE_H

#include "vduse_dev.h"

/** Who ends a queue's life, which a start (vduse_vq_start()) began. */
enum vduse_queue_end {
	/**
	 * Its driver takes it back: it gets every buffer, and the record says
	 * that the driver knows where the queue was.
	 */
	VDUSE_QUEUE_TAKEN_BACK,
	/** The device stops: the ring is left as it is, the record to who follows. */
	VDUSE_QUEUE_LEFT,
};

/**
 * The one way in which a queue's life ends: no burst runs any more, what is
 * owed to the driver is given back or never will be, the record is closed, and
 * the owner knows. Nothing of this life is ever put into a ring of the next
 * one (vq->life). Control thread; a queue that is not started stays so.
 *
 * @return 0; -errno: not every buffer could be given back, and the position is
 *   not known (vq->ctl.unsettled)
 */
int vduse_queue_end(struct rte_vduse_dev *dev, uint16_t index, enum vduse_queue_end how);

#endif /* VDUSE_QUEUE_H */
