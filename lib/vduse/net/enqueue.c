/* SPDX-License-Identifier: BSD-3-Clause */

#include <rte_memcpy.h>

#include "len.h"
#include "net/copy.h"
#include "net/frame.h"
#include "net/net.h"
#include "ring/batch.h"

/* The buffers taken for one frame: their segments are one array. */
struct enqueue_room {
	struct vduse_seg *segs;
	uint16_t nb_segs;
	uint16_t nb_buffers;
	uint64_t len;
};

/* Where the next byte goes. */
struct enqueue_cursor {
	struct vduse_seg *seg;
	uint32_t offset; /* in seg */
	const struct vduse_seg *end;
};

/* Bytes that lines are asked for, for writing, ahead of the copy. */
#define ENQUEUE_AHEAD 1024

/* Ask for the line that is ENQUEUE_AHEAD behind the cursor, in this piece or the next. */
static __rte_always_inline void
enqueue_fetch(const struct enqueue_cursor *at)
{
	const uint32_t ahead = at->offset + ENQUEUE_AHEAD;

	if (ahead < at->seg->len)
		vduse_prefetch_write(at->seg->addr + ahead);
	else if (at->seg + 1 < at->end && ahead - at->seg->len < at->seg[1].len)
		vduse_prefetch_write(at->seg[1].addr + (ahead - at->seg->len));
}

/* The whole of n bytes goes into the piece that the cursor is in. */
static __rte_always_inline void
enqueue_piece(struct enqueue_cursor *at, const uint8_t *data, uint32_t n)
{
	for (; n >= NET_COPY_STEP; n -= NET_COPY_STEP) {
		enqueue_fetch(at);
		memcpy(at->seg->addr + at->offset, data, NET_COPY_STEP);
		at->offset += NET_COPY_STEP;
		data += NET_COPY_STEP;
	}
	rte_memcpy(at->seg->addr + at->offset, data, n);
	at->offset += n;
}

static __rte_always_inline void
enqueue_bytes(struct enqueue_cursor *at, const uint8_t *data, uint32_t len)
{
	uint32_t n;

	for (; len > 0; data += n, len -= n) {
		if (at->offset == at->seg->len) {
			at->seg++;
			at->offset = 0;
		}
		n = RTE_MIN(len, at->seg->len - at->offset);
		if (n >= NET_COPY_LONG && net_copy_string) {
			net_copy_long(at->seg->addr + at->offset, data, n);
			at->offset += n;
		} else {
			enqueue_piece(at, data, n);
		}
	}
}

/*
 * Room was taken for hdr_len and pkt_len: no more is written, whatever the pieces say.
 * Returns false where they are not as long together.
 */
static __rte_always_inline bool
enqueue_copy(const struct enqueue_room *room, const struct net_hdr_wire *hdr, uint16_t hdr_len,
		const struct rte_mbuf *m)
{
	struct enqueue_cursor at = { .seg = room->segs, .end = room->segs + room->nb_segs };
	uint32_t left = m->pkt_len;

	if (likely(room->nb_segs == 1 && m->data_len == left && hdr_len == NET_HDR_LEN)) {
		memcpy(at.seg->addr, hdr, NET_HDR_LEN);
		rte_memcpy(at.seg->addr + NET_HDR_LEN, rte_pktmbuf_mtod(m, const void *), left);
		return true;
	}
	enqueue_bytes(&at, (const uint8_t *)hdr, hdr_len);
	if (m->data_len == left) {
		enqueue_bytes(&at, rte_pktmbuf_mtod(m, const uint8_t *), left);
		return true;
	}
	for (; m != NULL && m->data_len <= left; m = m->next) {
		enqueue_bytes(&at, rte_pktmbuf_mtod(m, const uint8_t *), m->data_len);
		left -= m->data_len;
	}
	return m == NULL && left == 0;
}

/* Write over bytes of the frame, in the driver's buffers. */
static void
enqueue_patch(const struct enqueue_room *room, uint16_t hdr_len, const struct net_hdr_patch *patch)
{
	struct enqueue_cursor at = {
		.seg = room->segs,
		.offset = hdr_len + patch->offset,
		.end = room->segs + room->nb_segs,
	};

	while (at.offset >= at.seg->len)
		at.offset -= (at.seg++)->len;
	enqueue_bytes(&at, (const uint8_t *)&patch->value, sizeof(patch->value));
}

/*
 * Take buffers until the frame fits, without moving the queue's position.
 * Returns 0; -ENOBUFS: the driver has too few; -EMSGSIZE: it does not fit one
 * buffer and may not take more; -E2BIG: too many pieces; -EAGAIN, -EBADMSG;
 * -EINPROGRESS: the first buffer is to be given back, by a later burst.
 */
static __rte_always_inline int
enqueue_reserve(struct net_queue *q, struct vduse_pos *pos, uint64_t need,
		struct enqueue_room *room, const bool packed, const bool mergeable)
{
	struct vduse_vq *vq = q->vq;
	struct vduse_chain chain;
	struct net_pending *pending;
	int ret;

	room->segs = vq->segs;
	room->nb_segs = 0;
	room->nb_buffers = 0;
	room->len = 0;
	do {
		ret = vduse_ring_ready(vq, pos, packed);
		if (ret <= 0)
			return ret == 0 ? -ENOBUFS : ret;
		vduse_chain_init(vq, &chain, room->nb_segs);
		ret = vduse_ring_fetch(vq, pos, &chain, packed);
		if (unlikely(ret == -E2BIG && room->nb_buffers == 0)) {
			/* no frame will ever go into it: give it back, or all would wait behind it
			 */
			vduse_ring_put(vq, chain.id, chain.slots, 0, packed);
			vduse_vq_set_avail(vq, *pos);
		}
		if (unlikely(ret < 0))
			return ret;
		if (unlikely(chain.nr > 0))
			return vduse_chain_bad(vq, "readable descriptor in a receive queue");
		if (unlikely(chain.len < q->hdr_len))
			return vduse_chain_bad(vq, "buffer shorter than the virtio_net_hdr");
		if (!mergeable && unlikely(chain.len < need))
			return -EMSGSIZE;
		if (unlikely(room->nb_buffers == q->nb_pending))
			return -E2BIG;
		pending = &q->pending[room->nb_buffers++];
		pending->id = chain.id;
		pending->slots = chain.slots;
		if (unlikely(!vduse_len32(RTE_MIN(chain.len, need - room->len), &pending->len)))
			return -E2BIG;
		room->nb_segs += chain.nw;
		room->len += chain.len;
	} while (mergeable && unlikely(room->len < need));
	return 0;
}

/* The hash of the frame, for a driver that asked for hash reports. */
static void
enqueue_hash(const struct net_queue *q, const struct rte_mbuf *m, struct net_hdr_wire *wire)
{
	uint16_t report;

	wire->hash_value = rte_cpu_to_le_32(net_rss_hash(q->rss, m, &report));
	wire->hash_report = rte_cpu_to_le_16(report);
}

/* Header and frame into the buffers. */
static __rte_always_inline int
enqueue_fill(const struct net_queue *q, const struct enqueue_room *room, const struct rte_mbuf *m)
{
	struct net_hdr_wire plain = { .v1.num_buffers = room->nb_buffers };
	struct net_hdr hdr;
	uint16_t i;
	int ret;

	if (likely(!(m->ol_flags & NET_HDR_TX_FLAGS))) {
		if (unlikely(q->hdr_len != NET_HDR_LEN))
			enqueue_hash(q, m, &plain);
		return enqueue_copy(room, &plain, q->hdr_len, m) ? 0 : -EPROTO;
	}
	ret = net_hdr_from_mbuf(m, q->features, &hdr);
	if (ret < 0)
		return -ENOTSUP;
	for (i = 0; i < hdr.nb_patches; i++)
		if (unlikely(hdr.patch[i].offset + sizeof(hdr.patch[i].value) > m->pkt_len))
			return -ENOTSUP;
	hdr.wire.v1.num_buffers = room->nb_buffers;
	if (unlikely(q->hdr_len != NET_HDR_LEN))
		enqueue_hash(q, m, &hdr.wire);
	if (unlikely(!enqueue_copy(room, &hdr.wire, q->hdr_len, m)))
		return -EPROTO;
	for (i = 0; i < hdr.nb_patches; i++)
		enqueue_patch(room, q->hdr_len, &hdr.patch[i]);
	return 0;
}

/* Longest frame that the driver takes: beyond its MTU those to be segmented (virtio 1.2, 5.1.4.1).
 */
static __rte_always_inline uint32_t
enqueue_max(const struct net_queue *q, const struct rte_mbuf *m)
{
	return m->ol_flags & (RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_UDP_SEG) ? q->gso_max
									     : q->plain_max;
}

/* One frame. Returns 0: delivered; -ENOBUFS; or why the burst or the frame ends here. */
static __rte_always_inline int
enqueue_frame(struct net_queue *q, const struct rte_mbuf *m, const bool packed,
		const bool mergeable)
{
	struct vduse_vq *vq = q->vq;
	struct vduse_pos pos = vq->pos.avail;
	struct enqueue_room room;
	uint16_t i;
	int ret;

	if (unlikely(m->pkt_len < RTE_ETHER_HDR_LEN || m->data_len < RTE_ETHER_HDR_LEN))
		return -ERANGE;
	if (unlikely(m->pkt_len > enqueue_max(q, m)))
		return -EFBIG;
	if (unlikely(q->filter->active && !net_filter_wants(q->filter, m)))
		return -EPERM;
	ret = enqueue_reserve(q, &pos, (uint64_t)q->hdr_len + m->pkt_len, &room, packed, mergeable);
	if (unlikely(ret < 0))
		/* what has no room because it is said to be longer than it is waits for none */
		return (ret == -ENOBUFS || ret == -EMSGSIZE) && !net_frame_adds_up(m) ? -EPROTO
										      : ret;
	ret = enqueue_fill(q, &room, m);
	if (unlikely(ret < 0))
		return ret;
	for (i = 0; i < room.nb_buffers; i++)
		vduse_ring_put(vq, q->pending[i].id, q->pending[i].slots, q->pending[i].len,
				packed);
	vduse_vq_set_avail(vq, pos);
	return 0;
}

/* A frame that cannot be delivered, ever. */
static void
enqueue_drop(struct net_queue *q, int why)
{
	switch (why) {
	case -EMSGSIZE:
		NET_DROP(q, no_fit, does_not_fit);
		break;
	case -ERANGE:
		NET_DROP(q, short, too_short);
		break;
	case -EFBIG:
		NET_DROP(q, long, too_long);
		break;
	case -EPERM:
		NET_DROP(q, filter, filtered);
		break;
	case -ENOTSUP:
		NET_DROP(q, offload, offload_not_taken);
		break;
	default:
		NET_DROP(q, segments, too_many_pieces);
		break;
	}
}

/* One frame, whatever it is. Returns 0; else the burst ends before it, and why. */
static int
enqueue_any(struct net_queue *q, const struct rte_mbuf *m, const bool packed, const bool mergeable)
{
	int ret;

	ret = enqueue_frame(q, m, packed, mergeable);
	if (likely(ret == 0)) {
		net_count(&q->stats, m);
		return 0;
	}
	if (ret == -ENOBUFS || vduse_vq_burst_stopped(q->vq, ret))
		return ret;
	enqueue_drop(q, ret);
	return 0;
}

/* Whether the frame goes behind an empty header. */
static __rte_always_inline bool
enqueue_is_plain(const struct rte_mbuf *m, uint32_t max)
{
	return !(m->ol_flags & NET_HDR_TX_FLAGS) && m->data_len >= RTE_ETHER_HDR_LEN &&
	       m->pkt_len <= max;
}

/*
 * Exactly pkt_len bytes, for which there is room.
 * Returns false where the pieces are not as long together; no more was written.
 */
static __rte_always_inline bool
enqueue_plain_copy(uint8_t *to, const struct rte_mbuf *m)
{
	uint32_t left = m->pkt_len;

	if (likely(m->data_len == left)) {
		net_copy(to, rte_pktmbuf_mtod(m, const uint8_t *), left);
		return true;
	}
	if (unlikely(m->data_len > left))
		return false;
	net_copy(to, rte_pktmbuf_mtod(m, const uint8_t *), m->data_len);
	for (;;) {
		to += m->data_len;
		left -= m->data_len;
		m = m->next;
		if (m == NULL || unlikely(m->data_len > left))
			return m == NULL && left == 0;
		rte_memcpy(to, rte_pktmbuf_mtod(m, const uint8_t *), m->data_len);
	}
}

/* What is behind the first piece: of a frame that was attached, another core's lines. */
static __rte_always_inline void
enqueue_fetch_pieces(const struct rte_mbuf *m)
{
	/* first: next is in a line that frames of one piece need not touch */
	if (unlikely(m->data_len != m->pkt_len) && m->next != NULL)
		vduse_prefetch_lines(rte_pktmbuf_mtod(m->next, const uint8_t *), 0,
				m->next->data_len, false);
}

/* Plain frames into plain buffers, as many as follow each other and fit. */
static __rte_always_inline uint16_t
enqueue_plain(struct net_queue *q, struct rte_mbuf **pkts, uint16_t nb_pkts, const bool packed)
{
	static const struct virtio_net_hdr_mrg_rxbuf hdr = { .num_buffers = 1 };
	const struct vduse_batch_want want = {
		.write = true,
		.min = NET_HDR_LEN + RTE_ETHER_HDR_LEN,
		.max = UINT32_MAX,
	};
	struct net_sum sum = { 0 };
	struct vduse_batch batch;
	uint16_t i, n, taken;

	if (unlikely(q->hdr_len != NET_HDR_LEN || q->filter->active))
		return 0;
	for (n = 0; n < nb_pkts && n < VDUSE_BATCH_MAX; n++)
		if (!enqueue_is_plain(pkts[n], q->plain_max))
			break;
	taken = vduse_ring_batch(q->vq, &want, n, &batch, packed);
	for (i = 0; i < taken; i++) {
		const struct rte_mbuf *m = pkts[i];
		const uint32_t len = (uint32_t)NET_HDR_LEN + m->pkt_len;

		if (unlikely(batch.len[i] < len)) {
			vduse_ring_untake(q->vq, taken, i, packed);
			break;
		}
		if (i + VDUSE_BATCH_AHEAD < taken) {
			vduse_batch_prefetch(&batch, i + VDUSE_BATCH_AHEAD,
					NET_HDR_LEN + pkts[i + VDUSE_BATCH_AHEAD]->pkt_len, true);
			enqueue_fetch_pieces(pkts[i + VDUSE_BATCH_AHEAD]);
		}
		memcpy(batch.addr[i], &hdr, NET_HDR_LEN);
		if (unlikely(!enqueue_plain_copy(batch.addr[i] + NET_HDR_LEN, m))) {
			/* its buffer stays for the next one; this is dropped by enqueue_any() */
			vduse_ring_untake(q->vq, taken, i, packed);
			break;
		}
		batch.len[i] = len;
		net_sum_add(&sum, &q->stats, m, i);
	}
	net_sum_end(&sum, &q->stats, i);
	vduse_ring_put_batch(q->vq, &batch, i, packed);
	return i;
}

static __rte_always_inline uint16_t
enqueue_burst(struct net_queue *q, struct rte_mbuf **pkts, uint16_t nb_pkts, const bool packed,
		const bool mergeable)
{
	const uint64_t work_end = vduse_vq_work_end(q->vq, nb_pkts);
	uint16_t n = 0, plain;
	int ret = 0;

	vduse_vq_burst_map(q->vq);
	while (n < nb_pkts && q->vq->stats.work < work_end) {
		plain = enqueue_plain(q, &pkts[n], nb_pkts - n, packed);
		n += plain;
		if (plain > 0)
			continue;
		ret = enqueue_any(q, pkts[n], packed, mergeable);
		if (ret < 0)
			break;
		n++;
	}
	if (ret == -ENOBUFS)
		vduse_count(&q->stats.no_buffer, nb_pkts - n);
	vduse_ring_flush(q->vq, packed);
	return n;
}

#define ENQUEUE_INSTANCE(name, packed, mergeable)                                        \
	static uint16_t name(struct net_queue *q, __rte_unused struct rte_mempool *pool, \
			struct rte_mbuf **pkts, uint16_t n)                              \
	{                                                                                \
		return enqueue_burst(q, pkts, n, packed, mergeable);                     \
	}

ENQUEUE_INSTANCE(enqueue_split, false, false)
ENQUEUE_INSTANCE(enqueue_split_mergeable, false, true)
ENQUEUE_INSTANCE(enqueue_packed, true, false)
ENQUEUE_INSTANCE(enqueue_packed_mergeable, true, true)

net_burst_t
NET_BODY_FUNC(net_enqueue)(uint64_t features)
{
	const bool mergeable = features & (1ULL << VIRTIO_NET_F_MRG_RXBUF);

	if (features & (1ULL << VIRTIO_F_RING_PACKED))
		return mergeable ? enqueue_packed_mergeable : enqueue_packed;
	return mergeable ? enqueue_split_mergeable : enqueue_split;
}
