/* SPDX-License-Identifier: BSD-3-Clause */

/* Calls when and only when the driver wants them, and kicks that nobody needs. */

#include "rig.h"

#define TX 1

/* n frames in one burst; whether the driver was called for it. */
static bool
burst_calls(struct rig *b, unsigned int n)
{
	const unsigned int before = fk_irqs(b->dev, TX);
	struct rte_mbuf *pkts[64];
	struct mock_used used;
	unsigned int i, calls;

	for (i = 0; i < n; i++)
		rig_send(b, RIG_BUFFERS + 256 * i, i, 60);
	assert_int_equal(rig_dequeue_burst(b, pkts, n), n);
	rte_pktmbuf_free_bulk(pkts, n);
	for (i = 0; i < n; i++)
		assert_true(mock_vq_get(rig_tx(b), &used));
	calls = fk_irqs(b->dev, TX) - before;
	assert_in_range(calls, 0, 1);
	return calls == 1;
}

/* Flags: one call a burst, or none (virtio 1.2, 2.7.7 and 2.8.10). */
static void
flags_run(const struct rig_conf *conf)
{
	struct rte_vduse_net_queue_stats s;
	struct rig b;
	unsigned int i;

	rig_up(&b, conf);
	for (i = 1; i <= 20; i++) {
		mock_vq_calls(rig_tx(&b), true);
		assert_true(burst_calls(&b, i));
		mock_vq_calls(rig_tx(&b), false);
		assert_false(burst_calls(&b, i));
	}
	s = rig_stats(&b, true);
	assert_int_equal(s.calls, 20);
	assert_int_equal(s.calls_suppressed, 20);
	assert_int_equal(s.calls_failed, 0);
	assert_int_equal(fk_irqs(b.dev, 0), 0);
	rig_down(&b);
}

static void
test_flags(void **state)
{
	struct rig_conf conf = { 0 };
	unsigned int v;

	(void)state;
	for (v = 0; v < RIG_VARIANTS; v++) {
		/* a split ring with the event index has no flags to heed */
		if (!rig_variants[v].packed && rig_variants[v].event_idx)
			continue;
		conf.variant = rig_variants[v];
		flags_run(&conf);
	}
}

/* Packed without the event index: DESC is not allowed, and taken for ENABLE. */
static void
test_packed_desc_without_feature(void **state)
{
	const struct rig_conf conf = { .variant.packed = true };
	struct rig b;

	(void)state;
	rig_up(&b, &conf);
	mock_vq_call_at(rig_tx(&b), 100);
	assert_true(burst_calls(&b, 1));
	assert_true(burst_calls(&b, 1));
	rig_down(&b);
}

/*
 * The driver names a buffer some way ahead: the burst that uses it calls, no
 * burst before it and none behind it. Thousands of times, round every end.
 */
static void
event_run(const struct rig_conf *conf, unsigned int rounds)
{
	struct unit_rng rng = { .state = 9 };
	unsigned int ahead, used, n, i;
	struct rig b;

	rig_up(&b, conf);
	/* the first is called for in any case: what the driver saw before is not known */
	mock_vq_call_at(rig_tx(&b), 0);
	assert_true(burst_calls(&b, 1));
	for (i = 0; i < rounds; i++) {
		ahead = unit_random(&rng, 0, 20);
		mock_vq_call_at(rig_tx(&b), ahead);
		for (used = 0; used < ahead + 10; used += n) {
			n = unit_random(&rng, 1, 7);
			if (burst_calls(&b, n) != (used <= ahead && used + n > ahead))
				fail_msg("%s ring of %u: the wish was buffer %u, the burst %u to "
					 "%u",
						conf->variant.packed ? "packed" : "split",
						rig_tx(&b)->conf.size, ahead, used, used + n - 1);
		}
	}
	rig_down(&b);
}

static void
test_event_idx(void **state)
{
	struct rig_conf conf = { .variant.event_idx = true };

	(void)state;
	event_run(&conf, 500);
	conf.start = 65500;
	event_run(&conf, 500);
	conf = (struct rig_conf){ .variant = { .event_idx = true, .packed = true } };
	event_run(&conf, 500);
	/* no power of two */
	conf.ring_size = 101;
	event_run(&conf, 500);
	conf.start = 90;
	event_run(&conf, 500);
}

/* A packed driver switches between all three wishes. */
static void
test_packed_switch(void **state)
{
	const struct rig_conf conf = { .variant = { .packed = true, .event_idx = true } };
	struct rig b;
	unsigned int i;

	(void)state;
	rig_up(&b, &conf);
	mock_vq_call_at(rig_tx(&b), 0);
	assert_true(burst_calls(&b, 1));
	for (i = 0; i < 300; i++) {
		mock_vq_calls(rig_tx(&b), false);
		assert_false(burst_calls(&b, 3));
		mock_vq_call_at(rig_tx(&b), 2);
		assert_false(burst_calls(&b, 2));
		assert_true(burst_calls(&b, 1));
		mock_vq_calls(rig_tx(&b), true);
		assert_true(burst_calls(&b, 1));
	}
	rig_down(&b);
}

/* The kernel refuses a call until it has noted DRIVER_OK: it is not lost. */
static void
test_call_again(void **state)
{
	struct rig_conf conf = { 0 };
	struct rig b;
	unsigned int v;

	(void)state;
	for (v = 0; v < RIG_VARIANTS; v++) {
		conf.variant = rig_variants[v];
		rig_up(&b, &conf);
		fk_fail(VDUSE_IOC_VQ_IRQ, 0, 2, -EINVAL);
		assert_false(burst_calls(&b, 1));
		assert_int_equal(rig_stats(&b, true).calls_failed, 1);
		/* bursts that find nothing try again, until it goes well */
		assert_null(rig_dequeue(&b));
		assert_int_equal(rig_stats(&b, true).calls_failed, 2);
		assert_int_equal(fk_irqs(b.dev, TX), 0);
		assert_null(rig_dequeue(&b));
		assert_int_equal(fk_irqs(b.dev, TX), 1);
		assert_null(rig_dequeue(&b));
		assert_int_equal(fk_irqs(b.dev, TX), 1);
		assert_true(fk_fail_done());
		rig_down(&b);
	}
}

/* Queues are polled: the driver is told not to kick. */
static void
test_no_kicks(void **state)
{
	struct rig_conf conf = { 0 };
	unsigned int v, i, kicks;
	struct rig b;

	(void)state;
	for (v = 0; v < RIG_VARIANTS; v++) {
		conf.variant = rig_variants[v];
		rig_up(&b, &conf);
		for (i = 0, kicks = 0; i < 1000; i++) {
			rig_send(&b, RIG_BUFFERS, 1, 60);
			kicks += mock_vq_need_kick(rig_tx(&b));
			rte_pktmbuf_free(rig_dequeue(&b));
			mock_vq_get(rig_tx(&b), &(struct mock_used){ 0 });
		}
		/* an event that stands still is passed once in 65536 buffers */
		assert_in_range(kicks, 0, !conf.variant.packed && conf.variant.event_idx);
		rig_down(&b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(test_flags),
		UNIT_TEST(test_packed_desc_without_feature),
		UNIT_TEST(test_event_idx),
		UNIT_TEST(test_packed_switch),
		UNIT_TEST(test_call_again),
		UNIT_TEST(test_no_kicks),
	};

	return UNIT_RUN("notify", tests);
}
