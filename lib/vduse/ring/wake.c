/* SPDX-License-Identifier: BSD-3-Clause */

#include <sys/eventfd.h>

#include <rte_atomic.h>
#include <rte_eal.h>

#include "log.h"
#include "ring/ring.h"
#include "ring/wake.h"

/* Count what was read from the descriptor, less the signals of our own. */
static void
wake_count(struct vduse_vq *vq, uint64_t value)
{
	uint64_t own = __atomic_load_n(&vq->ctl.signals, __ATOMIC_RELAXED);

	if (own > value)
		own = value;
	__atomic_fetch_sub(&vq->ctl.signals, own, __ATOMIC_RELAXED);
	__atomic_fetch_add(&vq->ctl.kicks_taken, value - own, __ATOMIC_RELAXED);
}

void
vduse_wake_signal(struct vduse_vq *vq)
{
	__atomic_fetch_add(&vq->ctl.signals, 1, __ATOMIC_RELAXED);
	/* its counter cannot overflow here; a full one is readable as well */
	eventfd_write(vq->ctl.kickfd, 1);
}

/* In a burst. Return: there is something to do, the lcore must not sleep. */
static bool
wake_ask(struct vduse_vq *vq)
{
	struct vduse_pos pos = vq->pos.avail;
	int ret;

	vduse_ring_set_kicks(vq, true);
	/* the driver sees the wish, or we see its buffer (virtio 1.2, 2.7.13.4.1) */
	rte_atomic_thread_fence(__ATOMIC_SEQ_CST);
	ret = vduse_ring_ready(vq, &pos, vq->ring.is_packed);
	if (vduse_vq_call_pending(vq))
		vduse_notify(vq);
	return ret > 0 || vduse_vq_call_pending(vq);
}

void
vduse_wake_arm(struct vduse_vq *vq)
{
	eventfd_t value;
	bool busy;

	if (eventfd_read(vq->ctl.kickfd, &value) == 0)
		wake_count(vq, value);
	__atomic_store_n(&vq->ctl.armed, true, __ATOMIC_SEQ_CST);
	/* we see the queue running, or vduse_vq_resume() sees that it is armed */
	rte_atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!vduse_vq_burst_look(vq))
		return;
	vq->poll.backoff = false;
	busy = wake_ask(vq);
	vduse_vq_burst_end(vq);
	if (busy)
		vduse_wake_signal(vq);
}

void
vduse_wake_disarm(struct vduse_vq *vq)
{
	__atomic_store_n(&vq->ctl.armed, false, __ATOMIC_RELAXED);
	if (!vduse_vq_burst_look(vq))
		return;
	vduse_ring_set_kicks(vq, vq->ctl.kicks);
	vduse_vq_burst_end(vq);
}

uint64_t
vduse_wake_kicks(struct vduse_vq *vq)
{
	eventfd_t value;

	/*
	 * Of a polled queue nobody else reads the descriptor; it counts by itself. In a secondary
	 * process the number is another file's.
	 */
	if (rte_eal_process_type() == RTE_PROC_PRIMARY && !vq->ctl.kicks &&
			!vduse_wake_is_armed(vq) && eventfd_read(vq->ctl.kickfd, &value) == 0) {
		rte_atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (vduse_wake_is_armed(vq))
			eventfd_write(vq->ctl.kickfd, value); /* it is the lcore's, which sleeps */
		else
			wake_count(vq, value);
	}
	return __atomic_load_n(&vq->ctl.kicks_taken, __ATOMIC_RELAXED);
}
