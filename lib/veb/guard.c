/* SPDX-License-Identifier: BSD-3-Clause */

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <string.h>

#include <rte_arp.h>
#include <rte_ip.h>
#include <rte_udp.h>

#include "guard.h"

#define DHCP_CLIENT 68
#define DHCP_SERVER 67

/* Extension headers, at most, before the one that counts. */
#define EXTENSIONS_MAX 8

#define MLD2_REPORT 143

/* The address that a neighbour solicitation or advertisement is about (RFC 4861, 4.3 and 4.4). */
#define ND_TARGET     8
#define ND_TARGET_LEN 16

/* A frame's L3 header, and who may send it. */
struct look {
	const struct policy *policy;
	const struct rte_mbuf *m;
	uint32_t at;    /* offset in the frame */
	uint32_t *seen; /* bytes that were looked at */
};

static const uint8_t none[16];

/* n bytes, in one piece: where they are, or copied to buf. NULL: the frame ends before. */
static const void *
bytes(const struct look *l, uint32_t at, uint32_t n, void *buf)
{
	*l->seen = RTE_MAX(*l->seen, l->at + at + n);
	return rte_pktmbuf_read(l->m, l->at + at, n, buf);
}

static bool
matches(const struct veb_prefix *prefix, const uint8_t *addr)
{
	const unsigned int whole = prefix->len / 8, rest = prefix->len % 8;

	if (memcmp(prefix->addr, addr, whole) != 0)
		return false;
	return rest == 0 || ((prefix->addr[whole] ^ addr[whole]) >> (8 - rest)) == 0;
}

static bool
is_listed(const struct policy *policy, bool ipv6, const uint8_t *addr)
{
	uint16_t i;

	for (i = 0; i < policy->nb_prefixes; i++)
		if (policy->prefixes[i].ipv6 == ipv6 && matches(&policy->prefixes[i], addr))
			return true;
	return false;
}

/* fe80::/64 with the modified EUI-64 of the member's MAC. */
static bool
is_own_link_local(const struct policy *policy, const uint8_t *addr)
{
	const uint8_t *mac = policy->addr.addr_bytes;
	const uint8_t own[16] = { 0xfe, 0x80, 0, 0, 0, 0, 0, 0, mac[0] ^ 2, mac[1], mac[2], 0xff,
		0xfe, mac[3], mac[4], mac[5] };

	return memcmp(own, addr, sizeof(own)) == 0;
}

static bool
is_own_ipv6(const struct policy *policy, const uint8_t *addr)
{
	return is_own_link_local(policy, addr) || is_listed(policy, true, addr);
}

static bool
passes_arp(const struct look *l)
{
	const struct rte_ether_addr *from;
	const struct rte_arp_hdr *arp;
	struct rte_ether_addr addr;
	struct rte_arp_hdr buf;
	const uint8_t *ip;

	arp = bytes(l, 0, sizeof(buf), &buf);
	from = rte_pktmbuf_read(l->m, RTE_ETHER_ADDR_LEN, sizeof(addr), &addr);
	if (arp == NULL || from == NULL || arp->arp_hardware != RTE_BE16(RTE_ARP_HRD_ETHER) ||
			arp->arp_protocol != RTE_BE16(RTE_ETHER_TYPE_IPV4) ||
			arp->arp_hlen != RTE_ETHER_ADDR_LEN || arp->arp_plen != 4)
		return false;
	if (!rte_is_same_ether_addr(&arp->arp_data.arp_sha, from))
		return false;
	ip = (const uint8_t *)&arp->arp_data.arp_sip;
	if (arp->arp_opcode == RTE_BE16(RTE_ARP_OP_REQUEST) && memcmp(ip, none, 4) == 0)
		return true;
	return is_listed(l->policy, false, ip);
}

static bool
is_dhcp_client(const struct look *l, const struct rte_ipv4_hdr *ip)
{
	const struct rte_udp_hdr *udp;
	struct rte_udp_hdr buf;

	if (ip->src_addr != 0 || ip->dst_addr != UINT32_MAX || ip->next_proto_id != IPPROTO_UDP ||
			(ip->fragment_offset & RTE_BE16(RTE_IPV4_HDR_OFFSET_MASK)) != 0)
		return false;
	udp = bytes(l, rte_ipv4_hdr_len(ip), sizeof(buf), &buf);
	return udp != NULL && udp->src_port == RTE_BE16(DHCP_CLIENT) &&
	       udp->dst_port == RTE_BE16(DHCP_SERVER);
}

static bool
passes_ipv4(const struct look *l)
{
	const struct rte_ipv4_hdr *ip;
	struct rte_ipv4_hdr buf;

	ip = bytes(l, 0, sizeof(buf), &buf);
	if (ip == NULL || ip->version_ihl >> 4 != 4)
		return false;
	return is_listed(l->policy, false, (const uint8_t *)&ip->src_addr) || is_dhcp_client(l, ip);
}

/* Return: the protocol behind the extension headers, its offset in *at, or -1: it hides. */
static int
upper_protocol(const struct look *l, uint8_t proto, uint32_t *at)
{
	const uint8_t *ext;
	uint8_t buf[2];
	unsigned int i;

	for (i = 0; i < EXTENSIONS_MAX; i++) {
		if (proto == IPPROTO_FRAGMENT) {
			ext = bytes(l, *at, sizeof(buf), buf);
			return ext == NULL || ext[0] == IPPROTO_ICMPV6 ? -1 : IPPROTO_FRAGMENT;
		}
		if (proto != IPPROTO_HOPOPTS && proto != IPPROTO_ROUTING &&
				proto != IPPROTO_DSTOPTS)
			return proto;
		ext = bytes(l, *at, sizeof(buf), buf);
		if (ext == NULL)
			return -1;
		proto = ext[0];
		*at += 8 * (1 + ext[1]);
	}
	return -1;
}

/* ICMPv6 of the kinds that change what neighbours believe. */
static bool
passes_icmpv6(const struct look *l, uint32_t at, bool has_source)
{
	uint8_t byte, buf[ND_TARGET_LEN];
	const uint8_t *type, *target;

	type = bytes(l, at, 1, &byte);
	if (type == NULL)
		return false;
	switch (*type) {
	case ND_ROUTER_ADVERT:
	case ND_REDIRECT:
		return false;
	case ND_NEIGHBOR_ADVERT:
		target = bytes(l, at + ND_TARGET, sizeof(buf), buf);
		return target != NULL && has_source && is_own_ipv6(l->policy, target);
	case ND_NEIGHBOR_SOLICIT:
		target = bytes(l, at + ND_TARGET, sizeof(buf), buf);
		return target != NULL && (has_source || is_own_ipv6(l->policy, target));
	case ND_ROUTER_SOLICIT:
	case MLD_LISTENER_REPORT:
	case MLD2_REPORT:
	case MLD_LISTENER_REDUCTION:
		return true;
	default:
		return has_source;
	}
}

static bool
passes_ipv6(const struct look *l)
{
	const struct rte_ipv6_hdr *ip;
	struct rte_ipv6_hdr buf;
	uint32_t at = sizeof(buf);
	const uint8_t *source;
	bool has_source;
	int proto;

	ip = bytes(l, 0, sizeof(buf), &buf);
	if (ip == NULL || (ip->vtc_flow & RTE_BE32(0xf0000000)) != RTE_BE32(0x60000000))
		return false;
	/* an array of bytes, from DPDK 24.11 on a structure */
	source = (const uint8_t *)&ip->src_addr;
	has_source = memcmp(source, none, sizeof(none)) != 0;
	if (has_source && !is_own_ipv6(l->policy, source))
		return false;
	proto = upper_protocol(l, ip->proto, &at);
	if (proto == IPPROTO_ICMPV6)
		return passes_icmpv6(l, at, has_source);
	return proto >= 0 && has_source;
}

bool
guard_passes(const struct policy *policy, const struct rte_mbuf *m, uint32_t *seen)
{
	struct look l = { .policy = policy, .m = m, .at = 2 * RTE_ETHER_ADDR_LEN, .seen = seen };
	const rte_be16_t *type;
	unsigned int tags = 0;
	rte_be16_t buf;

	do {
		type = bytes(&l, 0, sizeof(buf), &buf);
		if (type == NULL)
			return false;
		l.at += *type == RTE_BE16(RTE_ETHER_TYPE_VLAN) ? RTE_VLAN_HLEN : sizeof(*type);
	} while (*type == RTE_BE16(RTE_ETHER_TYPE_VLAN) && ++tags <= 2);
	switch (*type) {
	case RTE_BE16(RTE_ETHER_TYPE_ARP):
		return passes_arp(&l);
	case RTE_BE16(RTE_ETHER_TYPE_IPV4):
		return passes_ipv4(&l);
	case RTE_BE16(RTE_ETHER_TYPE_IPV6):
		return passes_ipv6(&l);
	default:
		return false;
	}
}
