/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * TCP segments that become one frame: what is put together is, cut again, what it was made of; and
 * each reason for which a segment stays as it came.
 */

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <rte_byteorder.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_tcp.h>

#include "filter.h"
#include "gro_rig.h"

#define TCP  IPPROTO_TCP
#define GOOD (RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD)

static uint8_t bytes[REF_MAX];

static void
segments_become_one_frame(void **state)
{
	/* the last one as long as the others, or shorter; of odd lengths, too */
	static const uint32_t less[] = { 0, 1, 50, 92 };
	static const uint32_t numbers[] = { 2, 3, 32 };
	struct ref r;
	unsigned int k, n, l;

	(void)state;
	for (k = 0; k < GRO_KINDS; k++)
		for (n = 0; n < RTE_DIM(numbers); n++)
			for (l = 0; l < RTE_DIM(less); l++) {
				r = gro_kinds[k];
				r.payload = numbers[n] * r.mss - less[l];
				gro_put_segments(&r);
				gro_merge(BOTH);
				assert_int_equal(rig.n, 1);
				assert_int_equal(gro_joined, r.payload - r.mss);
				gro_expect_whole(&r, 0);
				rig_clear();
			}
}

static void
one_alone_stays_as_it_is(void **state)
{
	struct ref r;
	unsigned int k;

	(void)state;
	for (k = 0; k < GRO_KINDS; k++) {
		r = gro_kinds[k];
		r.payload = 2 * r.mss;
		gro_put(gro_segment(&r, 0));
		gro_merge(BOTH);
		assert_int_equal(rig.n, 1);
		gro_expect_segment(&r, 0, 0);
		rig_clear();
	}
}

/* Only what the receiver takes. */
static void
of_each_kind_if_it_is_taken(void **state)
{
	struct ref r = gro_kinds[GRO_IP4], r6 = gro_kinds[GRO_IP6];

	(void)state;
	r.payload = r6.payload = 2 * MSS;
	gro_put_segments(&r);
	gro_put_segments(&r6);
	gro_merge(GRO_TCP6);
	assert_int_equal(rig.n, 3);
	gro_expect_segment(&r, 0, 0);
	gro_expect_segment(&r, 1, 1);
	gro_expect_whole(&r6, 2);
	rig_clear();
	gro_put_segments(&r);
	gro_put_segments(&r6);
	gro_merge(GRO_TCP4);
	assert_int_equal(rig.n, 3);
	gro_expect_whole(&r, 0);
	gro_expect_segment(&r6, 1, 0);
	gro_expect_segment(&r6, 2, 1);
	rig_clear();
}

/* Else the checksum that is made anew would hide it. */
static void
a_wrong_checksum_stays_for_its_receiver(void **state)
{
	struct ref r;
	unsigned int k, bad, where;
	struct ref_offsets to;
	uint8_t *byte;

	(void)state;
	for (k = 0; k < GRO_KINDS; k++) {
		r = gro_kinds[k];
		r.payload = 3 * r.mss;
		ref_offsets(&r, &to);
		for (bad = 0; bad < 3; bad++)
			for (where = 0; where < 2; where++) {
				if (where == 1 && r.ipv6)
					continue;
				gro_put_segments(&r);
				byte = gro_at(rig.frames[bad],
						where == 0 ? to.data + 7 : to.ip + 4);
				*byte ^= 4;
				gro_merge(BOTH);
				/* the other two are neighbours, where the third is not between them
				 */
				assert_int_equal(rig.n, bad == 1 ? 3 : 2);
				*byte ^= 4;
				if (bad == 0)
					gro_expect_segment(&r, 0, 0);
				else
					gro_expect_segment(&r, rig.n - (bad == 1 ? 2 : 1), bad);
				rig_clear();
			}
	}
}

/* What the port says of a checksum is not looked at again. */
static void
the_port_knows_checksums(void **state)
{
	static const uint64_t bad[] = { RTE_MBUF_F_RX_L4_CKSUM_BAD, RTE_MBUF_F_RX_IP_CKSUM_BAD,
		RTE_MBUF_F_RX_L4_CKSUM_NONE, RTE_MBUF_F_RX_LRO };
	struct ref r = gro_kinds[GRO_IP4];
	struct ref_offsets to;
	unsigned int i, k;

	(void)state;
	r.payload = 2 * MSS;
	ref_offsets(&r, &to);
	for (i = 0; i < RTE_DIM(bad); i++)
		for (k = 0; k < 2; k++) {
			gro_put_segments(&r);
			rig.frames[k]->ol_flags |= bad[i];
			gro_merge(BOTH);
			assert_int_equal(rig.n, 2);
			rig_clear();
		}
	gro_put_segments(&r);
	*gro_at(rig.frames[1], to.data) ^= 1;
	rig.frames[1]->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	gro_merge(BOTH);
	assert_int_equal(rig.n, 1);
	rig_clear();
}

/* Cut again, identifications count up: where that matters, they did before. */
static void
identifications_count_up_where_packets_may_be_cut(void **state)
{
	static const struct {
		uint16_t first, second;
		unsigned int left;
	} ids[] = { { 7, 8, 1 }, { 7, 7, 2 }, { 7, 9, 2 }, { 0xffff, 0, 1 } };
	struct ref r = gro_kinds[GRO_IP4];
	struct ref_offsets to;
	unsigned int i, k;

	(void)state;
	r.payload = 2 * MSS;
	ref_offsets(&r, &to);
	for (i = 0; i < RTE_DIM(ids); i++) {
		gro_put_segments(&r);
		for (k = 0; k < 2; k++) {
			const uint16_t id = k == 0 ? ids[i].first : ids[i].second;

			*gro_at(rig.frames[k], to.ip + 6) = 0;
			*gro_at(rig.frames[k], to.ip + 4) = id >> 8;
			*gro_at(rig.frames[k], to.ip + 5) = id & 0xff;
			gro_seal(rig.frames[k], &r);
		}
		gro_merge(BOTH);
		assert_int_equal(rig.n, ids[i].left);
		rig_clear();
	}
}

/* In the middle of a burst of two connections, in turns. */
static void
connections_do_not_mix(void **state)
{
	struct ref r = gro_kinds[GRO_IP4], r6 = gro_kinds[GRO_IP6];
	uint32_t i;

	(void)state;
	r.payload = r6.payload = 5 * MSS;
	for (i = 0; i < 5; i++) {
		gro_put(gro_segment(&r6, i));
		gro_put(gro_segment(&r, i));
	}
	gro_merge(BOTH);
	assert_int_equal(rig.n, 2);
	assert_int_equal(gro_joined, 2 * 4 * MSS);
	gro_expect_whole(&r6, 0);
	gro_expect_whole(&r, 1);
	rig_clear();
}

/* More connections than are remembered: what is not put together stays in its order. */
static void
many_connections_lose_nothing(void **state)
{
	struct ref r = gro_kinds[GRO_IP4];
	unsigned int i, k, lost = 0, port;
	uint32_t next[20] = { 0 }, seq;
	struct ref_offsets to;

	(void)state;
	r.payload = 4 * MSS;
	ref_offsets(&r, &to);
	for (k = 0; k < 4; k++)
		for (i = 0; i < 20; i++) {
			gro_put(gro_segment(&r, k));
			*gro_at(rig.frames[rig.n - 1], to.l4 + 1) = i;
			rig.frames[rig.n - 1]->ol_flags |= GOOD;
		}
	gro_merge(BOTH);
	for (k = 0; k < rig.n; k++) {
		port = *gro_at(rig.frames[k], to.l4 + 1);
		memcpy(&seq, gro_at(rig.frames[k], to.l4 + 4), sizeof(seq));
		seq = rte_be_to_cpu_32(seq) - 0xfffff000u;
		lost += seq != next[port];
		next[port] += rig.frames[k]->pkt_len - to.data;
	}
	assert_int_equal(lost, 0);
	for (i = 0; i < 20; i++)
		assert_int_equal(next[i], 4 * MSS);
	rig_clear();
}

/* Segments 0 and 2 of a connection, and between them a frame that neither may pass. */
static void
nothing_overtakes(void **state)
{
	struct ref r = gro_kinds[GRO_IP4], with_options = gro_kinds[GRO_IP4],
		   alone = gro_kinds[GRO_IP4];
	struct ref_offsets to;
	unsigned int i;

	(void)state;
	r.payload = 3 * MSS;
	with_options.payload = 3 * MSS;
	with_options.ip_options = 1;
	alone.payload = alone.mss = 0;
	ref_offsets(&r, &to);
	for (i = 0; i < 4; i++) {
		gro_put(gro_segment(&r, 0));
		if (i == 0) /* an acknowledgment of its own */
			gro_put(rig_mbuf(bytes, ref_whole(&alone, 0, bytes), NULL));
		else if (i == 1)
			gro_put(gro_segment(&with_options, 1));
		else
			gro_put(gro_segment(&r, 1));
		if (i == 2) { /* a fragment, of whatever */
			*gro_at(rig.frames[1], to.ip + 6) = 0x20;
			gro_seal(rig.frames[1], &r);
		}
		if (i == 3) { /* cut off in the middle of TCP's header */
			rte_pktmbuf_trim(rig.frames[1], MSS + 10);
		}
		gro_put(gro_segment(&r, 1));
		gro_put(gro_segment(&r, 2));
		gro_merge(BOTH);
		/* what comes behind it may be put together again */
		assert_int_equal(rig.n, 3);
		gro_expect_segment(&r, 0, 0);
		assert_int_equal(rig.frames[2]->nb_segs, 2);
		rig_clear();
	}
}

static void
a_short_segment_or_a_push_is_the_last(void **state)
{
	struct ref r = gro_kinds[GRO_IP4];
	struct ref_offsets to;

	(void)state;
	r.payload = 4 * MSS;
	ref_offsets(&r, &to);
	gro_put_segments(&r);
	*gro_at(rig.frames[1], to.l4 + 13) |= RTE_TCP_PSH_FLAG;
	gro_seal(rig.frames[1], &r);
	gro_merge(BOTH);
	assert_int_equal(rig.n, 2);
	assert_int_equal(rig.frames[0]->nb_segs, 2);
	assert_int_equal(*gro_at(rig.frames[0], to.l4 + 13), ACK | RTE_TCP_PSH_FLAG);
	assert_int_equal(rig.frames[1]->nb_segs, 2);
	rig_clear();
	/* nothing is put behind one that was pushed */
	gro_put_segments(&r);
	*gro_at(rig.frames[0], to.l4 + 13) |= RTE_TCP_PSH_FLAG;
	gro_seal(rig.frames[0], &r);
	gro_merge(BOTH);
	assert_int_equal(rig.n, 2);
	assert_int_equal(rig.frames[0]->nb_segs, 1);
	rig_clear();
	/* nor behind a shorter one: a longer one begins anew */
	r.payload = 3 * MSS;
	gro_put_segments(&r);
	rte_pktmbuf_trim(rig.frames[0], 1);
	*gro_at(rig.frames[0], to.ip + 3) -= 1;
	*gro_at(rig.frames[0], to.l4 + 7) += 1;
	gro_seal(rig.frames[0], &r);
	gro_merge(BOTH);
	assert_int_equal(rig.n, 2);
	assert_int_equal(rig.frames[0]->nb_segs, 1);
	assert_int_equal(rig.frames[1]->nb_segs, 2);
	rig_clear();
}

static void
no_packet_is_longer_than_one_may_be(void **state)
{
	struct ref r = gro_kinds[GRO_IP4];
	uint32_t all = 0;
	unsigned int i;

	(void)state;
	r.mss = 1400;
	r.payload = 46 * 1400;
	gro_put_segments(&r);
	gro_put_segments(&r);
	/* the sequence goes on */
	for (i = 46; i < 92; i++) {
		const rte_be32_t seq = rte_cpu_to_be_32(0xfffff000u + i * 1400);

		memcpy(gro_at(rig.frames[i], 38), &seq, sizeof(seq));
		rig.frames[i]->ol_flags |= GOOD;
	}
	gro_merge(BOTH);
	assert_int_equal(rig.n, 2);
	for (i = 0; i < rig.n; i++) {
		assert_true(rig.frames[i]->pkt_len <= UINT16_MAX + 14);
		all += rig.frames[i]->pkt_len - 54;
	}
	assert_int_equal(all, 2 * r.payload);
	rig_clear();
}

/* Buffers that somebody else has, too, are not written to. */
static void
shared_buffers_stay_as_they_are(void **state)
{
	struct ref r = gro_kinds[GRO_IP4];
	struct rte_mbuf *m, *clone;
	unsigned int k;

	(void)state;
	r.payload = 2 * MSS;
	for (k = 0; k < 2; k++) {
		gro_put_segments(&r);
		rte_mbuf_refcnt_update(rig.frames[k], 1);
		gro_merge(BOTH);
		assert_int_equal(rig.n, 2);
		rte_mbuf_refcnt_update(rig.frames[k], -1);
		rig_clear();
		gro_put_segments(&r);
		m = rig.frames[k];
		clone = rte_pktmbuf_clone(m, rig.pool);
		assert_non_null(clone);
		rig.frames[k] = clone;
		gro_merge(BOTH);
		assert_int_equal(rig.n, 2);
		rte_pktmbuf_free(m);
		rig_clear();
		gro_put_segments(&r);
		rte_pktmbuf_free(rig.frames[k]);
		rig.frames[k] = rig_mbuf(
				bytes, ref_segment(&r, k, bytes), (const uint16_t[]){ 90, 0 });
		gro_merge(BOTH);
		assert_int_equal(rig.n, 2);
		rig_clear();
	}
}

/* Of less than a few bytes, with or without what fills them up to 60. */
static void
the_shortest_stay_as_they_are(void **state)
{
	struct ref r = gro_kinds[GRO_IP4];
	unsigned int k;

	(void)state;
	for (r.mss = 1; r.mss < 8; r.mss++) {
		r.payload = 3 * r.mss;
		gro_put_segments(&r);
		for (k = 0; k < 3 && r.mss < 6; k++)
			assert_non_null(rte_pktmbuf_append(rig.frames[k], 6 - r.mss));
		gro_merge(BOTH);
		assert_int_equal(rig.n, 3);
		rig_clear();
	}
}

/* Frames cut off anywhere, and what is no TCP at all. */
static void
pieces_of_frames_are_left_alone(void **state)
{
	const struct ref others[] = { { "UDP/IPv4", IPPROTO_UDP, .payload = 80 },
		{ "UDP/IPv6", IPPROTO_UDP, .ipv6 = true, .payload = 80 },
		{ "TCP/IPv4 in VXLAN", TCP, .tunnel = REF_VXLAN, .payload = 80 },
		{ "TCP/IPv6, options", TCP, .ipv6 = true, .ext = REF_OPTIONS, .payload = 80 },
		{ "TCP/IPv4, MPLS", TCP, .link = REF_MPLS, .payload = 80 } };
	struct ref r;
	uint32_t len, k;

	(void)state;
	for (k = 0; k < GRO_KINDS; k++) {
		r = gro_kinds[k];
		r.payload = 2 * r.mss;
		for (len = 14; len < 100; len++) {
			gro_put(gro_segment(&r, 0));
			rte_pktmbuf_trim(rig.frames[0], rig.frames[0]->pkt_len - len);
			gro_put(gro_segment(&r, 1));
			gro_merge(BOTH);
			assert_int_equal(rig.n, 2);
			gro_expect_segment(&r, 1, 1);
			rig_clear();
		}
	}
	for (k = 0; k < RTE_DIM(others); k++) {
		gro_put(rig_mbuf(bytes, ref_whole(&others[k], 0, bytes), NULL));
		gro_put(rig_mbuf(bytes, ref_whole(&others[k], 0, bytes), NULL));
		gro_merge(BOTH);
		assert_int_equal(rig.n, 2);
		rig_clear();
	}
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
#define GRO_TEST(f) cmocka_unit_test_setup(f, rig_fresh)
		GRO_TEST(segments_become_one_frame),
		GRO_TEST(one_alone_stays_as_it_is),
		GRO_TEST(of_each_kind_if_it_is_taken),
		GRO_TEST(a_wrong_checksum_stays_for_its_receiver),
		GRO_TEST(the_port_knows_checksums),
		GRO_TEST(identifications_count_up_where_packets_may_be_cut),
		GRO_TEST(connections_do_not_mix),
		GRO_TEST(many_connections_lose_nothing),
		GRO_TEST(nothing_overtakes),
		GRO_TEST(a_short_segment_or_a_push_is_the_last),
		GRO_TEST(no_packet_is_longer_than_one_may_be),
		GRO_TEST(shared_buffers_stay_as_they_are),
		GRO_TEST(the_shortest_stay_as_they_are),
		GRO_TEST(pieces_of_frames_are_left_alone),
	};

	(void)argc;
	if (rig_open(argv[0]) != 0)
		return EXIT_FAILURE;
	return FILTER_RUN("app_gro", tests, NULL, NULL);
}
