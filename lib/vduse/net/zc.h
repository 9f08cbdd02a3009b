/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NET_ZC_H
#define NET_ZC_H

#include <rte_mbuf.h>

#include "len.h"
#include "net/copy.h"
#include "ring/chain.h"
#include "rte_vduse_net.h"

/*
 * Zero-copy towards the host: long frames stay in the driver's memory, and
 * the mbufs that are handed on point there. The first bytes are copied into
 * an mbuf of the pool, so that headers can be written, and cannot change once
 * they were looked at; what is behind is attached piece by piece
 * (rte_pktmbuf_attach_extbuf()). A buffer goes back to the driver when the
 * last mbuf on it was freed, by any lcore, in any order.
 *
 * Who frees writes one byte and takes no lock; the lcore of the queue looks at
 * the bytes at its next poll.
 */

/** Bytes that are copied: Ethernet to TCP with options. */
#define NET_ZC_HEAD 128

/** Pieces of one frame at most; more are copied. */
#define NET_ZC_PIECES 64

struct net_zc;

/** One piece: an mbuf that points to the driver's memory. */
struct net_zc_slot {
	struct rte_mbuf_ext_shared_info shinfo;
	struct net_zc *zc;
	const uint8_t *addr; /**< of the piece; atomic */
	uint16_t len;        /**< bytes, 0: unused; atomic */
	uint16_t first;      /**< slot of the frame's first piece */
	uint16_t next;       /**< next slot of the frame, or of the free ones */
	uint16_t left;       /**< first: pieces that are not freed */
	uint16_t id;         /**< first: of the buffer to be given back */
	uint16_t ring_slots; /**< first: of that buffer */
	uint16_t turn;       /**< first: its place in the order, where there is one */
	bool owed;           /**< first: the driver waits for it */
};

#define NET_ZC_NONE UINT16_MAX

/** A buffer that is out, or waits behind one that is. */
struct net_zc_turn {
	uint16_t id;
	uint16_t ring_slots;
	bool done; /**< nobody reads it any more */
};

/**
 * A buffer may hold back others for so long, milliseconds. Beyond it the frames that are out
 * are copied by the control thread, and all buffers go back.
 */
#define NET_ZC_HOLD_MS 10
/** Frames are copied for so long then: who reads keeps them. */
#define NET_ZC_REST_MS 10000

/** Of one queue. Lives until the last piece was freed. */
struct net_zc {
	/** bytes of a frame from which on it is not copied: above NET_ZC_HEAD, below 128 KiB */
	uint32_t min;
	uint16_t nb_slots; /**< a multiple of 8 */
	uint16_t nb_free;
	uint16_t free;            /**< first free slot */
	uint16_t high;            /**< slots from here on were never used; atomic */
	uint8_t reader;           /**< enum rte_vduse_net_reader, as the owner says; atomic */
	uint8_t reader_seen;      /**< the same, as the next ones are of */
	bool reaches;             /**< who reads reaches some of the memory */
	bool iova_as_va;          /**< for a device, DPDK's memory is where it is for the process */
	uint64_t map_generation;  /**< of the map that these and the next two are of */
	const uint8_t *dma_addr;  /**< of the driver's memory, what is DPDK's own (umem) */
	size_t dma_len;           /**< bytes, 0: nothing */
	bool all_read;            /**< nobody reads what is owed: the next burst gives it back */
	bool in_order;            /**< buffers go back in the order of turns */
	bool rests;               /**< frames are copied, as who reads kept some for too long, */
	uint64_t rest_began;      /**< from then on, cycles of vduse_clock(), */
	uint64_t rest_cycles;     /**< for so long */
	uint16_t held;            /**< in order: buffers that nobody reads, behind the oldest, */
	uint16_t held_turn;       /**< whose turn this is, */
	uint64_t held_since;      /**< for so long, cycles; 0: it is new */
	uint64_t hold_cycles;     /**< that it may last */
	uint16_t owed;            /**< descriptors that the driver waits for */
	uint16_t turn, next_turn; /**< in order: the oldest, and behind the last; free running */
	uint16_t turn_mask;
	uint64_t life;             /**< of the queue, that they are owed to: vq->journal.life */
	struct net_zc_turn *turns; /**< one for each descriptor of the ring */
	uint8_t *freed;            /**< by slot: 1 when the mbuf was freed; atomic */
	struct net_zc_slot slots[] __rte_cache_aligned;
};

/** All of a device: the argument of ops->held. */
struct net_zc_set {
	uint32_t min;    /**< see struct net_zc */
	uint16_t pieces; /**< that are out at once, of each; 0: by the queue's size */
	uint16_t nb;
	struct net_zc *zc[RTE_VDUSE_NET_PAIRS_MAX]; /**< by queue pair */
};

/** An empty one. @param min, pieces see the struct. @return NULL: no memory. Mirror:
 * net_zc_set_free()
 */
struct net_zc_set *net_zc_set_alloc(uint32_t min, uint16_t pieces);

/** For one more queue pair. @return owned by the set; NULL: no memory */
struct net_zc *net_zc_set_add(struct net_zc_set *set, uint16_t queue_size);

/** Free it when the last piece was freed, now or later. */
void net_zc_set_free(struct net_zc_set *set);

/** ops->held */
size_t net_zc_held(void *set, const void *base, size_t len, void *copy);

/** The ring that buffers were owed to is gone: this is the next one. In its burst, or while it
 * rests. */
void net_zc_next_life(struct net_zc *zc, const struct vduse_vq *vq);

/** Before anything is owed to the ring, or given back: it may be another one than last time. */
static __rte_always_inline void
net_zc_meet(struct net_zc *zc, const struct vduse_vq *vq)
{
	if (unlikely(zc->life != vq->journal.life))
		net_zc_next_life(zc, vq);
}

/** Buffers in order from the next life on, or not. The queue does not run. */
static inline void
net_zc_set_order(struct net_zc *zc, bool in_order)
{
	zc->in_order = in_order;
}

/** Whether a buffer that is copied has to wait for those before it. */
static __rte_always_inline bool
net_zc_waits(const struct net_zc *zc)
{
	return zc->turn != zc->next_turn;
}

/** Buffers that can be taken now, up to max: who makes more available has made them up. */
static __rte_always_inline uint16_t
net_zc_room(const struct net_zc *zc, const struct vduse_vq *vq, uint16_t max)
{
	/* a driver has as many buffers as the ring has descriptors, at most */
	return vduse_len_min16(
			max, (uint16_t)(vq->ring.size - (uint16_t)(zc->next_turn - zc->turn)));
}

/** The next buffer in order. @return its turn */
static __rte_always_inline uint16_t
net_zc_turn(struct net_zc *zc, uint16_t id, uint16_t ring_slots, bool done)
{
	const uint16_t turn = zc->next_turn++;

	zc->turns[turn & zc->turn_mask] = (struct net_zc_turn){ id, ring_slots, done };
	zc->owed += ring_slots;
	zc->held += done;
	return turn;
}

/** Give back what is owed, as all of it was copied meanwhile. The queue rests, its ring is mapped.
 */
void net_zc_give_back(struct net_zc *zc, struct vduse_vq *vq);

/**
 * Make a frame of the chain without copying what is behind its head.
 *
 * @param skip bytes of the chain before the frame
 * @param head empty mbuf of the pool; gets NET_ZC_HEAD bytes and the pieces
 * @return 0; -ENOBUFS: to be copied, nothing was changed
 */
int net_zc_attach(struct net_zc *zc, const struct vduse_chain *chain, uint32_t skip,
		struct rte_mempool *pool, struct rte_mbuf *head);

/** Callback of shinfo: the mbuf was freed, by whichever thread. */
void net_zc_on_free(void *addr, void *opaque);

/** See what of a map is DPDK's own memory, and what the one who reads reaches. */
void net_zc_see_map(struct net_zc *zc, const struct vduse_iotlb_map *map);

/** Whether frames were copied for long enough. */
bool net_zc_has_rested(const struct net_zc *zc);

/** Whether the map, or who reads, is another than was looked at. */
static __rte_always_inline bool
net_zc_is_stale(const struct net_zc *zc, const struct vduse_iotlb_map *map)
{
	return zc->map_generation != map->generation ||
	       zc->reader_seen != __atomic_load_n(&zc->reader, __ATOMIC_RELAXED) ||
	       (unlikely(zc->rests) && net_zc_has_rested(zc));
}

/**
 * Where devices find bytes of DPDK's memory, by EAL's own tables, which need no privileges.
 *
 * @return RTE_BAD_IOVA: nowhere, or not in one piece
 */
rte_iova_t net_zc_iova(const uint8_t *addr, uint32_t len);

/**
 * Whether who reads reaches the bytes.
 *
 * @param[out] iova where a device finds them; RTE_BAD_IOVA: nowhere. A device reads memory that
 *   was mapped for it; the driver's is not, but for DPDK's own
 */
static __rte_always_inline bool
net_zc_reach(const struct net_zc *zc, const uint8_t *addr, uint32_t len, rte_iova_t *iova)
{
	const size_t at = (uintptr_t)addr - (uintptr_t)zc->dma_addr;

	if (likely(at >= zc->dma_len || len > zc->dma_len - at))
		*iova = RTE_BAD_IOVA;
	else
		*iova = zc->iova_as_va ? (uintptr_t)addr : net_zc_iova(addr, len);
	return zc->reader_seen == RTE_VDUSE_NET_READER_PROCESSOR || *iova != RTE_BAD_IOVA;
}

/** Frames of one descriptor that can be attached now. */
static __rte_always_inline uint16_t
net_zc_budget(const struct net_zc *zc, const struct vduse_vq *vq)
{
	/* the rest is for frames that are copied: the ring never stands still for those held */
	const uint16_t owed_max = zc->reaches ? vq->ring.size / 4 * 3 : 0;

	return zc->owed < owed_max ? vduse_len_min16(zc->nb_free, (uint16_t)(owed_max - zc->owed))
				   : 0;
}

/** Point the mbuf to a piece of 1 to UINT16_MAX bytes; iova of net_zc_reach(). @return its slot */
static __rte_always_inline uint16_t
net_zc_piece(struct net_zc *zc, uint8_t *addr, uint16_t len, rte_iova_t iova, struct rte_mbuf *m)
{
	const uint16_t i = zc->free != NET_ZC_NONE ? zc->free : zc->high;
	struct net_zc_slot *slot = &zc->slots[i];

	if (zc->free != NET_ZC_NONE)
		zc->free = slot->next;
	else
		__atomic_store_n(&zc->high, zc->high + 1, __ATOMIC_RELAXED);
	zc->nb_free--;
	rte_mbuf_ext_refcnt_set(&slot->shinfo, 1);
	__atomic_store_n(&slot->addr, addr, __ATOMIC_RELAXED);
	__atomic_store_n(&slot->len, len, __ATOMIC_RELEASE);
	rte_pktmbuf_attach_extbuf(m, addr, iova, len, &slot->shinfo);
	m->data_len = len;
	return i;
}

/** The frame of `nb` pieces from slot `first` on owes a buffer to the driver. */
static __rte_always_inline void
net_zc_owe(struct net_zc *zc, uint16_t first, uint16_t nb, uint16_t id, uint16_t ring_slots)
{
	struct net_zc_slot *slot = &zc->slots[first];

	slot->left = nb;
	slot->id = id;
	slot->ring_slots = ring_slots;
	slot->owed = true;
	if (zc->in_order)
		slot->turn = net_zc_turn(zc, id, ring_slots, false);
	else
		zc->owed += ring_slots;
}

/** What is behind the head of a frame in one piece. @return false: none that one mbuf can hold */
static __rte_always_inline bool
net_zc_tail_len(uint32_t len, uint16_t *tail_len)
{
	return likely(len > NET_ZC_HEAD) && vduse_len16(len - NET_ZC_HEAD, tail_len);
}

/**
 * net_zc_attach() of a frame in one piece, for which there is a budget.
 *
 * @param tail_len of net_zc_tail_len()
 * @param head initialised, empty
 * @param tail initialised, for the rest of the frame
 * @return the slot, for net_zc_owe(); NET_ZC_NONE: who reads does not reach it
 */
static __rte_always_inline uint16_t
net_zc_attach_one(struct net_zc *zc, uint8_t *frame, uint16_t tail_len, struct rte_mbuf *head,
		struct rte_mbuf *tail)
{
	rte_iova_t iova;
	uint16_t i;

	if (unlikely(!net_zc_reach(zc, frame + NET_ZC_HEAD, tail_len, &iova)))
		return NET_ZC_NONE;
	i = net_zc_piece(zc, frame + NET_ZC_HEAD, tail_len, iova, tail);
	zc->slots[i].first = i;
	zc->slots[i].next = NET_ZC_NONE;
	net_copy(rte_pktmbuf_mtod(head, uint8_t *), frame, NET_ZC_HEAD);
	head->data_len = NET_ZC_HEAD;
	head->pkt_len = (uint32_t)NET_ZC_HEAD + tail_len;
	head->nb_segs = 2;
	head->next = tail;
	return i;
}

/** Give back the buffers whose mbufs were freed; they are published with the burst. */
void net_zc_collect(struct net_zc *zc, struct vduse_vq *vq, const bool packed);

#endif /* NET_ZC_H */
