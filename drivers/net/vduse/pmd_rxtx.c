/* SPDX-License-Identifier: BSD-3-Clause */

#include "pmd.h"

uint16_t
pmd_rx_burst(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts)
{
	const struct pmd_queue *q = queue;
	uint16_t i, n;

	n = rte_vduse_net_dequeue(q->net, q->pair, q->pool, pkts, nb_pkts);
	for (i = 0; i < n; i++)
		pkts[i]->port = q->port;
	return n;
}

uint16_t
pmd_tx_burst(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts)
{
	const struct pmd_queue *q = queue;
	uint16_t n;

	n = rte_vduse_net_enqueue(q->net, q->pair, pkts, nb_pkts);
	rte_pktmbuf_free_bulk(pkts, n);
	return n;
}
