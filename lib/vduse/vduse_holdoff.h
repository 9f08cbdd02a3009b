/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VDUSE_HOLDOFF_H
#define VDUSE_HOLDOFF_H

#include <rte_cycles.h>

#include "vduse_packed.h"
#include "vduse_split.h"

/*
 * An lcore that is faster than its driver empties the ring with each burst.
 * Were it to look again at once, it would take the lines from the driver's
 * core that are being filled, half full, and again when they are: each costs
 * both sides a transfer. So it leaves the ring alone for about as long as the
 * driver needs for a burst, and finds whole lines then. Only behind a burst of
 * some length: who sends one frame and waits for the answer is served at once.
 */

/** Time that the ring is left alone, nanoseconds. */
#define VDUSE_HOLDOFF_NS 1500
/** Buffers of a burst, at least. */
#define VDUSE_HOLDOFF_BURST 4
/** Descriptors of a ring, at least: the driver would have to wait at a smaller one. */
#define VDUSE_HOLDOFF_RING 128
/** Packed: descriptors ahead that one is looked at: a burst of the driver. */
#define VDUSE_HOLDOFF_AHEAD 32

/** Of a ring whose size is known. Control thread, while no burst runs. */
static inline void
vduse_holdoff_init(struct vduse_vq *vq)
{
	vq->holdoff = false;
	vq->holdoff_cycles = vq->size < VDUSE_HOLDOFF_RING
					     ? 0
					     : rte_get_tsc_hz() / US_PER_S * VDUSE_HOLDOFF_NS /
							       (NS_PER_S / US_PER_S);
}

/** Whether the ring is not to be looked at now. The queue's lcore, in a burst. */
static __rte_always_inline bool
vduse_holdoff_lasts(struct vduse_vq *vq)
{
	if (likely(!vq->holdoff))
		return false;
	/* past, or of another core's clock: more than the whole time */
	vq->holdoff = vq->holdoff_until - rte_rdtsc() <= vq->holdoff_cycles;
	return vq->holdoff;
}

/** Whether the driver is not far ahead of the device. */
static __rte_always_inline bool
vduse_holdoff_is_empty(struct vduse_vq *vq, const bool packed)
{
	struct vduse_pos pos = vq->avail;

	if (!packed)
		return pos.idx == vq->avail_cached;
	pos.wrap ^= vduse_packed_step(vq, &pos.idx, VDUSE_HOLDOFF_AHEAD);
	return vduse_packed_ready(vq, &pos) == 0;
}

/** Behind a burst that took n buffers, in it. */
static __rte_always_inline void
vduse_holdoff_begin(struct vduse_vq *vq, uint32_t n, const bool packed)
{
	if (n < VDUSE_HOLDOFF_BURST || vq->holdoff_cycles == 0 ||
			!vduse_holdoff_is_empty(vq, packed))
		return;
	vq->holdoff_until = rte_rdtsc() + vq->holdoff_cycles;
	vq->holdoff = true;
}

#endif /* VDUSE_HOLDOFF_H */
