/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef RTE_VDUSE_NET_HEADERS_H
#define RTE_VDUSE_NET_HEADERS_H

/**
 * @file
 * Where the headers of a frame are that checksums and segmentation are about.
 * One reader for the library and its users. Pure; any thread.
 */

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Most VLAN tags, and most MPLS labels, in front of an IP header. */
#define RTE_VDUSE_NET_TAGS_MAX 8

/** Most extension headers of an IPv6 header. */
#define RTE_VDUSE_NET_EXTENSIONS_MAX 8

/** Headers end before this offset in a frame, bytes. */
#define RTE_VDUSE_NET_HEADERS_MAX 4096

/** An IPv4 or IPv6 header with all that follows it up to the next protocol. */
struct rte_vduse_net_l3 {
	uint16_t at;  /**< offset in the frame, bytes */
	uint16_t len; /**< with options or extension headers, bytes; 0: there is none */
	/** Offset of the address that the pseudo header has: of a routing header's, the last. */
	uint16_t dst;
	uint8_t proto; /**< IPPROTO_* of what follows */
	bool ipv6;     /**< IPv6, else IPv4 */
};

/** Headers of a frame; offsets in bytes. */
struct rte_vduse_net_headers {
	struct rte_vduse_net_l3 ip;    /**< the innermost */
	struct rte_vduse_net_l3 outer; /**< of a tunnel */
	uint32_t ptype;                /**< RTE_PTYPE_* of all layers */
	uint32_t tunnel;               /**< RTE_PTYPE_TUNNEL_*; 0: none */
	uint16_t l4;                   /**< of the innermost TCP, UDP or SCTP header */
	uint16_t data;                 /**< of what follows that header */
	uint16_t pppoe;   /**< of a PPPoE header's length field (RFC 2516, 4); 0: none */
	uint8_t proto;    /**< IPPROTO_TCP, _UDP or _SCTP */
	bool outer_udp;   /**< the tunnel's header follows an UDP header at the end of outer */
	bool ether_plain; /**< the link layer is Ethernet and VLAN tags, nothing else */
};

/**
 * Read the headers, wherever the segments of the frame are cut: VLAN tags
 * (0x8100, 0x88a8, 0x9100 to 0x9300) in any order, MPLS, PPPoE; IPv4, IPv6;
 * one tunnel of VXLAN, Geneve, GRE, NVGRE or IP in IP.
 *
 * @param m where l4 is not known, VXLAN and Geneve are looked into if packet_type
 *   has RTE_PTYPE_TUNNEL_VXLAN or _GENEVE
 * @param l4 offset of the innermost L4 header, where somebody knows it: the
 *   csum_start of a driver. What is read ends there or is refused; behind a link layer
 *   that is not known, the IP header is the one that ends there. 0: not known
 * @param[out] h what was read; undefined where that fails
 * @return 0; -EINVAL: a header is not all there or names a wrong length, the
 *   packet is a fragment, its protocol is none of those three, or L4 is elsewhere
 */
int rte_vduse_net_headers_read(
		const struct rte_mbuf *m, uint32_t l4, struct rte_vduse_net_headers *h);

/**
 * Length of the frame's Ethernet header and VLAN tags: what an MTU does not count.
 *
 * @param m the frame
 * @return bytes, RTE_ETHER_HDR_LEN at least and 4 for each of up to
 *   RTE_VDUSE_NET_TAGS_MAX tags
 */
uint32_t rte_vduse_net_link_len(const struct rte_mbuf *m);

/**
 * Set l2_len, l3_len, l4_len, outer_l2_len and outer_l3_len of the mbuf, as
 * ethdev asks for them on transmission.
 *
 * @param m the mbuf
 * @param h as rte_vduse_net_headers_read() has read them
 * @return false, the mbuf as it was, when its bit fields do not hold them
 */
bool rte_vduse_net_headers_set(struct rte_mbuf *m, const struct rte_vduse_net_headers *h);

#ifdef __cplusplus
}
#endif

#endif /* RTE_VDUSE_NET_HEADERS_H */
