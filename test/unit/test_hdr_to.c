/* SPDX-License-Identifier: BSD-3-Clause */

/* The driver's virtio_net_hdr onto an mbuf, against frames that are summed here. */

#include <errno.h>
#include <string.h>

#include "hdr_frame.h"
#include "net/hdr.h"

#define BIT(name) (1ULL << (name))

/* One frame, left to the owner and completed. */
static void
partial_run(const struct frame_spec *spec, uint32_t first, uint32_t others)
{
	uint8_t data[FRAME_MAX];
	struct virtio_net_hdr hdr;
	struct rte_mbuf *m;
	struct frame f;

	frame_build(&f, spec);
	frame_data_partial(&f, data);
	hdr = frame_hdr_partial(&f);
	m = frame_mbuf(data, f.len, first, others);
	assert_int_equal(net_hdr_to_mbuf(&hdr, BIT(VIRTIO_NET_F_CSUM), false, m), 0);
	if (m->ol_flags == 0) {
		/* DPDK may not look into this tunnel: then no flag can name the checksum */
		assert_int_equal(spec->wrap, FRAME_VXLAN);
		frame_check(m, f.data, f.len);
	} else {
		assert_int_equal(m->ol_flags, RTE_MBUF_F_RX_L4_CKSUM_NONE);
		frame_check(m, data, f.len);
	}
	rte_pktmbuf_free(m);

	m = frame_mbuf(data, f.len, first, others);
	assert_int_equal(net_hdr_to_mbuf(&hdr, BIT(VIRTIO_NET_F_CSUM), true, m), 0);
	assert_int_equal(m->ol_flags, f.outer_l2 + f.outer_l3 > 0 ? 0 : frame_good_flags(spec));
	frame_check(m, f.data, f.len);
	rte_pktmbuf_free(m);
}

static void
test_partial(void **state)
{
	static const uint16_t payloads[] = { 0, 1, 2, 7, 64, 1001 };
	struct frame_spec spec = { .seed = 3 };
	unsigned int i, p;

	(void)state;
	for (spec.wrap = 0; spec.wrap < FRAME_WRAPS; spec.wrap++) {
		for (p = 0; p < RTE_DIM(payloads); p++) {
			for (i = 0; i < 4; i++) {
				spec.ipv6 = i & 1;
				spec.protocol = i & 2 ? FRAME_TCP : FRAME_UDP;
				spec.payload = payloads[p];
				partial_run(&spec, FRAME_MAX, FRAME_MAX);
			}
		}
	}
}

/* The packet type that goes along with the flag says where the checksum is. */
static void
test_packet_type(void **state)
{
	static const struct {
		struct frame_spec spec;
		uint32_t mask;
		uint32_t type;
	} cases[] = {
		{ { .protocol = FRAME_TCP }, RTE_PTYPE_L3_MASK | RTE_PTYPE_L4_MASK,
				RTE_PTYPE_L3_IPV4 | RTE_PTYPE_L4_TCP },
		{ { .ipv6 = true, .protocol = FRAME_UDP }, RTE_PTYPE_L3_MASK | RTE_PTYPE_L4_MASK,
				RTE_PTYPE_L3_IPV6 | RTE_PTYPE_L4_UDP },
		{ { .wrap = FRAME_VLAN, .protocol = FRAME_UDP },
				RTE_PTYPE_L2_MASK | RTE_PTYPE_L4_MASK,
				RTE_PTYPE_L2_ETHER_VLAN | RTE_PTYPE_L4_UDP },
		{ { .wrap = FRAME_QINQ, .protocol = FRAME_TCP },
				RTE_PTYPE_L2_MASK | RTE_PTYPE_L4_MASK,
				RTE_PTYPE_L2_ETHER_QINQ | RTE_PTYPE_L4_TCP },
		{ { .wrap = FRAME_GRE, .ipv6 = true, .protocol = FRAME_TCP },
				RTE_PTYPE_TUNNEL_MASK | RTE_PTYPE_INNER_L3_MASK |
						RTE_PTYPE_INNER_L4_MASK,
				RTE_PTYPE_TUNNEL_GRE | RTE_PTYPE_INNER_L3_IPV6 |
						RTE_PTYPE_INNER_L4_TCP },
	};
	struct virtio_net_hdr hdr;
	struct rte_mbuf *m;
	struct frame f;
	size_t i;

	(void)state;
	for (i = 0; i < RTE_DIM(cases); i++) {
		frame_build(&f, &cases[i].spec);
		hdr = frame_hdr_partial(&f);
		m = frame_mbuf(f.data, f.len, 30, 7);
		assert_int_equal(net_hdr_to_mbuf(&hdr, BIT(VIRTIO_NET_F_CSUM), false, m), 0);
		assert_int_equal(m->packet_type & cases[i].mask, cases[i].type);
		rte_pktmbuf_free(m);
	}
}

/* The frame's segments are cut anywhere, through the checksum's field too. */
static void
test_segments(void **state)
{
	struct frame_spec spec = { .protocol = FRAME_UDP, .payload = 301, .seed = 8 };
	uint32_t cut, i;
	struct frame f;

	(void)state;
	for (i = 0; i < 4; i++) {
		spec.ipv6 = i & 1;
		spec.protocol = i & 2 ? FRAME_TCP : FRAME_UDP;
		frame_build(&f, &spec);
		/* before, across and behind the field; then every piece has an odd length */
		for (cut = f.field - 2; cut <= f.field + 3; cut++)
			partial_run(&spec, cut, FRAME_MAX);
		partial_run(&spec, 1, 1);
		partial_run(&spec, 15, 3);
		partial_run(&spec, f.field + 1, 1);
	}
}

/* No mbuf flag names the protocol: completed, wherever the header says that the field is. */
static void
test_unknown_protocol(void **state)
{
	const struct frame_spec spec = { .protocol = FRAME_LITE, .payload = 333, .seed = 2 };
	uint8_t data[FRAME_MAX], want[FRAME_MAX];
	struct virtio_net_hdr hdr = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM };
	struct unit_rng rng = { .state = 77 };
	struct rte_mbuf *m;
	struct frame f;
	unsigned int i;
	uint16_t sum;

	(void)state;
	partial_run(&(struct frame_spec){ .protocol = FRAME_TCP }, 20, 20);
	frame_build(&f, &spec);
	for (i = 0; i < 2000; i++) {
		memcpy(data, f.data, f.len);
		/* half of them no IP at all */
		frame_put16(data + 12, i % 2 ? 0x0800 : 0x88b5);
		hdr.csum_start = unit_random(&rng, 14, f.len - 2);
		hdr.csum_offset = unit_random(&rng, 0, f.len - hdr.csum_start - 2);
		memcpy(want, data, f.len);
		sum = ~frame_sum(data + hdr.csum_start, f.len - hdr.csum_start, 0);
		frame_put16(want + hdr.csum_start + hdr.csum_offset, sum == 0 ? 0xffff : sum);
		m = frame_mbuf(data, f.len, unit_random(&rng, 1, 400), unit_random(&rng, 1, 90));
		assert_int_equal(net_hdr_to_mbuf(&hdr, BIT(VIRTIO_NET_F_CSUM), i % 3 == 0, m), 0);
		assert_int_equal(m->ol_flags, 0);
		frame_check(m, want, f.len);
		rte_pktmbuf_free(m);
	}
}

/* A known protocol whose header says another place is completed there. */
static void
test_other_place(void **state)
{
	const struct frame_spec spec = { .protocol = FRAME_TCP, .payload = 100 };
	uint8_t want[FRAME_MAX];
	struct virtio_net_hdr hdr;
	struct rte_mbuf *m;
	struct frame f;

	(void)state;
	frame_build(&f, &spec);
	hdr = frame_hdr_partial(&f);
	hdr.csum_offset += 2;
	memcpy(want, f.data, f.len);
	frame_put16(want + f.field + 2, ~frame_sum(f.data + f.l4, f.len - f.l4, 0));
	m = frame_mbuf(f.data, f.len, 60, 60);
	assert_int_equal(net_hdr_to_mbuf(&hdr, BIT(VIRTIO_NET_F_CSUM), false, m), 0);
	assert_int_equal(m->ol_flags, 0);
	frame_check(m, want, f.len);
	rte_pktmbuf_free(m);
}

/* RFC 768: a sum of zero is written as all ones; zero would be "no checksum". */
static void
test_udp_zero(void **state)
{
	struct frame_spec spec = { .protocol = FRAME_UDP, .payload = 2 };
	uint8_t data[FRAME_MAX];
	struct virtio_net_hdr hdr;
	struct rte_mbuf *m;
	struct frame f;
	unsigned int i;

	(void)state;
	for (i = 0; i < 2; i++) {
		spec.ipv6 = i;
		frame_build(&f, &spec);
		frame_data_partial(&f, data);
		/* the payload is what is missing from 0xffff */
		frame_put16(data + f.l4 + 8, 0);
		frame_put16(data + f.l4 + 8, ~frame_sum(data + f.l4, f.len - f.l4, 0));
		assert_int_equal(frame_sum(data + f.l4, f.len - f.l4, 0), 0xffff);
		hdr = frame_hdr_partial(&f);
		m = frame_mbuf(data, f.len, FRAME_MAX, FRAME_MAX);
		assert_int_equal(net_hdr_to_mbuf(&hdr, BIT(VIRTIO_NET_F_CSUM), true, m), 0);
		frame_put16(data + f.field, 0xffff);
		frame_check(m, data, f.len);
		rte_pktmbuf_free(m);
	}
}

static void
test_bounds(void **state)
{
	const struct frame_spec spec = { .protocol = FRAME_TCP, .payload = 10 };
	struct virtio_net_hdr hdr;
	struct rte_mbuf *m;
	struct frame f;
	uint32_t start;

	(void)state;
	frame_build(&f, &spec);
	hdr = frame_hdr_partial(&f);
	frame_refused(&hdr, ~BIT(VIRTIO_NET_F_CSUM), &f);
	for (start = 0; start <= 0xffff; start += start < f.len + 4 ? 1 : 997) {
		hdr.csum_start = start;
		hdr.csum_offset = start < f.len ? f.len - start - 1 : 0;
		frame_refused(&hdr, FRAME_GSO_FEATURES, &f);
		hdr.csum_offset = 0xffff;
		frame_refused(&hdr, FRAME_GSO_FEATURES, &f);
		if (start + 2 > f.len)
			continue;
		/* the last two bytes are inside */
		hdr.csum_offset = f.len - start - 2;
		m = frame_mbuf(f.data, f.len, 50, 50);
		assert_int_equal(net_hdr_to_mbuf(&hdr, FRAME_GSO_FEATURES, true, m), 0);
		rte_pktmbuf_free(m);
	}
}

/* Of the flags NEEDS_CSUM alone counts, whatever others there are (virtio 1.2, 5.1.6.2.2). */
static void
test_flags(void **state)
{
	const struct frame_spec spec = { .protocol = FRAME_TCP, .payload = 100 };
	struct virtio_net_hdr hdr;
	struct rte_mbuf *m;
	unsigned int flags;
	struct frame f;

	(void)state;
	frame_build(&f, &spec);
	for (flags = 0; flags < 256; flags++) {
		hdr = frame_hdr_partial(&f);
		hdr.flags = flags;
		m = frame_mbuf(f.data, f.len, FRAME_MAX, FRAME_MAX);
		assert_int_equal(net_hdr_to_mbuf(&hdr, FRAME_GSO_FEATURES, false, m), 0);
		assert_int_equal(m->ol_flags, flags & VIRTIO_NET_HDR_F_NEEDS_CSUM
							      ? RTE_MBUF_F_RX_L4_CKSUM_NONE
							      : 0);
		frame_check(m, f.data, f.len);
		rte_pktmbuf_free(m);
	}
}

static const struct gso_case {
	uint8_t type;
	bool ipv6;
	uint8_t protocol;
	uint64_t features; /* all that are needed; CSUM too */
	bool fits;         /* the frame is what the type says */
} gso_cases[] = {
	{ VIRTIO_NET_HDR_GSO_TCPV4, false, FRAME_TCP, BIT(VIRTIO_NET_F_HOST_TSO4), true },
	{ VIRTIO_NET_HDR_GSO_TCPV6, true, FRAME_TCP, BIT(VIRTIO_NET_F_HOST_TSO6), true },
	{ VIRTIO_NET_HDR_GSO_TCPV4 | VIRTIO_NET_HDR_GSO_ECN, false, FRAME_TCP,
			BIT(VIRTIO_NET_F_HOST_TSO4) | BIT(VIRTIO_NET_F_HOST_ECN), true },
	{ VIRTIO_NET_HDR_GSO_TCPV6 | VIRTIO_NET_HDR_GSO_ECN, true, FRAME_TCP,
			BIT(VIRTIO_NET_F_HOST_TSO6) | BIT(VIRTIO_NET_F_HOST_ECN), true },
	{ VIRTIO_NET_HDR_GSO_UDP_L4, false, FRAME_UDP, BIT(VIRTIO_NET_F_HOST_USO), true },
	{ VIRTIO_NET_HDR_GSO_UDP_L4, true, FRAME_UDP, BIT(VIRTIO_NET_F_HOST_USO), true },
	/* not what the headers are */
	{ VIRTIO_NET_HDR_GSO_TCPV4, true, FRAME_TCP, FRAME_GSO_FEATURES, false },
	{ VIRTIO_NET_HDR_GSO_TCPV6, false, FRAME_TCP, FRAME_GSO_FEATURES, false },
	{ VIRTIO_NET_HDR_GSO_TCPV4, false, FRAME_UDP, FRAME_GSO_FEATURES, false },
	{ VIRTIO_NET_HDR_GSO_UDP_L4, false, FRAME_TCP, FRAME_GSO_FEATURES, false },
	{ VIRTIO_NET_HDR_GSO_TCPV4, false, FRAME_LITE, FRAME_GSO_FEATURES, false },
	/* fragmentation offload and types that are none */
	{ VIRTIO_NET_HDR_GSO_UDP, false, FRAME_UDP, ~0ULL, false },
	{ 2, false, FRAME_TCP, ~0ULL, false },
	{ 6, false, FRAME_TCP, ~0ULL, false },
	{ 0x7f, false, FRAME_TCP, ~0ULL, false },
	{ VIRTIO_NET_HDR_GSO_ECN, false, FRAME_TCP, ~0ULL, false },
};

/* Every feature that the case needs is needed. */
static void
gso_features(const struct gso_case *c, const struct virtio_net_hdr *hdr, const struct frame *f)
{
	const uint64_t all = c->features | BIT(VIRTIO_NET_F_CSUM);
	unsigned int bit;

	for (bit = 0; bit < 64; bit++)
		if (all >> bit & 1)
			frame_refused(hdr, ~(1ULL << bit), f);
}

static void
test_gso(void **state)
{
	struct frame_spec spec = { .payload = 3000 };
	struct virtio_net_hdr hdr, bad;
	struct rte_mbuf *m;
	struct frame f;
	size_t i;

	(void)state;
	for (i = 0; i < RTE_DIM(gso_cases); i++) {
		spec.ipv6 = gso_cases[i].ipv6;
		spec.protocol = gso_cases[i].protocol;
		frame_build(&f, &spec);
		hdr = frame_hdr_partial(&f);
		hdr.gso_type = gso_cases[i].type;
		hdr.gso_size = 1400;
		if (!gso_cases[i].fits) {
			m = frame_mbuf(f.data, f.len, FRAME_MAX, FRAME_MAX);
			assert_int_equal(net_hdr_to_mbuf(&hdr, gso_cases[i].features, false, m),
					-EINVAL);
			rte_pktmbuf_free(m);
			continue;
		}
		m = frame_mbuf(f.data, f.len, 1000, 700);
		assert_int_equal(net_hdr_to_mbuf(&hdr,
						 gso_cases[i].features | BIT(VIRTIO_NET_F_CSUM),
						 false, m),
				0);
		assert_int_equal(m->ol_flags, RTE_MBUF_F_RX_LRO | RTE_MBUF_F_RX_L4_CKSUM_NONE);
		assert_int_equal(m->tso_segsz, 1400);
		frame_check(m, f.data, f.len);
		rte_pktmbuf_free(m);
		gso_features(&gso_cases[i], &hdr, &f);
		bad = hdr;
		bad.gso_size = 0;
		frame_refused(&bad, FRAME_GSO_FEATURES, &f);
		bad = hdr;
		bad.flags = 0;
		frame_refused(&bad, FRAME_GSO_FEATURES, &f);
		bad = hdr;
		bad.csum_start -= 2;
		frame_refused(&bad, FRAME_GSO_FEATURES, &f);
	}
}

/* Linux's floors: what is below asks for more work than a frame is worth. */
static void
test_gso_floor(void **state)
{
	static const struct {
		struct frame_spec spec;
		uint16_t size;
		bool taken;
	} cases[] = {
		{ { .protocol = FRAME_TCP, .payload = 3000 }, 1, false },
		{ { .protocol = FRAME_TCP, .payload = 3000 }, 7, false },
		{ { .protocol = FRAME_TCP, .payload = 3000 }, 8, true },
		{ { .protocol = FRAME_TCP, .payload = 8 }, 7, false },
		{ { .protocol = FRAME_TCP, .payload = 7 }, 7, true },
		{ { .protocol = FRAME_TCP, .payload = 1 }, 1, true },
		{ { .protocol = FRAME_TCP, .payload = 0 }, 1, true },
		{ { .protocol = FRAME_TCP, .ipv6 = true, .payload = 3000 }, 7, false },
		{ { .protocol = FRAME_TCP, .ipv6 = true, .payload = 3000 }, 8, true },
		{ { .protocol = FRAME_UDP, .payload = 128 }, 1, true },
		{ { .protocol = FRAME_UDP, .payload = 129 }, 1, false },
		{ { .protocol = FRAME_UDP, .payload = 2944 }, 23, true },
		{ { .protocol = FRAME_UDP, .payload = 2945 }, 23, false },
		{ { .protocol = FRAME_UDP, .ipv6 = true, .payload = 2945 }, 23, false },
		{ { .protocol = FRAME_UDP, .ipv6 = true, .payload = 2945 }, 24, true },
	};
	struct virtio_net_hdr hdr;
	struct rte_mbuf *m;
	struct frame f;
	size_t i;

	(void)state;
	for (i = 0; i < RTE_DIM(cases); i++) {
		frame_build(&f, &cases[i].spec);
		hdr = frame_hdr_partial(&f);
		hdr.gso_type = frame_gso_type(&cases[i].spec);
		hdr.gso_size = cases[i].size;
		if (!cases[i].taken) {
			frame_refused(&hdr, FRAME_GSO_FEATURES, &f);
			continue;
		}
		m = frame_mbuf(f.data, f.len, 1000, 700);
		assert_int_equal(net_hdr_to_mbuf(&hdr, FRAME_GSO_FEATURES, false, m), 0);
		rte_pktmbuf_free(m);
	}
}

/* Frames of random bytes with random headers: whatever comes of it, the length stays. */
static void
test_random(void **state)
{
	struct unit_rng rng = { .state = 5 };
	struct virtio_net_hdr hdr;
	uint8_t data[300];
	struct rte_mbuf *m;
	unsigned int i, taken = 0;
	uint32_t len, n;

	(void)state;
	for (i = 0; i < 20000; i++) {
		len = unit_random(&rng, 14, sizeof(data));
		for (n = 0; n < len; n++)
			data[n] = unit_random(&rng, 0, 255);
		if (i % 4 != 0)
			frame_put16(data + 12, i % 4 == 1 ? 0x86dd : 0x0800);
		if (i % 4 == 2 && len > 40) {
			data[14] = 0x45;
			data[23] = FRAME_TCP;
		}
		hdr.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		hdr.gso_type = unit_random(&rng, 0, 5);
		hdr.gso_size = unit_random(&rng, 0, 1500);
		hdr.csum_start = unit_random(&rng, 0, 4) == 0 ? 34 : unit_random(&rng, 0, len);
		hdr.csum_offset = unit_random(&rng, 0, 20);
		m = frame_mbuf(data, len, unit_random(&rng, 1, 300), unit_random(&rng, 1, 300));
		taken += net_hdr_to_mbuf(&hdr, FRAME_GSO_FEATURES, i & 1, m) == 0;
		rte_mbuf_sanity_check(m, 1);
		assert_int_equal(m->pkt_len, len);
		rte_pktmbuf_free(m);
	}
	assert_in_range(taken, 1000, 19000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(test_partial),
		UNIT_TEST(test_packet_type),
		UNIT_TEST(test_segments),
		UNIT_TEST(test_unknown_protocol),
		UNIT_TEST(test_other_place),
		UNIT_TEST(test_udp_zero),
		UNIT_TEST(test_bounds),
		UNIT_TEST(test_flags),
		UNIT_TEST(test_gso),
		UNIT_TEST(test_gso_floor),
		UNIT_TEST(test_random),
	};

	return UNIT_RUN("hdr_to", tests);
}
