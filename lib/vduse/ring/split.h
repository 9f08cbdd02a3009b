/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VDUSE_SPLIT_H
#define VDUSE_SPLIT_H

#include <rte_atomic.h>
#include <rte_byteorder.h>

#include "ring/chain.h"

/*
 * Verbs of the split virtqueue (virtio 1.2, 2.7). The rings are little
 * endian; so is every machine VDUSE and this code are built for, and a check
 * in ring/vq.c says so at compile time.
 */

/** Place of avail_event and used_event, behind the rings (2.7.7, 2.7.8). */
static inline uint16_t *
vduse_split_used_event(const struct vduse_vq *vq)
{
	return &vq->ring.split.avail->ring[vq->ring.size];
}

static inline uint16_t *
vduse_split_avail_event(const struct vduse_vq *vq)
{
	return (uint16_t *)&vq->ring.split.used->ring[vq->ring.size];
}

/**
 * Whether a buffer is available at the position.
 *
 * @return 1, 0, or -EBADMSG for an index that jumped
 */
static __rte_always_inline int
vduse_split_ready(struct vduse_vq *vq, const struct vduse_pos *pos)
{
	uint16_t idx;

	if (likely(pos->idx != vq->pos.avail_cached))
		return 1;
	/* acquire: pairs with the driver's write barrier before it updates idx (2.7.13.3) */
	idx = __atomic_load_n(&vq->ring.split.avail->idx, __ATOMIC_ACQUIRE);
	if (unlikely((uint16_t)(idx - pos->idx) > vq->ring.size))
		return vduse_chain_bad(vq, "available index ahead by more than the queue size");
	vq->pos.avail_cached = idx;
	return idx != pos->idx;
}

static __rte_always_inline void
vduse_split_desc(const uint64_t raw[2], struct vring_desc *desc)
{
	desc->addr = raw[0];
	desc->len = (uint32_t)raw[1];
	desc->flags = (uint16_t)(raw[1] >> 32);
	desc->next = (uint16_t)(raw[1] >> 48);
}

/** Walk an indirect table (2.7.5.3). */
static inline int
vduse_split_walk_table(struct vduse_vq *vq, struct vduse_chain *chain, uint64_t addr, uint32_t len)
{
	const uint32_t entries = len / sizeof(struct vring_desc);
	struct vring_desc desc;
	uint64_t raw[2];
	uint32_t i = 0, n;
	int ret;

	ret = vduse_chain_check_table(vq, addr, len);
	if (unlikely(ret < 0))
		return ret;
	for (n = 0; n < entries; n++) {
		if (unlikely(i >= entries))
			return vduse_chain_bad(vq, "next index beyond the indirect table");
		ret = vduse_desc_load_at(vq, addr + i * sizeof(desc), raw);
		if (unlikely(ret < 0))
			return ret;
		vduse_split_desc(raw, &desc);
		if (unlikely(desc.flags & VRING_DESC_F_INDIRECT))
			return vduse_chain_bad(vq, "indirect table inside an indirect table");
		ret = vduse_chain_add(
				vq, chain, desc.addr, desc.len, desc.flags & VRING_DESC_F_WRITE);
		if (unlikely(ret < 0))
			return ret;
		if (!(desc.flags & VRING_DESC_F_NEXT))
			return 0;
		i = desc.next;
	}
	return vduse_chain_bad(vq, "indirect chain with a loop");
}

/**
 * Copy and check the chain at the position, and move the position behind it.
 *
 * @return 0; -EAGAIN at an address that is not mapped (yet); -EBADMSG with
 *   vq->fault set; -E2BIG for a chain of more segments than fit, of which the
 *   rest is not read
 */
static __rte_always_inline int
vduse_split_fetch(struct vduse_vq *vq, struct vduse_pos *pos, struct vduse_chain *chain)
{
	struct vring_desc desc;
	uint64_t raw[2];
	uint16_t i, n;
	int ret;

	i = __atomic_load_n(&vq->ring.split.avail->ring[pos->idx & (vq->ring.size - 1)],
			__ATOMIC_RELAXED);
	pos->idx++;
	chain->id = i;
	chain->slots = 1;
	for (n = 0; n < vq->ring.size; n++) {
		if (unlikely(i >= vq->ring.size))
			return vduse_chain_bad(vq, "descriptor index beyond the queue size");
		vduse_desc_load(&vq->ring.split.desc[i], raw);
		vduse_split_desc(raw, &desc);
		if (unlikely(desc.flags & VRING_DESC_F_INDIRECT)) {
			if (desc.flags & VRING_DESC_F_NEXT)
				return vduse_chain_bad(
						vq, "descriptor with both INDIRECT and NEXT");
			return vduse_split_walk_table(vq, chain, desc.addr, desc.len);
		}
		ret = vduse_chain_add(
				vq, chain, desc.addr, desc.len, desc.flags & VRING_DESC_F_WRITE);
		if (unlikely(ret < 0))
			return ret;
		if (likely(!(desc.flags & VRING_DESC_F_NEXT)))
			return 0;
		i = desc.next;
	}
	return vduse_chain_bad(vq, "descriptor chain with a loop");
}

/** Write n used elements; the driver sees them after vduse_split_publish(). */
static __rte_always_inline void
vduse_split_put(struct vduse_vq *vq, const uint16_t *ids, const uint32_t *lens, uint16_t n)
{
	struct vring_used_elem *const ring = vq->ring.split.used->ring;
	const uint16_t used = vq->pos.used_idx, mask = vq->ring.size - 1;
	uint16_t i;

	for (i = 0; i < n; i++)
		ring[(uint16_t)(used + i) & mask] =
				(struct vring_used_elem){ .id = ids[i], .len = lens[i] };
	vduse_vq_set_used(vq, (uint16_t)(used + n));
	vq->pos.used_pending += n;
}

static __rte_always_inline void
vduse_split_publish(struct vduse_vq *vq)
{
	/* release: pairs with the driver's read barrier after it reads idx (2.7.14) */
	__atomic_store_n(&vq->ring.split.used->idx, vq->pos.used_idx, __ATOMIC_RELEASE);
}

/** Whether the driver wants a call for what was published (2.7.7, 2.7.10). */
static inline bool
vduse_split_need_call(struct vduse_vq *vq)
{
	const uint16_t old = vq->notify.signalled, now = vq->pos.used_idx;
	uint16_t event;

	/* the index must be visible before the driver's wish is read */
	rte_atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!vq->ring.event_idx) {
		return !(__atomic_load_n(&vq->ring.split.avail->flags, __ATOMIC_RELAXED) &
				VRING_AVAIL_F_NO_INTERRUPT);
	}
	vq->notify.signalled = now;
	if (unlikely(!vq->notify.signalled_valid)) {
		vq->notify.signalled_valid = true;
		return true;
	}
	event = __atomic_load_n(vduse_split_used_event(vq), __ATOMIC_RELAXED);
	return vring_need_event(event, now, old);
}

/** Ask the driver for kicks, or not to send them (2.7.10). */
static inline void
vduse_split_set_kicks(struct vduse_vq *vq, bool wanted)
{
	if (vq->ring.event_idx) {
		/* without a wish the event stays behind: one kick in 65536 buffers at most */
		if (wanted)
			__atomic_store_n(vduse_split_avail_event(vq), vq->pos.avail.idx,
					__ATOMIC_RELAXED);
		return;
	}
	__atomic_store_n(&vq->ring.split.used->flags, wanted ? 0 : VRING_USED_F_NO_NOTIFY,
			__ATOMIC_RELAXED);
}

#endif /* VDUSE_SPLIT_H */
