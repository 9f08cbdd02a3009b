/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <netinet/in.h>

#include <rte_byteorder.h>
#include <rte_ether.h>
#include <rte_geneve.h>
#include <rte_ip.h>
#include <rte_net.h>
#include <rte_sctp.h>
#include <rte_tcp.h>
#include <rte_udp.h>
#include <rte_vxlan.h>

#include "frame.h"

/* Inner types are the outer ones, this many bits to the left. */
#define INNER_L4_SHIFT 16
/* Without tunnels: what stands in an UDP datagram is the packet type's to say. */
#define PLAIN_LAYERS (RTE_PTYPE_L2_MASK | RTE_PTYPE_L3_MASK | RTE_PTYPE_L4_MASK)

/* Offsets that 16 bits hold, with room for the headers that follow. */
#define MAX_OFFSET 4096

static int
read_l3(const struct rte_mbuf *m, struct frame_l3 *l3, uint32_t at, uint32_t len)
{
	const uint8_t *version;
	uint8_t copy;

	version = rte_pktmbuf_read(m, at, sizeof(*version), &copy);
	if (version == NULL || at + len > RTE_MIN(m->pkt_len, (uint32_t)MAX_OFFSET))
		return -EINVAL;
	l3->ipv6 = (*version >> 4) == 6;
	if (!l3->ipv6 && (*version >> 4) != 4)
		return -EINVAL;
	l3->at = at;
	l3->len = len;
	return len < (l3->ipv6 ? sizeof(struct rte_ipv6_hdr) : sizeof(struct rte_ipv4_hdr))
			       ? -EINVAL
			       : 0;
}

static int
read_l4(const struct rte_mbuf *m, struct frame *f, uint32_t type, uint32_t len)
{
	uint32_t least;

	switch (type) {
	case RTE_PTYPE_L4_TCP:
		f->proto = IPPROTO_TCP;
		least = sizeof(struct rte_tcp_hdr);
		break;
	case RTE_PTYPE_L4_UDP:
		f->proto = IPPROTO_UDP;
		least = sizeof(struct rte_udp_hdr);
		break;
	case RTE_PTYPE_L4_SCTP:
		f->proto = IPPROTO_SCTP;
		least = sizeof(struct rte_sctp_hdr);
		break;
	default:
		return -EINVAL;
	}
	f->l4 = f->ip.at + f->ip.len;
	f->data = f->l4 + len;
	return len < least || f->data > m->pkt_len ? -EINVAL : 0;
}

/* The headers that len describes, which start at offset base of m. */
static int
read_plain(const struct rte_mbuf *m, struct frame *f, const struct rte_net_hdr_lens *len,
		uint32_t ptype, uint32_t base)
{
	if (read_l3(m, &f->ip, base + len->l2_len, len->l3_len) != 0)
		return -EINVAL;
	return read_l4(m, f, ptype & RTE_PTYPE_L4_MASK, len->l4_len);
}

/* GRE and IP in IP: rte_net has seen through them. */
static int
read_ip_tunnel(const struct rte_mbuf *m, struct frame *f, const struct rte_net_hdr_lens *len,
		uint32_t ptype)
{
	uint32_t inner;

	f->tunnel = ptype & RTE_PTYPE_TUNNEL_MASK;
	if (read_l3(m, &f->outer, len->l2_len, len->l3_len) != 0)
		return -EINVAL;
	inner = f->outer.at + f->outer.len + len->tunnel_len + len->inner_l2_len;
	if (read_l3(m, &f->ip, inner, len->inner_l3_len) != 0)
		return -EINVAL;
	return read_l4(m, f, (ptype & RTE_PTYPE_INNER_L4_MASK) >> INNER_L4_SHIFT,
			len->inner_l4_len);
}

/* Length of what is between the outer UDP header and the inner Ethernet header; 0: none such. */
static uint32_t
udp_tunnel_len(const struct rte_mbuf *m, uint32_t tunnel, uint32_t at)
{
	const struct rte_geneve_hdr *geneve;
	struct rte_geneve_hdr copy;

	if (tunnel == RTE_PTYPE_TUNNEL_VXLAN)
		return sizeof(struct rte_vxlan_hdr);
	if (tunnel != RTE_PTYPE_TUNNEL_GENEVE)
		return 0;
	geneve = rte_pktmbuf_read(m, at, sizeof(*geneve), &copy);
	if (geneve == NULL || geneve->proto != rte_cpu_to_be_16(RTE_ETHER_TYPE_TEB))
		return 0;
	/* opt_len counts words of four bytes (RFC 8926, 3.4) */
	return sizeof(*geneve) + 4u * geneve->opt_len;
}

/* The frame without its first bytes, fewer than it has: to be read, never freed. */
static struct rte_mbuf
view_from(const struct rte_mbuf *m, uint32_t at)
{
	const uint32_t left = m->pkt_len - at;
	struct rte_mbuf view;

	while (at >= m->data_len) {
		at -= m->data_len;
		m = m->next;
	}
	view = *m;
	view.data_off += at;
	view.data_len -= at;
	view.pkt_len = left;
	return view;
}

/*
 * VXLAN and Geneve: rte_net of 22.11 does not look into UDP, later ones go by
 * port numbers. What is inside is an Ethernet frame: read as one.
 */
static int
read_udp_tunnel(const struct rte_mbuf *m, struct frame *f, const struct rte_net_hdr_lens *len)
{
	const uint32_t tunnel = m->packet_type & RTE_PTYPE_TUNNEL_MASK;
	uint32_t at = len->l2_len + len->l3_len + sizeof(struct rte_udp_hdr);
	const uint32_t tunnel_len = udp_tunnel_len(m, tunnel, at);
	struct rte_net_hdr_lens inner = { 0 };
	struct rte_mbuf view;
	uint32_t ptype;

	at += tunnel_len;
	if (tunnel_len == 0 || at >= m->pkt_len ||
			read_l3(m, &f->outer, len->l2_len, len->l3_len) != 0)
		return -EINVAL;
	f->tunnel = tunnel;
	f->outer_udp = true;
	view = view_from(m, at);
	ptype = rte_net_get_ptype(&view, &inner, PLAIN_LAYERS);
	return read_plain(m, f, &inner, ptype, at);
}

int
frame_read(const struct rte_mbuf *m, struct frame *f)
{
	struct rte_net_hdr_lens len = { 0 };
	uint32_t ptype;

	*f = (struct frame){ 0 };
	ptype = rte_net_get_ptype(m, &len, RTE_PTYPE_ALL_MASK);
	if ((ptype & RTE_PTYPE_L4_MASK) == RTE_PTYPE_L4_UDP &&
			(m->packet_type & RTE_PTYPE_TUNNEL_MASK) != 0)
		return read_udp_tunnel(m, f, &len);
	if ((ptype & RTE_PTYPE_L4_MASK) == 0 && (ptype & RTE_PTYPE_TUNNEL_MASK) != 0)
		return read_ip_tunnel(m, f, &len, ptype);
	return read_plain(m, f, &len, ptype, 0);
}

int
frame_linear(struct rte_mbuf **m, uint32_t len, struct rte_mempool *pool)
{
	struct rte_mbuf *copy;

	if (len <= (*m)->data_len && RTE_MBUF_DIRECT(*m) && rte_mbuf_refcnt_read(*m) == 1)
		return 0;
	copy = rte_pktmbuf_copy(*m, pool, 0, UINT32_MAX);
	if (copy == NULL)
		return -ENOMEM;
	if (len > copy->data_len) {
		rte_pktmbuf_free(copy);
		return -ENOMEM;
	}
	rte_pktmbuf_free(*m);
	*m = copy;
	return 0;
}
