/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VDUSE_WAKE_H
#define VDUSE_WAKE_H

#include "ring/vq.h"

/*
 * An lcore that sleeps on a queue's kick descriptor, and what is read of it.
 */

/**
 * Ask the driver for kicks: the descriptor becomes readable at the next one,
 * or at once where buffers wait already or the ring is not there yet and comes
 * later. The queue's lcore, outside of a burst.
 *
 * One wake-up for each call: with VIRTIO_RING_F_EVENT_IDX a driver is told of
 * one buffer only (virtio 1.2, 2.7.10).
 */
void vduse_wake_arm(struct vduse_vq *vq);

/** The queue is polled again: no more kicks. Its lcore, outside of a burst. */
void vduse_wake_disarm(struct vduse_vq *vq);

/** Make the descriptor readable, uncounted. Any thread. */
void vduse_wake_signal(struct vduse_vq *vq);

/** Kicks of the driver so far. Any thread; takes none away from an lcore that sleeps. */
uint64_t vduse_wake_kicks(struct vduse_vq *vq);

/** Whether an lcore sleeps on the queue, or is about to. */
static inline bool
vduse_wake_is_armed(const struct vduse_vq *vq)
{
	return __atomic_load_n(&vq->ctl.armed, __ATOMIC_SEQ_CST);
}

#endif /* VDUSE_WAKE_H */
