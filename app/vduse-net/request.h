/* SPDX-License-Identifier: BSD-3-Clause */

/* What a port is asked to do to a frame, in ethdev's terms. Pure. */

#ifndef REQUEST_H
#define REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "frame.h"

/* Every flag that this asks the egress with. */
#define REQUEST_FLAGS                                                                      \
	(RTE_MBUF_F_TX_L4_MASK | RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_UDP_SEG |           \
			RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IPV6 | RTE_MBUF_F_TX_IP_CKSUM | \
			RTE_MBUF_F_TX_OUTER_IPV4 | RTE_MBUF_F_TX_OUTER_IPV6 |              \
			RTE_MBUF_F_TX_OUTER_IP_CKSUM | RTE_MBUF_F_TX_OUTER_UDP_CKSUM |     \
			RTE_MBUF_F_TX_TUNNEL_MASK)

struct request {
	uint64_t capa;  /* RTE_ETH_TX_OFFLOAD_* that the port must have, all of them */
	uint64_t flags; /* RTE_MBUF_F_TX_* */
};

/* To write the checksum of frame m, or, with cut, to cut it into segments. */
void request_make(struct request *r, const struct rte_mbuf *m,
		const struct rte_vduse_net_headers *f, bool cut);

/* Set flags and lengths. Return: false, m untouched, when its bit fields do not hold them. */
bool request_set(
		struct rte_mbuf *m, const struct rte_vduse_net_headers *f, const struct request *r);

#endif /* REQUEST_H */
