/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * TCP and UDP segmentation in software, one segment at a time: for what
 * rte_gso does not do. That is, as of DPDK 22.11, TCP over IPv6 and Geneve,
 * frames with CWR (rte_gso repeats it in every segment; it belongs in the first,
 * RFC 3168, 6.1.2), and UDP: there rte_gso makes IP fragments of one
 * datagram, while here every segment is a datagram of its own, as its sender
 * asked for with UDP_SEGMENT. The payload is copied, so that segments are not
 * chains where the port takes none.
 */

#ifndef SEGMENT_H
#define SEGMENT_H

#include "frame.h"

/* A frame being cut; it and its layout outlive this. */
struct segmenter {
	const struct rte_mbuf *m; /* headers contiguous */
	const struct rte_vduse_net_headers *f;
	struct rte_mempool *pool;   /* of the segments */
	const struct rte_mbuf *seg; /* next byte of payload: offset seg_at of this mbuf */
	uint32_t seg_at;
	uint32_t left;   /* bytes of payload */
	uint32_t number; /* of the next segment, from 0 */
};

/*
 * Whether a frame, its headers contiguous, can be cut into segments of
 * m->tso_segsz bytes of payload each, by whomever.
 * Return: 0, or -EINVAL: no payload, no segment size, too many segments, neither TCP
 * nor UDP, or a GRE header that counts or sums up.
 */
int segment_check(const struct rte_mbuf *m, const struct rte_vduse_net_headers *f);

/* Begin to cut such a frame. */
void segmenter_init(struct segmenter *s, const struct rte_mbuf *m,
		const struct rte_vduse_net_headers *f, struct rte_mempool *pool);

/*
 * The next segment: lengths, IPv4 identification, TCP sequence number and flags
 * are right, checksums are not written. Its headers are contiguous.
 * Return: 1, 0 when there is none left, or -ENOMEM.
 */
int segmenter_next(struct segmenter *s, struct rte_mbuf **out);

/* Whether there is one. */
static inline bool
segmenter_left(const struct segmenter *s)
{
	return s->left != 0;
}

#endif /* SEGMENT_H */
