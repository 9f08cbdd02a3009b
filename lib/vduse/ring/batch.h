/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VDUSE_BATCH_H
#define VDUSE_BATCH_H

#include <rte_prefetch.h>

#include "len.h"
#include "ring/ring.h"

/*
 * Plain buffers taken together: one descriptor each, linear in this process's
 * memory, of the wanted direction and length. That is nearly all of the
 * traffic. The first buffer that is anything else ends the batch and is left
 * in the ring, where vduse_ring_fetch() copies it again and judges it.
 *
 * Taking many at once lets the misses on descriptors and buffers, which come
 * from the driver's core, overlap.
 */

/** Buffers of one batch at most. */
#define VDUSE_BATCH_MAX 32

struct vduse_batch {
	uint8_t *addr[VDUSE_BATCH_MAX];
	uint32_t len[VDUSE_BATCH_MAX]; /**< bytes */
	uint16_t id[VDUSE_BATCH_MAX];  /**< names the buffer in the used ring */
};

/** What counts as plain. */
struct vduse_batch_want {
	bool write;   /**< buffers that the device writes; else that it reads */
	uint32_t min; /**< bytes, 1 or more */
	uint32_t max;
};

/**
 * The line, to be written. The compiler makes a plain prefetch of
 * rte_prefetch0_write() for the processors that DPDK is packaged for, and that
 * one fetches the line twice: to read it, then to own it. What has no
 * prefetchw takes it for a NOP.
 */
static __rte_always_inline void
vduse_prefetch_write(const void *addr)
{
#ifdef RTE_ARCH_X86
	asm volatile("prefetchw %0" : : "m"(*(const volatile char *)addr));
#else
	rte_prefetch0_write(addr);
#endif
}

#define VDUSE_BATCH_FLAGS (VRING_DESC_F_NEXT | VRING_DESC_F_WRITE | VRING_DESC_F_INDIRECT)

/** Add one descriptor's copy. @return false when it is not plain */
static __rte_always_inline bool
vduse_batch_add(struct vduse_vq *vq, const struct vduse_batch_want *want, struct vduse_batch *batch,
		uint16_t i, const uint64_t raw[2], const bool packed)
{
	/* packed: AVAIL and USED may be among them */
	const uint16_t flags = (uint16_t)(raw[1] >> (packed ? 48 : 32));
	const uint16_t plain = want->write ? VRING_DESC_F_WRITE : 0;
	const uint8_t perm = want->write ? VDUSE_ABI_WO : VDUSE_ABI_RO;
	const uint32_t len = (uint32_t)raw[1];
	uint64_t avail;
	uint8_t *addr;

	if (unlikely((flags & VDUSE_BATCH_FLAGS) != plain || len < want->min || len > want->max))
		return false;
	addr = vduse_iotlb_find(vq->map.now, &vq->map.hint, raw[0], perm, &avail);
	if (unlikely(addr == NULL || avail < len))
		return false;
	if (want->write) {
		vduse_prefetch_write(addr);
		vduse_prefetch_write(addr + RTE_CACHE_LINE_SIZE);
	} else {
		rte_prefetch0(addr);
		rte_prefetch0(addr + RTE_CACHE_LINE_SIZE);
	}
	batch->addr[i] = addr;
	batch->len[i] = len;
	return true;
}

/** Buffers whose lines are fetched ahead of the copy that is under way. */
#define VDUSE_BATCH_AHEAD 2
/** Bytes of one buffer that are fetched ahead; the processor's own prefetch has begun by then. */
#define VDUSE_BATCH_AHEAD_BYTES 2048

/** Fetch the lines of [from, len) of a piece, as far as it pays. */
static __rte_always_inline void
vduse_prefetch_lines(const uint8_t *addr, uint32_t from, uint32_t len, const bool write)
{
	const uint32_t end = RTE_MIN(len, (uint32_t)VDUSE_BATCH_AHEAD_BYTES);

	for (; from < end; from += RTE_CACHE_LINE_SIZE) {
		if (write)
			vduse_prefetch_write(addr + from);
		else
			rte_prefetch0(addr + from);
	}
}

/** Fetch what vduse_batch_add() has not of the first len bytes of a buffer. */
static __rte_always_inline void
vduse_batch_prefetch(const struct vduse_batch *batch, uint16_t i, uint32_t len, const bool write)
{
	vduse_prefetch_lines(batch->addr[i], 2 * RTE_CACHE_LINE_SIZE, len, write);
}

/** Buffers known to be available, up to max. */
static __rte_always_inline uint16_t
vduse_split_avail(struct vduse_vq *vq, uint16_t max)
{
	uint16_t n = vq->pos.avail_cached - vq->pos.avail.idx, idx;

	if (n < max) {
		/* acquire: pairs with the driver's write barrier before it updates idx (2.7.13.3)
		 */
		idx = __atomic_load_n(&vq->ring.split.avail->idx, __ATOMIC_ACQUIRE);
		/* one that jumped is found, and said, when what is known has been taken */
		if (likely((uint16_t)(idx - vq->pos.avail.idx) <= vq->ring.size)) {
			vq->pos.avail_cached = idx;
			n = idx - vq->pos.avail.idx;
		}
	}
	return vduse_len_min16(n, max);
}

static __rte_always_inline uint16_t
vduse_split_batch(struct vduse_vq *vq, const struct vduse_batch_want *want, uint16_t max,
		struct vduse_batch *batch)
{
	const uint16_t n = vduse_split_avail(vq, max), mask = vq->ring.size - 1;
	struct vduse_pos pos = vq->pos.avail;
	uint64_t raw[2];
	uint16_t i, id;

	for (i = 0; i < n; i++) {
		id = __atomic_load_n(&vq->ring.split.avail->ring[(uint16_t)(pos.idx + i) & mask],
				__ATOMIC_RELAXED);
		if (unlikely(id >= vq->ring.size))
			break;
		vduse_desc_load(&vq->ring.split.desc[id], raw);
		if (!vduse_batch_add(vq, want, batch, i, raw, false))
			break;
		batch->id[i] = id;
	}
	pos.idx = (uint16_t)(pos.idx + i);
	vduse_vq_set_avail(vq, pos);
	return i;
}

static __rte_always_inline uint16_t
vduse_packed_batch(struct vduse_vq *vq, const struct vduse_batch_want *want, uint16_t max,
		struct vduse_batch *batch)
{
	/* up to the ring's end */
	struct vduse_pos pos = vq->pos.avail;
	const uint16_t n = vduse_len_min16(max, (uint16_t)(vq->ring.size - pos.idx));
	const uint64_t *words;
	uint64_t raw[2];
	uint16_t i;

	for (i = 0; i < n; i++) {
		words = (const uint64_t *)&vq->ring.packed.desc[pos.idx + i];
		/* acquire: the flags are in this word, the address may not be older than they */
		raw[1] = __atomic_load_n(&words[1], __ATOMIC_ACQUIRE);
		if (!vduse_packed_is_avail((uint16_t)(raw[1] >> 48), pos.wrap))
			break;
		raw[0] = __atomic_load_n(&words[0], __ATOMIC_RELAXED);
		if (!vduse_batch_add(vq, want, batch, i, raw, true))
			break;
		batch->id[i] = (uint16_t)(raw[1] >> 32);
	}
	pos.wrap ^= vduse_packed_step(vq, &pos.idx, i);
	vduse_vq_set_avail(vq, pos);
	return i;
}

/**
 * Take up to max plain buffers, in ring order.
 *
 * @param max VDUSE_BATCH_MAX at most
 * @return buffers taken; 0: none, or the next one is not plain
 */
static __rte_always_inline uint16_t
vduse_ring_batch(struct vduse_vq *vq, const struct vduse_batch_want *want, uint16_t max,
		struct vduse_batch *batch, const bool packed)
{
	uint16_t n;

	n = packed ? vduse_packed_batch(vq, want, max, batch)
		   : vduse_split_batch(vq, want, max, batch);
	vduse_count(&vq->stats.iotlb_hits, n);
	vq->stats.work += n;
	return n;
}

/** Give back the first n, with the bytes that were written to each: batch->len. */
static __rte_always_inline void
vduse_ring_put_batch(
		struct vduse_vq *vq, const struct vduse_batch *batch, uint16_t n, const bool packed)
{
	if (packed)
		vduse_packed_put(vq, batch->id, batch->len, n, 1);
	else
		vduse_split_put(vq, batch->id, batch->len, n);
}

/** Leave all but the first `kept` of n buffers in the ring, as if they had not been taken. */
static __rte_always_inline void
vduse_ring_untake(struct vduse_vq *vq, uint16_t n, uint16_t kept, const bool packed)
{
	const uint16_t back = n - kept;
	struct vduse_pos pos = vq->pos.avail;

	if (!packed || pos.idx >= back) {
		pos.idx -= back;
	} else {
		pos.idx = (uint16_t)(pos.idx + vq->ring.size - back);
		pos.wrap = !pos.wrap;
	}
	vduse_vq_set_avail(vq, pos);
}

#endif /* VDUSE_BATCH_H */
