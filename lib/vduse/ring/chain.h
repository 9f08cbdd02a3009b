/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VDUSE_CHAIN_H
#define VDUSE_CHAIN_H

#include <errno.h>
#include <string.h>

#include "len.h"
#include "ring/vq.h"

/**
 * One descriptor chain, copied out of shared memory and checked: readable
 * segments first, then writable ones (virtio 1.2, 2.7.4.2 and 2.8.10). Of one
 * that does not fit id and slots are valid, and no more of it is read than they
 * need.
 */
struct vduse_chain {
	struct vduse_seg *seg; /**< the first segment, in the virtqueue's array */
	uint16_t room;         /**< segments that fit */
	uint16_t nr;           /**< readable by the device */
	uint16_t nw;           /**< writable by the device */
	uint16_t id;           /**< names the buffer in the used ring */
	uint16_t slots;        /**< ring slots it takes: split 1, packed its descriptors */
	uint64_t len;          /**< bytes of all segments */
};

/** A descriptor in a local copy, the same for both ring formats. */
struct vduse_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t next_or_id; /* split: flags come first */
	uint16_t flags;
};

/** Start an empty chain behind `used` segments of the virtqueue's array. */
static __rte_always_inline void
vduse_chain_init(const struct vduse_vq *vq, struct vduse_chain *chain, uint16_t used)
{
	chain->seg = &vq->segs[used];
	chain->room = VDUSE_SEGS_MAX - used;
	chain->id = 0; /* of one that ends before its own */
	chain->nr = 0;
	chain->nw = 0;
	chain->len = 0;
}

/** What is malformed stops the queue. @return -EBADMSG */
static inline int
vduse_chain_bad(struct vduse_vq *vq, const char *what)
{
	return vduse_vq_set_fault(vq, what);
}

/**
 * Segments of one descriptor, more than one where it crosses extents.
 *
 * @return 0; -EAGAIN; -EBADMSG; -E2BIG: no more fit
 */
static __rte_always_inline int
vduse_chain_add(struct vduse_vq *vq, struct vduse_chain *chain, uint64_t addr, uint32_t len,
		bool write)
{
	const uint8_t perm = write ? VDUSE_ABI_WO : VDUSE_ABI_RO;
	uint64_t avail;
	uint32_t n;
	void *va;

	if (unlikely(len == 0))
		return vduse_chain_bad(vq, "descriptor of no length");
	if (unlikely(addr + (len - 1) < addr))
		return vduse_chain_bad(vq, "descriptor beyond the end of the address space");
	if (unlikely(!write && chain->nw > 0))
		return vduse_chain_bad(vq, "readable descriptor after a writable one");
	chain->len += len;
	for (;;) {
		va = vduse_iotlb_find(vq->map.now, &vq->map.hint, addr, perm, &avail);
		if (unlikely(va == NULL)) {
			vq->map.missed_at = addr;
			return -EAGAIN;
		}
		vduse_count(&vq->stats.iotlb_hits, 1);
		vq->stats.work++;
		if (unlikely(chain->nr + chain->nw == chain->room))
			return -E2BIG;
		chain->seg[chain->nr + chain->nw].addr = va;
		n = vduse_len_min32(avail, len);
		chain->seg[chain->nr + chain->nw].len = n;
		if (write)
			chain->nw++;
		else
			chain->nr++;
		if (likely(n == len))
			return 0;
		addr += n;
		len -= n;
	}
}

/**
 * Copy one descriptor out of shared memory: two loads, so that what is
 * checked is what is used, whatever the driver writes meanwhile.
 */
static __rte_always_inline void
vduse_desc_load(const void *shared, uint64_t raw[2])
{
	const uint64_t *words = shared;

	raw[0] = __atomic_load_n(&words[0], __ATOMIC_RELAXED);
	raw[1] = __atomic_load_n(&words[1], __ATOMIC_RELAXED);
}

/**
 * Copy one descriptor of an indirect table, which may be anywhere: not
 * aligned, and across extents.
 *
 * @return 0 or -EAGAIN (not mapped)
 */
static inline int
vduse_desc_load_at(struct vduse_vq *vq, uint64_t iova, uint64_t raw[2])
{
	const size_t size = 2 * sizeof(raw[0]);
	uint64_t avail;
	size_t done, n;
	const void *va;

	for (done = 0; done < size; done += n) {
		va = vduse_iotlb_find(
				vq->map.now, &vq->map.hint, iova + done, VDUSE_ABI_RO, &avail);
		if (unlikely(va == NULL)) {
			vq->map.missed_at = iova + done;
			return -EAGAIN;
		}
		n = RTE_MIN(avail, size - done);
		memcpy((uint8_t *)raw + done, va, n);
	}
	rte_compiler_barrier();
	return 0;
}

/** Check an indirect table's place. @return 0 or -EBADMSG */
static inline int
vduse_chain_check_table(struct vduse_vq *vq, uint64_t addr, uint32_t len)
{
	if (!vq->ring.indirect)
		return vduse_chain_bad(vq, "indirect table without VIRTIO_RING_F_INDIRECT_DESC");
	if (len == 0 || len % sizeof(struct vring_desc) != 0)
		return vduse_chain_bad(vq, "indirect table of a length that is no multiple of 16");
	if (addr + (len - 1) < addr)
		return vduse_chain_bad(vq, "indirect table beyond the end of the address space");
	return 0;
}

#endif /* VDUSE_CHAIN_H */
