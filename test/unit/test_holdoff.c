/* SPDX-License-Identifier: BSD-3-Clause */

/* A ring that a burst has emptied is left alone for a moment, and for no longer. */

#include <poll.h>

#include "rig.h"
#include "ring/backoff.h"

static struct vduse_vq *
lib_vq(struct rig *b)
{
	return b->net->dev->vqs[1];
}

static void
send_frames(struct rig *b, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		rig_send(b, RIG_BUFFERS + 256 * i, i, 60);
}

/* One poll, whatever there is. */
static unsigned int
poll_ring(struct rig *b, uint16_t most)
{
	struct rte_mbuf *pkts[64];
	struct mock_used used;
	const uint16_t n = rte_vduse_net_dequeue(b->net, 0, unit_pool, pkts, most);

	rte_pktmbuf_free_bulk(pkts, n);
	while (mock_vq_get(rig_tx(b), &used))
		;
	return n;
}

/* From here on the clock stands. */
static void
emptied(struct rig *b)
{
	unit_clock_stop();
	send_frames(b, VDUSE_BACKOFF_BURST);
	assert_int_equal(poll_ring(b, 32), VDUSE_BACKOFF_BURST);
}

typedef void (*holdoff_case_t)(struct rig *b);

/* With each ring format and with frames that stay out. */
static void
each(holdoff_case_t run)
{
	unsigned int i;

	for (i = 0; i < 4; i++) {
		const struct rig_conf conf = {
			.variant = rig_variants[i % 2 == 0 ? 0 : RIG_VARIANTS / 2],
			.zero_copy_min = i / 2 == 0 ? 0 : 1024,
		};
		struct rig b;

		rig_up(&b, &conf);
		run(&b);
		rig_down(&b);
	}
}

#define HOLDOFF_TEST(name)                    \
	static void test_##name(void **state) \
	{                                     \
		(void)state;                  \
		each(name);                   \
	}

/* What comes meanwhile is taken when it is over, all of it, and not a cycle sooner. */
static void
left_alone(struct rig *b)
{
	emptied(b);
	assert_true(lib_vq(b)->backoff.cycles > 1);
	send_frames(b, 5);
	assert_int_equal(poll_ring(b, 32), 0);
	unit_clock_pass(lib_vq(b)->backoff.cycles);
	assert_int_equal(poll_ring(b, 32), 0);
	unit_clock_pass(1);
	assert_int_equal(poll_ring(b, 32), 5);
}
HOLDOFF_TEST(left_alone)

/* A few frames, as of who waits for an answer: at once. */
static void
at_once(struct rig *b)
{
	unit_clock_stop();
	send_frames(b, VDUSE_BACKOFF_BURST - 1);
	assert_int_equal(poll_ring(b, 32), VDUSE_BACKOFF_BURST - 1);
	send_frames(b, 1);
	assert_int_equal(poll_ring(b, 32), 1);
}
HOLDOFF_TEST(at_once)

/* What a burst left is taken by the next, however few they are. */
static void
left_some(struct rig *b)
{
	unsigned int left;

	unit_clock_stop();
	for (left = 1; left < 64; left++) {
		send_frames(b, VDUSE_BACKOFF_BURST + left);
		assert_int_equal(poll_ring(b, VDUSE_BACKOFF_BURST), VDUSE_BACKOFF_BURST);
		assert_int_equal(poll_ring(b, 64), left);
		unit_clock_pass(2 * lib_vq(b)->backoff.cycles);
	}
}
HOLDOFF_TEST(left_some)

/* So is what is left because the pool is empty. */
static void
no_mbufs(struct rig *b)
{
	struct rte_mbuf *taken[UNIT_MBUFS], *pkts[64];

	unit_clock_stop();
	send_frames(b, 10);
	assert_int_equal(rte_pktmbuf_alloc_bulk(unit_pool, taken, UNIT_MBUFS - 6), 0);
	assert_int_equal(rte_vduse_net_dequeue(b->net, 0, unit_pool, pkts, 64), 6);
	rte_pktmbuf_free_bulk(taken, UNIT_MBUFS - 6);
	assert_int_equal(poll_ring(b, 64), 4);
	rte_pktmbuf_free_bulk(pkts, 6);
}
HOLDOFF_TEST(no_mbufs)

/* A deadline of another core's clock, ahead of this one's, is none. */
static void
other_clock(struct rig *b)
{
	emptied(b);
	unit_clock_pass(UINT64_MAX - 10);
	send_frames(b, 1);
	assert_int_equal(poll_ring(b, 32), 1);
}
HOLDOFF_TEST(other_clock)

/* An lcore that is about to sleep looks, and is told; the next driver finds none of it. */
static void
not_asleep(struct rig *b)
{
	struct pollfd fd = { .fd = rte_vduse_net_wake_fd(b->net, 0), .events = POLLIN };

	emptied(b);
	send_frames(b, 2);
	rte_vduse_net_wake_enable(b->net, 0);
	assert_int_equal(poll(&fd, 1, 0), 1);
	assert_int_equal(poll_ring(b, 32), 2);
	rte_vduse_net_wake_disable(b->net, 0);
	emptied(b);
	assert_true(lib_vq(b)->poll.backoff);
	assert_int_equal(fk_reset(b->dev), 0);
	rig_drive(b);
	rig_assert_traffic(b);
}
HOLDOFF_TEST(not_asleep)

/* The driver of a small ring would have to wait. */
static void
test_small_ring(void **state)
{
	const struct rig_conf conf = { .ring_size = VDUSE_BACKOFF_RING / 2 };
	struct rig b;

	(void)state;
	rig_up(&b, &conf);
	emptied(&b);
	assert_false(lib_vq(&b)->poll.backoff);
	emptied(&b);
	rig_down(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(test_left_alone),
		UNIT_TEST(test_at_once),
		UNIT_TEST(test_left_some),
		UNIT_TEST(test_no_mbufs),
		UNIT_TEST(test_other_clock),
		UNIT_TEST(test_not_asleep),
		UNIT_TEST(test_small_ring),
	};

	return UNIT_RUN("holdoff", tests);
}
