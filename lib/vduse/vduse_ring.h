/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VDUSE_RING_H
#define VDUSE_RING_H

#include <rte_cycles.h>

#include "vduse_packed.h"
#include "vduse_split.h"
#include "vduse_state.h"

/*
 * The verbs of both ring formats under one name. `packed` is a constant in
 * every caller on the data path, so that one body makes two instances.
 */

static __rte_always_inline int
vduse_ring_ready(struct vduse_vq *vq, const struct vduse_pos *pos, const bool packed)
{
	return packed ? vduse_packed_ready(vq, pos) : vduse_split_ready(vq, pos);
}

static __rte_always_inline int
vduse_ring_fetch(struct vduse_vq *vq, struct vduse_pos *pos, struct vduse_chain *chain,
		const bool packed)
{
	return packed ? vduse_packed_fetch(vq, pos, chain) : vduse_split_fetch(vq, pos, chain);
}

static __rte_always_inline void
vduse_ring_put(struct vduse_vq *vq, uint16_t id, uint16_t slots, uint32_t len, const bool packed)
{
	if (packed)
		vduse_packed_put(vq, id, slots, len);
	else
		vduse_split_put(vq, id, len);
}

static inline void
vduse_ring_set_kicks(struct vduse_vq *vq, bool wanted)
{
	if (vq->ctl.packed_ring)
		vduse_packed_set_kicks(vq, wanted);
	else
		vduse_split_set_kicks(vq, wanted);
}

/** The driver wants a call for `used` buffers: now, or later where calls are held back. */
static inline void
vduse_ring_call(struct vduse_vq *vq, uint16_t used)
{
	/* none is held: the last one was made, at its time by another lcore perhaps */
	if (!vduse_vq_call_held(vq))
		vq->coal_pending = 0;
	vq->coal_pending += used;
	if (vq->coal_usecs != 0 && vq->coal_pending < vq->coal_frames) {
		if (!vduse_vq_call_held(vq))
			__atomic_store_n(&vq->coal_deadline, rte_get_tsc_cycles() + vq->coal_cycles,
					__ATOMIC_RELAXED);
		else
			vduse_vq_call_due(vq);
		return;
	}
	vq->coal_pending = 0;
	__atomic_store_n(&vq->coal_deadline, 0, __ATOMIC_RELAXED);
	vduse_vq_call(vq);
}

/**
 * Publish what was put, with a record of it for a successor: nothing is
 * written to the ring before vduse_state_begin().
 */
static __rte_always_inline void
vduse_ring_publish(struct vduse_vq *vq, const bool packed)
{
	vduse_state_begin(vq, packed);
	if (packed)
		vduse_packed_publish(vq);
	else
		vduse_split_publish(vq);
	vduse_state_commit(vq, packed);
}

/** Publish what was put, once a burst, and call the driver where it wants that. */
static __rte_always_inline void
vduse_ring_flush(struct vduse_vq *vq, const bool packed)
{
	const uint16_t used = vq->used_pending;
	bool call;

	if (used == 0) {
		if (unlikely(vq->call_pending))
			vduse_vq_call(vq);
		else if (unlikely(vduse_vq_call_held(vq)))
			vduse_vq_call_due(vq);
		return;
	}
	if (packed && unlikely(used > vq->size)) {
		vq->fault = "more buffers available than the ring has descriptors";
		vduse_vq_set_fault(vq);
		return;
	}
	vduse_ring_publish(vq, packed);
	vq->used_pending = 0;
	call = packed ? vduse_packed_need_call(vq) : vduse_split_need_call(vq);
	/* an event index asks once: what follows counts for the call that is held */
	if (call || unlikely(vq->call_pending || vduse_vq_call_held(vq)))
		vduse_ring_call(vq, used);
	else
		vq->stats.calls_suppressed++;
}

#endif /* VDUSE_RING_H */
