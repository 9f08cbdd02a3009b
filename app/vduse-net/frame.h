/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Where the headers of a frame are that checksums and segmentation are about:
 * the innermost that its packet type names. Pure but for frame_linear().
 */

#ifndef FRAME_H
#define FRAME_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

/* An IPv4 or IPv6 header with all that follows it up to the next protocol. */
struct frame_l3 {
	uint16_t at;  /* offset in the frame, bytes */
	uint16_t len; /* with options or extension headers, bytes */
	bool ipv6;
};

struct frame {
	struct frame_l3 ip;
	struct frame_l3 outer; /* of a tunnel; len 0: none */
	uint32_t tunnel;       /* RTE_PTYPE_TUNNEL_*; 0: none */
	uint16_t l4;           /* offset of the TCP, UDP or SCTP header */
	uint16_t data;         /* offset of what follows that header */
	uint8_t proto;         /* IPPROTO_TCP, _UDP or _SCTP */
	bool outer_udp;        /* the tunnel's header follows an UDP header at outer's end */
};

/*
 * Read the headers, wherever the segments are cut. m->packet_type decides
 * whether an UDP datagram is taken for a VXLAN or Geneve tunnel: the port that
 * received it has told the checksum of which of the two it means.
 *
 * Return: 0, or -EINVAL when a header is not all there or names a wrong length,
 * the frame is a fragment, or its protocol has no such checksum.
 */
int frame_read(const struct rte_mbuf *m, struct frame *f);

/*
 * Make the first len bytes of *m contiguous and ours to write to, in a copy from pool
 * where they are not; then the original is freed.
 *
 * Return: 0, or -ENOMEM, *m untouched.
 */
int frame_linear(struct rte_mbuf **m, uint32_t len, struct rte_mempool *pool);

/* A header in the contiguous part of a frame. */
static inline void *
frame_at(const struct rte_mbuf *m, uint32_t offset)
{
	return rte_pktmbuf_mtod_offset(m, void *, offset);
}

#endif /* FRAME_H */
