/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A process dies, and the next one has other options: what is on follows from what the driver has
 * negotiated, and one line says what is not as it was asked for.
 */

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/virtio_net.h>

#include "life/serve.h"
#include "mem/deferred.h"
#include "net/zc.h"
#include "rig.h"

#define LONG   1500
#define ZC_MIN 512

static char dir[64];

static int
set_up(void **state)
{
	if (unit_setup(state) != 0)
		return -1;
	strcpy(dir, "/dev/shm/vduse_options.XXXXXX");
	return mkdtemp(dir) != NULL ? 0 : -1;
}

static int
tear_down(void **state)
{
	rmdir(dir);
	return unit_teardown(state);
}

#define OPTIONS_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

/* Options as a process begins with, to be changed. */
static struct rte_vduse_net_conf
options(void)
{
	return (struct rte_vduse_net_conf){ .dev.adopt_fd = -1,
		.dev.tuning.msg_timeout = -1,
		.dev.name = "unit",
		.queue_pairs = 1,
		.dev.queue_size = RIG_QUEUE_SIZE,
		.mac = { { 2, 0, 0, 0, 0, 1 } },
		.mtu = 1500,
		.dev.state_dir = dir };
}

/* The first process, and a driver that takes what the rig's conf says. */
static void
first(struct rig *b, const struct rte_vduse_net_conf *with, const struct rig_conf *conf)
{
	struct rte_vduse_net *net;

	assert_int_equal(rte_vduse_net_create(with, &net), 0);
	rig_take(b, conf, net);
	rig_drive(b);
	assert_true(rig_is_served(b, 1));
}

/* It dies, and the next one goes on. */
static void
next(struct rig *b, const struct rte_vduse_net_conf *with)
{
	vduse_serve_end(b->net->dev);
	assert_true(vduse_phase_set(b->net->dev, VDUSE_PHASE_LEFT));
	assert_int_equal(rte_vduse_net_destroy(b->net), 0);
	unit_log_clear();
	assert_int_equal(rte_vduse_net_create(with, &b->net), 0);
	/* it is served before the first request is answered */
	assert_int_equal(fk_update_iotlb(b->dev, 0, UINT64_MAX), 0);
	assert_false(rig_info(b).dev.broken);
	assert_true(rig_is_served(b, 1));
}

/* The driver starts anew, and takes what the rig's conf says now. */
static void
again(struct rig *b)
{
	assert_int_equal(fk_reset(b->dev), 0);
	rig_drive(b);
	assert_true(rig_is_served(b, 1));
}

static void
last(struct rig *b)
{
	assert_int_equal(fk_reset(b->dev), 0);
	assert_int_equal(rte_vduse_net_destroy(b->net), 0);
	rig_give_back(b);
	assert_int_equal(vduse_deferred_reap(), 0);
}

static uint64_t
place(unsigned int i)
{
	return RIG_BUFFERS + (uint64_t)i * 4096;
}

/* Two long frames are freed, the second first: how many buffers are back then? */
static unsigned int
freed_out_of_order(struct rig *b)
{
	struct rte_mbuf *pkts[2];
	struct mock_used used;
	unsigned int n = 0;

	rig_send(b, place(0), 1, LONG);
	rig_send(b, place(1), 2, LONG);
	assert_int_equal(rig_dequeue_burst(b, pkts, 2), 2);
	rte_pktmbuf_free(pkts[1]);
	assert_null(rig_dequeue(b));
	while (mock_vq_get(rig_tx(b), &used))
		n++;
	rte_pktmbuf_free(pkts[0]);
	assert_null(rig_dequeue(b));
	while (mock_vq_get(rig_tx(b), &used))
		;
	return n;
}

/* The same offers with and without; a driver that wants buffers in order gets them so. */
static void
zero_copy_on(const struct rig_variant *variant)
{
	struct rig_conf conf = { .variant = *variant, .features = 1ULL << VIRTIO_F_IN_ORDER };
	struct rte_vduse_net_conf with = options();
	struct rig b;

	first(&b, &with, &conf);
	with.zero_copy_min = ZC_MIN;
	next(&b, &with);
	assert_true(rig_info(&b).dev.driver_features & (1ULL << VIRTIO_F_IN_ORDER));
	assert_int_equal(unit_log_count("other options"), 0);
	assert_int_equal(freed_out_of_order(&b), 0);
	assert_int_equal(rig_stats(&b, true).zero_copy, 2);
	rig_assert_traffic(&b);
	/* it does no more */
	b.conf.features = 0;
	again(&b);
	assert_int_equal(freed_out_of_order(&b), 1);
	assert_int_equal(rig_stats(&b, true).zero_copy, 4);
	b.conf.features = 1ULL << VIRTIO_F_IN_ORDER;
	again(&b);
	assert_int_equal(freed_out_of_order(&b), 0);
	last(&b);
}

static void
test_zero_copy_on(void **state)
{
	(void)state;
	zero_copy_on(&rig_variants[0]);
	zero_copy_on(&rig_variants[8]);
}

/* Frames of the process before come back by its record; what is new is copied. */
static void
test_zero_copy_off(void **state)
{
	struct rte_vduse_net_conf with = options();
	struct rig_conf conf = { 0 };
	struct mock_used used;
	struct rte_mbuf *m;
	struct rig b;

	(void)state;
	with.zero_copy_min = ZC_MIN;
	first(&b, &with, &conf);
	rig_send(&b, place(5), 1, LONG);
	m = rig_dequeue(&b);
	assert_non_null(m);
	with.zero_copy_min = 0;
	next(&b, &with);
	assert_true(mock_vq_get(rig_tx(&b), &used));
	assert_int_equal(freed_out_of_order(&b), 2);
	assert_int_equal(unit_log_count("other options"), 0);
	rte_pktmbuf_free(m);
	rig_assert_traffic(&b);
	last(&b);
}

/* The driver goes on sending frames to be segmented, and the owner is told that it may. */
static void
test_profile(void **state)
{
	struct rig_conf conf = { .features = 1ULL << VIRTIO_NET_F_CSUM |
					     1ULL << VIRTIO_NET_F_HOST_TSO4 };
	const struct virtio_net_hdr partial = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 34, .csum_offset = 16
	};
	struct rte_vduse_net_conf with = options();
	struct rte_mbuf *m;
	struct rig b;

	(void)state;
	with.profile = RTE_VDUSE_NET_PROFILE_BULK;
	first(&b, &with, &conf);
	with.profile = RTE_VDUSE_NET_PROFILE_NONE;
	next(&b, &with);
	unit_assert_logged_once("other options (profile)");
	assert_true(rig_info(&b).segments);
	rig_send(&b, place(0), 1, 200);
	guest_write(&b.guest, place(0), &partial, sizeof(partial));
	m = rig_dequeue(&b);
	assert_non_null(m); /* negotiated: not dropped */
	rte_pktmbuf_free(m);
	/* no driver is there, and the next one will be offered the same */
	assert_int_equal(fk_reset(b.dev), 0);
	assert_true(rig_info(&b).segments);
	again(&b);
	assert_true(rig_info(&b).segments);
	last(&b);
	/* recreated */
	conf.features = 0;
	first(&b, &with, &conf);
	assert_false(rig_info(&b).segments);
	assert_int_equal(unit_log_count("other options"), 1);
	last(&b);
}

/* Split rings go on; where packed ones were offered too, the next driver has to take those. */
static void
test_ring(void **state)
{
	const struct rig_conf split = { .variant = rig_variants[0] };
	struct rte_vduse_net_conf with = options();
	struct rig b;

	(void)state;
	first(&b, &with, &split);
	with.ring = RTE_VDUSE_NET_RING_PACKED;
	next(&b, &with);
	unit_assert_logged_once("split rings, which were offered when the device was made");
	rig_assert_traffic(&b);
	assert_int_equal(fk_reset(b.dev), 0);
	assert_int_equal(fk_set_status(b.dev, RIG_ACK), 0);
	assert_int_equal(fk_set_status(b.dev, RIG_DRIVER), 0);
	fk_set_features(b.dev, rig_features(&split));
	assert_int_equal(fk_set_status(b.dev, RIG_FEATURES_OK), -EIO);
	b.conf.variant = rig_variants[8];
	again(&b);
	rig_assert_traffic(&b);
	last(&b);

	/* packed ones were never offered, so no driver can take them */
	with.ring = RTE_VDUSE_NET_RING_SPLIT;
	first(&b, &with, &split);
	with.ring = RTE_VDUSE_NET_RING_PACKED;
	next(&b, &with);
	unit_assert_logged_once("other options (ring)");
	rig_assert_traffic(&b);
	again(&b);
	rig_assert_traffic(&b);
	last(&b);

	/* and packed ones that are not offered any more */
	with.ring = RTE_VDUSE_NET_RING_ANY;
	first(&b, &with, &(struct rig_conf){ .variant = rig_variants[8] });
	with.ring = RTE_VDUSE_NET_RING_SPLIT;
	next(&b, &with);
	unit_assert_logged_once("other options (ring)");
	rig_assert_traffic(&b);
	again(&b);
	rig_assert_traffic(&b);
	last(&b);
}

/* Rings are as long as they were made, whatever is asked for now. */
static void
test_queue_size(void **state)
{
	static const uint16_t sizes[] = { 64, 1024 };
	struct rig_conf conf = { .queue_size = RIG_QUEUE_SIZE };
	unsigned int i, k;
	struct rig b;

	(void)state;
	for (i = 0; i < RTE_DIM(sizes); i++) {
		struct rte_vduse_net_conf with = options();

		first(&b, &with, &conf);
		with.dev.queue_size = sizes[i];
		with.zero_copy_min = ZC_MIN;
		next(&b, &with);
		unit_assert_logged_once("other options (queue-size)");
		for (k = 0; k < 2 * RIG_QUEUE_SIZE; k++)
			rig_assert_traffic(&b);
		again(&b);
		rig_assert_traffic(&b);
		last(&b);
	}
}

/* The same options: nothing is said. */
static void
test_as_before(void **state)
{
	struct rte_vduse_net_conf with = options();
	const struct rig_conf conf = { 0 };
	struct rig b;

	(void)state;
	with.zero_copy_min = ZC_MIN;
	with.profile = RTE_VDUSE_NET_PROFILE_BULK;
	first(&b, &with, &conf);
	next(&b, &with);
	assert_int_equal(unit_log_count("other options"), 0);
	assert_int_equal(freed_out_of_order(&b), 1);
	last(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		OPTIONS_TEST(test_zero_copy_on),
		OPTIONS_TEST(test_zero_copy_off),
		OPTIONS_TEST(test_profile),
		OPTIONS_TEST(test_ring),
		OPTIONS_TEST(test_queue_size),
		OPTIONS_TEST(test_as_before),
	};

	return UNIT_RUN("options", tests);
}
