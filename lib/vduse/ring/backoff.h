/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VDUSE_BACKOFF_H
#define VDUSE_BACKOFF_H

#include "clock.h"
#include "ring/packed.h"
#include "ring/split.h"

/*
 * An lcore that is faster than its driver empties the ring with each burst.
 * Were it to look again at once, it would take the lines from the driver's
 * core that are being filled, half full, and again when they are: each costs
 * both sides a transfer. So it leaves the ring alone for about as long as the
 * driver needs for a burst, and finds whole lines then. Only behind a burst of
 * some length: who sends one frame and waits for the answer is served at once.
 * And only where it left nothing: what it knows of is taken by the next burst.
 */

/** Time that the ring is left alone, nanoseconds. */
#define VDUSE_BACKOFF_NS 1500
/** Buffers of a burst, at least. */
#define VDUSE_BACKOFF_BURST 4
/** Descriptors of a ring, at least: the driver would have to wait at a smaller one. */
#define VDUSE_BACKOFF_RING 128

/** Of a ring whose size is known. Control thread, while no burst runs. */
static inline void
vduse_backoff_init(struct vduse_vq *vq)
{
	vq->poll.backoff = false;
	vq->backoff.cycles = vq->ring.size < VDUSE_BACKOFF_RING
					     ? 0
					     : rte_get_tsc_hz() / US_PER_S * VDUSE_BACKOFF_NS /
							       (NS_PER_S / US_PER_S);
}

/** Whether the ring is not to be looked at now. The queue's lcore, in a burst. */
static __rte_always_inline bool
vduse_backoff_lasts(struct vduse_vq *vq)
{
	if (likely(!vq->poll.backoff))
		return false;
	/* past, or of another core's clock: more than the whole time */
	vq->poll.backoff = vq->backoff.until - vduse_clock() <= vq->backoff.cycles;
	return vq->poll.backoff;
}

/** Whether no buffer is left that the device knows of. */
static __rte_always_inline bool
vduse_backoff_is_empty(struct vduse_vq *vq, const bool packed)
{
	if (!packed)
		return vq->pos.avail.idx == vq->pos.avail_cached;
	return vduse_packed_ready(vq, &vq->pos.avail) == 0;
}

/** Behind a burst that took n buffers, in it: whether it is followed by a rest. */
static __rte_always_inline void
vduse_backoff_decide(struct vduse_vq *vq, uint32_t n, const bool packed)
{
	vq->poll.backoff = n >= VDUSE_BACKOFF_BURST && vq->backoff.cycles != 0 &&
			   vduse_backoff_is_empty(vq, packed);
}

/** The rest, where it was decided on, begins. In the burst. */
static __rte_always_inline void
vduse_backoff_begin(struct vduse_vq *vq)
{
	if (vq->poll.backoff)
		vq->backoff.until = vduse_clock() + vq->backoff.cycles;
}

#endif /* VDUSE_BACKOFF_H */
