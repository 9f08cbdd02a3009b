/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Frames that stay in the driver's memory, and a driver that was promised its buffers in the
 * order it made them available (VIRTIO_F_IN_ORDER).
 */

#include <string.h>

#include <linux/virtio_config.h>

#include <rte_cycles.h>

#include "mem/deferred.h"
#include "net/zc.h"
#include "resume.h"
#include "rig.h"

#define ZC_MIN   512
#define BUFFER   4096
#define LONG     1500
#define SHORT    100
#define HELD     8
#define OWED_MAX (RIG_QUEUE_SIZE / 4 * 3)

static const unsigned int variants[] = { 0, 2, 4, 6, 8, 10, 12, 14 };

static uint64_t
place(unsigned int i)
{
	return RIG_BUFFERS + (uint64_t)i * BUFFER;
}

static void
with_variants(void (*one)(struct rig *b))
{
	const struct rig_conf conf = {
		.zero_copy_min = ZC_MIN,
		.features = RTE_BIT64(VIRTIO_F_IN_ORDER),
	};

	unit_clock_stop();
	rig_each(&conf, variants, RTE_DIM(variants), one);
}

#define ORDER_TEST(name)                      \
	static void test_##name(void **state) \
	{                                     \
		(void)state;                  \
		with_variants(name);          \
	}

static void
pass_us(uint64_t us)
{
	unit_clock_pass(us * rte_get_tsc_hz() / US_PER_S);
}

/* A ring that a burst has emptied is looked at again behind a moment. */
static uint16_t
take(struct rig *b, struct rte_mbuf **pkts, uint16_t n)
{
	pass_us(10);
	return rig_dequeue_burst(b, pkts, n);
}

static struct rte_mbuf *
take_one(struct rig *b)
{
	struct rte_mbuf *m;

	assert_int_equal(take(b, &m, 1), 1);
	return m;
}

static void
poll_once(struct rig *b)
{
	struct rte_mbuf *m;

	assert_int_equal(take(b, &m, 1), 0);
}

/* A frame whose buffer is known again by its number. */
static void
send(struct rig *b, unsigned int number, uint32_t len)
{
	const struct mock_desc desc = { .iova = place(number), .len = RIG_HDR_LEN + len };

	rig_frame_write(b, place(number), number, len);
	assert_int_equal(mock_vq_add(rig_tx(b), &desc, 1, (void *)(uintptr_t)(number + 1)), 0);
}

/* The next buffers that came back are these. */
static void
expect(struct rig *b, unsigned int first, unsigned int n)
{
	struct mock_used used;
	unsigned int i;

	for (i = 0; i < n; i++) {
		assert_true(mock_vq_get(rig_tx(b), &used));
		assert_int_equal(used.len, 0);
		assert_int_equal((uintptr_t)used.cookie, first + i + 1);
	}
	assert_false(mock_vq_get(rig_tx(b), &used));
}

/* It is offered with zero-copy as without. */
static void
test_offered(void **state)
{
	const struct rig_conf copied = { 0 }, conf = { .zero_copy_min = ZC_MIN };
	struct rig b;

	(void)state;
	rig_create(&b, &copied);
	assert_true(fk_offered(b.dev) & RTE_BIT64(VIRTIO_F_IN_ORDER));
	rig_destroy(&b);
	rig_create(&b, &conf);
	assert_true(fk_offered(b.dev) & RTE_BIT64(VIRTIO_F_IN_ORDER));
	rig_destroy(&b);
}

/* Freed in any order, given back in the one they came in. */
static void
freed_in_any_order(struct rig *b)
{
	static const unsigned int order[HELD] = { 5, 0, 7, 3, 1, 2, 6, 4 },
				  back[HELD] = { 0, 1, 0, 0, 1, 2, 0, 4 };
	struct rte_mbuf *pkts[HELD];
	unsigned int i, next = 0;

	for (i = 0; i < HELD; i++)
		send(b, i, LONG);
	assert_int_equal(take(b, pkts, HELD), HELD);
	assert_int_equal(rte_vduse_net_owed(b->net, 0), HELD);
	for (i = 0; i < HELD; i++) {
		rte_pktmbuf_free(pkts[order[i]]);
		poll_once(b);
		expect(b, next, back[i]);
		next += back[i];
	}
	assert_int_equal(rte_vduse_net_owed(b->net, 0), 0);
}
ORDER_TEST(freed_in_any_order)

/* What is copied is there at once, and its buffer waits for those before it, but for no other. */
static void
copies_wait(struct rig *b)
{
	static const uint32_t lens[] = { SHORT, LONG, SHORT, SHORT, LONG, SHORT };
	struct rte_mbuf *pkts[RTE_DIM(lens)];
	unsigned int i;

	for (i = 0; i < RTE_DIM(lens); i++)
		send(b, i, lens[i]);
	assert_int_equal(take(b, pkts, RTE_DIM(lens)), RTE_DIM(lens));
	for (i = 0; i < RTE_DIM(lens); i++) {
		rig_mbuf_check(pkts[i], i, lens[i]);
		assert_int_equal(rig_is_attached(pkts[i]), lens[i] == LONG);
	}
	expect(b, 0, 1);
	rte_pktmbuf_free(pkts[4]);
	poll_once(b);
	expect(b, 0, 0);
	rte_pktmbuf_free(pkts[1]);
	poll_once(b);
	expect(b, 1, 5);
	for (i = 0; i < RTE_DIM(lens); i++)
		if (lens[i] != LONG)
			rte_pktmbuf_free(pkts[i]);
	/* nothing is out: nothing waits */
	send(b, 6, SHORT);
	rte_pktmbuf_free(take_one(b));
	expect(b, 6, 1);
}
ORDER_TEST(copies_wait)

/* As copies_wait, where the copies are none of plain buffers. */
static void
chains_wait(struct rig *b)
{
	const struct mock_desc descs[] = { { .iova = place(1), .len = RIG_HDR_LEN + 60 },
		{ .iova = place(1) + RIG_HDR_LEN + 60, .len = SHORT - 60 } };
	struct rte_mbuf *pkts[3];

	send(b, 0, LONG);
	rig_frame_write(b, place(1), 1, SHORT);
	assert_int_equal(mock_vq_add(rig_tx(b), descs, 2, (void *)(uintptr_t)2), 0);
	/* too short for a frame: dropped */
	send(b, 2, 8);
	send(b, 3, SHORT);
	assert_int_equal(take(b, pkts, 3), 3);
	rig_mbuf_check(pkts[1], 1, SHORT);
	expect(b, 0, 0);
	rte_pktmbuf_free_bulk(pkts, 3);
	poll_once(b);
	expect(b, 0, 4);
	assert_int_equal(rig_tx(b)->nb_free, RIG_QUEUE_SIZE);
}
ORDER_TEST(chains_wait)

/* The whole ring is out: beyond the bound frames are copied, and wait. It goes round and round. */
static void
ring_is_out(struct rig *b)
{
	struct rte_mbuf *pkts[RIG_QUEUE_SIZE];
	unsigned int i, round;

	for (round = 0; round < 3; round++) {
		for (i = 0; i < RIG_QUEUE_SIZE; i++) {
			send(b, i, LONG);
			pkts[i] = take_one(b);
			assert_non_null(pkts[i]);
			rig_mbuf_check(pkts[i], i, LONG);
			assert_int_equal(rig_is_attached(pkts[i]), i < OWED_MAX);
		}
		poll_once(b);
		expect(b, 0, 0);
		rte_pktmbuf_free_bulk(&pkts[1], RIG_QUEUE_SIZE - 1);
		poll_once(b);
		expect(b, 0, 0);
		rte_pktmbuf_free(pkts[0]);
		poll_once(b);
		expect(b, 0, RIG_QUEUE_SIZE);
	}
	assert_int_equal(rig_info(b).dev.broken, false);
}
ORDER_TEST(ring_is_out)

/* More buffers than the ring has descriptors, all out: the driver has made them up. */
static void
test_made_up(void **state)
{
	const struct rig_conf conf = {
		.variant = rig_variants[0],
		.zero_copy_min = ZC_MIN,
		.features = RTE_BIT64(VIRTIO_F_IN_ORDER),
	};
	struct rte_mbuf *pkts[RIG_QUEUE_SIZE];
	struct rig b;
	unsigned int i;

	(void)state;
	unit_clock_stop();
	rig_up(&b, &conf);
	for (i = 0; i < RIG_QUEUE_SIZE; i++) {
		send(&b, i, LONG);
		pkts[i] = take_one(&b);
		assert_non_null(pkts[i]);
	}
	mock_vq_publish(rig_tx(&b), 3);
	poll_once(&b);
	rig_wait(&b, rig_is_link_down, 0);
	unit_assert_logged_once("more buffers available than the ring has descriptors");
	rte_pktmbuf_free_bulk(pkts, RIG_QUEUE_SIZE);
	rig_down(&b);
}

/* Who reads keeps a frame: it is copied, and the ring goes on. For a while all are. */
static void
kept_for_long(struct rig *b)
{
	struct rte_mbuf *kept, *m;
	uint8_t junk[LONG];

	send(b, 0, LONG);
	kept = take_one(b);
	assert_true(rig_is_attached(kept));
	/* it holds back nothing: it may stay out */
	pass_us(10000 * NET_ZC_HOLD_MS);
	poll_once(b);
	send(b, 1, SHORT);
	rte_pktmbuf_free(take_one(b));
	poll_once(b);
	pass_us(1000 * (NET_ZC_HOLD_MS - 1));
	poll_once(b);
	rig_settle();
	expect(b, 0, 0);
	pass_us(1000);
	poll_once(b);
	rig_settle();
	expect(b, 0, 2);
	memset(junk, 0xee, sizeof(junk));
	guest_write(&b->guest, place(0) + RIG_HDR_LEN, junk, sizeof(junk));
	rig_mbuf_check(kept, 0, LONG);
	send(b, 2, LONG);
	m = take_one(b);
	assert_false(rig_is_attached(m));
	rte_pktmbuf_free(m);
	expect(b, 2, 1);
	pass_us(UINT64_C(1000) * NET_ZC_REST_MS);
	send(b, 3, LONG);
	m = take_one(b);
	assert_true(rig_is_attached(m));
	rig_mbuf_check(m, 3, LONG);
	rte_pktmbuf_free(kept);
	poll_once(b);
	expect(b, 0, 0);
	rte_pktmbuf_free(m);
	poll_once(b);
	expect(b, 3, 1);
	rig_assert_traffic(b);
}
ORDER_TEST(kept_for_long)

/* Read, though not freed: all of it goes back. */
static void
all_were_read(struct rig *b)
{
	struct rte_mbuf *pkts[3];

	send(b, 0, LONG);
	send(b, 1, SHORT);
	send(b, 2, LONG);
	assert_int_equal(take(b, pkts, 3), 3);
	rte_vduse_net_frames_read(b->net, 0);
	poll_once(b);
	expect(b, 0, 3);
	assert_int_equal(rte_vduse_net_owed(b->net, 0), 0);
	send(b, 3, SHORT);
	rte_pktmbuf_free(take_one(b));
	expect(b, 3, 1);
	rte_pktmbuf_free_bulk(pkts, 3);
	poll_once(b);
	expect(b, 0, 0);
}
ORDER_TEST(all_were_read)

/* The process dies: what is out, and what waits, comes back by the next one, in order. */
static void
died(struct rig *b)
{
	const struct rte_vduse_net_conf conf = { .dev.adopt_fd = -1,
		.dev.tuning.msg_timeout = -1,
		.dev.name = "unit",
		.queue_pairs = 1,
		.dev.queue_size = RIG_QUEUE_SIZE,
		.mac = { { 2, 0, 0, 0, 0, 1 } },
		.mtu = 1500,
		.zero_copy_min = ZC_MIN,
		.dev.state_dir = resume_dir };
	struct rte_mbuf *pkts[6];
	unsigned int i, round;

	for (round = 0; round < 3; round++) {
		/* nothing is noted of these: they go back at once */
		for (i = 0; i < round; i++)
			send(b, i, SHORT);
		send(b, round, LONG);
		send(b, round + 1, SHORT);
		send(b, round + 2, LONG);
		assert_int_equal(take(b, pkts, 6), round + 3);
		expect(b, 0, round);
		rte_pktmbuf_free(pkts[round + 2]);
		poll_once(b);
		resume_die(b);
		assert_int_equal(rte_vduse_net_create(&conf, &b->net), 0);
		assert_int_equal(fk_update_iotlb(b->dev, 0, UINT64_MAX), 0);
		assert_true(rig_is_served(b, 1));
		expect(b, round, 3);
		rte_pktmbuf_free_bulk(pkts, round + 2);
		poll_once(b);
		expect(b, 0, 0);
	}
	rig_assert_traffic(b);
}

static void
test_died(void **state)
{
	struct rig_conf conf = {
		.zero_copy_min = ZC_MIN,
		.features = RTE_BIT64(VIRTIO_F_IN_ORDER),
	};
	struct rig b;
	unsigned int v;

	(void)state;
	unit_clock_stop();
	for (v = 0; v < RTE_DIM(variants); v++) {
		conf.variant = rig_variants[variants[v]];
		resume_up(&b, &conf);
		died(&b);
		resume_down(&b);
		assert_int_equal(vduse_deferred_reap(), 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(test_offered),
		UNIT_TEST(test_freed_in_any_order),
		UNIT_TEST(test_copies_wait),
		UNIT_TEST(test_chains_wait),
		UNIT_TEST(test_ring_is_out),
		UNIT_TEST(test_made_up),
		UNIT_TEST(test_kept_for_long),
		UNIT_TEST(test_all_were_read),
		UNIT_TEST(test_died),
	};

	return UNIT_RUN("zc_order", tests);
}
