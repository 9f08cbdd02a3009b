/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Checksums and segmentation of dpdk-vduse-net, byte by byte against a reference
 * that shares no code with it: by the egress, by rte_gso, and in software.
 */

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "filter.h"
#include "offload_rig.h"

#define CHAINS RTE_ETH_TX_OFFLOAD_MULTI_SEGS
#define TCP    IPPROTO_TCP
#define UDP    IPPROTO_UDP
#define SCTP   IPPROTO_SCTP
#define ACK    0x10
#define CWR    0x80
#define FIN    0x01
#define PSH    0x08

#define UDP_SEGMENTS 128 /* Linux makes no more of a frame */

static const struct ref kinds[] = {
	{ "TCP/IPv4", TCP },
	{ "TCP/IPv4, options", TCP, .ip_options = 3, .tcp_options = 3 },
	{ "TCP/IPv6", TCP, .ipv6 = true, .tcp_options = 3 },
	{ "UDP/IPv4", UDP },
	{ "UDP/IPv6", UDP, .ipv6 = true },
	{ "TCP/IPv4, VLAN", TCP, .tags = 1 },
	{ "UDP/IPv6, VLAN", UDP, .ipv6 = true, .tags = 1 },
	{ "TCP/IPv6, QinQ", TCP, .ipv6 = true, .tags = 2 },
	{ "UDP/IPv4, QinQ", UDP, .tags = 2 },
	{ "TCP/IPv4, 802.1ad alone", TCP, .link = REF_AD },
	{ "TCP/IPv6, 0x9100", TCP, .ipv6 = true, .link = REF_9100 },
	{ "TCP/IPv4, 802.1Q in 802.1Q", TCP, .link = REF_Q_IN_Q },
	{ "UDP/IPv6, three tags", UDP, .ipv6 = true, .link = REF_Q_Q_AD },
	{ "TCP/IPv6, three tags, options", TCP, .ipv6 = true, .link = REF_Q_Q_AD,
			.ext = REF_OPTIONS },
	{ "TCP/IPv4, MPLS", TCP, .link = REF_MPLS, .ip_options = 2 },
	{ "UDP/IPv6, MPLS", UDP, .ipv6 = true, .link = REF_MPLS },
	{ "TCP/IPv4, PPPoE", TCP, .link = REF_PPPOE },
	{ "TCP/IPv6, PPPoE", TCP, .ipv6 = true, .link = REF_PPPOE },
	{ "TCP/IPv4, an ethertype without a name", TCP, .link = REF_NO_NAME, .ip_options = 1 },
	{ "UDP/IPv6, an ethertype without a name", UDP, .ipv6 = true, .link = REF_NO_NAME,
			.ext = REF_ROUTING },
	{ "TCP/IPv4 in VXLAN, three tags", TCP, .tunnel = REF_VXLAN, .link = REF_Q_Q_AD },
	{ "TCP/IPv6, destination options", TCP, .ipv6 = true, .ext = REF_OPTIONS },
	{ "UDP/IPv6, routing header", UDP, .ipv6 = true, .ext = REF_ROUTING },
	{ "TCP/IPv6, segment routing", TCP, .ipv6 = true, .ext = REF_SEGMENTS },
	{ "TCP/IPv4 in VXLAN", TCP, .tunnel = REF_VXLAN },
	{ "TCP/IPv4 in VXLAN, checksum", TCP, .tunnel = REF_VXLAN, .outer_cksum = true },
	{ "TCP/IPv6 in VXLAN", TCP, .ipv6 = true, .tunnel = REF_VXLAN },
	{ "UDP/IPv4 in VXLAN/IPv6, checksum", UDP, .tunnel = REF_VXLAN, .outer_ipv6 = true,
			.outer_cksum = true },
	{ "TCP/IPv4 in VXLAN, VLAN", TCP, .tunnel = REF_VXLAN, .tags = 1 },
	{ "TCP/IPv4 in Geneve", TCP, .tunnel = REF_GENEVE },
	{ "UDP/IPv6 in Geneve/IPv6, checksum", UDP, .ipv6 = true, .tunnel = REF_GENEVE,
			.outer_ipv6 = true, .outer_cksum = true },
	{ "TCP/IPv4 in GRE", TCP, .tunnel = REF_GRE },
	{ "UDP/IPv6 in GRE", UDP, .ipv6 = true, .tunnel = REF_GRE },
	{ "TCP/IPv4 in NVGRE", TCP, .tunnel = REF_NVGRE, .tcp_options = 2 },
	{ "TCP/IPv6 in IPv4", TCP, .ipv6 = true, .tunnel = REF_IPIP },
	{ "UDP/IPv4 in IPv4", UDP, .tunnel = REF_IPIP },
};

/* How the bytes are spread over buffers; headers included. */
static const uint16_t cuts[][8] = {
	{ 0 },
	{ 1, 1, 1 },
	{ 14, 20, 7, 33 },
	{ 17, 13, 11, 5, 3, 2, 1 },
	{ 200, 1, 333 },
	{ 1999 },
};

static uint8_t want[REF_MAX];

/* Run what r describes and compare it with the reference's segments. */
static void
run_and_compare(const struct ref *r, const uint16_t *cut)
{
	uint32_t i;

	/* what the receiving port told is heeded in turns, and where nothing else can tell */
	rig.offload.lengths = !rig.offload.lengths || r->link == REF_NO_NAME;
	assert_int_equal(rig_run(rig_receive(r, cut)), 0);
	if (rig.n != ref_segments(r))
		fail_msg("%s, %u bytes: %u frames, not %u", r->name, r->payload, rig.n,
				ref_segments(r));
	for (i = 0; i < rig.n; i++) {
		rig_expect(r->name, i, want, ref_segment(r, i, want));
		assert_false(offload_wanted(rig.frames[i]->ol_flags));
		assert_int_equal(rig.frames[i]->ol_flags & RTE_MBUF_F_TX_OFFLOAD_MASK, 0);
	}
}

static void
checksums_are_completed(void **state)
{
	static const uint32_t sizes[] = { 0, 1, 2, 3, 64, 1399, 1400, 8901, 65000 };
	unsigned int c, k, s;
	struct ref r;

	(void)state;
	rig_egress(CHAINS);
	for (k = 0; k < RTE_DIM(kinds); k++) {
		for (s = 0; s < RTE_DIM(sizes); s++) {
			for (c = 0; c < RTE_DIM(cuts); c++) {
				r = kinds[k];
				r.payload = sizes[s];
				run_and_compare(&r, cuts[c]);
				rig_clear();
			}
		}
	}
	assert_int_equal(rig.egress.prepared, 0);
}

static void
sctp_gets_its_crc(void **state)
{
	static const uint32_t sizes[] = { 0, 1, 3, 4, 5, 17, 1400, 4001 };
	struct ref r = { "SCTP/IPv4", SCTP };
	unsigned int c, s;

	(void)state;
	rig_egress(CHAINS);
	for (s = 0; s < 2 * RTE_DIM(sizes); s++) {
		for (c = 0; c < RTE_DIM(cuts); c++) {
			r.ipv6 = s % 2;
			r.payload = sizes[s / 2];
			run_and_compare(&r, cuts[c]);
			rig_clear();
		}
	}
}

/* RFC 768: a sum of 0 is sent as 65535, for 0 is "none"; TCP has no such rule. */
static void
a_sum_of_zero_is_sent_as_ones(void **state)
{
	struct ref r = { "sum 0", UDP, .payload = 100 };
	unsigned int i, l4 = 14 + 20;
	uint16_t sum;

	(void)state;
	rig_egress(0);
	for (i = 0; i < 4; i++) {
		r.proto = i < 2 ? UDP : TCP;
		r.ipv6 = i % 2;
		r.word = 0;
		l4 = 14 + (r.ipv6 ? 40 : 20) + (r.proto == UDP ? 6 : 16);
		ref_whole(&r, 0, want);
		sum = want[l4] << 8 | want[l4 + 1];
		/* the checksum is the complement of the rest: as payload it makes that all ones */
		r.word = sum;
		ref_whole(&r, 0, want);
		assert_int_equal(want[l4], r.proto == UDP ? 0xff : 0);
		assert_int_equal(want[l4 + 1], r.proto == UDP ? 0xff : 0);
		run_and_compare(&r, NULL);
		rig_clear();
	}
}

/* Of every kind, in all sizes; where = 0: no chains, copies; CHAINS: rte_gso where it can. */
static void
cut_all(uint64_t egress)
{
	static const struct {
		uint32_t payload;
		uint16_t mss;
	} sizes[] = { { 16, 8 }, { 1401, 1400 }, { 2800, 1400 }, { 4321, 536 }, { 9999, 3001 },
		{ 65000, 1448 }, { 64999, 8948 }, { 65000, 88 } };
	unsigned int c, k, s;
	struct ref r;

	rig_egress(egress);
	for (k = 0; k < RTE_DIM(kinds); k++) {
		for (s = 0; s < RTE_DIM(sizes); s++) {
			for (c = 0; c < RTE_DIM(cuts); c++) {
				r = kinds[k];
				r.payload = sizes[s].payload;
				r.mss = sizes[s].mss;
				if (r.proto == UDP && ref_segments(&r) > UDP_SEGMENTS)
					continue;
				r.tcp_flags = ACK | PSH | (c % 2 ? FIN : 0) | (s % 2 ? CWR : 0);
				run_and_compare(&r, cuts[c]);
				rig_clear();
			}
		}
	}
}

static void
frames_are_cut_by_copying(void **state)
{
	(void)state;
	cut_all(0);
}

static void
frames_are_cut_by_gso(void **state)
{
	(void)state;
	cut_all(CHAINS);
}

/* Which of the two cut it shows in the segments: copies, or references to the frame. */
static void
gso_serves_what_it_can(void **state)
{
	static const struct {
		struct ref r;
		bool gso;
	} cases[] = {
		{ { "TCP/IPv4", TCP, .payload = 5000, .mss = 1000 }, true },
		{ { "VLAN", TCP, .tags = 1, .payload = 5000, .mss = 1000 }, true },
		{ { "VXLAN", TCP, .tunnel = REF_VXLAN, .payload = 5000, .mss = 1000 }, true },
		{ { "GRE", TCP, .tunnel = REF_GRE, .payload = 5000, .mss = 1000 }, true },
		{ { "NVGRE", TCP, .tunnel = REF_NVGRE, .payload = 5000, .mss = 1000 }, true },
		{ { "64 segments", TCP, .payload = 512, .mss = 8 }, true },
		{ { "65 segments", TCP, .payload = 513, .mss = 8 }, false },
		{ { "CWR", TCP, .payload = 5000, .mss = 1000, .tcp_flags = CWR }, false },
		{ { "TCP/IPv6", TCP, .ipv6 = true, .payload = 5000, .mss = 1000 }, false },
		{ { "UDP", UDP, .payload = 5000, .mss = 1000 }, false },
		{ { "Geneve", TCP, .tunnel = REF_GENEVE, .payload = 5000, .mss = 1000 }, false },
		{ { "VXLAN/IPv6", TCP, .tunnel = REF_VXLAN, .outer_ipv6 = true, .payload = 5000,
				  .mss = 1000 },
				false },
	};
	unsigned int i;

	(void)state;
	for (i = 0; i < RTE_DIM(cases); i++) {
		rig_egress(CHAINS);
		run_and_compare(&cases[i].r, NULL);
		assert_int_equal(rte_mempool_in_use_count(rig.indirect) != 0, cases[i].gso);
		rig_clear();
		rig_egress(0);
		run_and_compare(&cases[i].r, NULL);
		assert_int_equal(rte_mempool_in_use_count(rig.indirect), 0);
		rig_clear();
	}
}

/* What is in one piece already is no segment: TSO is not asked for. */
static void
a_short_frame_is_not_cut(void **state)
{
	struct ref r = { "one piece", TCP, .payload = 1000, .mss = 1000 };

	(void)state;
	rig_egress(CHAINS);
	run_and_compare(&r, NULL);
	assert_int_equal(rig.n, 1);
	rig_clear();
	rig_egress(RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_TSO);
	assert_int_equal(rig_run(rig_receive(&r, NULL)), 0);
	assert_true(rig.frames[0]->ol_flags & RTE_MBUF_F_TX_TCP_CKSUM);
	assert_false(rig.frames[0]->ol_flags & RTE_MBUF_F_TX_TCP_SEG);
	rig_clear();
}

/* A NIC's LRO: the checksum is right, and no flag says it is missing. */
static void
merged_frames_are_cut_too(void **state)
{
	struct ref r = { "LRO", TCP, .payload = 5000, .mss = 1448 };
	struct rte_mbuf *m;
	uint32_t i;

	(void)state;
	rig_egress(0);
	m = rig_mbuf(want, ref_whole(&r, 0, want), NULL);
	m->ol_flags = RTE_MBUF_F_RX_LRO | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	m->tso_segsz = r.mss;
	assert_int_equal(rig_run(m), 0);
	assert_int_equal(rig.n, 4);
	for (i = 0; i < rig.n; i++)
		rig_expect(r.name, i, want, ref_segment(&r, i, want));
	rig_clear();
}

/* Frames that others hold too are not written to. */
static void
shared_frames_are_copied(void **state)
{
	struct ref r = { "shared", TCP, .payload = 1000 };
	struct rte_mbuf *m, *clone;
	static uint8_t before[REF_MAX];
	uint32_t len;

	(void)state;
	rig_egress(0);
	m = rig_receive(&r, NULL);
	len = m->pkt_len;
	memcpy(before, rte_pktmbuf_mtod(m, void *), len);
	clone = rte_pktmbuf_clone(m, rig.indirect);
	assert_non_null(clone);
	assert_int_equal(rig_run(clone), 0);
	rte_mbuf_refcnt_update(m, 1);
	assert_int_equal(rig_run(m), 0);
	assert_memory_equal(before, rte_pktmbuf_mtod(m, void *), len);
	rte_pktmbuf_free(m);
	rig_expect(r.name, 0, want, ref_segment(&r, 0, want));
	rig_expect(r.name, 1, want, ref_segment(&r, 0, want));
	rig_clear();
}

#define CKSUMS                                                         \
	(RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM | \
			RTE_ETH_TX_OFFLOAD_SCTP_CKSUM)
#define TSOS  (RTE_ETH_TX_OFFLOAD_TCP_TSO | RTE_ETH_TX_OFFLOAD_UDP_TSO)
#define OUTER (RTE_ETH_TX_OFFLOAD_OUTER_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_OUTER_UDP_CKSUM)
#define V4    RTE_MBUF_F_TX_IPV4
#define V6    RTE_MBUF_F_TX_IPV6
#define OUT4  RTE_MBUF_F_TX_OUTER_IPV4
#define OUT6  RTE_MBUF_F_TX_OUTER_IPV6

/* What the egress is asked for, and with which capability it would not be. */
static const struct {
	struct ref r;
	uint64_t capa;
	uint64_t flags;
} asked[] = {
	{ { "TCP/IPv4", TCP }, RTE_ETH_TX_OFFLOAD_TCP_CKSUM, V4 | RTE_MBUF_F_TX_TCP_CKSUM },
	{ { "UDP/IPv6, QinQ", UDP, .ipv6 = true, .tags = 2 }, RTE_ETH_TX_OFFLOAD_UDP_CKSUM,
			V6 | RTE_MBUF_F_TX_UDP_CKSUM },
	{ { "TSO4, three tags", TCP, .link = REF_Q_Q_AD, .mss = 1448 },
			RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_TSO,
			V4 | RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_TCP_SEG },
	{ { "SCTP/IPv4", SCTP }, RTE_ETH_TX_OFFLOAD_SCTP_CKSUM, V4 | RTE_MBUF_F_TX_SCTP_CKSUM },
	{ { "TSO4", TCP, .tcp_options = 3, .mss = 1448 },
			RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_TSO,
			V4 | RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_TCP_SEG },
	{ { "TSO6", TCP, .ipv6 = true, .mss = 1428 },
			RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_TSO,
			V6 | RTE_MBUF_F_TX_TCP_SEG },
	{ { "USO4", UDP, .mss = 1400 }, RTE_ETH_TX_OFFLOAD_UDP_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_TSO,
			V4 | RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_UDP_SEG },
	{ { "in VXLAN", TCP, .tunnel = REF_VXLAN },
			RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_VXLAN_TNL_TSO,
			V4 | OUT4 | RTE_MBUF_F_TX_TCP_CKSUM | RTE_MBUF_F_TX_TUNNEL_VXLAN },
	{ { "in Geneve", UDP, .ipv6 = true, .outer_ipv6 = true, .tunnel = REF_GENEVE },
			RTE_ETH_TX_OFFLOAD_UDP_CKSUM | RTE_ETH_TX_OFFLOAD_GENEVE_TNL_TSO,
			V6 | OUT6 | RTE_MBUF_F_TX_UDP_CKSUM | RTE_MBUF_F_TX_TUNNEL_GENEVE },
	{ { "TSO in VXLAN", TCP, .tunnel = REF_VXLAN, .mss = 1000, .outer_cksum = true },
			RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_VXLAN_TNL_TSO | OUTER,
			V4 | OUT4 | RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_OUTER_IP_CKSUM |
					RTE_MBUF_F_TX_OUTER_UDP_CKSUM | RTE_MBUF_F_TX_TCP_SEG |
					RTE_MBUF_F_TX_TUNNEL_VXLAN },
	{ { "TSO in GRE", TCP, .tunnel = REF_GRE, .mss = 1000 },
			RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_GRE_TNL_TSO |
					RTE_ETH_TX_OFFLOAD_OUTER_IPV4_CKSUM,
			V4 | OUT4 | RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_OUTER_IP_CKSUM |
					RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_TUNNEL_GRE },
	{ { "in IPv4", TCP, .ipv6 = true, .tunnel = REF_IPIP },
			RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_IPIP_TNL_TSO,
			V6 | OUT4 | RTE_MBUF_F_TX_TCP_CKSUM | RTE_MBUF_F_TX_TUNNEL_IPIP },
};

static void
expect_lengths(const struct ref *r, const struct rte_mbuf *m)
{
	struct ref_offsets at;

	ref_offsets(r, &at);
	assert_int_equal(m->outer_l2_len, at.outer_ip);
	assert_int_equal(m->outer_l3_len, at.outer_l4 - at.outer_ip);
	assert_int_equal(m->l2_len, at.ip - at.outer_l4);
	assert_int_equal(m->l3_len, at.l4 - at.ip);
	assert_int_equal(m->l4_len, at.data - at.l4);
	assert_int_equal(m->tso_segsz, r->mss);
}

/* The frame goes as it is, up to 64 KiB, with the flags that ethdev defines. */
static void
the_egress_is_asked(void **state)
{
	unsigned int c, i;
	struct ref r;

	(void)state;
	for (i = 0; i < RTE_DIM(asked); i++) {
		r = asked[i].r;
		r.payload = 65000;
		for (c = 0; c < RTE_DIM(cuts); c++) {
			rig_egress(asked[i].capa | CHAINS);
			assert_int_equal(rig_run(rig_receive(&r, cuts[c])), 0);
			assert_int_equal(rig.egress.prepared, 1);
			assert_int_equal(rig.n, 1);
			rig_expect(r.name, 0, want, ref_whole(&r, 0x1bad, want));
			if (rig.frames[0]->ol_flags != asked[i].flags)
				fail_msg("%s: flags %lx, not %lx", r.name, rig.frames[0]->ol_flags,
						asked[i].flags);
			expect_lengths(&r, rig.frames[0]);
			rig_clear();
		}
	}
}

/* Each capability that is missing makes it software; so does a refusal. */
static void
what_the_egress_cannot_is_done_here(void **state)
{
	unsigned int bit, i, k;
	struct ref r;

	(void)state;
	for (i = 0; i < RTE_DIM(asked); i++) {
		r = asked[i].r;
		r.payload = 20000;
		for (bit = 0; bit < 64; bit++) {
			if ((asked[i].capa & RTE_BIT64(bit)) == 0)
				continue;
			rig_egress((asked[i].capa & ~RTE_BIT64(bit)) | CHAINS);
			if (r.mss != 0)
				rig.egress.refuse = 1000; /* checksums of the segments */
			run_and_compare(&r, cuts[i % RTE_DIM(cuts)]);
			rig_clear();
		}
		rig_egress(asked[i].capa);
		rig.egress.refuse = 1000;
		run_and_compare(&r, cuts[i % RTE_DIM(cuts)]);
		assert_true(rig.egress.prepared >= 1);
		rig_clear();
	}
	/* The next frame is asked for again: a driver may have come that takes it. */
	rig_egress(CKSUMS | TSOS | CHAINS);
	rig.egress.refuse = 1;
	r = (struct ref){ "again", TCP, .payload = 3000, .mss = 1000 };
	for (k = 0; k < 2; k++) {
		assert_int_equal(rig_run(rig_receive(&r, NULL)), 0);
		assert_int_equal(rig.n, k == 0 ? 3 : 1);
		rig_clear();
	}
}

/* A port takes so many buffers of a frame that it cuts: what needs more is cut here. */
static void
the_egress_is_not_asked_for_too_many_buffers(void **state)
{
	struct ref r = { "buffers", TCP, .mss = 1448 };
	unsigned int pieces;

	(void)state;
	for (pieces = 1; pieces < 6; pieces++) {
		r.payload = 2048 * pieces - 54;
		rig_egress(CKSUMS | TSOS | CHAINS);
		rig.offload.tso_segs = 3;
		assert_int_equal(rig_run(rig_receive(&r, cuts[3])), 0);
		assert_int_equal(rig.n, pieces <= 3 ? 1 : ref_segments(&r));
		rig_clear();
	}
	rig.offload.tso_segs = 0;
}

/* Checksums by the egress, but no segmentation: each segment asks for its checksum. */
static void
segments_ask_for_their_checksums(void **state)
{
	static const struct ref rs[] = {
		{ "TCP/IPv4", TCP, .payload = 5000, .mss = 1448, .tcp_flags = FIN },
		{ "TCP/IPv6", TCP, .payload = 5000, .mss = 1448, .ipv6 = true },
		{ "UDP/IPv4", UDP, .payload = 5000, .mss = 1448 },
	};
	unsigned int i, k;
	uint32_t field, len;

	(void)state;
	for (k = 0; k < 2 * RTE_DIM(rs); k++) {
		const struct ref *r = &rs[k / 2];

		rig_egress(CKSUMS | (k % 2 ? CHAINS : 0));
		assert_int_equal(rig_run(rig_receive(r, NULL)), 0);
		assert_int_equal(rig.n, ref_segments(r));
		assert_int_equal(rig.egress.prepared, rig.n);
		for (i = 0; i < rig.n; i++) {
			len = ref_segment(r, i, want);
			field = 14 + (r->ipv6 ? 40 : 20) + (r->proto == TCP ? 16 : 6);
			want[field] = 0x1b; /* as it came: the egress writes it */
			want[field + 1] = 0xad;
			rig_expect(r->name, i, want, len);
			assert_int_equal(rig.frames[i]->ol_flags,
					(r->ipv6 ? V6 : V4) |
							(r->proto == TCP ? RTE_MBUF_F_TX_TCP_CKSUM
									 : RTE_MBUF_F_TX_UDP_CKSUM));
		}
		rig_clear();
	}
}

/* IPv6 extension headers: rte_ipv6_phdr_cksum(), which drivers use, takes no heed of them. */
static void
extension_headers_are_not_left_to_the_egress(void **state)
{
	struct ref r = { "destination options", TCP, .ipv6 = true, .ext = REF_OPTIONS };

	(void)state;
	rig_egress(CKSUMS | TSOS | CHAINS);
	r.payload = 100;
	run_and_compare(&r, NULL);
	rig_clear();
	r.payload = 5000;
	r.mss = 1000;
	run_and_compare(&r, NULL);
	assert_int_equal(rig.egress.prepared, 0);
	rig_clear();
}

/* In front of IP is something with a length, or nobody knows what: ports do not see to it. */
static void
other_links_are_not_left_to_the_egress(void **state)
{
	static const enum ref_link links[] = { REF_MPLS, REF_PPPOE, REF_NO_NAME };
	struct ref r = { "other link", TCP };
	unsigned int i;

	(void)state;
	for (i = 0; i < 2 * RTE_DIM(links); i++) {
		rig_egress(CKSUMS | TSOS | CHAINS);
		r.link = links[i / 2];
		r.payload = 5000;
		r.mss = i % 2 ? 1000 : 0;
		run_and_compare(&r, NULL);
		assert_int_equal(rig.egress.prepared, 0);
		rig_clear();
	}
}

/* Longer than a buffer: a segment is a chain itself. */
static void
segments_may_be_chains(void **state)
{
	struct ref r = { "long segments", UDP, .payload = 60000, .mss = 9000 };

	(void)state;
	rig_egress(CHAINS);
	run_and_compare(&r, NULL);
	assert_true(rig.frames[0]->nb_segs > 4);
	rig_clear();
}

int
main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(checksums_are_completed, rig_fresh),
		cmocka_unit_test_setup(sctp_gets_its_crc, rig_fresh),
		cmocka_unit_test_setup(a_sum_of_zero_is_sent_as_ones, rig_fresh),
		cmocka_unit_test_setup(frames_are_cut_by_copying, rig_fresh),
		cmocka_unit_test_setup(frames_are_cut_by_gso, rig_fresh),
		cmocka_unit_test_setup(gso_serves_what_it_can, rig_fresh),
		cmocka_unit_test_setup(a_short_frame_is_not_cut, rig_fresh),
		cmocka_unit_test_setup(merged_frames_are_cut_too, rig_fresh),
		cmocka_unit_test_setup(shared_frames_are_copied, rig_fresh),
		cmocka_unit_test_setup(the_egress_is_asked, rig_fresh),
		cmocka_unit_test_setup(what_the_egress_cannot_is_done_here, rig_fresh),
		cmocka_unit_test_setup(the_egress_is_not_asked_for_too_many_buffers, rig_fresh),
		cmocka_unit_test_setup(segments_ask_for_their_checksums, rig_fresh),
		cmocka_unit_test_setup(extension_headers_are_not_left_to_the_egress, rig_fresh),
		cmocka_unit_test_setup(other_links_are_not_left_to_the_egress, rig_fresh),
		cmocka_unit_test_setup(segments_may_be_chains, rig_fresh),
	};

	(void)argc;
	if (rig_open(argv[0]) != 0)
		return EXIT_FAILURE;
	return FILTER_RUN("app_offload", tests, NULL, NULL);
}
