/* SPDX-License-Identifier: BSD-3-Clause */

#include <rte_memcpy.h>

#include "len.h"
#include "net/copy.h"
#include "net/net.h"
#include "net/zc.h"
#include "ring/backoff.h"
#include "ring/batch.h"
#include "ring/journal.h"

/* Buffers that a burst takes beyond those of its frames: what is dropped is copied before. */
#define DEQUEUE_DROPS_MAX 32

/* The header of a chain, which may be spread over its segments (virtio 1.2, 2.7.4). */
static __rte_always_inline void
dequeue_header(const struct vduse_chain *chain, struct virtio_net_hdr_mrg_rxbuf *hdr)
{
	size_t done, n;
	uint16_t i;

	if (likely(chain->seg[0].len >= sizeof(*hdr))) {
		memcpy(hdr, chain->seg[0].addr, sizeof(*hdr));
		return;
	}
	for (i = 0, done = 0; done < sizeof(*hdr); i++, done += n) {
		n = RTE_MIN(chain->seg[i].len, sizeof(*hdr) - done);
		memcpy((uint8_t *)hdr + done, chain->seg[i].addr, n);
	}
}

/* Append the payload of the chain to the mbuf, and mbufs to the mbuf where it is full. */
static __rte_always_inline int
dequeue_copy(const struct vduse_chain *chain, uint64_t skip, struct rte_mempool *pool,
		struct rte_mbuf *head)
{
	uint64_t left = chain->len - skip;
	struct rte_mbuf *tail = head, *more;
	uint16_t i = 0, n;

	if (likely(chain->nr == 1 && left <= rte_pktmbuf_tailroom(head) && vduse_len16(left, &n))) {
		rte_memcpy(rte_pktmbuf_mtod(head, void *), chain->seg[0].addr + skip, n);
		head->data_len = n;
		head->pkt_len = n;
		return 0;
	}
	while (left > 0) {
		if (skip >= chain->seg[i].len) {
			skip -= chain->seg[i++].len;
			continue;
		}
		if (rte_pktmbuf_tailroom(tail) == 0) {
			more = rte_pktmbuf_alloc(pool);
			if (more == NULL)
				return -ENOMEM;
			tail->next = more;
			head->nb_segs++;
			tail = more;
		}
		n = vduse_len_min16(chain->seg[i].len - skip, rte_pktmbuf_tailroom(tail));
		rte_memcpy(rte_pktmbuf_mtod_offset(tail, void *, tail->data_len),
				chain->seg[i].addr + skip, n);
		tail->data_len += n;
		head->pkt_len += n;
		skip += n;
		left -= n;
	}
	return 0;
}

/* Whether the field of a checksum, which may be completed, is in the part that is copied. */
static __rte_always_inline bool
dequeue_head_does(const struct virtio_net_hdr *hdr)
{
	return !(hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) ||
	       (uint32_t)hdr->csum_start + hdr->csum_offset + 2 <= NET_ZC_HEAD;
}

/* Longest frame with this header. */
static __rte_always_inline uint32_t
dequeue_max(const struct net_queue *q, const struct virtio_net_hdr *hdr)
{
	return __atomic_load_n(
			hdr->gso_type == VIRTIO_NET_HDR_GSO_NONE ? &q->plain_max : &q->gso_max,
			__ATOMIC_RELAXED);
}

/* What the header asks for, onto the mbuf. @return false: dropped, counted */
static bool
dequeue_offloads(struct net_queue *q, const struct virtio_net_hdr *hdr, struct rte_mbuf *m)
{
	uint32_t max;

	if (unlikely(net_hdr_to_mbuf(hdr, q->features, q->complete, m) < 0)) {
		NET_DROP(q, header, bad_header);
		return false;
	}
	if (likely(hdr->gso_type == VIRTIO_NET_HDR_GSO_NONE))
		return true;
	/* its segments, or the frame where it is only one, are as long as others may be */
	max = __atomic_load_n(&q->plain_max, __ATOMIC_RELAXED);
	if (likely(m->ol_flags & RTE_MBUF_F_RX_LRO ? m->tso_segsz < max : m->pkt_len <= max))
		return true;
	NET_DROP(q, long, too_long);
	return false;
}

static __rte_always_inline bool
dequeue_may_attach(const struct net_queue *q, const struct virtio_net_hdr *hdr,
		const struct vduse_chain *chain)
{
	return chain->len - q->hdr_len >= q->zc->min &&
	       chain->slots <= net_zc_budget(q->zc, q->vq) && dequeue_head_does(hdr);
}

/* Flags that an mbuf of the pool always has. */
static __rte_always_inline uint64_t
dequeue_pool_flags(struct rte_mempool *pool)
{
	const uint32_t pinned = rte_pktmbuf_priv_flags(pool) & RTE_PKTMBUF_POOL_F_PINNED_EXT_BUF;

	return unlikely(pinned != 0) ? RTE_MBUF_F_EXTERNAL : 0;
}

/*
 * One frame into an mbuf.
 * Returns 0 with *m NULL for a frame that is dropped; 1: the buffer is given
 * back later, by net_zc_collect(); -ENOMEM: it waits.
 */
static __rte_always_inline int
dequeue_frame(struct net_queue *q, const struct vduse_chain *chain, struct rte_mempool *pool,
		struct rte_mbuf **m, const bool zc)
{
	struct virtio_net_hdr_mrg_rxbuf hdr;
	const uint64_t len = chain->len - q->hdr_len;
	struct rte_mbuf *frame;
	bool attached;

	*m = NULL;
	if (unlikely(len < RTE_ETHER_HDR_LEN)) {
		NET_DROP(q, short, too_short);
		return 0;
	}
	dequeue_header(chain, &hdr);
	rte_compiler_barrier();
	if (unlikely(len > dequeue_max(q, &hdr.hdr))) {
		NET_DROP(q, long, too_long);
		return 0;
	}
	frame = rte_pktmbuf_alloc(pool);
	if (unlikely(frame == NULL))
		return -ENOMEM;
	frame->port = q->port;
	attached = zc && dequeue_pool_flags(pool) == 0 && dequeue_may_attach(q, &hdr.hdr, chain) &&
		   net_zc_attach(q->zc, chain, q->hdr_len, pool, frame) == 0;
	if (!attached && unlikely(dequeue_copy(chain, q->hdr_len, pool, frame) < 0)) {
		rte_pktmbuf_free(frame);
		return -ENOMEM;
	}
	if ((hdr.hdr.flags | hdr.hdr.gso_type) != 0 && !dequeue_offloads(q, &hdr.hdr, frame)) {
		rte_pktmbuf_free(frame);
		return attached;
	}
	*m = frame;
	vduse_count(&q->stats.zero_copy, attached);
	return attached;
}

/* No driver chooses such an id (virtio 1.2, 2.8.6): below the queue size there are enough. */
static int
dequeue_bad_id(struct net_queue *q, struct rte_mbuf *m)
{
	rte_pktmbuf_free(m);
	vduse_chain_bad(q->vq, "buffer id beyond the queue size");
	return 0;
}

/* Before a buffer is to stay out: what was put in this burst and is not noted is published. */
static __rte_always_inline void
dequeue_note_begin(struct vduse_vq *vq, const bool packed)
{
	if (!vq->journal.takes && vq->pos.used_pending > 0)
		vduse_ring_flush(vq, packed);
}

/* A buffer that was copied goes back, or waits for those before it. @return false: no id */
static __rte_always_inline bool
dequeue_put(struct net_queue *q, uint16_t id, uint16_t slots, const bool packed, const bool zc)
{
	if (zc && q->vq->journal.takes && unlikely(!vduse_journal_inflight_set(q->vq, id, slots)))
		return false;
	if (zc && unlikely(net_zc_waits(q->zc)))
		net_zc_turn(q->zc, id, slots, true);
	else
		vduse_ring_put(q->vq, id, slots, 0, packed);
	return true;
}

/*
 * The next buffer, whatever it is.
 * Returns 1 and a frame in *m, or NULL for one that was dropped; 0: none that
 * can be taken now.
 */
static int
dequeue_any(struct net_queue *q, struct rte_mempool *pool, struct rte_mbuf **m, const bool packed,
		const bool zc)
{
	struct vduse_vq *vq = q->vq;
	struct vduse_pos pos = vq->pos.avail;
	struct vduse_chain chain = { 0 };
	bool ok;
	int ret;

	*m = NULL;
	ret = vduse_ring_ready(vq, &pos, packed);
	if (ret == 0)
		return 0;
	if (likely(ret > 0)) {
		vduse_chain_init(vq, &chain, 0);
		ret = vduse_ring_fetch(vq, &pos, &chain, packed);
	}
	if (ret == 0 && unlikely(chain.nw > 0))
		ret = vduse_chain_bad(vq, "writable descriptor in a transmit queue");
	if (ret == 0 && unlikely(chain.len < q->hdr_len))
		ret = vduse_chain_bad(vq, "buffer shorter than the virtio_net_hdr");
	if (unlikely(ret < 0)) {
		if (vduse_vq_burst_stopped(q->vq, ret))
			return 0;
		NET_DROP(q, segments, too_many_pieces);
	} else {
		ret = dequeue_frame(q, &chain, pool, m, zc);
		if (unlikely(ret < 0)) {
			vduse_count(&q->stats.no_mbuf, 1);
			return 0;
		}
		if (likely(*m != NULL))
			net_count(&q->stats, *m);
	}
	if (zc && ret > 0) {
		dequeue_note_begin(vq, packed);
		ok = vduse_journal_inflight_set(vq, chain.id, chain.slots);
	} else {
		ok = dequeue_put(q, chain.id, chain.slots, packed, zc);
	}
	if (unlikely(!ok))
		return dequeue_bad_id(q, *m);
	vduse_vq_set_avail(vq, pos);
	return 1;
}

/* A fresh mbuf of the pool, whose refcnt, nb_segs and next are as in the pool. */
static __rte_always_inline void
dequeue_mbuf_init(struct rte_mbuf *m, uint16_t port, uint16_t len, uint64_t flags)
{
	m->data_off = RTE_PKTMBUF_HEADROOM;
	m->port = port;
	m->ol_flags = flags;
	m->packet_type = 0;
	m->pkt_len = len;
	m->data_len = len;
	m->vlan_tci = 0;
}

/* One plain frame into its mbuf. @return false: dropped, counted */
static __rte_always_inline bool
dequeue_plain_frame(struct net_queue *q, const uint8_t *addr, uint32_t len, struct rte_mbuf *m,
		uint64_t flags)
{
	struct virtio_net_hdr hdr;
	uint16_t data_len;

	if (unlikely(!vduse_len16(len, &data_len))) {
		NET_DROP(q, long, too_long);
		return false;
	}
	dequeue_mbuf_init(m, q->port, data_len, flags);
	memcpy(&hdr, addr, sizeof(hdr));
	/* what is looked at is what is used: the driver may write meanwhile */
	rte_compiler_barrier();
	net_copy(rte_pktmbuf_mtod(m, uint8_t *), addr + q->hdr_len, len);
	return likely((hdr.flags | hdr.gso_type) == 0) || dequeue_offloads(q, &hdr, m);
}

/* Longest buffer that is copied into one mbuf; with zero-copy, that is copied at all. */
static __rte_always_inline uint32_t
dequeue_plain_max(const struct net_queue *q, uint16_t data_room, const bool zc)
{
	const uint32_t buf = RTE_MAX((uint32_t)data_room, (uint32_t)RTE_PKTMBUF_HEADROOM) -
			     RTE_PKTMBUF_HEADROOM;
	const uint32_t room = RTE_MIN(buf, __atomic_load_n(&q->plain_max, __ATOMIC_RELAXED));

	return q->hdr_len + (zc && q->zc->reaches ? RTE_MIN(room, q->zc->min - 1) : room);
}

/* As dequeue_put(), of a batch, while others are out. */
static void
dequeue_put_batch(
		struct net_queue *q, const struct vduse_batch *batch, uint16_t n, const bool packed)
{
	uint16_t i;

	for (i = 0; i < n; i++)
		dequeue_put(q, batch->id[i], 1, packed, true);
}

/*
 * Plain frames from the ring, as many as follow each other.
 * Returns the buffers taken; *n grows by the frames, fewer where some were dropped.
 */
static __rte_always_inline uint16_t
dequeue_plain(struct net_queue *q, struct rte_mempool *pool, struct rte_mbuf **pkts, uint16_t room,
		uint16_t *n, const bool packed, const bool zc)
{
	const struct vduse_batch_want want = {
		.min = q->hdr_len + RTE_ETHER_HDR_LEN,
		.max = dequeue_plain_max(q, rte_pktmbuf_data_room_size(pool), zc),
	};
	const uint64_t flags = dequeue_pool_flags(pool);
	struct net_sum sum = { 0 };
	struct vduse_batch batch;
	uint16_t i, taken, kept = 0;

	taken = vduse_ring_batch(
			q->vq, &want, vduse_len_min16(room, VDUSE_BATCH_MAX), &batch, packed);
	if (taken == 0)
		return 0;
	if (unlikely(rte_mempool_get_bulk(pool, (void **)pkts, taken) < 0)) {
		/* one by one, as long as there are some */
		vduse_ring_untake(q->vq, taken, 0, packed);
		return 0;
	}
	for (i = 0; i < taken; i++) {
		struct rte_mbuf *m = pkts[i];

		if (zc && unlikely(batch.id[i] > q->vq->journal.mask))
			break;
		if (i + VDUSE_BATCH_AHEAD < taken)
			vduse_batch_prefetch(&batch, i + VDUSE_BATCH_AHEAD,
					batch.len[i + VDUSE_BATCH_AHEAD], false);
		if (likely(dequeue_plain_frame(
				    q, batch.addr[i], batch.len[i] - q->hdr_len, m, flags))) {
			net_sum_add(&sum, &q->stats, m, kept);
			pkts[kept++] = m;
		} else {
			rte_pktmbuf_free(m);
		}
		batch.len[i] = 0;
	}
	net_sum_end(&sum, &q->stats, kept);
	if (zc && unlikely(i < taken)) {
		rte_mempool_put_bulk(pool, (void **)&pkts[i], taken - i);
		vduse_ring_untake(q->vq, taken, i, packed);
	}
	if (zc && unlikely(q->vq->journal.takes))
		dequeue_put_batch(q, &batch, i, packed);
	else
		vduse_ring_put_batch(q->vq, &batch, i, packed);
	*n += kept;
	return i;
}

/* As dequeue_plain_frame(), without a copy. @return 1; 0: dropped; -1: not one for this */
static __rte_always_inline int
dequeue_attached_frame(struct net_queue *q, const struct vduse_batch *batch, uint16_t i,
		struct rte_mbuf *m, struct rte_mbuf *tail)
{
	struct virtio_net_hdr hdr;
	uint16_t tail_len, slot;

	memcpy(&hdr, batch->addr[i], sizeof(hdr));
	/* what is looked at is what is used: the driver may write meanwhile */
	rte_compiler_barrier();
	if (unlikely(!dequeue_head_does(&hdr) ||
			    batch->len[i] - q->hdr_len > dequeue_max(q, &hdr) ||
			    !net_zc_tail_len(batch->len[i] - q->hdr_len, &tail_len)))
		return -1;
	dequeue_mbuf_init(m, q->port, 0, 0);
	dequeue_mbuf_init(tail, q->port, 0, 0);
	slot = net_zc_attach_one(q->zc, batch->addr[i] + q->hdr_len, tail_len, m, tail);
	if (unlikely(slot == NET_ZC_NONE))
		return -1;
	net_zc_owe(q->zc, slot, 1, batch->id[i], 1);
	return likely((hdr.flags | hdr.gso_type) == 0) || dequeue_offloads(q, &hdr, m);
}

/* Frames of one descriptor that stay where they are, as dequeue_plain(). */
static __rte_always_inline uint16_t
dequeue_attached(struct net_queue *q, struct rte_mempool *pool, struct rte_mbuf **pkts,
		uint16_t room, uint16_t *n, const bool packed)
{
	const struct vduse_batch_want want = {
		.min = q->hdr_len + q->zc->min,
		.max = q->hdr_len + RTE_VDUSE_NET_FRAME_MAX,
	};
	struct rte_mbuf *tails[VDUSE_BATCH_MAX];
	struct vduse_batch batch;
	uint16_t i, taken, kept = 0;
	int ret;

	taken = vduse_len_min16(room, VDUSE_BATCH_MAX);
	taken = vduse_len_min16(taken, net_zc_budget(q->zc, q->vq));
	taken = vduse_ring_batch(q->vq, &want, taken, &batch, packed);
	if (taken == 0)
		return 0;
	/* what is attached to an mbuf with a pinned buffer never comes off it */
	if (unlikely(dequeue_pool_flags(pool) != 0 ||
			    rte_pktmbuf_data_room_size(pool) < RTE_PKTMBUF_HEADROOM + NET_ZC_HEAD ||
			    rte_mempool_get_bulk(pool, (void **)tails, taken) < 0))
		goto untake;
	if (unlikely(rte_mempool_get_bulk(pool, (void **)pkts, taken) < 0)) {
		rte_mempool_put_bulk(pool, (void **)tails, taken);
		goto untake;
	}
	dequeue_note_begin(q->vq, packed);
	for (i = 0; i < taken; i++) {
		struct rte_mbuf *m = pkts[i];

		if (unlikely(batch.id[i] > q->vq->journal.mask))
			break;
		ret = dequeue_attached_frame(q, &batch, i, m, tails[i]);
		if (unlikely(ret < 0))
			break;
		vduse_journal_inflight_set(q->vq, batch.id[i], 1);
		if (likely(ret > 0)) {
			net_count(&q->stats, m);
			vduse_count(&q->stats.zero_copy, 1);
			pkts[kept++] = m;
		} else {
			rte_pktmbuf_free(m);
		}
	}
	if (unlikely(i < taken)) {
		rte_mempool_put_bulk(pool, (void **)&tails[i], taken - i);
		rte_mempool_put_bulk(pool, (void **)&pkts[i], taken - i);
		vduse_ring_untake(q->vq, taken, i, packed);
	}
	*n += kept;
	return i;
untake:
	vduse_ring_untake(q->vq, taken, 0, packed);
	return 0;
}

/* What was freed goes back; and nothing is noted for a successor where nothing is out. */
static __rte_always_inline void
dequeue_collect(struct net_queue *q, const bool packed)
{
	net_zc_meet(q->zc, q->vq);
	if (q->zc->nb_free < q->zc->nb_slots)
		net_zc_collect(q->zc, q->vq, packed);
	if (q->vq->journal.takes && q->zc->owed == 0) {
		vduse_ring_flush(q->vq, packed);
		vduse_journal_settled(q->vq);
	}
}

/* As many are out as the ring has descriptors; and there is one more? */
static __rte_noinline void
dequeue_too_many(struct vduse_vq *vq, const bool packed)
{
	if (vduse_ring_ready(vq, &vq->pos.avail, packed) > 0)
		vduse_chain_bad(vq, "more buffers available than the ring has descriptors");
}

static __rte_always_inline uint16_t
dequeue_burst(struct net_queue *q, struct rte_mempool *pool, struct rte_mbuf **pkts,
		uint16_t nb_pkts, const bool packed, const bool zc)
{
	const uint64_t work_end = vduse_vq_work_end(q->vq, nb_pkts);
	const uint32_t taken_max = nb_pkts + DEQUEUE_DROPS_MAX;
	uint32_t taken = 0;
	uint16_t n = 0, plain, room;

	if (zc)
		dequeue_collect(q, packed);
	if (vduse_ring_ready(q->vq, &q->vq->pos.avail, packed) == 0)
		goto flush; /* idle: nothing else is touched */
	vduse_vq_burst_map(q->vq);
	if (zc && unlikely(net_zc_is_stale(q->zc, q->vq->map.now)))
		net_zc_see_map(q->zc, q->vq->map.now);
	/* drops count as well, and what is read for a frame: no driver keeps a burst from its end
	 */
	while (n < nb_pkts && taken < taken_max && q->vq->stats.work < work_end) {
		room = (uint16_t)(nb_pkts - n);
		if (zc)
			room = net_zc_room(q->zc, q->vq, room);
		if (zc && unlikely(room == 0)) {
			dequeue_too_many(q->vq, packed);
			break;
		}
		plain = dequeue_plain(q, pool, &pkts[n], room, &n, packed, zc);
		if (zc && plain < room && !vduse_backoff_is_empty(q->vq, packed))
			plain += dequeue_attached(
					q, pool, &pkts[n], (uint16_t)(room - plain), &n, packed);
		taken += plain;
		if (plain > 0)
			continue;
		if (dequeue_any(q, pool, &pkts[n], packed, zc) == 0)
			break;
		taken++;
		if (pkts[n] != NULL)
			n++;
	}
	/* before any of it is published or handed on */
	if (zc && taken > 0 && q->vq->journal.takes)
		vduse_journal_take(q->vq, packed);
	vduse_backoff_decide(q->vq, taken, packed);
flush:
	if (zc) /* what was freed is looked for */
		q->vq->poll.holds = q->zc->nb_free < q->zc->nb_slots;
	vduse_ring_flush(q->vq, packed);
	return n;
}

#define DEQUEUE_INSTANCE(name, packed, zc)                                  \
	static uint16_t name(struct net_queue *q, struct rte_mempool *pool, \
			struct rte_mbuf **pkts, uint16_t n)                 \
	{                                                                   \
		return dequeue_burst(q, pool, pkts, n, packed, zc);         \
	}

DEQUEUE_INSTANCE(dequeue_split, false, false)
DEQUEUE_INSTANCE(dequeue_split_zc, false, true)
DEQUEUE_INSTANCE(dequeue_packed, true, false)
DEQUEUE_INSTANCE(dequeue_packed_zc, true, true)

net_burst_t
NET_BODY_FUNC(net_dequeue)(uint64_t features, bool zc)
{
	if (features & (1ULL << VIRTIO_F_RING_PACKED))
		return zc ? dequeue_packed_zc : dequeue_packed;
	return zc ? dequeue_split_zc : dequeue_split;
}
