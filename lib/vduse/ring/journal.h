/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VDUSE_JOURNAL_H
#define VDUSE_JOURNAL_H

#include <rte_atomic.h>
#include <rte_bitops.h>

#include "ring/vq.h"

/*
 * What survives the process: a file, mapped shared, that holds a device's
 * description and where each virtqueue is. A killed process leaves in it
 * exactly the stores that it made, in program order; so what follows orders
 * the compiler, not the CPU. doc/crash.md has the protocol with its reasons.
 */

/** Bytes that the owner of the device may keep in the file. */
#define VDUSE_JOURNAL_BLOB_MAX 4096

/** What records in the file are aligned to on every processor, in bytes. */
#define VDUSE_JOURNAL_ALIGN 64

/** Entries of a queue's journal: its size, or the next power of two. */
static inline uint32_t
vduse_journal_entries(uint16_t max_size)
{
	return rte_align32pow2(max_size);
}

/**
 * The record of a virtqueue. Behind it come three arrays of
 * vduse_journal_entries() each: the journal's elements (8 bytes), the table of
 * buffers in flight (16) and the journal's slots (2).
 */
struct vduse_journal_record {
	/**
	 * The burst, in one word so that it is always whole: bits 0 to 15 the
	 * position before it, 16 to 31 the position behind it, 32 to 63 how many
	 * elements of the journal belong to it, 0: there is none. Split: the
	 * used index that was published, and nothing else.
	 */
	uint64_t burst;
	/**
	 * Buffers that stay out longer than a burst: bits 0 to 15 the position
	 * behind the last one taken, 16 set: this is in use, 17 which of the
	 * next two says how many were taken.
	 */
	uint64_t take;
	uint64_t taken[2]; /**< since the queue started; never gets round */
	uint64_t desc_addr, driver_addr, device_addr; /**< IOVA, to know the ring again */
	uint32_t size;
	uint32_t valid; /**< written last: VDUSE_JOURNAL_RUNNING, _PARKED, or 0 */
} __rte_aligned(VDUSE_JOURNAL_ALIGN);

/** The queue is served; a successor goes on from here. */
#define VDUSE_JOURNAL_RUNNING 1
/** It was served and its driver took it back: the record is its last state. */
#define VDUSE_JOURNAL_PARKED 2

#define VDUSE_JOURNAL_TAKE_USED  (UINT64_C(1) << 16)
#define VDUSE_JOURNAL_TAKE_WHICH (UINT64_C(1) << 17)

/** Entry of the table of buffers in flight, by id. */
struct vduse_journal_buffer {
	uint64_t take;  /**< which it was, from 0; however long ago */
	uint64_t flags; /**< written last: bit 0 set: in flight; 16 to 31 its slots */
};

#define VDUSE_JOURNAL_IN_FLIGHT UINT64_C(1)

/** How many were taken, by the record. */
static inline uint64_t
vduse_journal_taken(const struct vduse_journal_record *rec)
{
	return rec->taken[!!(rec->take & VDUSE_JOURNAL_TAKE_WHICH)];
}

/** A packed ring's position in 16 bits: a slot is below 32768. */
static __rte_always_inline uint16_t
vduse_journal_pos(uint16_t idx, bool wrap)
{
	return idx | (wrap ? 1u << 15 : 0);
}

/** Bytes of a record with its arrays, a multiple of the cache line. */
size_t vduse_journal_bytes(uint16_t max_size);

/**
 * Let the virtqueue keep its record in `room`, vduse_journal_bytes() long
 * and zeroed, or as a process before left it.
 */
void vduse_journal_bind(struct vduse_vq *vq, void *room);

/** A queue starts afresh at its positions. Before bursts run. */
void vduse_journal_start(struct vduse_vq *vq);

/**
 * The driver took the queue back, and sets its state before it gives it again.
 *
 * @param settled every buffer went back: the position is known
 */
void vduse_journal_park(struct vduse_vq *vq, bool settled);

/** The driver reset the device. */
void vduse_journal_reset(struct vduse_vq *vq);

/**
 * Where a queue is that was parked, for VDUSE_GET_VQ_STATE.
 *
 * @return 0; -EFAULT: not known, as buffers were out that did not come back
 */
int vduse_journal_state(const struct vduse_journal_record *record, bool packed,
		struct vduse_abi_vq_state *state);

/** Whether the record is of the very ring that is described. */
bool vduse_journal_matches(const struct vduse_vq *vq, uint32_t size);

/** Out of line part of vduse_journal_commit(). */
void vduse_journal_clear_burst(struct vduse_vq *vq);

/**
 * What was put is about to be published. The journal (packed) is written; from
 * here on a successor finishes the burst.
 */
static __rte_always_inline void
vduse_journal_begin(struct vduse_vq *vq, const bool packed)
{
	struct vduse_journal_record *rec = vq->journal.record;

	if (!packed)
		return; /* its used index is one word, and tells */
	rte_compiler_barrier();
	__atomic_store_n(&rec->burst,
			(uint16_t)rec->burst |
					(uint64_t)vduse_journal_pos(
							vq->pos.used_idx, vq->pos.used_wrap)
							<< 16 |
					(uint64_t)vq->pos.used_pending << 32,
			__ATOMIC_RELAXED);
	rte_compiler_barrier();
}

/** What was put is published. Before anything of the next burst is put. */
static __rte_always_inline void
vduse_journal_commit(struct vduse_vq *vq, const bool packed)
{
	struct vduse_journal_record *rec = vq->journal.record;

	rte_compiler_barrier();
	if (unlikely(vq->journal.takes))
		vduse_journal_clear_burst(vq);
	__atomic_store_n(&rec->burst,
			packed ? vduse_journal_pos(vq->pos.used_idx, vq->pos.used_wrap)
			       : vq->pos.used_idx,
			__ATOMIC_RELAXED);
	rte_compiler_barrier();
}

/**
 * A buffer is taken that may stay out when the burst ends. Where one buffer of
 * a queue is, all are from then on, those too that go back in the same burst,
 * until vduse_journal_settled(); and what was put before it is published.
 * Before vduse_journal_take() and before it is put.
 *
 * @param id the buffer's: chain.id
 * @param slots ring slots that it takes: chain.slots
 * @return false for an id that no driver may choose; the ring is malformed
 */
static __rte_always_inline bool
vduse_journal_inflight_set(struct vduse_vq *vq, uint16_t id, uint16_t slots)
{
	if (unlikely(id > vq->journal.mask))
		return false;
	vq->journal.takes = true;
	__atomic_store_n(&vq->journal.inflight[id].take, vq->journal.taken++, __ATOMIC_RELAXED);
	rte_compiler_barrier();
	__atomic_store_n(&vq->journal.inflight[id].flags,
			(uint64_t)slots << 16 | VDUSE_JOURNAL_IN_FLIGHT, __ATOMIC_RELAXED);
	return true;
}

/**
 * All that was set so far is taken: a successor gives it back instead of
 * taking it again. Once a burst, after vq->pos.avail moved and before the frames
 * are handed on or anything is published.
 */
static __rte_always_inline void
vduse_journal_take(struct vduse_vq *vq, const bool packed)
{
	struct vduse_journal_record *rec = vq->journal.record;
	/* the number that does not count, until the next word says that it does */
	const uint64_t which = ~rec->take & VDUSE_JOURNAL_TAKE_WHICH;

	rte_compiler_barrier();
	__atomic_store_n(&rec->taken[which != 0], vq->journal.taken, __ATOMIC_RELAXED);
	rte_compiler_barrier();
	__atomic_store_n(&rec->take,
			(packed ? vduse_journal_pos(vq->pos.avail.idx, vq->pos.avail.wrap)
				: vq->pos.avail.idx) |
					VDUSE_JOURNAL_TAKE_USED | which,
			__ATOMIC_RELAXED);
	rte_compiler_barrier();
}

/** Nothing is out any more, and all of it is published: what is put from here on is not noted. */
static __rte_always_inline void
vduse_journal_settled(struct vduse_vq *vq)
{
	rte_compiler_barrier();
	__atomic_store_n(&vq->journal.record->take, 0, __ATOMIC_RELAXED);
	rte_compiler_barrier();
	vq->journal.takes = false;
}

/**
 * The buffer was given back. vduse_journal_commit() does it for all that the
 * burst put; nobody else has to.
 */
static __rte_always_inline void
vduse_journal_inflight_clear(struct vduse_vq *vq, uint16_t id)
{
	__atomic_store_n(&vq->journal.inflight[id & vq->journal.mask].flags, 0, __ATOMIC_RELAXED);
}

#endif /* VDUSE_JOURNAL_H */
