/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VDUSE_NOTIFY_H
#define VDUSE_NOTIFY_H

#include "ring/vq.h"

/*
 * Interrupts of a virtqueue: now, held back for a while, or by the thread.
 *
 * One thread for the process is there while a queue needs it: it injects for
 * queues that want that off their lcores, and it makes calls that were held
 * back, a millisecond or two after they were due, where no lcore does so in time.
 */

/**
 * Inject the virtqueue's interrupt, or have the thread do it. Any lcore.
 * A failure is kept and tried again at the next burst, by the thread after
 * a millisecond: the kernel answers EINVAL until it has noted DRIVER_OK, which
 * is after our answer to it.
 */
void vduse_notify(struct vduse_vq *vq);

/** The driver wants a call for `used` buffers: now, or later where calls are held back. Its lcore.
 */
void vduse_notify_used(struct vduse_vq *vq, uint16_t used);

/** Whether a call was held back, of a queue that is polled by another lcore. */
static __rte_always_inline bool
vduse_notify_held(const struct vduse_vq *vq)
{
	return __atomic_load_n(&vq->poll.coal_deadline, __ATOMIC_RELAXED) != 0;
}

/** A call that was held back is due, perhaps. Any lcore that polls, in a burst or not. */
void vduse_notify_due(struct vduse_vq *vq);

/** The same, due or not. */
void vduse_notify_held_now(struct vduse_vq *vq);

/**
 * Hold calls back until `frames` buffers are used or `usecs` microseconds have
 * passed; 0 usecs: never. Adaptive: only while the queue uses at least half of
 * `frames` in `usecs`; one that is quieter would just wait. Any thread.
 *
 * @return 0 or -errno: no thread to be had, and nothing is changed
 */
int vduse_notify_set_coalesce(struct vduse_vq *vq, uint32_t frames, uint32_t usecs, bool adaptive);

/** Whether the thread injects. Before the queue is served. @return 0 or -errno */
int vduse_notify_set_thread(struct vduse_vq *vq, bool on);

/** What was held back or posted is for a driver that is gone. No burst runs. */
void vduse_notify_reset(struct vduse_vq *vq);

/** The device's descriptor was made -1 before: whoever injects by the old one has done so. */
void vduse_notify_wait(const struct vduse_vq *vq);

/** The thread has let go of the queue when this returns. */
void vduse_notify_fini(struct vduse_vq *vq);

#endif /* VDUSE_NOTIFY_H */
