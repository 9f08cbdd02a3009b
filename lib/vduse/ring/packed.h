/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VDUSE_PACKED_H
#define VDUSE_PACKED_H

#include <rte_atomic.h>

#include "ring/chain.h"

/* Verbs of the packed virtqueue (virtio 1.2, 2.8). */

#define VDUSE_PACKED_AVAIL ((uint16_t)(1u << VRING_PACKED_DESC_F_AVAIL))
#define VDUSE_PACKED_USED  ((uint16_t)(1u << VRING_PACKED_DESC_F_USED))
#define VDUSE_PACKED_WRAP  ((uint16_t)(1u << VRING_PACKED_EVENT_F_WRAP_CTR))

/** Move a ring index by n slots, n up to the size; true when it wrapped. */
static __rte_always_inline bool
vduse_packed_step(const struct vduse_vq *vq, uint16_t *idx, uint16_t n)
{
	uint32_t next = (uint32_t)*idx + n;
	bool wrapped = next >= vq->ring.size;

	*idx = (uint16_t)(wrapped ? next - vq->ring.size : next);
	return wrapped;
}

/** Whether a descriptor's flags say available, seen with this wrap counter (2.8.1). */
static __rte_always_inline bool
vduse_packed_is_avail(uint16_t flags, bool wrap)
{
	return !!(flags & VDUSE_PACKED_AVAIL) == wrap && !!(flags & VDUSE_PACKED_USED) != wrap;
}

/** Whether a buffer is available at the position: 1 or 0 (2.8.6). */
static __rte_always_inline int
vduse_packed_ready(struct vduse_vq *vq, const struct vduse_pos *pos)
{
	/* acquire: pairs with the driver's barrier before it writes the flags (2.8.21.1) */
	uint16_t flags = __atomic_load_n(&vq->ring.packed.desc[pos->idx].flags, __ATOMIC_ACQUIRE);

	return vduse_packed_is_avail(flags, pos->wrap);
}

static __rte_always_inline void
vduse_packed_desc(const uint64_t raw[2], struct vring_packed_desc *desc)
{
	desc->addr = raw[0];
	desc->len = (uint32_t)raw[1];
	desc->id = (uint16_t)(raw[1] >> 32);
	desc->flags = (uint16_t)(raw[1] >> 48);
}

/** Walk an indirect table: every entry counts, NEXT means nothing (2.8.7). */
static inline int
vduse_packed_walk_table(struct vduse_vq *vq, struct vduse_chain *chain, uint64_t addr, uint32_t len)
{
	const uint32_t entries = len / sizeof(struct vring_packed_desc);
	struct vring_packed_desc desc;
	uint64_t raw[2];
	uint32_t i;
	int ret;

	ret = vduse_chain_check_table(vq, addr, len);
	if (unlikely(ret < 0))
		return ret;
	if (unlikely(entries > RTE_MAX(vq->ring.size, VDUSE_SEGS_MAX)))
		return vduse_chain_bad(vq, "indirect table longer than a chain may be");
	if (unlikely(entries > chain->room))
		return -E2BIG;
	for (i = 0; i < entries; i++) {
		ret = vduse_desc_load_at(vq, addr + i * sizeof(desc), raw);
		if (unlikely(ret < 0))
			return ret;
		vduse_packed_desc(raw, &desc);
		if (unlikely(desc.flags & VRING_DESC_F_INDIRECT))
			return vduse_chain_bad(vq, "indirect table inside an indirect table");
		/* DPDK's virtio-user (22.11) leaves WRITE on in what it sends, in tables only */
		ret = vduse_chain_add(vq, chain, desc.addr, desc.len,
				(desc.flags & VRING_DESC_F_WRITE) && !vq->ring.read_only);
		if (unlikely(ret < 0))
			return ret;
	}
	return 0;
}

/**
 * Go on to the end of a chain that does not fit, where its id is (2.8.6), in as
 * many bursts as that takes.
 *
 * @return -E2BIG at its end; -EINPROGRESS; -EBADMSG
 */
static inline int
vduse_packed_skip(struct vduse_vq *vq, struct vduse_pos *pos, struct vduse_chain *chain)
{
	const uint16_t left = (uint16_t)(vq->ring.size - chain->slots);
	const uint16_t most = vduse_len_min16(left, VDUSE_SEGS_MAX);
	struct vring_packed_desc desc;
	uint64_t raw[2];
	uint16_t n;

	for (n = 1; n <= most; n++) {
		vduse_desc_load(&vq->ring.packed.desc[pos->idx], raw);
		vduse_packed_desc(raw, &desc);
		pos->wrap ^= vduse_packed_step(vq, &pos->idx, 1);
		vq->stats.work++;
		if (unlikely(desc.flags & VRING_DESC_F_INDIRECT))
			return vduse_chain_bad(vq, "indirect table as part of a chain");
		if (desc.flags & VRING_DESC_F_NEXT)
			continue;
		chain->id = desc.id;
		chain->slots += n;
		vq->notify.skipped = 0;
		return -E2BIG;
	}
	chain->slots += most;
	if (chain->slots == vq->ring.size)
		return vduse_chain_bad(vq, "descriptor chain longer than the queue size");
	vq->notify.skipped = chain->slots;
	return -EINPROGRESS;
}

/** Go on with the chain at the position; it is another one where the driver changed it. */
static inline int
vduse_packed_skip_more(struct vduse_vq *vq, struct vduse_pos *pos, struct vduse_chain *chain)
{
	chain->slots = vq->notify.skipped;
	pos->wrap ^= vduse_packed_step(vq, &pos->idx, vq->notify.skipped);
	return vduse_packed_skip(vq, pos, chain);
}

/**
 * Copy and check the chain at the position, and move the position behind it.
 * Returns as vduse_split_fetch(), with the id of a chain that does not fit only
 * where it is the first of its burst step; or -EINPROGRESS: it is longer than
 * that, and the next burst goes on from the same position.
 */
static __rte_always_inline int
vduse_packed_fetch(struct vduse_vq *vq, struct vduse_pos *pos, struct vduse_chain *chain)
{
	const uint16_t first = pos->idx;
	struct vring_packed_desc desc;
	uint64_t raw[2];
	int ret;

	if (unlikely(vq->notify.skipped != 0) && chain->seg == vq->segs) {
		if (vq->notify.skip_at == first)
			return vduse_packed_skip_more(vq, pos, chain);
		vq->notify.skipped = 0;
	}
	for (chain->slots = 1; chain->slots <= vq->ring.size; chain->slots++) {
		vduse_desc_load(&vq->ring.packed.desc[pos->idx], raw);
		vduse_packed_desc(raw, &desc);
		pos->wrap ^= vduse_packed_step(vq, &pos->idx, 1);
		if (unlikely(desc.flags & VRING_DESC_F_INDIRECT)) {
			if (chain->slots > 1 || (desc.flags & VRING_DESC_F_NEXT))
				return vduse_chain_bad(vq, "indirect table as part of a chain");
			chain->id = desc.id;
			return vduse_packed_walk_table(vq, chain, desc.addr, desc.len);
		}
		ret = vduse_chain_add(
				vq, chain, desc.addr, desc.len, desc.flags & VRING_DESC_F_WRITE);
		if (likely(!(desc.flags & VRING_DESC_F_NEXT))) {
			/* the id is in the last descriptor of a chain (2.8.6) */
			chain->id = desc.id;
			return ret;
		}
		if (unlikely(ret == -E2BIG && chain->seg == vq->segs)) {
			vq->notify.skip_at = first;
			return vduse_packed_skip(vq, pos, chain);
		}
		if (unlikely(ret < 0))
			return ret;
	}
	return vduse_chain_bad(vq, "descriptor chain longer than the queue size");
}

/**
 * Note n used descriptors, each of so many slots. The ring stays as it is until the publish, so
 * that a process that dies in between has taken nothing.
 */
static __rte_always_inline void
vduse_packed_put(struct vduse_vq *vq, const uint16_t *ids, const uint32_t *lens, uint16_t n,
		uint16_t slots)
{
	uint64_t *const puts = vq->journal.puts;
	uint16_t *const at = vq->journal.slots;
	const uint32_t first = vq->pos.used_pending, mask = vq->journal.mask;
	uint16_t i, flags, slot = vq->pos.used_idx;
	bool wrap = vq->pos.used_wrap;

	for (i = 0; i < n; i++) {
		flags = wrap ? VDUSE_PACKED_AVAIL | VDUSE_PACKED_USED : 0;
		if (lens[i] != 0)
			flags |= VRING_DESC_F_WRITE;
		puts[(first + i) & mask] = (uint64_t)flags << 48 | (uint64_t)ids[i] << 32 | lens[i];
		at[(first + i) & mask] = slot;
		wrap ^= vduse_packed_step(vq, &slot, slots);
	}
	vq->pos.used_wrap = wrap;
	vduse_vq_set_used(vq, slot);
	vq->pos.used_pending = (uint16_t)(first + n);
}

/** Where len, id and flags of a descriptor are: one word (2.8.13). */
static __rte_always_inline uint64_t *
vduse_packed_word(const struct vduse_vq *vq, uint16_t slot)
{
	return (uint64_t *)&vq->ring.packed.desc[slot].len;
}

/**
 * Write what was put, the first one last, so that the driver sees either all
 * or none. Doing it again before the driver has seen it changes nothing.
 */
static __rte_always_inline void
vduse_packed_publish(struct vduse_vq *vq)
{
	uint16_t i;

	for (i = 1; i < vq->pos.used_pending; i++)
		/* release: for a driver that reads ahead, after the buffer */
		__atomic_store_n(vduse_packed_word(vq, vq->journal.slots[i]), vq->journal.puts[i],
				__ATOMIC_RELEASE);
	/* release: pairs with the driver's read barrier after it reads flags (2.8.22) */
	__atomic_store_n(vduse_packed_word(vq, vq->journal.slots[0]), vq->journal.puts[0],
			__ATOMIC_RELEASE);
}

/** Whether the driver wants a call for what was published (2.8.10). */
static inline bool
vduse_packed_need_call(struct vduse_vq *vq)
{
	uint16_t old = vq->notify.signalled, now = vq->pos.used_idx, event, flags;
	uint32_t shared;

	/* the used descriptors must be visible before the driver's wish is read */
	rte_atomic_thread_fence(__ATOMIC_SEQ_CST);
	shared = __atomic_load_n((const uint32_t *)vq->ring.packed.driver, __ATOMIC_RELAXED);
	event = (uint16_t)shared;
	flags = (uint16_t)(shared >> 16) & 3;
	vq->notify.signalled = now;
	if (!vq->ring.event_idx || flags != VRING_PACKED_EVENT_FLAG_DESC)
		return flags != VRING_PACKED_EVENT_FLAG_DISABLE;
	if (unlikely(!vq->notify.signalled_valid)) {
		vq->notify.signalled_valid = true;
		return true;
	}
	/* lay the three positions on one line that ends at `now` */
	if (now <= old)
		old -= vq->ring.size;
	if (!!(event & VDUSE_PACKED_WRAP) != vq->pos.used_wrap)
		event = (uint16_t)((event & INT16_MAX) - vq->ring.size);
	else
		event &= INT16_MAX;
	return vring_need_event(event, now, old);
}

/** Ask the driver for kicks, or not to send them (2.8.9). */
static inline void
vduse_packed_set_kicks(struct vduse_vq *vq, bool wanted)
{
	uint16_t flags = VRING_PACKED_EVENT_FLAG_DISABLE;

	if (wanted && vq->ring.event_idx) {
		__atomic_store_n(&vq->ring.packed.device->off_wrap,
				vq->pos.avail.idx | (vq->pos.avail.wrap ? VDUSE_PACKED_WRAP : 0),
				__ATOMIC_RELAXED);
		flags = VRING_PACKED_EVENT_FLAG_DESC;
	} else if (wanted) {
		flags = VRING_PACKED_EVENT_FLAG_ENABLE;
	}
	/* release: the place before the wish for it */
	__atomic_store_n(&vq->ring.packed.device->flags, flags, __ATOMIC_RELEASE);
}

#endif /* VDUSE_PACKED_H */
