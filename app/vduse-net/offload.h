/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * From what a receiving port says of a frame to what the sending port must be
 * asked for: a checksum that is still to be written (RX_L4_CKSUM_NONE), a frame
 * that is still to be cut (RX_LRO). By the egress where it can, else here.
 */

#ifndef OFFLOAD_H
#define OFFLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_gso.h>
#include <rte_mbuf.h>

/* Frames collected before they are sent on. */
#define OFFLOAD_OUT 64

/* What the sending side of a direction can do. Set once, then only read. */
struct offload {
	uint64_t tx; /* RTE_ETH_TX_OFFLOAD_* the port was configured with */
	uint16_t port;
	uint16_t queue;
	struct rte_mempool *pool; /* for copies and segments */
	struct rte_gso_ctx gso;   /* indirect_pool NULL: segments are copied */
};

/* Frames ready for the egress. */
struct offload_out {
	void (*flush)(struct offload_out *out); /* send pkts[0..n), set n to 0 */
	uint16_t n;
	struct rte_mbuf *pkts[OFFLOAD_OUT];
};

/*
 * tx: as port->conf.txmode.offloads. indirect: pool of buffers without room, for
 * segments that refer to the frame they are cut from; unused, and may be NULL,
 * where the egress takes no chains.
 */
void offload_init(struct offload *o, uint64_t tx, struct rte_mempool *pool,
		struct rte_mempool *indirect);

/* Whether offload_frame() has anything to do for a frame with these ol_flags. */
static inline bool
offload_wanted(uint64_t ol_flags)
{
	return (ol_flags & RTE_MBUF_F_RX_LRO) != 0 ||
	       (ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_NONE;
}

/* For the ol_flags of several frames, or-ed: false says that none has anything to be done. */
static inline bool
offload_wanted_any(uint64_t ol_flags)
{
	return (ol_flags & (RTE_MBUF_F_RX_LRO | RTE_MBUF_F_RX_L4_CKSUM_MASK)) != 0;
}

static inline void
offload_put(struct offload_out *out, struct rte_mbuf *m)
{
	out->pkts[out->n++] = m;
	if (out->n == OFFLOAD_OUT)
		out->flush(out);
}

/*
 * Make a frame ready for the egress, in one piece or many; m is consumed.
 * Return: 0; -EINVAL when its headers are not what its flags say; -ENOMEM when the pool
 * is empty. Then it is freed; segments put before that stay.
 */
int offload_frame(const struct offload *o, struct rte_mbuf *m, struct offload_out *out);

#endif /* OFFLOAD_H */
