/* SPDX-License-Identifier: BSD-3-Clause */

#include <rte_memcpy.h>

#include "net_dev.h"

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

static __rte_always_inline uint16_t
dequeue_burst(struct net_queue *q, struct rte_mempool *pool, struct rte_mbuf **pkts,
		uint16_t nb_pkts, const bool packed)
{
	struct vduse_vq *vq = q->vq;
	struct vduse_chain chain;
	uint32_t taken;
	uint16_t n = 0;
	int ret;

	/* drops count as well: a driver must not keep a burst from its end */
	for (taken = 0; n < nb_pkts && taken < nb_pkts + vq->size; taken++) {
		struct vduse_pos pos = vq->avail;

		ret = vduse_ring_ready(vq, &pos, packed);
		if (ret == 0)
			break;
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
				break;
			q->stats.drop_segments++;
		} else {
			ret = dequeue_frame(q, &chain, pool, &pkts[n]);
			if (unlikely(ret < 0)) {
				q->stats.no_mbuf++;
				break;
			}
			if (likely(pkts[n] != NULL))
				net_count(&q->stats, pkts[n++]);
		}
		vq->avail = pos;
		vduse_ring_put(vq, chain.id, chain.slots, 0, packed);
	}
	vduse_ring_flush(vq, packed);
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
net_dequeue_select(uint64_t features)
{
	return features & (1ULL << VIRTIO_F_RING_PACKED) ? dequeue_packed : dequeue_split;
}
