/* SPDX-License-Identifier: BSD-3-Clause */

/* What an mbuf asks for, as a virtio_net_hdr and a frame, against frames that are summed here. */

#include <errno.h>
#include <string.h>

#include "hdr_frame.h"
#include "net/hdr.h"

#define BIT(name) (1ULL << (name))

#define GUEST_CSUM BIT(VIRTIO_NET_F_GUEST_CSUM)
#define GUEST_TSO                                                                    \
	(GUEST_CSUM | BIT(VIRTIO_NET_F_GUEST_TSO4) | BIT(VIRTIO_NET_F_GUEST_TSO6) |  \
			BIT(VIRTIO_NET_F_GUEST_ECN) | BIT(VIRTIO_NET_F_GUEST_USO4) | \
			BIT(VIRTIO_NET_F_GUEST_USO6))
#define HOST_TSO                                                                              \
	(BIT(VIRTIO_NET_F_CSUM) | BIT(VIRTIO_NET_F_HOST_TSO4) | BIT(VIRTIO_NET_F_HOST_TSO6) | \
			BIT(VIRTIO_NET_F_HOST_ECN) | BIT(VIRTIO_NET_F_HOST_USO))

#define MSS 1200

/* A frame as an application hands it over, with whatever in the checksum's field. */
struct ask {
	struct frame f;
	uint8_t data[FRAME_MAX];
	uint32_t first, others; /* lengths of segments */
	bool tso;
	uint16_t junk;
};

static struct rte_mbuf *
ask_mbuf(struct ask *a)
{
	const bool tcp = a->f.spec.protocol == FRAME_TCP;
	struct rte_mbuf *m;

	memcpy(a->data, a->f.data, a->f.len);
	frame_put16(a->data + a->f.field, a->junk);
	if (a->tso && !a->f.spec.ipv6)
		frame_put16(a->data + a->f.ip + 10, 0);
	m = frame_mbuf(a->data, a->f.len, a->first, a->others);
	m->outer_l2_len = a->f.outer_l2;
	m->outer_l3_len = a->f.outer_l3;
	m->l2_len = a->f.l2;
	m->l3_len = a->f.l3;
	m->l4_len = a->f.l4_hdr;
	m->ol_flags = a->f.spec.ipv6 ? RTE_MBUF_F_TX_IPV6 : RTE_MBUF_F_TX_IPV4;
	m->ol_flags |= tcp ? RTE_MBUF_F_TX_TCP_CKSUM : RTE_MBUF_F_TX_UDP_CKSUM;
	if (a->tso) {
		m->ol_flags |= tcp ? RTE_MBUF_F_TX_TCP_SEG : RTE_MBUF_F_TX_UDP_SEG;
		m->tso_segsz = MSS;
		if (!a->f.spec.ipv6)
			m->ol_flags |= RTE_MBUF_F_TX_IP_CKSUM;
	}
	if (a->f.spec.wrap == FRAME_VXLAN)
		m->ol_flags |= RTE_MBUF_F_TX_TUNNEL_VXLAN;
	if (a->f.spec.wrap == FRAME_GRE)
		m->ol_flags |= RTE_MBUF_F_TX_TUNNEL_GRE;
	return m;
}

/* What the driver finds in its buffer. */
static void
ask_apply(struct ask *a, const struct net_hdr *hdr)
{
	uint16_t i;

	assert_in_range(hdr->nb_patches, 0, RTE_DIM(hdr->patch));
	for (i = 0; i < hdr->nb_patches; i++) {
		assert_true(hdr->patch[i].offset + 2 <= a->f.len);
		memcpy(a->data + hdr->patch[i].offset, &hdr->patch[i].value, 2);
	}
}

static void
assert_no_gso(const struct virtio_net_hdr *v)
{
	assert_int_equal(v->gso_type, VIRTIO_NET_HDR_GSO_NONE);
	assert_int_equal(v->gso_size, 0);
}

/* Both ways a driver may want it. */
static void
checksum_run(const struct frame_spec *spec, uint32_t first, uint32_t others)
{
	struct ask a = { .first = first, .others = others, .junk = 0xbeef };
	const struct virtio_net_hdr *v;
	struct net_hdr hdr;
	struct rte_mbuf *m;

	frame_build(&a.f, spec);
	m = ask_mbuf(&a);
	v = &hdr.wire.v1.hdr;
	assert_int_equal(net_hdr_from_mbuf(m, ~GUEST_CSUM, &hdr), 0);
	assert_int_equal(v->flags, 0);
	assert_no_gso(v);
	ask_apply(&a, &hdr);
	assert_memory_equal(a.data, a.f.data, a.f.len);
	rte_pktmbuf_free(m);

	m = ask_mbuf(&a);
	assert_int_equal(net_hdr_from_mbuf(m, GUEST_CSUM, &hdr), 0);
	assert_int_equal(v->flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
	assert_int_equal(v->csum_start, a.f.l4);
	assert_int_equal(v->csum_offset, a.f.field - a.f.l4);
	assert_no_gso(v);
	ask_apply(&a, &hdr);
	frame_put16(a.f.data + a.f.field, frame_pseudo(&a.f));
	assert_memory_equal(a.data, a.f.data, a.f.len);
	rte_pktmbuf_free(m);
}

static void
test_checksum(void **state)
{
	static const uint16_t payloads[] = { 0, 1, 2, 9, 64, 1001 };
	struct frame_spec spec = { .seed = 4 };
	unsigned int i, p;

	(void)state;
	for (spec.wrap = 0; spec.wrap < FRAME_WRAPS; spec.wrap++) {
		for (p = 0; p < RTE_DIM(payloads); p++) {
			for (i = 0; i < 4; i++) {
				spec.ipv6 = i & 1;
				spec.protocol = i & 2 ? FRAME_TCP : FRAME_UDP;
				spec.payload = payloads[p];
				checksum_run(&spec, FRAME_MAX, FRAME_MAX);
			}
		}
	}
}

/* ethdev's IPV4_CKSUM asked for alone: the IP header is made right, nothing else is touched. */
static void
test_ip_alone(void **state)
{
	struct frame_spec spec = { .payload = 64, .seed = 5, .protocol = FRAME_SCTP };
	struct net_hdr hdr;
	struct rte_mbuf *m;
	struct ask a;

	(void)state;
	for (spec.wrap = 0; spec.wrap < FRAME_WRAPS; spec.wrap++) {
		for (spec.options = 0; spec.options <= 8; spec.options += 4) {
			memset(&a, 0, sizeof(a));
			a.first = 7;
			a.others = 11;
			frame_build(&a.f, &spec);
			a.junk = frame_get16(a.f.data + a.f.field);
			m = ask_mbuf(&a);
			m->ol_flags &= ~RTE_MBUF_F_TX_L4_MASK;
			m->ol_flags |= RTE_MBUF_F_TX_IP_CKSUM;
			assert_true((m->ol_flags & NET_HDR_TX_FLAGS) != 0);
			assert_int_equal(net_hdr_from_mbuf(m, GUEST_TSO, &hdr), 0);
			assert_int_equal(hdr.wire.v1.hdr.flags, 0);
			assert_no_gso(&hdr.wire.v1.hdr);
			assert_int_equal(hdr.nb_patches, 1);
			frame_put16(a.data + a.f.ip + 10, 0xdead);
			ask_apply(&a, &hdr);
			assert_memory_equal(a.data, a.f.data, a.f.len);
			/* a header that is not where the lengths say */
			m->l2_len++;
			assert_int_equal(net_hdr_from_mbuf(m, GUEST_TSO, &hdr), -EINVAL);
			m->l2_len = a.f.len;
			assert_int_equal(net_hdr_from_mbuf(m, GUEST_TSO, &hdr), -EINVAL);
			rte_pktmbuf_free(m);
		}
	}
}

/* Headers spread over segments, and pieces of odd lengths. */
static void
test_segments(void **state)
{
	struct frame_spec spec = { .payload = 333, .seed = 6 };
	uint32_t cut, i;

	(void)state;
	for (i = 0; i < 4; i++) {
		spec.ipv6 = i & 1;
		spec.protocol = i & 2 ? FRAME_TCP : FRAME_UDP;
		for (cut = 1; cut < 90; cut++)
			checksum_run(&spec, cut, 1 + 2 * cut);
		checksum_run(&spec, 1, 1);
	}
}

/* IPv4 with options; IPv6 with a header between, which is no part of the pseudo header. */
static void
test_options(void **state)
{
	struct frame_spec spec = { .payload = 77, .seed = 1 };
	unsigned int i;

	(void)state;
	for (i = 0; i < 4; i++) {
		spec.ipv6 = i & 1;
		spec.protocol = i & 2 ? FRAME_TCP : FRAME_UDP;
		for (spec.options = 8; spec.options <= 40; spec.options += 8)
			checksum_run(&spec, 60, 50);
	}
}

/* Bytes behind the IP packet (a frame padded to 60 bytes) are no part of the checksum. */
static void
test_trailer(void **state)
{
	struct frame_spec spec = { .protocol = FRAME_UDP };
	unsigned int i;

	(void)state;
	for (i = 0; i < 2; i++) {
		spec.ipv6 = i;
		for (spec.trailer = 1; spec.trailer < 20; spec.trailer++) {
			spec.payload = 20 - spec.trailer;
			checksum_run(&spec, 50, 3);
		}
	}
}

/* RFC 768 */
static void
test_udp_zero(void **state)
{
	const struct frame_spec spec = { .protocol = FRAME_UDP, .payload = 2 };
	struct ask a = { .first = FRAME_MAX };
	struct net_hdr hdr;
	struct rte_mbuf *m;
	uint8_t *payload;

	(void)state;
	frame_build(&a.f, &spec);
	payload = a.f.data + a.f.l4 + 8;
	frame_put16(payload, 0);
	frame_put16(a.f.data + a.f.field, 0);
	frame_put16(payload, ~frame_sum(a.f.data + a.f.l4, a.f.len - a.f.l4, frame_pseudo(&a.f)));
	m = ask_mbuf(&a);
	assert_int_equal(net_hdr_from_mbuf(m, 0, &hdr), 0);
	ask_apply(&a, &hdr);
	assert_int_equal(frame_get16(a.data + a.f.field), 0xffff);
	rte_pktmbuf_free(m);
}

static const struct gso_case {
	struct frame_spec spec;
	uint8_t type;
	uint64_t needs;
} gso_cases[] = {
	{ { .protocol = FRAME_TCP, .payload = 3500, .tcp_flags = 0x10 }, VIRTIO_NET_HDR_GSO_TCPV4,
			BIT(VIRTIO_NET_F_GUEST_TSO4) },
	{ { .protocol = FRAME_TCP, .payload = 3500, .ipv6 = true }, VIRTIO_NET_HDR_GSO_TCPV6,
			BIT(VIRTIO_NET_F_GUEST_TSO6) },
	{ { .protocol = FRAME_TCP, .payload = 2500, .tcp_flags = 0x90, .options = 12 },
			VIRTIO_NET_HDR_GSO_TCPV4 | VIRTIO_NET_HDR_GSO_ECN,
			BIT(VIRTIO_NET_F_GUEST_TSO4) | BIT(VIRTIO_NET_F_GUEST_ECN) },
	{ { .protocol = FRAME_TCP, .payload = 2500, .tcp_flags = 0x80, .ipv6 = true },
			VIRTIO_NET_HDR_GSO_TCPV6 | VIRTIO_NET_HDR_GSO_ECN,
			BIT(VIRTIO_NET_F_GUEST_TSO6) | BIT(VIRTIO_NET_F_GUEST_ECN) },
	/* ECE alone asks for nothing */
	{ { .protocol = FRAME_TCP, .payload = 2500, .tcp_flags = 0x50 }, VIRTIO_NET_HDR_GSO_TCPV4,
			BIT(VIRTIO_NET_F_GUEST_TSO4) },
	{ { .protocol = FRAME_UDP, .payload = 3000 }, VIRTIO_NET_HDR_GSO_UDP_L4,
			BIT(VIRTIO_NET_F_GUEST_USO4) },
	{ { .protocol = FRAME_UDP, .payload = 3000, .ipv6 = true }, VIRTIO_NET_HDR_GSO_UDP_L4,
			BIT(VIRTIO_NET_F_GUEST_USO6) },
	{ { .protocol = FRAME_TCP, .payload = 3500, .wrap = FRAME_QINQ }, VIRTIO_NET_HDR_GSO_TCPV4,
			BIT(VIRTIO_NET_F_GUEST_TSO4) },
};

static void
test_gso(void **state)
{
	struct ask a = { .first = 61, .others = 1999, .tso = true, .junk = 1 };
	const struct virtio_net_hdr *v;
	struct net_hdr hdr;
	struct rte_mbuf *m;
	unsigned int bit;
	size_t i;

	(void)state;
	v = &hdr.wire.v1.hdr;
	for (i = 0; i < RTE_DIM(gso_cases); i++) {
		frame_build(&a.f, &gso_cases[i].spec);
		m = ask_mbuf(&a);
		assert_int_equal(net_hdr_from_mbuf(m, gso_cases[i].needs | GUEST_CSUM, &hdr), 0);
		assert_int_equal(v->gso_type, gso_cases[i].type);
		assert_int_equal(v->gso_size, MSS);
		assert_int_equal(v->hdr_len, a.f.l4 + a.f.l4_hdr);
		assert_int_equal(v->flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
		assert_int_equal(v->csum_start, a.f.l4);
		ask_apply(&a, &hdr);
		/* the IPv4 header's checksum is whole, the other one has the whole length */
		frame_put16(a.f.data + a.f.field, frame_pseudo(&a.f));
		assert_memory_equal(a.data, a.f.data, a.f.len);
		for (bit = 0; bit < 64; bit++)
			if (gso_cases[i].needs >> bit & 1)
				assert_int_equal(net_hdr_from_mbuf(m, GUEST_TSO & ~(1ULL << bit),
								 &hdr),
						-ENOTSUP);
		m->tso_segsz = 0;
		assert_int_equal(net_hdr_from_mbuf(m, GUEST_TSO, &hdr), -EINVAL);
		rte_pktmbuf_free(m);
	}
}

static void
test_sctp(void **state)
{
	const struct frame_spec spec = { .protocol = FRAME_SCTP, .payload = 100 };
	struct ask a = { .first = FRAME_MAX };
	struct net_hdr hdr;
	struct rte_mbuf *m;

	(void)state;
	frame_build(&a.f, &spec);
	m = ask_mbuf(&a);
	m->ol_flags = RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_SCTP_CKSUM;
	assert_int_equal(net_hdr_from_mbuf(m, 0, &hdr), -ENOTSUP);
	assert_int_equal(net_hdr_from_mbuf(m, GUEST_TSO, &hdr), -ENOTSUP);
	rte_pktmbuf_free(m);
}

/* Lengths that are not true of the frame, with any features. */
static void
wrong(struct rte_mbuf *m, uint16_t l2, uint16_t l3, uint16_t l4)
{
	struct net_hdr hdr;

	m->l2_len = l2;
	m->l3_len = l3;
	m->l4_len = l4;
	if (net_hdr_from_mbuf(m, GUEST_TSO, &hdr) != -EINVAL ||
			net_hdr_from_mbuf(m, GUEST_TSO & ~GUEST_CSUM, &hdr) != -EINVAL)
		fail_msg("l2 %u, l3 %u, l4 %u of %u bytes are accepted", l2, l3, l4, m->pkt_len);
}

static void
test_lengths(void **state)
{
	struct frame_spec spec = { .protocol = FRAME_TCP, .wrap = FRAME_VLAN, .payload = 60 };
	struct ask a = { .first = 40, .others = 40, .tso = true };
	struct net_hdr hdr;
	struct rte_mbuf *m;
	unsigned int i;

	(void)state;
	for (i = 0; i < 2; i++) {
		spec.ipv6 = i;
		frame_build(&a.f, &spec);
		m = ask_mbuf(&a);
		assert_int_equal(net_hdr_from_mbuf(m, GUEST_TSO, &hdr), 0);
		wrong(m, 0, a.f.l3, 20);
		wrong(m, a.f.l2, 0, 20);
		wrong(m, a.f.l2, a.f.l3 - 4, 20);
		wrong(m, a.f.l2, 511, 20);
		wrong(m, 127, a.f.l3, 20);
		/* one tag too few or too many: no IP header is there */
		wrong(m, a.f.l2 - 4, a.f.l3, 20);
		wrong(m, a.f.l2 + 4, a.f.l3, 20);
		/* not the IP header's own length */
		if (!spec.ipv6)
			wrong(m, a.f.l2, a.f.l3 + 4, 20);
		wrong(m, a.f.l2, a.f.l3, 255);
		rte_pktmbuf_free(m);
	}
}

/* Frames of every length, down to none behind the Ethernet header. */
static void
test_short(void **state)
{
	const struct frame_spec spec = { .protocol = FRAME_TCP, .payload = 4 };
	struct ask a = { .first = 33, .others = 2 };
	struct net_hdr hdr;
	struct rte_mbuf *m;
	struct frame full;
	uint32_t len;

	(void)state;
	frame_build(&full, &spec);
	for (len = 14; len < full.len; len++) {
		a.f = full;
		/* its checksum is looked for behind its end */
		a.f.len = len;
		m = ask_mbuf(&a);
		assert_int_equal(net_hdr_from_mbuf(m, 0, &hdr), -EINVAL);
		if (len < full.field + 2)
			assert_int_equal(net_hdr_from_mbuf(m, GUEST_CSUM, &hdr), -EINVAL);
		rte_pktmbuf_free(m);
	}
}

/* What one driver sends is what another one gets, and the other way round. */
static void
round_trip(const struct frame_spec *spec, bool tso)
{
	struct ask a = { .first = 70, .others = 501, .tso = tso, .junk = 7 };
	struct virtio_net_hdr v;
	struct net_hdr hdr;
	struct rte_mbuf *m;

	frame_build(&a.f, spec);
	m = ask_mbuf(&a);
	assert_int_equal(net_hdr_from_mbuf(m, GUEST_TSO, &hdr), 0);
	rte_pktmbuf_free(m);
	ask_apply(&a, &hdr);
	v = hdr.wire.v1.hdr;
	m = frame_mbuf(a.data, a.f.len, 70, 501);
	assert_int_equal(net_hdr_to_mbuf(&v, HOST_TSO, !tso, m), 0);
	if (tso) {
		assert_int_equal(m->ol_flags, RTE_MBUF_F_RX_LRO | RTE_MBUF_F_RX_L4_CKSUM_NONE);
		assert_int_equal(m->tso_segsz, MSS);
		/* as a sender finishes it: the sum of it all, from where the header says */
		frame_put16(a.data + a.f.field,
				~frame_sum(a.data + v.csum_start, a.f.len - v.csum_start, 0));
		assert_memory_equal(a.data, a.f.data, a.f.len);
	} else {
		/* completed, which flags tell where no tunnel makes them ambiguous */
		assert_int_equal(m->ol_flags,
				a.f.outer_l3 != 0 ? 0
				: spec->ipv6      ? RTE_MBUF_F_RX_L4_CKSUM_GOOD
						  : RTE_MBUF_F_RX_L4_CKSUM_GOOD |
								RTE_MBUF_F_RX_IP_CKSUM_GOOD);
		frame_check(m, a.f.data, a.f.len);
	}
	rte_pktmbuf_free(m);
}

static void
test_round_trip(void **state)
{
	struct frame_spec spec = { .seed = 13 };
	unsigned int i;

	(void)state;
	for (i = 0; i < RTE_DIM(gso_cases); i++)
		round_trip(&gso_cases[i].spec, true);
	for (spec.wrap = 0; spec.wrap < FRAME_WRAPS; spec.wrap++) {
		for (spec.payload = 0; spec.payload < 300; spec.payload += 37) {
			for (i = 0; i < 4; i++) {
				spec.ipv6 = i & 1;
				spec.protocol = i & 2 ? FRAME_TCP : FRAME_UDP;
				round_trip(&spec, false);
			}
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(test_checksum),
		UNIT_TEST(test_ip_alone),
		UNIT_TEST(test_segments),
		UNIT_TEST(test_options),
		UNIT_TEST(test_trailer),
		UNIT_TEST(test_udp_zero),
		UNIT_TEST(test_gso),
		UNIT_TEST(test_sctp),
		UNIT_TEST(test_lengths),
		UNIT_TEST(test_short),
		UNIT_TEST(test_round_trip),
	};

	return UNIT_RUN("hdr_from", tests);
}
