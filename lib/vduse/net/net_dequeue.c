/* SPDX-License-Identifier: BSD-3-Clause */

#include <rte_memcpy.h>

#include "net_copy.h"
#include "net_dev.h"
#include "vduse_batch.h"

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
	const uint64_t len = left;
	struct rte_mbuf *tail = head, *more;
	uint16_t i = 0;
	uint32_t n;

	if (likely(chain->nr == 1 && len <= rte_pktmbuf_tailroom(head))) {
		rte_memcpy(rte_pktmbuf_mtod(head, void *), chain->seg[0].addr + skip, len);
		head->data_len = len;
		head->pkt_len = len;
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
		n = RTE_MIN(chain->seg[i].len - skip, (uint64_t)rte_pktmbuf_tailroom(tail));
		rte_memcpy(rte_pktmbuf_mtod_offset(tail, void *, tail->data_len),
				chain->seg[i].addr + skip, n);
		tail->data_len += n;
		skip += n;
		left -= n;
	}
	head->pkt_len = len;
	return 0;
}

/*
 * One frame into an mbuf.
 * Returns 0 with *m NULL for a frame that is dropped; -ENOMEM: it waits.
 */
static __rte_always_inline int
dequeue_frame(struct net_queue *q, const struct vduse_chain *chain, struct rte_mempool *pool,
		struct rte_mbuf **m)
{
	struct virtio_net_hdr_mrg_rxbuf hdr;
	const uint64_t len = chain->len - q->hdr_len;
	struct rte_mbuf *frame;

	*m = NULL;
	if (unlikely(len < RTE_ETHER_HDR_LEN)) {
		q->stats.drop_short++;
		return 0;
	}
	if (unlikely(len > RTE_VDUSE_NET_FRAME_MAX)) {
		q->stats.drop_long++;
		return 0;
	}
	frame = rte_pktmbuf_alloc(pool);
	if (unlikely(frame == NULL))
		return -ENOMEM;
	frame->port = q->port;
	if (unlikely(dequeue_copy(chain, q->hdr_len, pool, frame) < 0)) {
		rte_pktmbuf_free(frame);
		return -ENOMEM;
	}
	dequeue_header(chain, &hdr);
	if ((hdr.hdr.flags | hdr.hdr.gso_type) != 0 &&
			net_hdr_to_mbuf(&hdr.hdr, q->features, q->complete, frame) < 0) {
		q->stats.drop_header++;
		rte_pktmbuf_free(frame);
		return 0;
	}
	*m = frame;
	return 0;
}

/*
 * The next buffer, whatever it is.
 * Returns 1 and a frame in *m, or NULL for one that was dropped; 0: none that
 * can be taken now.
 */
static int
dequeue_any(struct net_queue *q, struct rte_mempool *pool, struct rte_mbuf **m, const bool packed)
{
	struct vduse_vq *vq = q->vq;
	struct vduse_pos pos = vq->avail;
	struct vduse_chain chain;
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
		if (net_burst_stopped(q, ret))
			return 0;
		q->stats.drop_segments++;
	} else {
		ret = dequeue_frame(q, &chain, pool, m);
		if (unlikely(ret < 0)) {
			q->stats.no_mbuf++;
			return 0;
		}
		if (likely(*m != NULL))
			net_count(&q->stats, *m);
	}
	vq->avail = pos;
	vduse_ring_put(vq, chain.id, chain.slots, 0, packed);
	return 1;
}

/* A fresh mbuf of the pool, whose refcnt, nb_segs and next are as in the pool. */
static __rte_always_inline void
dequeue_mbuf_init(struct rte_mbuf *m, uint16_t port, uint32_t len)
{
	m->data_off = RTE_PKTMBUF_HEADROOM;
	m->port = port;
	m->ol_flags = 0;
	m->packet_type = 0;
	m->pkt_len = len;
	m->data_len = len;
	m->vlan_tci = 0;
}

/* One plain frame into its mbuf. @return false: dropped, counted */
static __rte_always_inline bool
dequeue_plain_frame(struct net_queue *q, const uint8_t *addr, uint32_t len, struct rte_mbuf *m)
{
	struct virtio_net_hdr hdr;

	dequeue_mbuf_init(m, q->port, len);
	memcpy(&hdr, addr, sizeof(hdr));
	/* what is looked at is what is used: the driver may write meanwhile */
	rte_compiler_barrier();
	net_copy(rte_pktmbuf_mtod(m, uint8_t *), addr + q->hdr_len, len);
	if (likely((hdr.flags | hdr.gso_type) == 0))
		return true;
	if (net_hdr_to_mbuf(&hdr, q->features, q->complete, m) == 0)
		return true;
	q->stats.drop_header++;
	return false;
}

/*
 * Plain frames from the ring, as many as follow each other.
 * Returns the buffers taken; *n grows by the frames, fewer where some were dropped.
 */
static __rte_always_inline uint16_t
dequeue_plain(struct net_queue *q, struct rte_mempool *pool, struct rte_mbuf **pkts, uint16_t room,
		uint16_t *n, const bool packed)
{
	const uint16_t data_room = rte_pktmbuf_data_room_size(pool);
	const struct vduse_batch_want want = {
		.min = q->hdr_len + RTE_ETHER_HDR_LEN,
		.max = q->hdr_len + RTE_MAX(data_room, RTE_PKTMBUF_HEADROOM) - RTE_PKTMBUF_HEADROOM,
	};
	struct vduse_batch batch;
	uint16_t i, taken, kept = 0;

	taken = vduse_ring_batch(q->vq, &want, RTE_MIN(room, VDUSE_BATCH_MAX), &batch, packed);
	if (taken == 0)
		return 0;
	if (unlikely(rte_mempool_get_bulk(pool, (void **)pkts, taken) < 0)) {
		/* one by one, as long as there are some */
		vduse_ring_untake(q->vq, taken, 0, packed);
		return 0;
	}
	for (i = 0; i < taken; i++) {
		struct rte_mbuf *m = pkts[i];

		if (i + VDUSE_BATCH_AHEAD < taken)
			vduse_batch_prefetch(&batch, i + VDUSE_BATCH_AHEAD,
					batch.len[i + VDUSE_BATCH_AHEAD], false);
		if (likely(dequeue_plain_frame(q, batch.addr[i], batch.len[i] - q->hdr_len, m))) {
			net_count(&q->stats, m);
			pkts[kept++] = m;
		} else {
			rte_pktmbuf_free(m);
		}
		batch.len[i] = 0;
	}
	vduse_ring_put_batch(q->vq, &batch, taken, packed);
	*n += kept;
	return taken;
}

static __rte_always_inline uint16_t
dequeue_burst(struct net_queue *q, struct rte_mempool *pool, struct rte_mbuf **pkts,
		uint16_t nb_pkts, const bool packed)
{
	const uint32_t taken_max = nb_pkts + q->vq->size;
	uint32_t taken = 0;
	uint16_t n = 0, plain;

	if (vduse_ring_ready(q->vq, &q->vq->avail, packed) == 0)
		goto flush; /* idle: nothing else is touched */
	vduse_vq_burst_map(q->vq);
	/* drops count as well: a driver must not keep a burst from its end */
	while (n < nb_pkts && taken < taken_max) {
		plain = dequeue_plain(q, pool, &pkts[n], nb_pkts - n, &n, packed);
		taken += plain;
		if (plain > 0)
			continue;
		if (dequeue_any(q, pool, &pkts[n], packed) == 0)
			break;
		taken++;
		n += pkts[n] != NULL;
	}
flush:
	vduse_ring_flush(q->vq, packed);
	return n;
}

static uint16_t
dequeue_split(struct net_queue *q, struct rte_mempool *pool, struct rte_mbuf **pkts, uint16_t n)
{
	return dequeue_burst(q, pool, pkts, n, false);
}

static uint16_t
dequeue_packed(struct net_queue *q, struct rte_mempool *pool, struct rte_mbuf **pkts, uint16_t n)
{
	return dequeue_burst(q, pool, pkts, n, true);
}

net_burst_t
NET_BODY_FUNC(net_dequeue)(uint64_t features)
{
	return features & (1ULL << VIRTIO_F_RING_PACKED) ? dequeue_packed : dequeue_split;
}
