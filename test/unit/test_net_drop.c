/* SPDX-License-Identifier: BSD-3-Clause */

/* Frames that cannot be moved: each is counted where it belongs, none is lost silently. */

#include <string.h>

#include "rig.h"

/* Run for every ring format and feature. */
static void
for_each_variant(void (*one)(struct rig *b))
{
	struct rig_conf conf = { 0 };
	struct rig b;
	unsigned int v;

	for (v = 0; v < RIG_VARIANTS; v++) {
		conf.variant = rig_variants[v];
		rig_up(&b, &conf);
		one(&b);
		rig_assert_traffic(&b);
		rig_down(&b);
	}
}

/* The driver got its transmit buffer back. */
static void
assert_given_back(struct rig *b)
{
	struct mock_used used;

	assert_true(mock_vq_get(rig_tx(b), &used));
	assert_false(mock_vq_get(rig_tx(b), &used));
}

static void
dequeue_runt(struct rig *b)
{
	uint32_t len;

	for (len = 0; len < RTE_ETHER_HDR_LEN; len++) {
		rig_send(b, RIG_BUFFERS, 1, len);
		assert_null(rig_dequeue(b));
		assert_int_equal(rig_stats(b, true).drop_short, len + 1);
		assert_given_back(b);
	}
	assert_int_equal(rig_stats(b, true).packets, 0);
}

static void
dequeue_long(struct rig *b)
{
	struct rte_mbuf *m;

	rig_send(b, RIG_BUFFERS, 1, RTE_VDUSE_NET_FRAME_MAX);
	m = rig_dequeue(b);
	assert_non_null(m);
	rig_mbuf_check(m, 1, RTE_VDUSE_NET_FRAME_MAX);
	rte_pktmbuf_free(m);
	assert_given_back(b);
	rig_send(b, RIG_BUFFERS, 1, RTE_VDUSE_NET_FRAME_MAX + 1);
	assert_null(rig_dequeue(b));
	assert_int_equal(rig_stats(b, true).drop_long, 1);
	assert_given_back(b);
}

/* Nothing was negotiated that these could mean (virtio 1.2, 5.1.6.2.1). */
static void
dequeue_header(struct rig *b)
{
	static const uint8_t headers[][2] = { { 1, 0 }, { 3, 0 }, { 0, 1 }, { 0, 4 }, { 1, 1 },
		{ 0, 3 }, { 0, 5 }, { 0, 0x80 }, { 0, 0xff }, { 0xff, 0xff } };
	size_t i;

	for (i = 0; i < RTE_DIM(headers); i++) {
		rig_send(b, RIG_BUFFERS, 1, 200);
		guest_write(&b->guest, RIG_BUFFERS, headers[i], 2);
		assert_null(rig_dequeue(b));
		assert_int_equal(rig_stats(b, true).drop_header, i + 1);
		assert_given_back(b);
	}
}

/* Flags that a device does not know are none (virtio 1.2, 5.1.6.2.2). */
static void
dequeue_flags(struct rig *b)
{
	static const uint8_t flags[] = { 2, 4, 8, 0x10, 0x20, 0x40, 0x80, 0xfe };
	struct rte_mbuf *m;
	size_t i;

	for (i = 0; i < RTE_DIM(flags); i++) {
		rig_send(b, RIG_BUFFERS, 1, 200);
		guest_write(&b->guest, RIG_BUFFERS, &flags[i], 1);
		m = rig_dequeue(b);
		assert_non_null(m);
		assert_int_equal(m->ol_flags, 0);
		rig_mbuf_check(m, 1, 200);
		rte_pktmbuf_free(m);
		assert_given_back(b);
	}
	assert_int_equal(rig_stats(b, true).drop_header, 0);
}

/*
 * The MTU that the driver negotiated holds both ways (virtio 1.2, 5.1.4.1), with two tags on top;
 * one that negotiated none takes what its buffers hold.
 */
static void
mtu_run(const struct rig_variant *variant, bool negotiated)
{
	const struct rig_conf conf = { .variant = *variant,
		.features = negotiated ? 1ULL << VIRTIO_NET_F_MTU : 0 };
	const uint32_t max = 1500 + RTE_VDUSE_NET_OVERHEAD,
		       lens[] = { 60, max, max + 1, 9000, max };
	struct rte_mbuf *pkts[RTE_DIM(lens)];
	unsigned int i, long_ones = negotiated ? 2 : 0;
	struct rte_mbuf *m;
	struct rig b;

	rig_up(&b, &conf);
	for (i = 0; i < RTE_DIM(lens); i++) {
		pkts[i] = rig_mbuf(i, lens[i], i % 2 ? 2000 : 700);
		rig_offer(&b, RIG_BUFFERS + i * 16384, 10000);
	}
	assert_int_equal(rte_vduse_net_enqueue(b.net, 0, pkts, RTE_DIM(lens)), RTE_DIM(lens));
	rte_pktmbuf_free_bulk(pkts, RTE_DIM(lens));
	assert_int_equal(rig_stats(&b, false).packets, RTE_DIM(lens) - long_ones);
	assert_int_equal(rig_stats(&b, false).drop_long, long_ones);
	for (i = 0; i < RTE_DIM(lens); i++) {
		rig_send(&b, RIG_BUFFERS, i, lens[i]);
		m = rig_dequeue(&b);
		assert_int_equal(m == NULL, negotiated && lens[i] > max);
		rte_pktmbuf_free(m);
	}
	assert_int_equal(rig_stats(&b, true).drop_long, long_ones);
	/* the driver goes by what it read, whatever it is shown since */
	assert_int_equal(rte_vduse_net_set_mtu(b.net, 9000), 0);
	rig_offer(&b, RIG_BUFFERS, 10000);
	assert_int_equal(rig_enqueue(&b, rig_mbuf(1, 9000, 2000)), 1);
	assert_int_equal(rig_stats(&b, false).drop_long, long_ones + negotiated);
	rig_down(&b);
}

static void
test_mtu(void **state)
{
	unsigned int v;

	(void)state;
	for (v = 0; v < RIG_VARIANTS; v++) {
		mtu_run(&rig_variants[v], true);
		mtu_run(&rig_variants[v], false);
	}
}

static void
test_dequeue_runt(void **state)
{
	(void)state;
	for_each_variant(dequeue_runt);
}

static void
test_dequeue_long(void **state)
{
	(void)state;
	for_each_variant(dequeue_long);
}

static void
test_dequeue_header(void **state)
{
	(void)state;
	for_each_variant(dequeue_header);
}

static void
test_dequeue_flags(void **state)
{
	(void)state;
	for_each_variant(dequeue_flags);
}

/* Without an mbuf the frame waits; of a long frame's mbufs none is kept meanwhile. */
static void
dequeue_no_mbuf(struct rig *b)
{
	static struct rte_mbuf *all[UNIT_MBUFS];
	const uint32_t len = 3 * UNIT_DATA_ROOM;
	struct mock_used used;
	struct rte_mbuf *m;
	unsigned int spare;

	assert_int_equal(rte_pktmbuf_alloc_bulk(unit_pool, all, UNIT_MBUFS), 0);
	rig_send(b, RIG_BUFFERS, 1, len);
	for (spare = 0; spare < 3; spare++) {
		assert_null(rig_dequeue(b));
		assert_int_equal(rig_stats(b, true).no_mbuf, spare + 1);
		assert_int_equal(rte_mempool_avail_count(unit_pool), spare);
		assert_false(mock_vq_get(rig_tx(b), &used));
		rte_pktmbuf_free(all[spare]);
	}
	m = rig_dequeue(b);
	assert_non_null(m);
	rig_mbuf_check(m, 1, len);
	rte_pktmbuf_free(m);
	assert_given_back(b);
	rte_pktmbuf_free_bulk(&all[3], UNIT_MBUFS - 3);
}

static void
test_dequeue_no_mbuf(void **state)
{
	(void)state;
	for_each_variant(dequeue_no_mbuf);
}

static void
enqueue_runt(struct rig *b)
{
	struct mock_used used;
	uint32_t len;

	rig_offer(b, RIG_BUFFERS, 2000);
	for (len = 0; len < RTE_ETHER_HDR_LEN; len++) {
		assert_int_equal(rig_enqueue(b, rig_mbuf(1, len, 100)), 1);
		assert_int_equal(rig_stats(b, false).drop_short, len + 1);
		assert_int_equal(rig_stats(b, false).drop_segments, 0);
	}
	assert_false(mock_vq_get(rig_rx(b), &used));
	assert_int_equal(rig_enqueue(b, rig_mbuf(1, 14, 100)), 1);
	assert_true(mock_vq_get(rig_rx(b), &used));
	assert_int_equal(used.len, RIG_HDR_LEN + 14);
}

static void
test_enqueue_runt(void **state)
{
	(void)state;
	for_each_variant(enqueue_runt);
}

/* One byte too long for the buffer: dropped, or, mergeable, spread over two. */
static void
enqueue_no_fit(struct rig *b)
{
	const bool mergeable = b->conf.variant.mergeable;
	struct mock_used used;

	rig_offer(b, RIG_BUFFERS, RIG_HDR_LEN + 100);
	if (mergeable) {
		/* too few buffers: the frame is the caller's still */
		assert_int_equal(rig_enqueue(b, rig_mbuf(1, 101, 100)), 0);
		assert_int_equal(rig_stats(b, false).no_buffer, 1);
		assert_false(mock_vq_get(rig_rx(b), &used));
		rig_offer(b, RIG_BUFFERS + 4096, RIG_HDR_LEN + 100);
		assert_int_equal(rig_enqueue(b, rig_mbuf(1, 101, 100)), 1);
		assert_true(mock_vq_get(rig_rx(b), &used));
		assert_int_equal(used.len, RIG_HDR_LEN + 100);
		assert_true(mock_vq_get(rig_rx(b), &used));
		assert_int_equal(used.len, 1);
	} else {
		assert_int_equal(rig_enqueue(b, rig_mbuf(1, 101, 100)), 1);
		assert_int_equal(rig_stats(b, false).drop_no_fit, 1);
		/* the buffer is there for the next, shorter frame */
		assert_int_equal(rig_enqueue(b, rig_mbuf(1, 100, 100)), 1);
		assert_true(mock_vq_get(rig_rx(b), &used));
		assert_int_equal(used.len, RIG_HDR_LEN + 100);
	}
	assert_int_equal(rig_stats(b, false).drop_no_fit, !mergeable);
}

static void
test_enqueue_no_fit(void **state)
{
	(void)state;
	for_each_variant(enqueue_no_fit);
}

/* A frame longer than all of a full ring's buffers is not taken; a shorter one is. */
static void
test_enqueue_never_fits(void **state)
{
	struct rig_conf conf = { .variant.mergeable = true };
	struct rte_vduse_net_queue_stats s;
	struct mock_used used;
	struct rig b;
	unsigned int i;

	(void)state;
	for (i = 0; i < 2; i++) {
		conf.variant.packed = i;
		rig_up(&b, &conf);
		while (rig_rx(&b)->nb_free > 0)
			rig_offer(&b, RIG_BUFFERS, RIG_HDR_LEN);
		assert_int_equal(rig_enqueue(&b, rig_mbuf(1, 9000, 2000)), 0);
		assert_false(mock_vq_get(rig_rx(&b), &used));
		assert_int_equal(rig_enqueue(&b, rig_mbuf(1, 100, 2000)), 1);
		assert_true(mock_vq_get(rig_rx(&b), &used));
		s = rig_stats(&b, false);
		assert_int_equal(s.no_buffer, 1);
		assert_int_equal(s.faults + s.drop_no_fit + s.drop_segments, 0);
		rig_down(&b);
	}
}

/* What is offered is delivered, dropped and counted, or handed back. */
static void
sums(struct rig *b)
{
	struct unit_rng rng = { .state = 11 };
	uint64_t offered = 0, taken = 0, received = 0, delivered = 0;
	struct rte_vduse_net_queue_stats s;
	struct rte_mbuf *pkts[8], *m;
	struct mock_used used;
	unsigned int i, n, k;

	for (i = 0; i < 300; i++) {
		rig_send(b, RIG_BUFFERS, 1, unit_random(&rng, 0, 60));
		m = rig_dequeue(b);
		received += m != NULL;
		rte_pktmbuf_free(m);
		assert_given_back(b);

		while (rig_rx(b)->nb_free > 0 && unit_random(&rng, 0, 2) != 0)
			rig_offer(b, RIG_BUFFERS + 4096, unit_random(&rng, 12, 200));
		for (n = 0; n < RTE_DIM(pkts); n++)
			pkts[n] = rig_mbuf(1, unit_random(&rng, 0, 250), 100);
		offered += n;
		k = rte_vduse_net_enqueue(b->net, 0, pkts, n);
		assert_true(k <= n);
		taken += k;
		rte_pktmbuf_free_bulk(pkts, n);
		while (mock_vq_get(rig_rx(b), &used))
			delivered++;
	}
	s = rig_stats(b, true);
	assert_int_equal(s.packets, received);
	assert_int_equal(s.packets + s.drop_short, 300);
	s = rig_stats(b, false);
	assert_int_equal(s.packets + s.drop_short + s.drop_no_fit + s.drop_segments, taken);
	assert_int_equal(taken + s.no_buffer, offered);
	if (!b->conf.variant.mergeable)
		assert_int_equal(s.packets, delivered);
}

static void
test_sums(void **state)
{
	struct rig_conf conf = { 0 };
	struct rig b;
	unsigned int v;

	(void)state;
	for (v = 0; v < RIG_VARIANTS; v++) {
		conf.variant = rig_variants[v];
		rig_up(&b, &conf);
		sums(&b);
		rig_down(&b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(test_dequeue_runt),
		UNIT_TEST(test_dequeue_long),
		UNIT_TEST(test_dequeue_header),
		UNIT_TEST(test_dequeue_flags),
		UNIT_TEST(test_mtu),
		UNIT_TEST(test_dequeue_no_mbuf),
		UNIT_TEST(test_enqueue_runt),
		UNIT_TEST(test_enqueue_no_fit),
		UNIT_TEST(test_enqueue_never_fits),
		UNIT_TEST(test_sums),
	};

	return UNIT_RUN("net_drop", tests);
}
