/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The reference that offloads are compared with: from a description it writes
 * the frame as a sender leaves it, and each segment as it must be on the wire.
 * Nothing is cut here and no DPDK function is used: every segment is written
 * from the description alone.
 */

#ifndef OFFLOAD_REF_H
#define OFFLOAD_REF_H

#include <stdbool.h>
#include <stdint.h>

#define REF_MAX 66000 /* bytes of the longest frame */

enum ref_tunnel { REF_PLAIN, REF_VXLAN, REF_GENEVE, REF_GRE, REF_NVGRE, REF_IPIP, REF_TUNNELS };

/* What is between the Ethernet addresses and an untunnelled IP header, beside `tags`. */
enum ref_link {
	REF_ETHER,
	REF_AD,      /* a single 802.1ad tag */
	REF_9100,    /* a single tag of what was before it */
	REF_Q_IN_Q,  /* 802.1Q in 802.1Q */
	REF_Q_Q_AD,  /* two of them in 802.1ad */
	REF_MPLS,    /* two labels */
	REF_PPPOE,   /* in a VLAN */
	REF_NO_NAME, /* an ethertype that nobody knows, and five bytes */
	REF_LINKS
};

enum ref_ext { REF_NO_EXT, REF_OPTIONS, REF_ROUTING, REF_SEGMENTS };

struct ref {
	const char *name;
	uint8_t proto; /* IPPROTO_TCP, _UDP or _SCTP */
	bool ipv6;
	unsigned int tags; /* VLAN tags of the outer frame: 0 to 2 */
	enum ref_link link;
	enum ref_tunnel tunnel;
	bool outer_ipv6;
	bool outer_cksum;         /* the tunnel's UDP header has a checksum */
	enum ref_ext ext;         /* IPv6 extension header */
	unsigned int ip_options;  /* IPv4: words of four bytes */
	unsigned int tcp_options; /* the same */
	uint8_t tcp_flags;
	uint32_t payload; /* bytes */
	uint16_t mss;     /* bytes of payload in a segment; 0: not to be cut */
	uint16_t word;    /* first two bytes of the payload, as a number */
};

/* Which part of the payload to write: bytes from..from + n, segment `number` of the whole. */
struct ref_part {
	uint32_t from;
	uint32_t n;
	uint32_t number;
	bool last;
	uint16_t garbage; /* not 0: stands in the innermost checksum field, instead of the right one
			   */
	bool no_ip_cksum; /* the innermost IPv4 checksum is left 0 */
};

/* Write a frame to buf, of REF_MAX bytes. Return: its length. */
uint32_t ref_write(const struct ref *r, const struct ref_part *part, uint8_t *buf);

/* The frame before anything was done. */
uint32_t ref_whole(const struct ref *r, uint16_t garbage, uint8_t *buf);

/* Segments that the frame is to be cut into. */
uint32_t ref_segments(const struct ref *r);

/* Segment i of them, ready for the wire. */
uint32_t ref_segment(const struct ref *r, uint32_t i, uint8_t *buf);

/* Offsets of the innermost headers. */
struct ref_offsets {
	uint32_t outer_ip, outer_l4, ip, l4, data;
};
void ref_offsets(const struct ref *r, struct ref_offsets *at);

#endif /* OFFLOAD_REF_H */
