/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_hash_crc.h>
#include <rte_ip.h>
#include <rte_sctp.h>
#include <rte_tcp.h>
#include <rte_udp.h>

#include "cksum.h"

/* Bytes of the IP packet after its headers, as the IP header says; 0: they are not all there. */
static uint32_t
payload_len(const struct rte_mbuf *m, const struct rte_vduse_net_l3 *l3)
{
	const struct rte_ipv4_hdr *ip4 = frame_at(m, l3->at);
	const struct rte_ipv6_hdr *ip6 = frame_at(m, l3->at);
	uint32_t len = l3->ipv6 ? rte_be_to_cpu_16(ip6->payload_len) + sizeof(*ip6)
				: rte_be_to_cpu_16(ip4->total_length);

	return len < l3->len || l3->at + len > m->pkt_len ? 0 : len - l3->len;
}

/*
 * Sum of len bytes from offset at. rte_raw_cksum_mbuf() of 22.11 loses carries after
 * a segment of odd length.
 */
static uint16_t
sum_bytes(const struct rte_mbuf *m, uint32_t at, uint32_t len)
{
	uint32_t done = 0, n, sum = 0;
	uint16_t part;

	for (; at >= m->data_len && len != 0; m = m->next)
		at -= m->data_len;
	for (; done < len; m = m->next, at = 0) {
		n = RTE_MIN(m->data_len - at, len - done);
		part = rte_raw_cksum(rte_pktmbuf_mtod_offset(m, const void *, at), n);
		sum += done % 2 == 0 ? part : rte_bswap16(part);
		sum = (sum & UINT16_MAX) + (sum >> 16);
		done += n;
	}
	return sum;
}

static uint16_t
sum_pseudo(const struct rte_mbuf *m, const struct rte_vduse_net_l3 *l3, uint8_t proto)
{
	struct rte_ipv6_hdr ip6;

	if (!l3->ipv6)
		return rte_ipv4_phdr_cksum(frame_at(m, l3->at), 0);
	/* DPDK's function knows no extension headers: give it a header without any */
	ip6 = *(const struct rte_ipv6_hdr *)frame_at(m, l3->at);
	memcpy(&ip6.dst_addr, frame_at(m, l3->dst), sizeof(ip6.dst_addr));
	ip6.payload_len = rte_cpu_to_be_16(payload_len(m, l3));
	ip6.proto = proto;
	return rte_ipv6_phdr_cksum(&ip6, 0);
}

/* Of TCP or UDP at offset l4, its field being 0. */
static uint16_t
udptcp_cksum(const struct rte_mbuf *m, const struct rte_vduse_net_l3 *l3, uint16_t l4,
		uint8_t proto)
{
	uint32_t sum = sum_bytes(m, l4, payload_len(m, l3)) + sum_pseudo(m, l3, proto);

	sum = (sum & UINT16_MAX) + (sum >> 16);
	/* RFC 768: 0 would be "none"; TCP has no such rule */
	return sum == UINT16_MAX && proto == IPPROTO_UDP ? UINT16_MAX : (uint16_t)~sum;
}

/* CRC32C of len bytes from offset l4 (RFC 9260, appendix A), the field being 0. */
static uint32_t
sctp_crc(const struct rte_mbuf *m, uint32_t l4, uint32_t len)
{
	uint32_t crc = UINT32_MAX, n;

	for (; len != 0; m = m->next, l4 = 0) {
		n = RTE_MIN(m->data_len - l4, len);
		crc = rte_hash_crc(rte_pktmbuf_mtod_offset(m, const void *, l4), n, crc);
		len -= n;
	}
	return rte_cpu_to_le_32(~crc);
}

int
cksum_l4(struct rte_mbuf *m, const struct rte_vduse_net_headers *f)
{
	const uint32_t len = payload_len(m, &f->ip);
	struct rte_sctp_hdr *sctp = frame_at(m, f->l4);
	struct rte_tcp_hdr *tcp = frame_at(m, f->l4);
	struct rte_udp_hdr *udp = frame_at(m, f->l4);

	if (len < (uint32_t)(f->data - f->l4))
		return -EINVAL;
	switch (f->proto) {
	case IPPROTO_TCP:
		tcp->cksum = 0;
		tcp->cksum = udptcp_cksum(m, &f->ip, f->l4, f->proto);
		break;
	case IPPROTO_UDP:
		udp->dgram_cksum = 0;
		udp->dgram_cksum = udptcp_cksum(m, &f->ip, f->l4, f->proto);
		break;
	default:
		sctp->cksum = 0;
		sctp->cksum = sctp_crc(m, f->l4, len);
		break;
	}
	return 0;
}

void
cksum_ip(struct rte_mbuf *m, const struct rte_vduse_net_l3 *l3)
{
	struct rte_ipv4_hdr *ip = frame_at(m, l3->at);

	if (l3->ipv6)
		return;
	ip->hdr_checksum = 0;
	ip->hdr_checksum = rte_ipv4_cksum(ip);
}

bool
cksum_ip_is_good(const struct rte_mbuf *m, const struct rte_vduse_net_l3 *l3)
{
	return l3->ipv6 || rte_raw_cksum(frame_at(m, l3->at), l3->len) == UINT16_MAX;
}

bool
cksum_l4_is_good(const struct rte_mbuf *m, const struct rte_vduse_net_l3 *l3, uint16_t l4)
{
	const uint32_t len = payload_len(m, l3);
	uint32_t sum;

	if (len == 0)
		return false;
	sum = sum_bytes(m, l4, len) + sum_pseudo(m, l3, l3->proto);
	return (sum & UINT16_MAX) + (sum >> 16) == UINT16_MAX;
}

bool
cksum_has_outer_udp(const struct rte_mbuf *m, const struct rte_vduse_net_headers *f)
{
	const struct rte_udp_hdr *udp = frame_at(m, f->outer.at + f->outer.len);

	return f->outer_udp && udp->dgram_cksum != 0;
}

int
cksum_outer_udp(struct rte_mbuf *m, const struct rte_vduse_net_headers *f)
{
	const uint16_t l4 = f->outer.at + f->outer.len;
	struct rte_udp_hdr *udp = frame_at(m, l4);

	if (!cksum_has_outer_udp(m, f))
		return 0;
	if (payload_len(m, &f->outer) < sizeof(*udp))
		return -EINVAL;
	udp->dgram_cksum = 0;
	udp->dgram_cksum = udptcp_cksum(m, &f->outer, l4, IPPROTO_UDP);
	return 0;
}
