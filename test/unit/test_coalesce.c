/* SPDX-License-Identifier: BSD-3-Clause */

/* Calls that are held back: until so many buffers are used, or so much time has passed. */

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <time.h>

#include <rte_cycles.h>

#include "ctrlq.h"

/* Times on the clock of the test: never over, waited for, over at once. */
#define LONG_US  1000000
#define WAIT_US  500000
#define SHORT_US 1

#define TX 1
#define RX 0

/* Time passes. */
static void
pass(unsigned int us)
{
	unit_clock_pass(us * rte_get_tsc_hz() / US_PER_S);
}

/* Time stands still but for pass(). */
static void
clocked_up(struct rig *b, const struct rig_conf *conf)
{
	unit_clock_stop();
	rig_up(b, conf);
}

/* n frames in one burst; how many calls came of it. */
static unsigned int
sent(struct rig *b, unsigned int n)
{
	const unsigned int before = fk_irqs(b->dev, TX);
	struct rte_mbuf *pkts[64];
	struct mock_used used;
	unsigned int i;

	pass(10); /* a ring is left alone for less than that */
	for (i = 0; i < n; i++)
		rig_send(b, RIG_BUFFERS + 256 * i, i, 60);
	assert_int_equal(rig_dequeue_burst(b, pkts, 64), n);
	rte_pktmbuf_free_bulk(pkts, n);
	for (i = 0; i < n; i++)
		assert_true(mock_vq_get(rig_tx(b), &used));
	return fk_irqs(b->dev, TX) - before;
}

/* The same towards the driver. */
static unsigned int
received(struct rig *b, unsigned int n)
{
	const unsigned int before = fk_irqs(b->dev, RX);
	struct mock_used used;
	struct rte_mbuf *m;
	unsigned int i;

	for (i = 0; i < n; i++) {
		rig_offer(b, RIG_BUFFERS, 256);
		m = rig_mbuf(i, 60, 60);
		assert_int_equal(rig_enqueue(b, m), 1);
		assert_true(mock_vq_get(rig_rx(b), &used));
	}
	return fk_irqs(b->dev, RX) - before;
}

/* The driver's wish, new before each burst: the next buffer, whatever the format. */
static void
want_calls(struct rig *b)
{
	unsigned int i;

	for (i = 0; i < 2; i++) {
		if (b->conf.variant.event_idx)
			mock_vq_call_at(&b->vq[i], 0);
		else
			mock_vq_calls(&b->vq[i], true);
	}
}

static void
frames_run(const struct rig_conf *conf)
{
	struct rig b;
	unsigned int i, k;

	clocked_up(&b, conf);
	want_calls(&b);
	assert_int_equal(sent(&b, 1), 1);
	assert_int_equal(rte_vduse_net_set_coalesce(b.net, true, 10, LONG_US), 0);
	for (k = 0; k < 3; k++) {
		want_calls(&b);
		for (i = 0; i < 9; i++)
			assert_int_equal(sent(&b, 1), 0);
		assert_int_equal(sent(&b, 1), 1);
		/* in larger bursts, beyond the number; empty ones make no difference */
		want_calls(&b);
		assert_int_equal(sent(&b, 4), 0);
		assert_int_equal(sent(&b, 0), 0);
		assert_int_equal(sent(&b, 5), 0);
		assert_int_equal(sent(&b, 20), 1);
	}
	/* a frame each: as if it were off */
	assert_int_equal(rte_vduse_net_set_coalesce(b.net, true, 0, LONG_US), 0);
	want_calls(&b);
	assert_int_equal(sent(&b, 3), 1);
	want_calls(&b);
	assert_int_equal(sent(&b, 1), 1);
	rig_down(&b);
}

static void
test_frames(void **state)
{
	struct rig_conf conf = { 0 };
	unsigned int v;

	(void)state;
	for (v = 0; v < RIG_VARIANTS; v += 2) {
		conf.variant = rig_variants[v];
		frames_run(&conf);
	}
}

/* Calls of a queue until there is another one; false when it takes too long. */
static bool
wait_call(struct rig *b, uint32_t index, unsigned int before)
{
	const time_t until = time(NULL) + UNIT_LIMIT_S;
	struct rte_mbuf *m;

	while (fk_irqs(b->dev, index) == before) {
		if (time(NULL) > until)
			return false;
		pass(WAIT_US / 4);
		assert_int_equal(rig_dequeue_burst(b, &m, 1), 0);
	}
	return true;
}

/* Whoever calls counts behind the call; false when it takes too long. */
static bool
wait_counted(struct rig *b, bool dequeue, uint64_t n)
{
	const time_t until = time(NULL) + UNIT_LIMIT_S;

	while (rig_stats(b, dequeue).calls < n && time(NULL) <= until)
		sched_yield();
	return rig_stats(b, dequeue).calls == n;
}

/* Only dequeue is polled, and nothing comes: both queues' calls come in time, once. */
static void
test_deadline(void **state)
{
	struct rig_conf conf = { 0 };
	unsigned int v, before;
	struct rig b;

	(void)state;
	for (v = 0; v < RIG_VARIANTS; v += 4) {
		conf.variant = rig_variants[v];
		clocked_up(&b, &conf);
		assert_int_equal(rte_vduse_net_set_coalesce(b.net, true, 100, WAIT_US), 0);
		assert_int_equal(rte_vduse_net_set_coalesce(b.net, false, 100, WAIT_US), 0);
		before = fk_irqs(b.dev, TX);
		want_calls(&b);
		assert_int_equal(sent(&b, 3), 0);
		assert_true(wait_call(&b, TX, before));
		before = fk_irqs(b.dev, RX);
		assert_int_equal(received(&b, 3), 0);
		assert_true(wait_call(&b, RX, before));
		assert_int_equal(fk_irqs(b.dev, RX), before + 1);
		assert_true(wait_counted(&b, false, fk_irqs(b.dev, RX)));
		/* frames count anew behind a call that came in time */
		assert_int_equal(rte_vduse_net_set_coalesce(b.net, false, 5, LONG_US), 0);
		want_calls(&b);
		assert_int_equal(received(&b, 4), 0);
		assert_int_equal(received(&b, 1), 1);
		rig_down(&b);
	}
}

/* The deadline of 3 frames does not make 8 of the next 5. */
static void
test_count_after_deadline(void **state)
{
	const struct rig_conf conf = { 0 };
	unsigned int before;
	struct rig b;

	(void)state;
	clocked_up(&b, &conf);
	assert_int_equal(rte_vduse_net_set_coalesce(b.net, true, 8, WAIT_US), 0);
	before = fk_irqs(b.dev, TX);
	assert_int_equal(sent(&b, 3), 0);
	assert_true(wait_call(&b, TX, before));
	assert_int_equal(sent(&b, 5), 0);
	assert_int_equal(sent(&b, 3), 1);
	rig_down(&b);
}

/* A queue that never rests: time alone brings the call, with the event index too. */
static void
test_deadline_under_load(void **state)
{
	struct rig_conf conf = { 0 };
	unsigned int v, i, before;
	struct rig b;

	(void)state;
	for (v = 0; v < RIG_VARIANTS; v += 4) {
		conf.variant = rig_variants[v];
		clocked_up(&b, &conf);
		want_calls(&b);
		sent(&b, 1);
		assert_int_equal(rte_vduse_net_set_coalesce(
						 b.net, true, RTE_VDUSE_NET_QUEUE_SIZE_MAX, 1000),
				0);
		before = fk_irqs(b.dev, TX);
		want_calls(&b);
		/* 10 us each */
		for (i = 0; i < 110 && fk_irqs(b.dev, TX) == before; i++)
			sent(&b, 1);
		assert_true(fk_irqs(b.dev, TX) > before);
		assert_in_range(i, 90, 110);
		rig_down(&b);
	}
}

static void
test_off(void **state)
{
	const struct rig_conf conf = { 0 };
	unsigned int i, before;
	struct rig b;

	(void)state;
	clocked_up(&b, &conf);
	for (i = 1; i < 20; i++)
		assert_int_equal(sent(&b, i), 1);
	assert_int_equal(rte_vduse_net_set_coalesce(b.net, true, 100, LONG_US), 0);
	assert_int_equal(sent(&b, 5), 0);
	/* switched off with a call held back: it comes with the next burst, and one a burst */
	assert_int_equal(rte_vduse_net_set_coalesce(b.net, true, 0, 0), 0);
	for (i = 1; i < 20; i++)
		assert_int_equal(sent(&b, i), 1);
	/* the other direction was never held back */
	before = fk_irqs(b.dev, RX);
	received(&b, 7);
	assert_int_equal(fk_irqs(b.dev, RX), before + 7);
	rig_down(&b);
}

static void
test_bounds(void **state)
{
	const struct rig_conf conf = { 0 };
	struct rig b;

	(void)state;
	clocked_up(&b, &conf);
	assert_int_equal(rte_vduse_net_set_coalesce(
					 b.net, true, RTE_VDUSE_NET_QUEUE_SIZE_MAX + 1, 1),
			-EINVAL);
	assert_int_equal(rte_vduse_net_set_coalesce(b.net, true, 1, LONG_US + 1), -EINVAL);
	assert_int_equal(sent(&b, 1), 1);
	rig_down(&b);
}

/* A driver that does not want calls gets none, held back or not. */
static void
test_unwanted(void **state)
{
	const struct rig_conf conf = { 0 };
	struct rig b;
	unsigned int i;

	(void)state;
	clocked_up(&b, &conf);
	assert_int_equal(rte_vduse_net_set_coalesce(b.net, true, 4, LONG_US), 0);
	mock_vq_calls(rig_tx(&b), false);
	for (i = 0; i < 20; i++)
		assert_int_equal(sent(&b, 3), 0);
	rig_down(&b);
}

static void
restart(struct rig *b)
{
	assert_int_equal(fk_reset(b->dev), 0);
	rig_drive(b);
}

/* A call held back for a driver that is gone does not come to the next one. */
static void
test_reset(void **state)
{
	const struct rig_conf conf = { 0 };
	unsigned int before;
	struct rig b;

	(void)state;
	clocked_up(&b, &conf);
	assert_int_equal(rte_vduse_net_set_coalesce(b.net, true, 5, LONG_US), 0);
	assert_int_equal(rte_vduse_net_set_coalesce(b.net, false, 5, SHORT_US), 0);
	assert_int_equal(sent(&b, 4), 0);
	received(&b, 1);
	restart(&b);
	rig_settle_calls(&b, RX);
	before = fk_irqs(b.dev, RX);
	assert_int_equal(sent(&b, 0), 0);
	assert_int_equal(fk_irqs(b.dev, RX), before);
	/* the owner's wish stays, and counts from the start */
	assert_int_equal(sent(&b, 4), 0);
	assert_int_equal(sent(&b, 1), 1);
	rig_down(&b);
}

static uint8_t
ask_coal(struct rig *b, uint8_t cmd, int vqn, uint32_t frames, uint32_t usecs)
{
	uint32_t data[3] = { vqn, frames, usecs };

	return ctrlq_ask(b, 6, cmd, vqn < 0 ? &data[1] : data, vqn < 0 ? 8 : 12);
}

/* The driver's own wish: by direction and by queue, until it is reset. */
/* VIRTIO_NET_CTRL_NOTF_COAL_VQ_GET says what is in force. */
static void
assert_coal(struct rig *b, uint16_t vqn, uint32_t frames, uint32_t usecs)
{
	uint16_t bad = CTRLQ_INDEX;
	uint32_t result[2];

	assert_int_equal(ctrlq_ask(b, 6, 3, &vqn, sizeof(vqn)), VIRTIO_NET_OK);
	guest_read(&b->guest, CTRLQ_ACK + 1, result, sizeof(result));
	assert_int_equal(result[0], frames);
	assert_int_equal(result[1], usecs);
	assert_int_equal(ctrlq_ask(b, 6, 3, &bad, sizeof(bad)), VIRTIO_NET_ERR);
	assert_int_equal(ctrlq_ask(b, 6, 3, &vqn, 1), VIRTIO_NET_ERR);
}

static void
test_driver(void **state)
{
	struct rig b;

	(void)state;
	unit_clock_stop();
	ctrlq_up(&b, 0, (1ULL << VIRTIO_NET_F_NOTF_COAL) | (1ULL << VIRTIO_NET_F_VQ_NOTF_COAL));
	/* the driver's tx is command 0 */
	assert_int_equal(ask_coal(&b, 0, -1, 4, LONG_US), VIRTIO_NET_OK);
	assert_int_equal(sent(&b, 3), 0);
	assert_int_equal(sent(&b, 1), 1);
	assert_int_equal(received(&b, 5), 5);
	assert_int_equal(ask_coal(&b, 1, -1, 3, LONG_US), VIRTIO_NET_OK);
	assert_int_equal(received(&b, 2), 0);
	assert_int_equal(received(&b, 1), 1);
	/* one queue of all */
	assert_int_equal(ask_coal(&b, 2, TX, 6, LONG_US), VIRTIO_NET_OK);
	assert_int_equal(sent(&b, 5), 0);
	assert_int_equal(sent(&b, 1), 1);
	assert_int_equal(received(&b, 2), 0);
	assert_int_equal(received(&b, 1), 1);
	assert_coal(&b, TX, 6, LONG_US);
	assert_coal(&b, 0, 3, LONG_US);
	assert_int_equal(ask_coal(&b, 2, 3, 50, LONG_US), VIRTIO_NET_OK);
	assert_int_equal(sent(&b, 6), 1);
	/* refused: nothing is changed */
	assert_int_equal(ask_coal(&b, 2, CTRLQ_INDEX, 1, 1), VIRTIO_NET_ERR);
	assert_int_equal(ask_coal(&b, 2, 0xffff, 1, 1), VIRTIO_NET_ERR);
	assert_int_equal(ask_coal(&b, 2, TX, 32769, 1), VIRTIO_NET_ERR);
	assert_int_equal(ask_coal(&b, 2, TX, 1, LONG_US + 1), VIRTIO_NET_ERR);
	assert_int_equal(ask_coal(&b, 0, -1, 32769, 1), VIRTIO_NET_ERR);
	assert_int_equal(ask_coal(&b, 1, -1, 1, UINT32_MAX), VIRTIO_NET_ERR);
	assert_int_equal(sent(&b, 5), 0);
	assert_int_equal(sent(&b, 1), 1);
	/* virtio 1.3, 5.1.6.5.9: 0 upon reset */
	restart(&b);
	assert_int_equal(sent(&b, 1), 1);
	assert_int_equal(received(&b, 1), 1);
	rig_down(&b);
}

struct owner {
	struct rte_vduse_net *net;
	bool stop;      /* atomic */
	uint32_t turns; /* the same */
};

static void *
owner_main(void *arg)
{
	struct owner *o = arg;
	uint32_t i;

	for (i = 0; !__atomic_load_n(&o->stop, __ATOMIC_RELAXED); i++) {
		rte_vduse_net_set_coalesce(o->net, i & 1, 1 + i % 8, 100 + i % 8);
		rte_vduse_net_set_adaptive(o->net, i & 1, i & 2);
		rte_vduse_net_set_mtu(o->net, (uint16_t)(1500 + i % 8));
		__atomic_fetch_add(&o->turns, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

/* The owner changes its mind while drivers come and go. */
static void
test_set_meanwhile(void **state)
{
	const struct rig_conf conf = { .features = RTE_BIT64(VIRTIO_NET_F_MTU) };
	struct owner o = { 0 };
	pthread_t thread;
	struct rig b;
	uint32_t i, seen;

	(void)state;
	rig_up(&b, &conf);
	o.net = b.net;
	unit_thread(&thread, owner_main, &o);
	for (i = 0; i < 10; i++) {
		seen = __atomic_load_n(&o.turns, __ATOMIC_RELAXED);
		while (__atomic_load_n(&o.turns, __ATOMIC_RELAXED) == seen)
			sched_yield();
		assert_int_equal(fk_reset(b.dev), 0);
		rig_drive(&b);
	}
	__atomic_store_n(&o.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	rig_down(&b);
}

/* The kernel makes no call of a device that is suspended: what was held back comes before. */
static void
test_suspended(void **state)
{
	const struct rig_conf conf = { 0 };
	unsigned int before;
	struct rig b;

	(void)state;
	unit_kernel(&(struct fk_conf){ .vduse_features = RTE_BIT64(VDUSE_ABI_F_SUSPEND) });
	clocked_up(&b, &conf);
	rig_wait(&b, rig_is_served, TX);
	assert_int_equal(rte_vduse_net_set_coalesce(b.net, true, 100, LONG_US), 0);
	assert_int_equal(sent(&b, 5), 0);
	before = fk_irqs(b.dev, TX);
	assert_int_equal(fk_suspend(b.dev), 0);
	assert_int_equal(fk_irqs(b.dev, TX), before + 1);
	rig_down(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(test_frames),
		UNIT_TEST(test_deadline),
		UNIT_TEST(test_count_after_deadline),
		UNIT_TEST(test_deadline_under_load),
		UNIT_TEST(test_off),
		UNIT_TEST(test_bounds),
		UNIT_TEST(test_unwanted),
		UNIT_TEST(test_reset),
		UNIT_TEST(test_driver),
		UNIT_TEST(test_set_meanwhile),
		UNIT_TEST(test_suspended),
	};

	return UNIT_RUN("coalesce", tests);
}
