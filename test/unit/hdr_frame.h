/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef HDR_FRAME_H
#define HDR_FRAME_H

#include <linux/virtio_net.h>

#include "unit.h"

/*
 * Frames byte by byte, with checksums of the tests' own: nothing here uses
 * DPDK's notion of a header.
 */

#define FRAME_MAX 4096

#define FRAME_TCP  6
#define FRAME_UDP  17
#define FRAME_SCTP 132
#define FRAME_LITE 136 /* UDP-Lite: no mbuf flag names it */

enum frame_wrap {
	FRAME_PLAIN,
	FRAME_VLAN,
	FRAME_QINQ,
	FRAME_AD,    /* a single 802.1ad tag */
	FRAME_TAGS,  /* 802.1Q in 802.1Q in 0x9100 */
	FRAME_GRE,   /* in IPv4 */
	FRAME_VXLAN, /* in IPv4 and UDP */
};
#define FRAME_WRAPS (FRAME_VXLAN + 1)

struct frame_spec {
	enum frame_wrap wrap;
	bool ipv6;
	uint8_t protocol;
	uint8_t tcp_flags;
	uint8_t options;  /* bytes of IPv4 options or of an IPv6 extension header */
	uint16_t payload; /* bytes behind the L4 header */
	uint16_t trailer; /* bytes behind the IP packet */
	uint32_t seed;
};

struct frame {
	struct frame_spec spec;
	uint8_t data[FRAME_MAX]; /* all checksums right */
	uint32_t len;
	uint32_t outer_l2, outer_l3; /* lengths; 0: no tunnel */
	uint32_t l2, l3;             /* lengths as ethdev wants them for transmission */
	uint32_t l4;                 /* offsets: L4 header, */
	uint32_t ip;                 /* innermost IP header, */
	uint32_t field;              /* L4 checksum */
	uint32_t end;                /* end of the IP packet */
	uint32_t l4_hdr;             /* length of the L4 header */
};

void frame_build(struct frame *f, const struct frame_spec *spec);

/* Sum of the bytes as 16-bit words, folded, behind what was summed before. */
uint16_t frame_sum(const uint8_t *data, uint32_t len, uint32_t before);

/* The pseudo header's sum. */
uint16_t frame_pseudo(const struct frame *f);

/* Big endian. */
void frame_put16(uint8_t *at, uint16_t value);
uint16_t frame_get16(const uint8_t *at);

/* An mbuf chain: a first segment and others, up to these lengths. */
struct rte_mbuf *frame_mbuf(const uint8_t *data, uint32_t len, uint32_t first, uint32_t others);

/* The chain is well formed and holds exactly this. */
void frame_check(const struct rte_mbuf *m, const uint8_t *data, uint32_t len);

/* That a driver must have negotiated to send frames to be cut. */
#define FRAME_GSO_FEATURES                                                                     \
	(RTE_BIT64(VIRTIO_NET_F_CSUM) | RTE_BIT64(VIRTIO_NET_F_HOST_TSO4) |                    \
			RTE_BIT64(VIRTIO_NET_F_HOST_TSO6) | RTE_BIT64(VIRTIO_NET_F_HOST_ECN) | \
			RTE_BIT64(VIRTIO_NET_F_HOST_USO))

/* As which a driver has it cut: VIRTIO_NET_HDR_GSO_*. */
uint8_t frame_gso_type(const struct frame_spec *spec);

/* What a driver says of a frame whose checksum it left to the device. */
struct virtio_net_hdr frame_hdr_partial(const struct frame *f);

/* The frame as such a driver sends it: the field holds the pseudo header's sum. */
void frame_data_partial(const struct frame *f, uint8_t *data);

/* Of a completed frame without a tunnel. */
uint64_t frame_good_flags(const struct frame_spec *spec);

/* Refused, and the frame is as it was. */
void frame_refused(const struct virtio_net_hdr *hdr, uint64_t features, const struct frame *f);

#endif /* HDR_FRAME_H */
