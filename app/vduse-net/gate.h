/* SPDX-License-Identifier: BSD-3-Clause */

/* What a sending port takes: frames up to its MTU, in so many buffers. */

#ifndef GATE_H
#define GATE_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_ether.h>
#include <rte_mbuf.h>

/* Bounds; 0 or all ones: there is none. Set while nothing is forwarded. */
struct gate {
	uint32_t mtu;             /* bytes of an Ethernet frame's payload */
	uint16_t segs;            /* buffers of a frame */
	uint16_t tso_segs;        /* buffers of a frame that the port cuts */
	struct rte_mempool *pool; /* for copies in fewer buffers */
};

/*
 * Whether the frame needs a look: it is long, or in many buffers. That is all there is to
 * do for most frames.
 */
static inline bool
gate_wants(const struct gate *g, const struct rte_mbuf *m)
{
	return m->pkt_len > g->mtu + RTE_ETHER_HDR_LEN || m->nb_segs > g->segs;
}

/*
 * A frame for which gate_wants(): *m is as the port takes it, perhaps a copy.
 * Return: 0; -EMSGSIZE: longer than the MTU, or its segments will be; -E2BIG: in more
 * buffers than the port takes, the pool's are too short; -ENOMEM: none for the copy. Then
 * *m is as it was.
 */
int gate_check(const struct gate *g, struct rte_mbuf **m);

/* Buffers of the pool that a frame of this length needs. */
uint32_t gate_pieces(struct rte_mempool *pool, uint32_t len);

#endif /* GATE_H */
