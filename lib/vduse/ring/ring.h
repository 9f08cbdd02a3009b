/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VDUSE_RING_H
#define VDUSE_RING_H

#include "ring/journal.h"
#include "ring/notify.h"
#include "ring/packed.h"
#include "ring/split.h"

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
		vduse_packed_put(vq, &id, &len, 1, slots);
	else
		vduse_split_put(vq, &id, &len, 1);
}

static inline void
vduse_ring_set_kicks(struct vduse_vq *vq, bool wanted)
{
	if (vq->ring.is_packed)
		vduse_packed_set_kicks(vq, wanted);
	else
		vduse_split_set_kicks(vq, wanted);
}

/**
 * Publish what was put, with a record of it for a successor: nothing is
 * written to the ring before vduse_journal_begin().
 */
static __rte_always_inline void
vduse_ring_publish(struct vduse_vq *vq, const bool packed)
{
	vduse_journal_begin(vq, packed);
	if (packed)
		vduse_packed_publish(vq);
	else
		vduse_split_publish(vq);
	vduse_journal_commit(vq, packed);
}

/** Publish what was put, once a burst, and call the driver where it wants that. */
static __rte_always_inline void
vduse_ring_flush(struct vduse_vq *vq, const bool packed)
{
	const uint16_t used = vq->pos.used_pending;
	bool call;

	if (used == 0) {
		if (unlikely(vduse_vq_call_pending(vq)))
			vduse_notify(vq);
		else if (unlikely(vduse_notify_held(vq)))
			vduse_notify_due(vq);
		return;
	}
	if (packed && unlikely(used > vq->ring.size)) {
		vduse_vq_set_fault(vq, "more buffers available than the ring has descriptors");
		return;
	}
	vduse_ring_publish(vq, packed);
	vq->pos.used_pending = 0;
	call = packed ? vduse_packed_need_call(vq) : vduse_split_need_call(vq);
	/* an event index asks once: what follows counts for the call that is held */
	if (call || unlikely(vduse_vq_call_pending(vq) || vduse_notify_held(vq)))
		vduse_notify_used(vq, used);
	else
		vduse_count(&vq->stats.calls_suppressed, 1);
}

#endif /* VDUSE_RING_H */
