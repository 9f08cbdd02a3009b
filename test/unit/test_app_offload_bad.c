/* SPDX-License-Identifier: BSD-3-Clause */

/* Offloads of dpdk-vduse-net: frames that are not what their flags say, and no memory. */

#include <errno.h>
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
#define EVERY  (UINT64_MAX & ~CHAINS)

static const uint64_t egresses[] = { 0, CHAINS, EVERY, EVERY | CHAINS };

static uint8_t frame[REF_MAX];

static void
run_refused(struct rte_mbuf *m, const char *what)
{
	int ret = rig_run(m);

	if (ret != -EINVAL || rig.n != 0)
		fail_msg("%s: returned %d, %u frames", what, ret, rig.n);
	rig_clear();
}

/* Flip bits of a frame's headers: at, in the frame, `value` is written. */
static const struct {
	const char *what;
	struct ref r;
	uint32_t at;
	uint8_t value;
} bent[] = {
	{ "IPv4: header length 16", { "", TCP, .payload = 100 }, 14, 0x44 },
	{ "IPv4: header length 60", { "", TCP, .payload = 0 }, 14, 0x4f },
	{ "IPv4: version 5", { "", TCP, .payload = 100 }, 14, 0x55 },
	{ "IPv4: a fragment", { "", TCP, .payload = 100 }, 21, 1 },
	{ "IPv4: more fragments", { "", TCP, .payload = 100 }, 20, 0x20 },
	{ "IPv4: ICMP", { "", TCP, .payload = 100 }, 23, 1 },
	{ "IPv4: longer than the frame", { "", TCP, .payload = 100 }, 16, 0x10 },
	{ "IPv4: too short for TCP", { "", TCP, .payload = 100 }, 17, 39 },
	{ "IPv6: ESP", { "", TCP, .ipv6 = true, .payload = 100 }, 20, 50 },
	{ "IPv6: longer than the frame", { "", UDP, .ipv6 = true, .payload = 100 }, 18, 0x10 },
	{ "IPv6: too short for UDP", { "", UDP, .ipv6 = true, .payload = 100 }, 19, 7 },
	{ "TCP: header length 16", { "", TCP, .payload = 100 }, 46, 0x40 },
	{ "TCP: header beyond the frame", { "", TCP, .payload = 2 }, 46, 0xf0 },
	{ "no IP at all", { "", TCP, .payload = 100 }, 12, 0x99 },
	{ "Geneve: not Ethernet", { "", TCP, .tunnel = REF_GENEVE, .payload = 100 }, 44, 0x08 },
	{ "Geneve: options beyond the frame", { "", TCP, .tunnel = REF_GENEVE, .payload = 9 }, 42,
			0x3f },
	{ "inner version 7", { "", TCP, .tunnel = REF_VXLAN, .payload = 100 }, 64, 0x75 },
};

static void
headers_that_lie_are_refused(void **state)
{
	unsigned int i;
	struct rte_mbuf *m;

	(void)state;
	rig_egress(0);
	for (i = 0; i < RTE_DIM(bent); i++) {
		m = rig_receive(&bent[i].r, NULL);
		*rte_pktmbuf_mtod_offset(m, uint8_t *, bent[i].at) = bent[i].value;
		run_refused(m, bent[i].what);
	}
}

/* Frames that end somewhere in their headers, in one piece or in many. */
static void
frames_cut_off_are_refused(void **state)
{
	static const struct ref rs[] = {
		{ "TCP/IPv4", TCP, .tcp_options = 3 },
		{ "UDP/IPv6, QinQ", UDP, .ipv6 = true, .tags = 2 },
		{ "TCP/IPv6, routing header", TCP, .ipv6 = true, .ext = REF_ROUTING },
		{ "TCP/IPv6 in VXLAN", TCP, .ipv6 = true, .tunnel = REF_VXLAN },
		{ "TCP/IPv4 in Geneve", TCP, .tunnel = REF_GENEVE },
		{ "UDP/IPv4 in NVGRE", UDP, .tunnel = REF_NVGRE },
	};
	static const uint16_t bytes[] = { 9, 7, 5, 3, 1, 13, 11, 0 };
	unsigned int i, k;
	struct rte_mbuf *m;
	uint32_t full, len;

	(void)state;
	for (i = 0; i < RTE_DIM(rs); i++) {
		full = ref_whole(&rs[i], 0, frame);
		for (len = 1; len < full; len++) {
			for (k = 0; k < 2 * RTE_DIM(egresses); k++) {
				rig_egress(egresses[k / 2]);
				m = rig_mbuf(frame, len, k % 2 ? bytes : NULL);
				m->packet_type = rs[i].tunnel == REF_VXLAN ? RTE_PTYPE_TUNNEL_VXLAN
						 : rs[i].tunnel == REF_GENEVE
								 ? RTE_PTYPE_TUNNEL_GENEVE
								 : 0;
				m->ol_flags = RTE_MBUF_F_RX_L4_CKSUM_NONE | RTE_MBUF_F_RX_LRO;
				m->tso_segsz = 100;
				run_refused(m, rs[i].name);
			}
		}
	}
}

static void
run_with_size(const struct ref *r, uint16_t size, const char *what)
{
	struct rte_mbuf *m = rig_receive(r, NULL);

	m->ol_flags |= RTE_MBUF_F_RX_LRO;
	m->tso_segsz = size;
	run_refused(m, what);
}

static void
what_cannot_be_cut_is_refused(void **state)
{
	struct ref tcp = { "TCP", TCP, .payload = 5000 };
	struct ref sctp = { "SCTP", IPPROTO_SCTP, .payload = 5000 };
	struct ref gre = { "GRE", TCP, .tunnel = REF_GRE, .payload = 5000 };
	struct rte_mbuf *m;
	unsigned int e;

	(void)state;
	for (e = 0; e < 2; e++) {
		rig_egress(egresses[e]);
		run_with_size(&tcp, 0, "no segment size");
		run_with_size(&sctp, 1000, "SCTP");
		/* GRE with a checksum, with sequence numbers: rte_net takes both for long headers
		 */
		m = rig_receive(&gre, NULL);
		m->ol_flags |= RTE_MBUF_F_RX_LRO;
		m->tso_segsz = 1000;
		*rte_pktmbuf_mtod_offset(m, uint8_t *, 34) = 0x80;
		run_refused(m, "GRE with a checksum");
		m = rig_receive(&gre, NULL);
		m->ol_flags |= RTE_MBUF_F_RX_LRO;
		m->tso_segsz = 1000;
		*rte_pktmbuf_mtod_offset(m, uint8_t *, 34) = 0x10;
		run_refused(m, "GRE with sequence numbers");
	}
}

/* What the receiving port tells is heeded, and is looked at: it may be any number. */
static void
lengths_that_lie_are_refused(void **state)
{
	static const struct ref rs[] = {
		{ "TCP/IPv4", TCP, .payload = 3000, .mss = 1000 },
		{ "UDP/IPv6, QinQ", UDP, .ipv6 = true, .tags = 2, .payload = 3000, .mss = 1000 },
		{ "no name", TCP, .link = REF_NO_NAME, .payload = 3000, .mss = 1000 },
		{ "no name, IPv6", UDP, .ipv6 = true, .link = REF_NO_NAME, .payload = 3000 },
		{ "VXLAN", TCP, .tunnel = REF_VXLAN, .payload = 3000, .mss = 1000 },
		{ "GRE", TCP, .tunnel = REF_GRE, .payload = 3000 },
	};
	struct ref_offsets at;
	struct rte_mbuf *m;
	unsigned int i, l2;

	(void)state;
	for (i = 0; i < RTE_DIM(rs); i++) {
		ref_offsets(&rs[i], &at);
		for (l2 = 0; l2 < 128; l2++) {
			rig_egress(0);
			rig.offload.lengths = true;
			m = rig_receive(&rs[i], NULL);
			m->l2_len = l2;
			if (l2 != at.ip - at.outer_l4) {
				run_refused(m, rs[i].name);
				continue;
			}
			assert_int_equal(rig_run(m), 0);
			rig_clear();
		}
	}
	/* nobody tells: there is no way to know */
	rig.offload.lengths = false;
	run_refused(rig_receive(&rs[2], NULL), "no name, and nobody tells");
}

/* The size of the segments is the sender's choice, the work is ours: Linux's own floors. */
static void
too_many_segments_are_refused(void **state)
{
	struct ref r = { "too many", TCP, .payload = 65000 };
	unsigned int e, i;
	uint16_t size;

	(void)state;
	for (e = 0; e < RTE_DIM(egresses); e++) {
		for (i = 0; i < 4; i++) {
			r.proto = i % 2 ? UDP : TCP;
			r.ipv6 = i / 2;
			rig_egress(egresses[e]);
			for (size = 1; size < (r.proto == TCP ? 8 : 508); size++)
				run_with_size(&r, size, "too many segments");
		}
	}
	/* what Linux may ask for is cut, and by how much the most */
	rig_egress(0);
	r = (struct ref){ "most segments", TCP, .payload = 8 * RIG_FRAMES, .mss = 8 };
	assert_int_equal(rig_run(rig_receive(&r, NULL)), -ENOMEM); /* the pool's end */
	rig_clear();
	r = (struct ref){ "most datagrams", UDP, .payload = 65000, .mss = 508 };
	assert_int_equal(rig_run(rig_receive(&r, NULL)), 0);
	assert_int_equal(rig.n, 128);
	rig_clear();
}

/* Take what is left of a pool. */
static struct rte_mbuf *
empty(struct rte_mempool *pool, unsigned int leave)
{
	struct rte_mbuf *m, *held = NULL;

	while (rte_mempool_avail_count(pool) > leave) {
		m = rte_pktmbuf_alloc(pool);
		assert_non_null(m);
		m->next = held;
		held = m;
	}
	return held;
}

static void
give_back(struct rte_mbuf *held)
{
	struct rte_mbuf *m;

	while (held != NULL) {
		m = held;
		held = m->next;
		m->next = NULL;
		rte_pktmbuf_free(m);
	}
}

/* At each buffer that can be missing: an error, what is made so far is whole, nothing leaks. */
static void
no_buffer_is_an_error_not_a_leak(void **state)
{
	static const struct ref rs[] = {
		{ "gso", TCP, .payload = 9000, .mss = 1000 },
		{ "copies", TCP, .ipv6 = true, .payload = 9000, .mss = 1000 },
		{ "chains", UDP, .payload = 20000, .mss = 5000 },
	};
	static const uint16_t cuts[] = { 20, 0 };
	struct rte_mbuf *direct, *indirect, *m;
	unsigned int i, k, leave, ok = 0;
	static uint8_t want[REF_MAX];
	int ret;

	(void)state;
	rig_egress(CHAINS);
	for (i = 0; i < 2 * RTE_DIM(rs); i++) {
		for (leave = 0; leave < 40; leave++) {
			m = rig_receive(&rs[i / 2], i % 2 ? cuts : NULL);
			direct = empty(rig.pool, leave);
			indirect = empty(rig.indirect, leave);
			ret = rig_run(m);
			assert_true(ret == 0 || ret == -ENOMEM);
			assert_true(leave != 0 || ret == -ENOMEM);
			ok += ret == 0;
			for (k = 0; k < rig.n; k++)
				rig_expect(rs[i / 2].name, k, want,
						ref_segment(&rs[i / 2], k, want));
			give_back(direct);
			give_back(indirect);
			rig_clear();
		}
	}
	assert_true(ok > 0);
}

/* CVE-2026-100236: the header copy of rte_gso, and ours, fit the buffers of the segments. */
static void
headers_longer_than_a_buffer_are_refused(void **state)
{
	struct ref r = { "long headers", TCP, .tunnel = REF_GENEVE, .ip_options = 10,
		.tcp_options = 10, .tags = 2, .payload = 3000, .mss = 1000 };
	struct ref_offsets at;
	struct rte_mbuf *m;
	uint32_t inner;

	(void)state;
	ref_offsets(&r, &at);
	assert_true(at.data < 256);
	rig_egress(CHAINS);
	rig.offload.pool = rig.small;
	rig.offload.gso.direct_pool = rig.small;
	assert_int_equal(rig_run(rig_receive(&r, NULL)), 0);
	assert_int_equal(rig.n, 3);
	rig_clear();
	/* the most that Geneve's length can say: 63 words of options */
	ref_whole(&r, 0, frame);
	inner = at.outer_l4 + 8 + 8 + 4 * 63;
	memmove(frame + inner, frame + at.ip - 14, at.data - at.ip + 14 + r.payload);
	frame[at.outer_l4 + 8] = 63;
	m = rig_mbuf(frame, inner + at.data - at.ip + 14 + r.payload, NULL);
	m->packet_type = RTE_PTYPE_TUNNEL_GENEVE;
	m->ol_flags = RTE_MBUF_F_RX_LRO;
	m->tso_segsz = 1000;
	assert_int_equal(rig_run(m), -ENOMEM);
	assert_int_equal(rig.n, 0);
	rig_clear();
}

static uint32_t
random_next(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

/* Any bytes at all in the headers: something comes out or an error, and nothing leaks. */
static void
any_bytes_are_survived(void **state)
{
	static const uint32_t types[] = { 0, RTE_PTYPE_TUNNEL_VXLAN, RTE_PTYPE_TUNNEL_GENEVE,
		RTE_PTYPE_TUNNEL_MASK };
	struct ref r = { "any", TCP };
	uint32_t i, k, len, seed = 1, good = 0;
	struct rte_mbuf *m;
	uint16_t cuts[4] = { 0 };

	(void)state;
	for (i = 0; i < 60000; i++) {
		r = (struct ref){ "any", random_next(&seed) % 2 ? TCP : UDP,
			.ipv6 = random_next(&seed) % 2, .tags = random_next(&seed) % 3,
			.tunnel = random_next(&seed) % REF_TUNNELS,
			.link = random_next(&seed) % REF_LINKS,
			.payload = random_next(&seed) % 3000 };
		len = ref_whole(&r, 0, frame);
		for (k = random_next(&seed) % 4; k > 0; k--)
			frame[random_next(&seed) % RTE_MIN(len, 150u)] = random_next(&seed);
		cuts[0] = random_next(&seed) % 100;
		cuts[1] = random_next(&seed) % 100;
		m = rig_mbuf(frame, 1 + random_next(&seed) % len, cuts);
		m->packet_type = types[random_next(&seed) % RTE_DIM(types)];
		m->ol_flags = RTE_MBUF_F_RX_L4_CKSUM_NONE |
			      (random_next(&seed) % 2 ? RTE_MBUF_F_RX_LRO : 0);
		m->tso_segsz = random_next(&seed) % 2000;
		rig_egress(egresses[random_next(&seed) % RTE_DIM(egresses)]);
		rig.egress.refuse = random_next(&seed) % 3;
		rig.offload.lengths = random_next(&seed) % 2;
		m->l2_len = random_next(&seed) % 64;
		m->l3_len = random_next(&seed) % 64;
		good += rig_run(m) == 0;
		rig_clear();
	}
	assert_in_range(good, 1000, 59000);
}

int
main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(headers_that_lie_are_refused, rig_fresh),
		cmocka_unit_test_setup(frames_cut_off_are_refused, rig_fresh),
		cmocka_unit_test_setup(what_cannot_be_cut_is_refused, rig_fresh),
		cmocka_unit_test_setup(lengths_that_lie_are_refused, rig_fresh),
		cmocka_unit_test_setup(too_many_segments_are_refused, rig_fresh),
		cmocka_unit_test_setup(no_buffer_is_an_error_not_a_leak, rig_fresh),
		cmocka_unit_test_setup(headers_longer_than_a_buffer_are_refused, rig_fresh),
		cmocka_unit_test_setup(any_bytes_are_survived, rig_fresh),
	};

	(void)argc;
	if (rig_open(argv[0]) != 0)
		return EXIT_FAILURE;
	return FILTER_RUN("app_offload_bad", tests, NULL, NULL);
}
