/* SPDX-License-Identifier: BSD-3-Clause */

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <rte_ethdev.h>
#include <rte_ip.h>
#include <rte_tcp.h>

#include "gro_rig.h"

#define TCP  IPPROTO_TCP
#define GOOD (RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD)

static uint8_t bytes[REF_MAX];
uint64_t gro_joined;

const struct ref gro_kinds[GRO_KINDS] = {
	[GRO_IP4] = { "TCP/IPv4", TCP, .tcp_flags = ACK, .mss = MSS },
	[GRO_IP4_OPTIONS] = { "TCP/IPv4, options", TCP, .tcp_flags = ACK, .mss = MSS,
			.tcp_options = 3 },
	[GRO_IP6] = { "TCP/IPv6", TCP, .tcp_flags = ACK, .mss = MSS, .ipv6 = true,
			.tcp_options = 3 },
	[GRO_IP4_VLAN] = { "TCP/IPv4, VLAN", TCP, .tcp_flags = ACK | RTE_TCP_ECE_FLAG, .mss = MSS,
			.tags = 1 },
	[GRO_IP6_VLAN] = { "TCP/IPv6, VLAN", TCP, .tcp_flags = ACK, .mss = MSS, .ipv6 = true,
			.tags = 1 },
	[GRO_IP4_PSH] = { "TCP/IPv4, PSH", TCP, .tcp_flags = ACK | RTE_TCP_PSH_FLAG, .mss = MSS },
	[GRO_IP6_PSH] = { "TCP/IPv6, PSH", TCP, .tcp_flags = ACK | RTE_TCP_PSH_FLAG, .mss = 1400,
			.ipv6 = true },
};

struct rte_mbuf *
gro_segment(const struct ref *r, uint32_t i)
{
	return rig_mbuf(bytes, ref_segment(r, i, bytes), NULL);
}

void
gro_put(struct rte_mbuf *m)
{
	rig.frames[rig.n++] = m;
}

void
gro_put_segments(const struct ref *r)
{
	uint32_t i;

	for (i = 0; i < ref_segments(r); i++)
		gro_put(gro_segment(r, i));
}

void
gro_merge(uint32_t types)
{
	gro_joined = 0;
	rig.n = gro_burst(rig.frames, rig.n, types, &gro_joined);
}

void
gro_expect_segment(const struct ref *r, unsigned int i, uint32_t k)
{
	rig_expect(r->name, i, bytes, ref_segment(r, k, bytes));
	assert_int_equal(rig.frames[i]->nb_segs, 1);
	assert_int_equal(rig.frames[i]->ol_flags & RTE_MBUF_F_RX_LRO, 0);
}

void
gro_expect_whole(const struct ref *r, unsigned int i)
{
	struct rte_mbuf *rest[RIG_FRAMES], *m = rig.frames[i];
	const unsigned int nb = rig.n;
	struct ref_offsets at;
	uint32_t k;

	ref_offsets(r, &at);
	rte_mbuf_sanity_check(m, 1);
	assert_int_equal(m->pkt_len, at.data + r->payload);
	assert_int_equal(m->nb_segs, ref_segments(r));
	assert_int_equal(m->tso_segsz, r->mss);
	assert_int_equal(m->l2_len, at.ip);
	assert_int_equal(m->l3_len, at.l4 - at.ip);
	assert_int_equal(m->l4_len, at.data - at.l4);
	assert_true((m->ol_flags & RTE_MBUF_F_RX_LRO) != 0);
	assert_true((m->ol_flags & RTE_MBUF_F_TX_TCP_SEG) != 0);
	memcpy(rest, rig.frames, sizeof(rest));
	rig.n = 0;
	rig_egress(RTE_ETH_TX_OFFLOAD_MULTI_SEGS);
	rig.offload.lengths = true;
	assert_int_equal(rig_run(m), 0);
	assert_int_equal(rig.n, ref_segments(r));
	for (k = 0; k < rig.n; k++)
		rig_expect(r->name, k, bytes, ref_segment(r, k, bytes));
	rte_pktmbuf_free_bulk(rig.frames, rig.n);
	memcpy(rig.frames, rest, sizeof(rest));
	rig.n = nb;
	/* it is not this test's any more */
	rig.frames[i] = rte_pktmbuf_alloc(rig.pool);
}

uint8_t *
gro_at(struct rte_mbuf *m, uint32_t offset)
{
	return rte_pktmbuf_mtod_offset(m, uint8_t *, offset);
}

void
gro_seal(struct rte_mbuf *m, const struct ref *r)
{
	struct rte_ipv4_hdr *ip;
	struct ref_offsets to;

	ref_offsets(r, &to);
	ip = rte_pktmbuf_mtod_offset(m, struct rte_ipv4_hdr *, to.ip);
	if (!r->ipv6) {
		ip->hdr_checksum = 0;
		ip->hdr_checksum = rte_ipv4_cksum(ip);
	}
	m->ol_flags |= GOOD;
}
