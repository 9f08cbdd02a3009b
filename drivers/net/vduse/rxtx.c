/* SPDX-License-Identifier: BSD-3-Clause */

#include <rte_errno.h>

#include "pmd.h"

uint16_t
pmd_rx_burst(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts)
{
	const struct pmd_queue *q = queue;

	return rte_vduse_net_dequeue(q->net, q->pair, q->pool, pkts, nb_pkts);
}

/* The first mbuf that cannot be sent as it asks ends the list; rte_errno says why. */
uint16_t
pmd_tx_prepare(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts)
{
	const struct pmd_queue *q = queue;
	uint16_t i;
	int ret;

	for (i = 0; i < nb_pkts; i++) {
		ret = rte_vduse_net_check(q->net, pkts[i]);
		if (ret < 0) {
			rte_errno = -ret;
			break;
		}
	}
	return i;
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
