/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VDUSE_QUEUES_H
#define VDUSE_QUEUES_H

#include "life/device.h"

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
 * one (vq->journal.life). Control thread; a queue that is not started stays so.
 *
 * @return 0; -errno: not every buffer could be given back, and the position is
 *   not known (UNSETTLED)
 */
int vduse_queue_end(struct rte_vduse_dev *dev, uint16_t index, enum vduse_queue_end how);

/*
 * A kernel before 7.3 does not say when a queue becomes ready. Its first kick
 * does, and for a queue without one there is a look at VDUSE_VQ_GET_INFO, in
 * growing steps.
 */
#define VDUSE_READY_STEP_MIN_MS 1u
#define VDUSE_READY_STEP_MAX_MS 128u

/** Look again in ms milliseconds, 0: never. Control thread. */
void vduse_queues_set_timer(struct rte_vduse_dev *dev, uint32_t ms);

/** The same from another thread. From here on the device is the control thread's. */
void vduse_queues_arm_timer(const struct rte_vduse_dev *dev, uint32_t ms);

/** Watch every queue's kicks. @return 0 or -errno, and none is watched; mirror:
 * vduse_queues_unwatch()
 */
int vduse_queues_watch(struct rte_vduse_dev *dev);

/** The kernel hands on no kicks any more; those that are watched end with their queue. */
void vduse_queues_unwatch(struct rte_vduse_dev *dev);

/**
 * Start a queue as the kernel describes it. One whose ring is not mapped yet
 * waits for the next mapping. Control thread. @return 1 or -errno
 */
int vduse_queues_start(struct rte_vduse_dev *dev, const struct vduse_abi_vq *info);

/** Start what the driver has enabled; look again in step_ms where some is left. Control thread. */
void vduse_queues_try(struct rte_vduse_dev *dev, uint32_t step_ms);

/**
 * No queue is served any more, and the device goes to this phase. tell: to the owner it
 * stops, if it was started. Control thread, or its end.
 */
void vduse_queues_stop(struct rte_vduse_dev *dev, enum vduse_phase to, bool tell);

/**
 * The device cannot go on: bursts end, and it stays so until the driver
 * resets it. On the control thread.
 */
void vduse_queues_fail(struct rte_vduse_dev *dev);

/** The same, as a queue cannot be served: vduse_vq_start()'s error. */
void vduse_queues_failed(struct rte_vduse_dev *dev, uint16_t index, int err);

#endif /* VDUSE_QUEUES_H */
