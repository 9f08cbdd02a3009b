/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Bursts of many frames, with every body: plain buffers taken together, and
 * others between them. Each frame is known by its length, in the order of the
 * ring.
 */

#include <string.h>

#include <linux/virtio_net.h>

#include <rte_cpuflags.h>
#include <rte_vect.h>

#include "rig.h"

#define BURST      48 /* more than one batch */
#define BUFFER     4096
#define FIRST_LEN  60
#define SMALL_ROOM 40 /* of a receive buffer, header included */

/* What the next buffer is. */
enum kind { PLAIN, PIECES, TABLE, LONG, BAD_HEADER, SHORT, KINDS };

struct burst_test {
	struct rig b;
	struct unit_rng rng;
	uint32_t next;                     /* seed and place of the next frame */
	uint32_t expected[RIG_QUEUE_SIZE]; /* lengths of the frames to come; the seed is the same
					    */
	unsigned int nb_expected;
	unsigned int dropped;
};

static uint64_t
place(const struct burst_test *t)
{
	return RIG_BUFFERS + (uint64_t)(t->next % RIG_QUEUE_SIZE) * BUFFER + t->next % 64;
}

static void
expect(struct burst_test *t, uint32_t len)
{
	assert_true(t->nb_expected < RTE_DIM(t->expected));
	t->expected[t->nb_expected++] = len;
}

/* The driver sends one frame of the kind. */
static void
send_kind(struct burst_test *t, enum kind kind)
{
	const uint32_t len = kind == SHORT  ? unit_random(&t->rng, 1, 13)
			     : kind == LONG ? unit_random(&t->rng, 2049, 3900)
					    : unit_random(&t->rng, 14, 1600);
	const uint64_t iova = place(t);
	const struct mock_desc desc[] = {
		{ .iova = iova, .len = RIG_HDR_LEN },
		{ .iova = iova + RIG_HDR_LEN, .len = len },
	};
	struct virtio_net_hdr hdr = { .gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .gso_size = 100 };

	rig_frame_write(&t->b, iova, len, len);
	if (kind == BAD_HEADER)
		guest_write(&t->b.guest, iova, &hdr, sizeof(hdr));
	t->next++;
	if (kind == PIECES)
		assert_int_equal(mock_vq_add(rig_tx(&t->b), desc, 2, NULL), 0);
	else if (kind == TABLE)
		assert_int_equal(mock_vq_add_indirect(
						 rig_tx(&t->b), desc, 2, iova + BUFFER - 128, NULL),
				0);
	else
		assert_int_equal(mock_vq_add(rig_tx(&t->b),
						 &(struct mock_desc){ .iova = iova,
								 .len = RIG_HDR_LEN + len },
						 1, NULL),
				0);
	if (kind == BAD_HEADER || kind == SHORT)
		t->dropped++;
	else
		expect(t, len);
}

/* Dequeue all that there is, in bursts of random length. */
static void
dequeue_expected(struct burst_test *t)
{
	struct rte_mbuf *pkts[BURST];
	struct mock_used used;
	unsigned int done = 0;
	uint16_t i, n;

	for (;;) {
		n = rte_vduse_net_dequeue(
				t->b.net, 0, unit_pool, pkts, unit_random(&t->rng, 1, BURST));
		if (n == 0)
			break;
		for (i = 0; i < n; i++, done++) {
			assert_true(done < t->nb_expected);
			rig_mbuf_check(pkts[i], t->expected[done], t->expected[done]);
			assert_int_equal(pkts[i]->port, 7);
			assert_int_equal(pkts[i]->ol_flags, 0);
			rte_pktmbuf_free(pkts[i]);
		}
	}
	assert_int_equal(done, t->nb_expected);
	t->nb_expected = 0;
	while (mock_vq_get(rig_tx(&t->b), &used))
		assert_int_equal(used.len, 0);
	assert_int_equal(rig_tx(&t->b)->nb_free, RIG_QUEUE_SIZE);
}

static void
dequeue_mixed(struct burst_test *t)
{
	struct rte_vduse_net_queue_stats s;
	unsigned int round, i, sent = 0;
	enum kind kind;

	rte_vduse_net_set_port(t->b.net, 7);
	for (round = 0; round < 40; round++) {
		for (i = unit_random(&t->rng, 1, 100); i > 0; i--, sent++) {
			/* runs of plain ones, so that batches end at their length as well */
			kind = unit_random(&t->rng, 0, 9) > 0 ? PLAIN
							      : unit_random(&t->rng, 0, KINDS - 1);
			if (kind == TABLE && !t->b.conf.variant.indirect)
				kind = PIECES;
			send_kind(t, kind);
		}
		dequeue_expected(t);
	}
	s = rig_stats(&t->b, true);
	assert_int_equal(s.packets + t->dropped, sent);
	assert_int_equal(s.drop_short + s.drop_header, t->dropped);
	assert_true(s.drop_short > 0 && s.drop_header > 0);
	assert_int_equal(s.faults + s.no_mbuf + s.drop_segments + s.drop_long, 0);
}

/* The driver offers a buffer; how many bytes of a frame go into it. */
static void
offer_kind(struct burst_test *t, enum kind kind)
{
	const uint64_t iova = place(t);
	const uint32_t len = kind == SHORT ? SMALL_ROOM : RIG_HDR_LEN + 1600;
	const struct mock_desc desc[] = {
		{ .iova = iova, .len = 5, .write = true },
		{ .iova = iova + 5, .len = len - 5, .write = true },
	};

	t->next++;
	if (kind == PIECES)
		assert_int_equal(mock_vq_add(rig_rx(&t->b), desc, 2, (void *)(uintptr_t)iova), 0);
	else
		assert_int_equal(mock_vq_add(rig_rx(&t->b),
						 &(struct mock_desc){ .iova = iova,
								 .len = len,
								 .write = true },
						 1, (void *)(uintptr_t)iova),
				0);
}

/* One frame out of the buffers that the driver got back. */
static void
receive_one(struct burst_test *t, uint32_t len)
{
	uint8_t buf[BUFFER], hdr[RIG_HDR_LEN] = { 0 };
	struct mock_used used;
	uint32_t done = 0, i;
	uint16_t nb = 0;

	do {
		assert_true(mock_vq_get(rig_rx(&t->b), &used));
		assert_true(done + used.len <= sizeof(buf));
		guest_read(&t->b.guest, (uintptr_t)used.cookie, buf + done, used.len);
		done += used.len;
		nb++;
	} while (done < RIG_HDR_LEN + len && t->b.conf.variant.mergeable);
	assert_int_equal(done, RIG_HDR_LEN + len);
	memcpy(hdr + 10, &nb, sizeof(nb));
	assert_memory_equal(buf, hdr, sizeof(hdr));
	for (i = 0; i < len; i++)
		assert_int_equal(buf[RIG_HDR_LEN + i], unit_byte(len, i));
}

/* Frames of one and of more pieces, and one that is too short now and then. */
static uint16_t
make_mbufs(struct burst_test *t, struct rte_mbuf **pkts)
{
	const uint16_t n = unit_random(&t->rng, 1, BURST);
	uint32_t len, pick;
	uint16_t i;

	for (i = 0; i < n; i++) {
		pick = unit_random(&t->rng, 0, 11);
		len = pick == 0 ? 13 : unit_random(&t->rng, 14, 1600);
		pkts[i] = rig_mbuf(len, len, pick == 1 ? RTE_MAX(len / 2, 14u) : len);
	}
	return n;
}

/*
 * Offer enough, enqueue, compare. A small buffer takes part of a frame, or
 * with one buffer a frame none of those that are longer.
 */
static void
enqueue_round(struct burst_test *t)
{
	struct rte_mbuf *pkts[BURST];
	uint16_t i, n, done;

	while (rig_rx(&t->b)->nb_free > 64)
		offer_kind(t, unit_random(&t->rng, 0, 9) > 0      ? PLAIN
				: unit_random(&t->rng, 0, 1) == 0 ? PIECES
				: t->b.conf.variant.mergeable     ? SHORT
								  : PLAIN);
	n = make_mbufs(t, pkts);
	done = rte_vduse_net_enqueue(t->b.net, 0, pkts, n);
	assert_int_equal(done, n);
	for (i = 0; i < n; i++) {
		if (pkts[i]->pkt_len < 14)
			t->dropped++;
		else
			receive_one(t, pkts[i]->pkt_len);
	}
	rte_pktmbuf_free_bulk(pkts, n);
}

static void
enqueue_mixed(struct burst_test *t)
{
	struct rte_vduse_net_queue_stats s;
	struct mock_used used;
	unsigned int round;

	for (round = 0; round < 40; round++) {
		enqueue_round(t);
		assert_false(mock_vq_get(rig_rx(&t->b), &used));
	}
	s = rig_stats(&t->b, false);
	assert_int_equal(s.drop_short, t->dropped);
	assert_true(t->dropped > 0);
	assert_int_equal(s.faults + s.no_buffer + s.drop_segments + s.drop_no_fit, 0);
}

/* A frame that fits no buffer, amid others, where only one buffer may be used: dropped alone. */
static void
enqueue_no_fit(struct burst_test *t)
{
	struct rte_mbuf *pkts[3];
	unsigned int i;

	if (t->b.conf.variant.mergeable)
		return;
	for (i = 0; i < 2; i++)
		offer_kind(t, PLAIN);
	for (i = 0; i < 3; i++)
		pkts[i] = rig_mbuf(i + 500, i == 1 ? 1700 : i + 500, 2048);
	assert_int_equal(rte_vduse_net_enqueue(t->b.net, 0, pkts, 3), 3);
	receive_one(t, 500);
	receive_one(t, 502);
	assert_int_equal(rig_stats(&t->b, false).drop_no_fit, 1);
	rte_pktmbuf_free_bulk(pkts, 3);
}

/* The pool is empty in the middle of a batch: nothing is lost, nothing twice. */
static void
pool_ends(struct burst_test *t)
{
	struct rte_mbuf *taken[UNIT_MBUFS], *pkts[BURST];
	unsigned int i, left = 5;
	uint16_t n;

	for (i = 0; i < 20; i++)
		send_kind(t, PLAIN);
	assert_int_equal(rte_pktmbuf_alloc_bulk(unit_pool, taken, UNIT_MBUFS - left), 0);
	n = rte_vduse_net_dequeue(t->b.net, 0, unit_pool, pkts, BURST);
	assert_int_equal(n, left);
	assert_int_equal(rig_stats(&t->b, true).no_mbuf, 1);
	for (i = 0; i < n; i++)
		rig_mbuf_check(pkts[i], t->expected[i], t->expected[i]);
	rte_pktmbuf_free_bulk(pkts, n);
	rte_pktmbuf_free_bulk(taken, UNIT_MBUFS - left);
	memmove(t->expected, t->expected + n, (20 - n) * sizeof(t->expected[0]));
	t->nb_expected -= n;
	rte_vduse_net_set_port(t->b.net, 7);
	dequeue_expected(t);
}

/* For every ring format and feature, once with each body that this processor has. */
static void
with_every_body(void (*one)(struct burst_test *t))
{
#ifdef VDUSE_WIDE_BODIES
	static const uint16_t widths[] = { RTE_VECT_SIMD_128, RTE_VECT_SIMD_256 };
#else
	static const uint16_t widths[] = { RTE_VECT_SIMD_128 };
#endif
	struct burst_test t;
	unsigned int v, w;

	for (v = 0; v < RIG_VARIANTS * RTE_DIM(widths); v++) {
		struct rig_conf conf = { .variant = rig_variants[v / RTE_DIM(widths)] };

		w = widths[v % RTE_DIM(widths)];
		assert_int_equal(rte_vect_set_max_simd_bitwidth(w), 0);
		memset(&t, 0, sizeof(t));
		t.rng.state = v + 1;
		rig_up(&t.b, &conf);
		one(&t);
		rig_down(&t.b);
	}
}

#define BODY_TEST(name)                       \
	static void test_##name(void **state) \
	{                                     \
		(void)state;                  \
		with_every_body(name);        \
	}

BODY_TEST(dequeue_mixed)
BODY_TEST(enqueue_mixed)
BODY_TEST(enqueue_no_fit)
BODY_TEST(pool_ends)

/* The width that is allowed decides, as far as the processor goes. */
static void
test_body_is_chosen(void **state)
{
	const struct rig_conf conf = { 0 };
	struct rig b;

	(void)state;
	assert_int_equal(rte_vect_set_max_simd_bitwidth(RTE_VECT_SIMD_128), 0);
	rig_up(&b, &conf);
	assert_string_equal(b.net->bodies->name, "plain");
	rig_down(&b);
#ifdef VDUSE_WIDE_BODIES
	if (rte_cpu_get_flag_enabled(RTE_CPUFLAG_AVX2) <= 0)
		skip();
	assert_int_equal(rte_vect_set_max_simd_bitwidth(RTE_VECT_SIMD_256), 0);
	rig_up(&b, &conf);
	assert_string_equal(b.net->bodies->name, "avx2");
	rig_down(&b);
#endif
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(test_dequeue_mixed),
		UNIT_TEST(test_enqueue_mixed),
		UNIT_TEST(test_enqueue_no_fit),
		UNIT_TEST(test_pool_ends),
		UNIT_TEST(test_body_is_chosen),
	};

	return UNIT_RUN("burst", tests);
}
