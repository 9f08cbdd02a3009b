/* SPDX-License-Identifier: BSD-3-Clause */

/* An lcore that sleeps on the kick descriptor of a pair: it misses nothing, and reads no kick
 * twice. */

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <string.h>

#include <rte_pause.h>

#include "rig.h"

#define TX 1
#define RX 0

#define WAIT_MS (UNIT_LIMIT_S * 1000)

static bool
readable(const struct rig *b, int ms)
{
	struct pollfd fd = { .fd = rte_vduse_net_wake_fd(b->net, 0), .events = POLLIN };

	return poll(&fd, 1, ms) == 1;
}

/* One frame; a kick where the ring asks for it. Return: whether it did. */
static bool
driver_sends(struct rig *b)
{
	rig_send(b, RIG_BUFFERS, 1, 60);
	if (!mock_vq_need_kick(rig_tx(b)))
		return false;
	fk_kick(b->dev, TX);
	return true;
}

static void
device_takes(struct rig *b)
{
	struct rte_mbuf *m = rig_dequeue(b);
	struct mock_used used;

	assert_non_null(m);
	rte_pktmbuf_free(m);
	assert_true(mock_vq_get(rig_tx(b), &used));
}

/* Asleep, awake, asleep: kicks are asked for only then, and each is counted. */
static void
wake_run(const struct rig_conf *conf)
{
	unsigned int i, kicks = 0;
	struct rig b;

	rig_up(&b, conf);
	for (i = 0; i < 300; i++) {
		rte_vduse_net_wake_enable(b.net, 0);
		assert_false(readable(&b, 0));
		assert_true(driver_sends(&b));
		kicks++;
		assert_true(readable(&b, 0));
		rte_vduse_net_wake_disable(b.net, 0);
		device_takes(&b);
		if (!conf->variant.event_idx)
			assert_false(driver_sends(&b));
		else
			kicks += driver_sends(&b);
		/* it waits already: no sleep */
		rte_vduse_net_wake_enable(b.net, 0);
		assert_true(readable(&b, 0));
		rte_vduse_net_wake_disable(b.net, 0);
		device_takes(&b);
	}
	rte_vduse_net_wake_enable(b.net, 0);
	assert_false(readable(&b, 0));
	assert_int_equal(rig_stats(&b, true).kicks, kicks);
	rig_down(&b);
}

static void
test_wake(void **state)
{
	struct rig_conf conf = { 0 };
	unsigned int v;

	(void)state;
	for (v = 0; v < RIG_VARIANTS; v++) {
		conf.variant = rig_variants[v];
		wake_run(&conf);
	}
}

/* Who reads the counters takes no kick away from who sleeps. */
static void
test_counters(void **state)
{
	const struct rig_conf conf = { 0 };
	struct rig b;

	(void)state;
	rig_up(&b, &conf);
	rte_vduse_net_wake_enable(b.net, 0);
	assert_true(driver_sends(&b));
	rig_stats(&b, true);
	assert_true(readable(&b, 0));
	rte_vduse_net_wake_disable(b.net, 0);
	assert_int_equal(rig_stats(&b, true).kicks, 1);
	assert_false(readable(&b, 0));
	device_takes(&b);
	rig_down(&b);
}

/* Asleep without a driver, and while its memory changes. */
static void
test_driver_comes(void **state)
{
	struct rig_conf conf = { 0 };
	struct rig b;
	unsigned int v;

	(void)state;
	for (v = 0; v < RIG_VARIANTS; v += 4) {
		conf.variant = rig_variants[v];
		rig_create(&b, &conf);
		rte_vduse_net_wake_enable(b.net, 0);
		assert_false(readable(&b, 0));
		rig_drive(&b);
		assert_true(readable(&b, WAIT_MS));
		rte_vduse_net_wake_disable(b.net, 0);
		rte_vduse_net_wake_enable(b.net, 0);
		assert_false(readable(&b, 0));
		assert_int_equal(fk_update_iotlb(b.dev, 0, UINT64_MAX), 0);
		assert_true(readable(&b, WAIT_MS));
		/* that was no kick, and the driver is still to send one */
		assert_true(driver_sends(&b));
		rte_vduse_net_wake_disable(b.net, 0);
		assert_int_equal(rig_stats(&b, true).kicks, 1);
		device_takes(&b);
		rig_down(&b);
	}
}

/* A ring that is malformed is found on the way to sleep; it stops the device, not the process. */
static void
test_malformed(void **state)
{
	const struct rig_conf conf = { 0 };
	struct rig b;

	(void)state;
	rig_up(&b, &conf);
	rig_tx(&b)->avail->idx = 5000;
	rte_vduse_net_wake_enable(b.net, 0);
	rig_wait(&b, rig_is_link_down, 0);
	assert_int_equal(rig_stats(&b, true).faults, 1);
	rig_down(&b);
}

/* Calls of both directions that were held back are sent: nobody looks after them. */
static void
test_held_calls(void **state)
{
	const struct rig_conf conf = { 0 };
	struct mock_used used;
	struct rig b;

	(void)state;
	unit_clock_stop();
	rig_up(&b, &conf);
	assert_int_equal(rte_vduse_net_set_coalesce(b.net, true, 100, 1000000), 0);
	assert_int_equal(rte_vduse_net_set_coalesce(b.net, false, 100, 1000000), 0);
	driver_sends(&b);
	device_takes(&b);
	rig_offer(&b, RIG_BUFFERS, 256);
	assert_int_equal(rig_enqueue(&b, rig_mbuf(1, 60, 60)), 1);
	assert_true(mock_vq_get(rig_rx(&b), &used));
	assert_int_equal(fk_irqs(b.dev, TX) + fk_irqs(b.dev, RX), 0);
	rte_vduse_net_wake_enable(b.net, 0);
	assert_int_equal(fk_irqs(b.dev, TX), 1);
	assert_int_equal(fk_irqs(b.dev, RX), 1);
	rig_down(&b);
}

/* The kernel refuses a call until it has noted DRIVER_OK: no sleep before it is made. */
static void
test_call_refused(void **state)
{
	const struct rig_conf conf = { 0 };
	struct rig b;

	(void)state;
	rig_up(&b, &conf);
	fk_fail(VDUSE_IOC_VQ_IRQ, 0, 2, -EINVAL);
	driver_sends(&b);
	device_takes(&b);
	rte_vduse_net_wake_enable(b.net, 0);
	assert_true(readable(&b, 0));
	rte_vduse_net_wake_enable(b.net, 0);
	assert_false(readable(&b, 0));
	assert_int_equal(fk_irqs(b.dev, TX), 1);
	rig_down(&b);
}

struct sender {
	struct rig *b;
	unsigned int frames;
};

/* A frame when the one before is taken: the other may be asleep, or on its way, and no next
 * frame wakes it. */
static void *
sender_main(void *arg)
{
	struct sender *s = arg;
	struct unit_rng rng = { .state = 3 };
	struct mock_used used;
	unsigned int i, n;

	for (i = 0; i < s->frames; i++) {
		for (n = unit_random(&rng, 0, 60); n > 0; n--)
			rte_pause();
		driver_sends(s->b);
		while (!mock_vq_get(rig_tx(s->b), &used))
			sched_yield();
	}
	return NULL;
}

static void
race_run(const struct rig_conf *conf)
{
	unsigned int taken = 0, sleeps = 0;
	struct rte_mbuf *pkts[32];
	struct sender s;
	pthread_t thread;
	struct rig b;
	uint16_t n;

	rig_up(&b, conf);
	s = (struct sender){ .b = &b, .frames = 500 };
	unit_thread(&thread, sender_main, &s);
	while (taken < s.frames) {
		n = rte_vduse_net_dequeue(b.net, 0, unit_pool, pkts, RTE_DIM(pkts));
		rte_pktmbuf_free_bulk(pkts, n);
		taken += n;
		if (taken == s.frames)
			break;
		rte_vduse_net_wake_enable(b.net, 0);
		if (!readable(&b, WAIT_MS))
			fail_msg("asleep with %u of %u frames", taken, s.frames);
		rte_vduse_net_wake_disable(b.net, 0);
		sleeps++;
	}
	pthread_join(thread, NULL);
	assert_true(sleeps > 0);
	rig_down(&b);
}

static void
test_race(void **state)
{
	struct rig_conf conf = { 0 };
	unsigned int v;

	(void)state;
	for (v = 0; v < RIG_VARIANTS; v += 4) {
		conf.variant = rig_variants[v];
		race_run(&conf);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(test_wake),
		UNIT_TEST(test_counters),
		UNIT_TEST(test_driver_comes),
		UNIT_TEST(test_malformed),
		UNIT_TEST(test_held_calls),
		UNIT_TEST(test_call_refused),
		UNIT_TEST(test_race),
	};

	return UNIT_RUN("wake", tests);
}
