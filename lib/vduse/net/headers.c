/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_ether.h>
#include <rte_geneve.h>
#include <rte_gre.h>
#include <rte_ip.h>
#include <rte_mbuf_ptype.h>
#include <rte_sctp.h>
#include <rte_tcp.h>
#include <rte_udp.h>
#include <rte_vxlan.h>

#include "len.h"
#include "net/frame.h"
#include "net/headers.h"
#include "rte_vduse_net_headers.h"

/* Below it the field is a length (IEEE 802.3). */
#define ETHERTYPE_MIN 0x600

/* The inner types of L4 are the outer ones, so many bits to the left. */
#define INNER_SHIFT 16

#define MPLS_LABEL_LEN 4
#define MPLS_BOTTOM    0x01 /* of the label's third byte (RFC 3032, 2.1) */

/* PPPoE session header and PPP protocol (RFC 2516, 4). */
#define PPPOE_LEN     8
#define PPPOE_VERSION 0x11
#define PPP_IPV4      0x0021
#define PPP_IPV6      0x0057

#define VXLAN_VNI 0x08 /* of the header's first byte: there is a VNI (RFC 7348, 5) */

/* Second byte and flags of a GRE header (RFC 2784, RFC 2890). */
#define GRE_CHECKSUM 0x8000
#define GRE_ROUTING  0x4000
#define GRE_KEY      0x2000
#define GRE_SEQUENCE 0x1000
#define GRE_VERSION  0x0007
#define GRE_OPTION   4u /* bytes of each of them */

/* IPv6 routing header (RFC 8200, 4.4), as far as it is common to all types. */
struct routing_hdr {
	uint8_t next;
	uint8_t len; /* in units of 8 bytes, without the first 8 */
	uint8_t type;
	uint8_t left; /* segments */
	uint8_t reserved[4];
};

#define ADDRESS_LEN      16u
#define ROUTING_SEGMENTS 4 /* RFC 8754: the addresses stand in reverse order */

/* What a layer is read with. */
struct reader {
	const uint8_t *data; /* the first bytes of the frame, */
	uint32_t len;        /* so many, in one piece */
	const struct rte_mbuf *m;
	uint32_t want; /* offset of the innermost L4 header; 0: not known */
	struct rte_vduse_net_headers *h;
};

static __rte_noinline const void *
read_elsewhere(const struct reader *r, uint32_t at, uint32_t n, void *copy)
{
	return at + n > RTE_VDUSE_NET_HEADERS_MAX ? NULL : net_frame_read(r->m, at, n, copy);
}

/* n bytes at an offset, copied where they are not contiguous; NULL: they are not there. */
static __rte_always_inline const void *
read_at(const struct reader *r, uint32_t at, uint32_t n, void *copy)
{
	return likely(at + n <= r->len) ? r->data + at : read_elsewhere(r, at, n, copy);
}

static __rte_always_inline int
read16(const struct reader *r, uint32_t at, uint16_t *value)
{
	rte_be16_t copy;
	const void *p = read_at(r, at, sizeof(copy), &copy);

	if (p == NULL)
		return -EINVAL;
	memcpy(&copy, p, sizeof(copy));
	*value = rte_be_to_cpu_16(copy);
	return 0;
}

static inline bool
is_tag(uint16_t type)
{
	switch (type) {
	case RTE_ETHER_TYPE_VLAN:
	case RTE_ETHER_TYPE_QINQ:
	case RTE_ETHER_TYPE_QINQ1:
	case RTE_ETHER_TYPE_QINQ2:
	case RTE_ETHER_TYPE_QINQ3:
		return true;
	default:
		return false;
	}
}

/* *at: of the first label; then of the IP header behind the last one. */
static int
read_mpls(const struct reader *r, uint32_t *at)
{
	const uint8_t *label;
	uint8_t copy[MPLS_LABEL_LEN];
	unsigned int i;

	for (i = 0; i < RTE_VDUSE_NET_TAGS_MAX; i++) {
		label = read_at(r, *at, MPLS_LABEL_LEN, copy);
		if (label == NULL)
			return -EINVAL;
		*at += MPLS_LABEL_LEN;
		if (label[2] & MPLS_BOTTOM)
			return 0;
	}
	return -EINVAL;
}

/* *at: of the session header; then of the IP header behind it. */
static int
read_pppoe(const struct reader *r, uint32_t *at)
{
	uint16_t version, protocol;

	if (r->h->pppoe != 0 || read16(r, *at, &version) < 0 ||
			read16(r, *at + PPPOE_LEN - 2, &protocol) < 0)
		return -EINVAL;
	if (version != PPPOE_VERSION << 8 || (protocol != PPP_IPV4 && protocol != PPP_IPV6) ||
			!vduse_len16(*at + PPPOE_LEN - 4, &r->h->pppoe))
		return -EINVAL;
	*at += PPPOE_LEN;
	return 0;
}

/*
 * The link layer that begins at *at; then *at is the offset of an IP header.
 * Returns 0; -EPROTONOSUPPORT: its type is not known; -EINVAL.
 */
static inline int
read_link(const struct reader *r, uint32_t *at, uint32_t *ptype)
{
	unsigned int tags = 0;
	uint16_t type;
	int ret;

	*at += offsetof(struct rte_ether_hdr, ether_type);
	ret = read16(r, *at, &type);
	for (; ret == 0 && is_tag(type); tags++) {
		*at += RTE_VLAN_HLEN;
		ret = tags < RTE_VDUSE_NET_TAGS_MAX ? read16(r, *at, &type) : -EINVAL;
	}
	if (ret < 0)
		return ret;
	*at += sizeof(type);
	*ptype = tags == 0   ? RTE_PTYPE_L2_ETHER
		 : tags == 1 ? RTE_PTYPE_L2_ETHER_VLAN
			     : RTE_PTYPE_L2_ETHER_QINQ;
	switch (type) {
	case RTE_ETHER_TYPE_IPV4:
	case RTE_ETHER_TYPE_IPV6:
		return 0;
	case RTE_ETHER_TYPE_MPLS:
	case RTE_ETHER_TYPE_MPLSM:
		*ptype = RTE_PTYPE_L2_ETHER_MPLS;
		r->h->ether_plain = false;
		return read_mpls(r, at);
	case RTE_ETHER_TYPE_PPPOE_SESSION:
		*ptype = RTE_PTYPE_L2_ETHER_PPPOE;
		r->h->ether_plain = false;
		return read_pppoe(r, at);
	default:
		return type < ETHERTYPE_MIN ? -EINVAL : -EPROTONOSUPPORT;
	}
}

static inline int
read_ipv4(const struct reader *r, uint32_t at, struct rte_vduse_net_l3 *l3)
{
	const uint16_t fragment = RTE_IPV4_HDR_MF_FLAG | RTE_IPV4_HDR_OFFSET_MASK;
	const struct rte_ipv4_hdr *ip;
	struct rte_ipv4_hdr copy;

	ip = read_at(r, at, sizeof(*ip), &copy);
	if (ip == NULL || ip->version_ihl >> 4 != 4 ||
			!vduse_len16(at + offsetof(struct rte_ipv4_hdr, dst_addr), &l3->dst))
		return -EINVAL;
	l3->len = (ip->version_ihl & RTE_IPV4_HDR_IHL_MASK) * RTE_IPV4_IHL_MULTIPLIER;
	l3->proto = ip->next_proto_id;
	if (l3->len < sizeof(*ip))
		return -EINVAL;
	return (ip->fragment_offset & rte_cpu_to_be_16(fragment)) != 0 ? -EMSGSIZE : 0;
}

/*
 * Where a frame goes in the end: the pseudo header has that address (RFC 8200, 8.1).
 * @return false: it is nowhere
 */
static bool
read_routing(const struct routing_hdr *ext, uint32_t at, struct rte_vduse_net_l3 *l3)
{
	if (ext->left == 0 || ext->len < ADDRESS_LEN / 8)
		return true;
	at += sizeof(*ext);
	if (ext->type != ROUTING_SEGMENTS)
		at += (ext->len / (ADDRESS_LEN / 8) - 1) * ADDRESS_LEN;
	return vduse_len16(at, &l3->dst);
}

static int
read_ipv6(const struct reader *r, uint32_t at, struct rte_vduse_net_l3 *l3)
{
	const struct routing_hdr *ext;
	const struct rte_ipv6_hdr *ip;
	struct routing_hdr ext_copy;
	struct rte_ipv6_hdr copy;
	uint32_t end = at;
	unsigned int i;

	ip = read_at(r, at, sizeof(*ip), &copy);
	if (ip == NULL || *(const uint8_t *)ip >> 4 != 6 ||
			!vduse_len16(at + offsetof(struct rte_ipv6_hdr, dst_addr), &l3->dst))
		return -EINVAL;
	l3->proto = ip->proto;
	end += sizeof(*ip);
	for (i = 0; l3->proto == IPPROTO_HOPOPTS || l3->proto == IPPROTO_ROUTING ||
			l3->proto == IPPROTO_DSTOPTS;
			i++) {
		ext = read_at(r, end, sizeof(*ext), &ext_copy);
		if (ext == NULL || i == RTE_VDUSE_NET_EXTENSIONS_MAX)
			return -EINVAL;
		if (l3->proto == IPPROTO_ROUTING && !read_routing(ext, end, l3))
			return -EINVAL;
		l3->proto = ext->next;
		end += sizeof(*ext);
		end += 8u * ext->len;
	}
	return vduse_len16(end - at, &l3->len) ? 0 : -EINVAL;
}

/*
 * The IP header at this offset, of either version, and all of it in the frame. Returns 0;
 * -EMSGSIZE: so it is, and of a fragment (IPv4); -EINVAL.
 */
static inline int
read_l3(const struct reader *r, uint32_t at, struct rte_vduse_net_l3 *l3, uint32_t *ptype)
{
	const uint8_t *version;
	uint8_t copy;
	int ret;

	version = read_at(r, at, sizeof(*version), &copy);
	if (version == NULL || !vduse_len16(at, &l3->at))
		return -EINVAL;
	l3->ipv6 = *version >> 4 == 6;
	ret = l3->ipv6 ? read_ipv6(r, at, l3) : read_ipv4(r, at, l3);
	if (ret == -EINVAL ||
			at + l3->len > RTE_MIN(r->m->pkt_len, (uint32_t)RTE_VDUSE_NET_HEADERS_MAX))
		return -EINVAL;
	if (l3->ipv6)
		*ptype |= l3->len == sizeof(struct rte_ipv6_hdr) ? RTE_PTYPE_L3_IPV6
								 : RTE_PTYPE_L3_IPV6_EXT;
	else
		*ptype |= l3->len == sizeof(struct rte_ipv4_hdr) ? RTE_PTYPE_L3_IPV4
								 : RTE_PTYPE_L3_IPV4_EXT;
	return ret;
}

/* Behind h->ip there must be one of three protocols, and where it is wanted. */
static inline int
read_l4(const struct reader *r, uint32_t *ptype)
{
	struct rte_vduse_net_headers *h = r->h;
	const struct rte_tcp_hdr *tcp;
	struct rte_tcp_hdr copy;
	uint32_t len;

	h->l4 = h->ip.at + h->ip.len;
	h->proto = h->ip.proto;
	switch (h->proto) {
	case IPPROTO_TCP:
		tcp = read_at(r, h->l4, sizeof(*tcp), &copy);
		len = tcp == NULL ? 0 : (tcp->data_off >> 4) * 4u;
		if (len < sizeof(*tcp))
			return -EINVAL;
		*ptype |= RTE_PTYPE_L4_TCP;
		break;
	case IPPROTO_UDP:
		len = sizeof(struct rte_udp_hdr);
		*ptype |= RTE_PTYPE_L4_UDP;
		break;
	case IPPROTO_SCTP:
		len = sizeof(struct rte_sctp_hdr);
		*ptype |= RTE_PTYPE_L4_SCTP;
		break;
	default:
		return -EINVAL;
	}
	if (!vduse_len16(h->l4 + len, &h->data))
		return -EINVAL;
	return h->data > r->m->pkt_len || (r->want != 0 && r->want != h->l4) ? -EINVAL : 0;
}

/* The inner type of what is a packet type outside. */
static uint32_t
inner_type(uint32_t ptype)
{
	static const uint32_t l2[] = {
		[RTE_PTYPE_L2_ETHER] = RTE_PTYPE_INNER_L2_ETHER,
		[RTE_PTYPE_L2_ETHER_VLAN] = RTE_PTYPE_INNER_L2_ETHER_VLAN,
		[RTE_PTYPE_L2_ETHER_QINQ] = RTE_PTYPE_INNER_L2_ETHER_QINQ,
		[RTE_PTYPE_L2_MASK] = 0,
	};
	const uint32_t inner = l2[ptype & RTE_PTYPE_L2_MASK] | (ptype & RTE_PTYPE_L4_MASK)
									       << INNER_SHIFT;

	switch (ptype & RTE_PTYPE_L3_MASK) {
	case RTE_PTYPE_L3_IPV4:
		return inner | RTE_PTYPE_INNER_L3_IPV4;
	case RTE_PTYPE_L3_IPV4_EXT:
		return inner | RTE_PTYPE_INNER_L3_IPV4_EXT;
	case RTE_PTYPE_L3_IPV6:
		return inner | RTE_PTYPE_INNER_L3_IPV6;
	default:
		return inner | RTE_PTYPE_INNER_L3_IPV6_EXT;
	}
}

/*
 * What is in a tunnel, from offset at: an Ethernet frame or, with link false, an
 * IP packet.
 */
static int
read_inner(const struct reader *r, uint32_t tunnel, uint32_t at, bool link)
{
	struct rte_vduse_net_headers *h = r->h;
	uint32_t ptype = 0;

	h->tunnel = tunnel;
	if ((link && read_link(r, &at, &ptype) < 0) || read_l3(r, at, &h->ip, &ptype) < 0 ||
			read_l4(r, &ptype) < 0)
		return -EINVAL;
	h->ptype |= tunnel | inner_type(ptype);
	return 0;
}

static int
read_gre(const struct reader *r, uint32_t at)
{
	uint16_t flags, type;

	if (read16(r, at, &flags) < 0 || read16(r, at + sizeof(flags), &type) < 0 ||
			(flags & (GRE_ROUTING | GRE_VERSION)) != 0)
		return -EINVAL;
	at += sizeof(struct rte_gre_hdr);
	at += ((flags & GRE_CHECKSUM) != 0) * GRE_OPTION + ((flags & GRE_KEY) != 0) * GRE_OPTION +
	      ((flags & GRE_SEQUENCE) != 0) * GRE_OPTION;
	switch (type) {
	case RTE_ETHER_TYPE_IPV4:
	case RTE_ETHER_TYPE_IPV6:
		return read_inner(r, RTE_PTYPE_TUNNEL_GRE, at, false);
	case RTE_ETHER_TYPE_TEB:
		return read_inner(r, RTE_PTYPE_TUNNEL_NVGRE, at, true);
	default:
		return -EINVAL;
	}
}

static int
read_vxlan(const struct reader *r, uint32_t at)
{
	const uint8_t *flags;
	uint8_t copy;

	flags = read_at(r, at, sizeof(*flags), &copy);
	if (flags == NULL || (*flags & VXLAN_VNI) == 0)
		return -EINVAL;
	return read_inner(r, RTE_PTYPE_TUNNEL_VXLAN, at + sizeof(struct rte_vxlan_hdr), true);
}

static int
read_geneve(const struct reader *r, uint32_t at)
{
	const struct rte_geneve_hdr *geneve;
	struct rte_geneve_hdr copy;

	geneve = read_at(r, at, sizeof(*geneve), &copy);
	if (geneve == NULL || geneve->proto != rte_cpu_to_be_16(RTE_ETHER_TYPE_TEB))
		return -EINVAL;
	/* opt_len counts words of four bytes (RFC 8926, 3.4) */
	at += sizeof(*geneve);
	at += 4u * geneve->opt_len;
	return read_inner(r, RTE_PTYPE_TUNNEL_GENEVE, at, true);
}

/*
 * A datagram that is a tunnel's, its payload at this offset. That it is one, and which,
 * shows where the innermost L4 header is; without that, in the packet type.
 */
static int
read_udp_tunnel(const struct reader *r, uint32_t at)
{
	const uint32_t said = r->m->packet_type & RTE_PTYPE_TUNNEL_MASK;
	const struct rte_vduse_net_headers before = *r->h;
	int ret = -EINVAL;

	r->h->outer_udp = true;
	if (r->want != 0 || said == RTE_PTYPE_TUNNEL_VXLAN)
		ret = read_vxlan(r, at);
	if (ret == 0 || (r->want == 0 && said != RTE_PTYPE_TUNNEL_GENEVE))
		return ret;
	*r->h = before;
	r->h->outer_udp = true;
	return read_geneve(r, at);
}

/* Whether h->ip is a tunnel's: a datagram of UDP where the innermost L4 header is another. */
static bool
is_outer(const struct reader *r)
{
	switch (r->h->ip.proto) {
	case IPPROTO_GRE:
	case IPPROTO_IPIP:
	case IPPROTO_IPV6:
		return true;
	case IPPROTO_UDP:
		return r->want != 0 ? r->want != r->h->ip.at + r->h->ip.len
				    : (r->m->packet_type & RTE_PTYPE_TUNNEL_MASK) != 0;
	default:
		return false;
	}
}

/* h->ip is a tunnel's. */
static int
read_tunnel(const struct reader *r)
{
	struct rte_vduse_net_headers *h = r->h;
	const uint32_t l4 = h->ip.at + h->ip.len;

	h->outer = h->ip;
	switch (h->outer.proto) {
	case IPPROTO_GRE:
		return read_gre(r, l4);
	case IPPROTO_UDP:
		return read_udp_tunnel(r, l4 + sizeof(struct rte_udp_hdr));
	default:
		return read_inner(r, RTE_PTYPE_TUNNEL_IP, l4, false);
	}
}

/* Whether an IPv4 header at this offset has a right checksum: then it is one. */
static bool
is_ipv4_whole(const struct reader *r, uint32_t at, uint32_t len)
{
	uint8_t copy[RTE_IPV4_HDR_IHL_MASK * RTE_IPV4_IHL_MULTIPLIER];
	const void *ip = read_at(r, at, len, copy);

	return ip != NULL && rte_raw_cksum(ip, len) == UINT16_MAX;
}

/*
 * Behind a link layer that is not known: the IP header that ends where L4 begins.
 * Longest: IPv4 with all options, IPv6 with as many bytes of extension headers.
 */
static int
read_backwards(const struct reader *r)
{
	const struct rte_vduse_net_headers none = { .ptype = RTE_PTYPE_L2_ETHER };
	uint32_t at, len;

	for (len = sizeof(struct rte_ipv4_hdr);
			len <= RTE_IPV4_HDR_IHL_MASK * RTE_IPV4_IHL_MULTIPLIER +
					       sizeof(struct rte_ipv6_hdr);
			len += RTE_IPV4_IHL_MULTIPLIER) {
		if (r->want < len + RTE_ETHER_HDR_LEN)
			break;
		at = r->want - len;
		*r->h = none;
		if (read_l3(r, at, &r->h->ip, &r->h->ptype) == 0 && r->h->ip.len == len &&
				(r->h->ip.ipv6 || is_ipv4_whole(r, at, len)) &&
				read_l4(r, &r->h->ptype) == 0)
			return 0;
	}
	return -EINVAL;
}

int
rte_vduse_net_headers_read(const struct rte_mbuf *m, uint32_t l4, struct rte_vduse_net_headers *h)
{
	const struct reader r = {
		.data = rte_pktmbuf_mtod(m, const uint8_t *),
		.len = vduse_len_min32(m->data_len, RTE_VDUSE_NET_HEADERS_MAX),
		.m = m,
		.want = l4,
		.h = h,
	};
	uint32_t at = 0;
	int ret;

	*h = (struct rte_vduse_net_headers){ .ether_plain = true };
	ret = read_link(&r, &at, &h->ptype);
	if (unlikely(ret < 0))
		return ret == -EPROTONOSUPPORT && l4 != 0 ? read_backwards(&r) : -EINVAL;
	if (read_l3(&r, at, &h->ip, &h->ptype) < 0)
		return -EINVAL;
	return unlikely(is_outer(&r)) ? read_tunnel(&r) : read_l4(&r, &h->ptype);
}

int
net_headers_ip(const struct rte_mbuf *m, struct rte_vduse_net_l3 *l3)
{
	struct rte_vduse_net_headers h = { .ptype = 0 };
	const struct reader r = {
		.data = rte_pktmbuf_mtod(m, const uint8_t *),
		.len = vduse_len_min32(m->data_len, RTE_VDUSE_NET_HEADERS_MAX),
		.m = m,
		.h = &h,
	};
	uint32_t at = 0;
	int ret;

	if (read_link(&r, &at, &h.ptype) < 0)
		return -EINVAL;
	ret = read_l3(&r, at, l3, &h.ptype);
	if (ret == -EMSGSIZE)
		l3->proto = IPPROTO_FRAGMENT;
	return ret == -EINVAL ? ret : 0;
}

uint32_t
rte_vduse_net_link_len(const struct rte_mbuf *m)
{
	uint32_t at = offsetof(struct rte_ether_hdr, ether_type);
	const rte_be16_t *type;
	unsigned int tags;
	rte_be16_t copy;

	for (tags = 0; tags < RTE_VDUSE_NET_TAGS_MAX; tags++, at += RTE_VLAN_HLEN) {
		type = net_frame_read(m, at, sizeof(copy), &copy);
		if (type == NULL || !is_tag(rte_be_to_cpu_16(*type)))
			break;
	}
	return at + sizeof(copy);
}

bool
rte_vduse_net_headers_set(struct rte_mbuf *m, const struct rte_vduse_net_headers *h)
{
	const uint32_t outer = h->outer.at + h->outer.len;
	const uint32_t l2 = h->ip.at - outer, l4 = (uint32_t)h->data - h->l4;

	if (l2 >= RTE_BIT32(RTE_MBUF_L2_LEN_BITS) || h->ip.len >= RTE_BIT32(RTE_MBUF_L3_LEN_BITS) ||
			l4 >= RTE_BIT32(RTE_MBUF_L4_LEN_BITS) ||
			h->outer.at >= RTE_BIT32(RTE_MBUF_OUTL2_LEN_BITS) ||
			h->outer.len >= RTE_BIT32(RTE_MBUF_OUTL3_LEN_BITS))
		return false;
	m->tx_offload = rte_mbuf_tx_offload(
			l2, h->ip.len, l4, m->tso_segsz, h->outer.len, h->outer.at, 0);
	return true;
}
