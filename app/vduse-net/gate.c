/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>

#include <rte_vduse_net_headers.h>

#include "gate.h"

/* The port cuts it. */
static bool
is_cut(const struct rte_mbuf *m)
{
	return (m->ol_flags & (RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_UDP_SEG)) != 0;
}

/* The longest frame that leaves the port for this one. */
static uint32_t
longest(const struct rte_mbuf *m)
{
	const uint32_t segment = m->outer_l2_len + m->outer_l3_len + m->l2_len + m->l3_len +
				 m->l4_len + m->tso_segsz;

	return is_cut(m) ? RTE_MIN(segment, m->pkt_len) : m->pkt_len;
}

uint32_t
gate_pieces(struct rte_mempool *pool, uint32_t len)
{
	const uint32_t room = rte_pktmbuf_data_room_size(pool) - RTE_PKTMBUF_HEADROOM;

	return (len + room - 1) / room;
}

int
gate_check(const struct gate *g, struct rte_mbuf **m)
{
	const uint16_t segs = is_cut(*m) ? g->tso_segs : g->segs;
	struct rte_mbuf *copy;

	if (g->mtu != 0 && longest(*m) > g->mtu + rte_vduse_net_link_len(*m))
		return -EMSGSIZE;
	if (segs == 0 || (*m)->nb_segs <= segs)
		return 0;
	if (gate_pieces(g->pool, (*m)->pkt_len) > segs)
		return -E2BIG;
	copy = rte_pktmbuf_copy(*m, g->pool, 0, UINT32_MAX);
	if (copy == NULL)
		return -ENOMEM;
	rte_pktmbuf_free(*m);
	*m = copy;
	return 0;
}
