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

#include "frame.h"
#include "segment.h"

/* Frames collected before they are sent on. */
#define OFFLOAD_OUT 64

/*
 * Work is counted in bytes of frames that were summed up or copied. A segment costs so
 * many bytes more, however short it is: a buffer, headers, a place in a burst.
 */
#define OFFLOAD_SEGMENT_WORK 512

/* What the sending side of a direction can do. Set once, then only read. */
struct offload {
	uint64_t tx; /* RTE_ETH_TX_OFFLOAD_* the port was configured with */
	uint16_t port;
	uint16_t queue;
	bool lengths; /* frames come from a VDUSE device: the lengths in their mbufs are true */
	struct rte_mempool *pool; /* for copies and segments */
	struct rte_gso_ctx gso;   /* indirect_pool NULL: segments are copied */
	uint16_t tso_segs;        /* most buffers of a frame that the port cuts; 0: no bound */
};

/* Frames ready for the egress. */
struct offload_out {
	void (*flush)(struct offload_out *out); /* send pkts[0..n), set n to 0 */
	uint32_t work;                          /* done so far; its owner begins at 0 */
	uint32_t more;                          /* frames more than were put in; the same */
	uint16_t n;
	struct rte_mbuf *pkts[OFFLOAD_OUT];
};

/* A frame that is cut piece by piece. It points into itself: it stays where it is. */
struct offload_job {
	struct rte_mbuf *m; /* owned; NULL: there is none */
	struct rte_vduse_net_headers f;
	struct segmenter s;
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
 * Return: 0; 1 where there is more to be cut than OFFLOAD_OUT segments: the job, which was
 * empty, is to be continued before the next frame; -EINVAL when its headers are not what
 * its flags say, or it makes too many segments; -ENOMEM when the pool is empty. Then it is
 * freed; segments put before that stay.
 */
int offload_begin(const struct offload *o, struct offload_job *job, struct rte_mbuf *m,
		struct offload_out *out);

/* Up to OFFLOAD_OUT segments more. Return: as offload_begin(). */
int offload_continue(const struct offload *o, struct offload_job *job, struct offload_out *out);

/* Both until the frame is done. Return: as offload_begin(), without 1. */
int offload_frame(const struct offload *o, struct rte_mbuf *m, struct offload_out *out);

/* Free what is left of a frame. Return: whether there was one. */
bool offload_abandon(struct offload_job *job);

#endif /* OFFLOAD_H */
