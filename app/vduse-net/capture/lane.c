/* SPDX-License-Identifier: BSD-3-Clause */

#include <string.h>

#include "lane.h"

/* One writer; the reader sees no half of it. */
static void
count(uint64_t *counter)
{
	__atomic_store_n(counter, *counter + 1, __ATOMIC_RELAXED);
}

/* The frame's beginning in one piece, as far as the filter looks. */
static bool
is_wanted(struct lane *lane, const struct lane_rules *rules, const struct rte_mbuf *m)
{
	const void *bytes = rte_pktmbuf_mtod(m, const void *);
	uint32_t n = m->data_len;

	if (rules->filter == NULL)
		return true;
	if (n < m->pkt_len && n < sizeof(lane->look)) {
		n = RTE_MIN(m->pkt_len, (uint32_t)sizeof(lane->look));
		bytes = rte_pktmbuf_read(m, 0, n, lane->look);
	}
	return program_takes(rules->filter, bytes, n, m->pkt_len);
}

static void
fill(struct record *r, const struct veb_sight *sight, const struct rte_mbuf *m, uint32_t caplen)
{
	const void *bytes = rte_pktmbuf_read(m, 0, caplen, r->bytes);

	r->when = sight->now;
	r->caplen = caplen;
	r->len = m->pkt_len;
	r->queue = sight->queue;
	r->way = sight->way;
	r->why = VEB_DROPS;
	r->partial = (m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_NONE;
	r->gso_size = (m->ol_flags & RTE_MBUF_F_RX_LRO) != 0 ? m->tso_segsz : 0;
	/* else it was in several buffers, and is copied */
	if (bytes != r->bytes)
		memcpy(r->bytes, bytes, caplen);
}

static struct record *
copy(struct lane *lane, const struct lane_rules *rules, const struct veb_sight *sight,
		const struct rte_mbuf *m)
{
	const uint32_t caplen = RTE_MIN(m->pkt_len, rules->snaplen);
	struct record *r;

	count(&lane->received);
	if (!is_wanted(lane, rules, m))
		return NULL;
	count(&lane->accepted);
	r = ring_write(&lane->ring, sizeof(*r) + caplen);
	if (r == NULL)
		count(&lane->dropped);
	else
		fill(r, sight, m, caplen);
	return r;
}

static struct record *
see(struct lane *lane, const struct lane_rules *rules, const struct veb_sight *sight,
		const struct rte_mbuf *m)
{
	if (lane->nb_pending == LANE_PENDING)
		lane_done(lane);
	lane->pending[lane->nb_pending] = (struct pending){ m, copy(lane, rules, sight, m) };
	return lane->pending[lane->nb_pending++].record;
}

void
lane_frames(struct lane *lane, const struct lane_rules *rules, const struct veb_sight *sight,
		struct rte_mbuf **pkts, uint16_t n)
{
	uint16_t i;

	for (i = 0; i < n && rules->ways[sight->way]; i++)
		see(lane, rules, sight, pkts[i]);
}

void
lane_dropped(struct lane *lane, const struct lane_rules *rules, const struct veb_sight *sight,
		const struct rte_mbuf *pkt, enum veb_drop why)
{
	struct record *r = NULL;
	uint16_t i;

	if (!rules->ways[sight->way])
		return;
	for (i = lane->nb_pending; i > 0 && lane->pending[i - 1].pkt != pkt; i--)
		;
	if (i > 0)
		r = lane->pending[i - 1].record;
	else if (rules->drops)
		r = see(lane, rules, sight, pkt);
	if (r != NULL)
		r->why = why;
}

void
lane_done(struct lane *lane)
{
	ring_commit(&lane->ring);
	lane->nb_pending = 0;
}
