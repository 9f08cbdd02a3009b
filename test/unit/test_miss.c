/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Addresses that are not mapped yet: the control thread asks the kernel, while the lcore goes on
 * with other queues; what the process lacks is waited for; and a driver that never maps them costs
 * one question.
 */

#include <errno.h>
#include <poll.h>
#include <sched.h>

#include "rig.h"

/* The kernel's answers about regions are kept back while it is shut. */
static bool gate_shut;

static int
gate_ioctl(int fd, unsigned long request, void *arg)
{
	while (request == VDUSE_IOC_REGION && __atomic_load_n(&gate_shut, __ATOMIC_ACQUIRE))
		sched_yield();
	return fk_sys.ioctl(fd, request, arg);
}

static void
gate(bool shut)
{
	__atomic_store_n(&gate_shut, shut, __ATOMIC_RELEASE);
}

static struct vduse_sys gate_sys;

/* Served, with rings and ordinary buffers mapped; the rest is mapped since then, without a word. */
static void
miss_up(struct rig *b, const struct rig_conf *conf)
{
	gate_sys = fk_sys;
	gate_sys.ioctl = gate_ioctl;
	vduse_sys_set(&gate_sys);
	rig_create(b, conf);
	vduse_sys_set(&fk_sys);
	fk_unmap_all(b->dev);
	fk_map(b->dev, &b->guest.regions[0]);
	rig_drive(b);
	rig_assert_traffic(b);
	fk_unmap_all(b->dev);
	guest_map(&b->guest, b->dev);
}

/* A frame in memory that is not mapped here yet; the lcore meets it, and does not wait. */
static void
miss_meet(struct rig *b)
{
	struct rte_mbuf *m;

	rig_send(b, GUEST_PATCH + 0x1000, 5, 5000);
	assert_int_equal(rte_vduse_net_dequeue(b->net, 0, unit_pool, &m, 1), 0);
	assert_int_equal(rig_stats(b, true).iotlb_misses, 1);
}

static void
miss_take(struct rig *b)
{
	struct rte_mbuf *m;

	rig_settle_misses(b);
	m = rig_dequeue(b);
	assert_non_null(m);
	rig_mbuf_check(m, 5, 5000);
	rte_pktmbuf_free(m);
	assert_true(mock_vq_get(rig_tx(b), &(struct mock_used){ 0 }));
	assert_int_equal(rig_stats(b, true).faults, 0);
	rig_assert_traffic(b);
}

/* The kernel takes its time: the lcore serves the device's other queue and other devices. */
static void
test_lcore_goes_on(void **state)
{
	struct rig_conf conf = { 0 };
	struct rig b, other;
	struct rte_mbuf *m;
	unsigned int v;

	(void)state;
	for (v = 0; v < RIG_VARIANTS; v += 3) {
		conf.variant = rig_variants[v];
		rig_up(&other, &(struct rig_conf){ .name = "other" });
		miss_up(&b, &conf);
		gate(true);
		miss_meet(&b);
		assert_int_equal(rte_vduse_net_dequeue(b.net, 0, unit_pool, &m, 1), 0);
		rig_assert_traffic(&other);
		rig_offer(&b, RIG_BUFFERS, 1000);
		m = rig_mbuf(1, 100, 100);
		assert_int_equal(rte_vduse_net_enqueue(b.net, 0, &m, 1), 1);
		rte_pktmbuf_free(m);
		assert_true(mock_vq_get(rig_rx(&b), &(struct mock_used){ 0 }));
		assert_int_equal(rig_stats(&b, true).iotlb_misses, 1);
		gate(false);
		miss_take(&b);
		rig_down(&b);
		rig_down(&other);
	}
}

/* An lcore that sleeps meanwhile is woken when the frame can be taken. */
static void
test_sleeper(void **state)
{
	const struct rig_conf conf = { 0 };
	struct pollfd fd = { .events = POLLIN };
	struct rig b;

	(void)state;
	miss_up(&b, &conf);
	gate(true);
	miss_meet(&b);
	rte_vduse_net_wake_enable(b.net, 0);
	fd.fd = rte_vduse_net_wake_fd(b.net, 0);
	assert_int_equal(poll(&fd, 1, 0), 0);
	gate(false);
	assert_int_equal(poll(&fd, 1, 60000), 1);
	rte_vduse_net_wake_disable(b.net, 0);
	miss_take(&b);
	rig_down(&b);
}

/* What the process lacks is no fault of the driver's: its queue waits, said once, and goes on. */
static void
test_shortage(void **state)
{
	static const struct {
		unsigned long call;
		int err;
	} lacks[] = {
		{ VDUSE_IOC_REGION, -EMFILE },
		{ VDUSE_IOC_REGION, -ENFILE },
		{ VDUSE_IOC_REGION, -ENOMEM },
		{ FK_MAP, -ENOMEM },
		{ FK_MAP, -EAGAIN },
	};
	const struct rig_conf conf = { 0 };
	struct rig b;
	unsigned int i;

	(void)state;
	for (i = 0; i < RTE_DIM(lacks); i++) {
		miss_up(&b, &conf);
		unit_log_clear();
		fk_fail(lacks[i].call, 0, 3, lacks[i].err);
		miss_meet(&b);
		miss_take(&b);
		assert_true(fk_fail_done());
		unit_assert_logged_once("memory of its driver cannot be mapped now");
		assert_int_equal(rig_stats(&b, true).iotlb_waits, 3);
		assert_false(rig_info(&b).dev.broken);
		rig_down(&b);
	}
}

/* The driver resets the device while its queue waits: the next one is served. */
static void
test_reset_meanwhile(void **state)
{
	const struct rig_conf conf = { 0 };
	struct rig b;

	(void)state;
	miss_up(&b, &conf);
	fk_fail(VDUSE_IOC_REGION, 0, UINT32_MAX, -EMFILE);
	miss_meet(&b);
	assert_int_equal(fk_reset(b.dev), 0);
	fk_fail(0, 0, 0, 0);
	rig_settle_misses(&b);
	rig_drive(&b);
	rig_assert_traffic(&b);
	assert_int_equal(rig_stats(&b, true).faults, 0);
	rig_down(&b);
}

/* Drivers that send addresses which nobody maps: a question each, and the device stops. */
static void
test_endless(void **state)
{
	const struct rig_conf conf = { 0 };
	struct rte_mbuf *m;
	unsigned int reads, i;
	struct rig b;

	(void)state;
	rig_up(&b, &conf);
	for (i = 0; i < 20; i++) {
		b.link_events = 0;
		reads = fk_map_reads(b.dev, false);
		mock_vq_add(rig_tx(&b), &(struct mock_desc){ .iova = 0x1000, .len = 100 }, 1, NULL);
		assert_int_equal(rte_vduse_net_dequeue(b.net, 0, unit_pool, &m, 1), 0);
		rig_wait(&b, rig_is_link_down, 0);
		assert_int_equal(fk_map_reads(b.dev, false) - reads, 1);
		assert_int_equal(fk_reset(b.dev), 0);
		rig_drive(&b);
		rig_assert_traffic(&b);
	}
	rig_down(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(test_lcore_goes_on),
		UNIT_TEST(test_sleeper),
		UNIT_TEST(test_shortage),
		UNIT_TEST(test_reset_meanwhile),
		UNIT_TEST(test_endless),
	};

	return UNIT_RUN("miss", tests);
}
