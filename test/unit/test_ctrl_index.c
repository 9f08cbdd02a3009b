/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Which virtqueue is the control queue follows from what the driver negotiated: the one behind all
 * pairs with MQ or RSS, virtqueue 2 with neither (virtio 1.2, 5.1.2), none without CTRL_VQ.
 */

#include <sched.h>
#include <time.h>

#include "ctrlq.h"

#define BIT(name) (1ULL << (name))
#define FIRST     2

/* What the driver says in virtqueue `index`; whether it is answered, and with OK. */
static bool
is_answered(struct rig *b, uint16_t index)
{
	const struct virtio_net_ctrl_hdr hdr = { .class = VIRTIO_NET_CTRL_RX,
		.cmd = VIRTIO_NET_CTRL_RX_PROMISC };
	const struct mock_desc all[] = {
		{ .iova = CTRLQ_CMD, .len = sizeof(hdr) },
		{ .iova = CTRLQ_CMD + sizeof(hdr), .len = 1 },
		{ .iova = CTRLQ_ACK, .len = 1, .write = true },
	};
	const uint8_t on = 1, none = 0xaa;
	const time_t until = time(NULL) + UNIT_LIMIT_S;
	struct mock_used used;
	uint8_t ack;

	guest_write(&b->guest, CTRLQ_CMD, &hdr, sizeof(hdr));
	guest_write(&b->guest, CTRLQ_CMD + sizeof(hdr), &on, 1);
	guest_write(&b->guest, CTRLQ_ACK, &none, 1);
	assert_int_equal(mock_vq_add(&b->vq[index], all, 3, NULL), 0);
	fk_kick(b->dev, index);
	while (!mock_vq_get(&b->vq[index], &used)) {
		if (time(NULL) > until)
			return false;
		sched_yield();
	}
	guest_read(&b->guest, CTRLQ_ACK, &ack, 1);
	return used.len == 1 && ack == VIRTIO_NET_OK;
}

static void
driver_comes(struct rig *b, uint64_t features)
{
	b->conf.features = features;
	rig_drive(b);
}

/* Frames go to the first pair, from whichever the owner sends them, and none to the other rings. */
static void
one_pair_moves(struct rig *b)
{
	struct rte_mbuf *m;
	struct mock_used used;
	uint16_t pair;

	for (pair = 0; pair < CTRLQ_PAIRS; pair++) {
		rig_offer(b, RIG_BUFFERS, 256);
		m = rig_mbuf(1, 100, 100);
		assert_int_equal(rte_vduse_net_enqueue(b->net, pair, &m, 1), 1);
		rte_pktmbuf_free(m);
		assert_true(mock_vq_get(rig_rx(b), &used));
	}
	rig_assert_traffic(b);
}

static void
index_run(unsigned int variant)
{
	const uint64_t control = BIT(VIRTIO_NET_F_CTRL_VQ) | BIT(VIRTIO_NET_F_CTRL_RX);
	const struct rig_conf conf = {
		.variant = rig_variants[variant], .pairs = CTRLQ_PAIRS, .features = control
	};
	const uint8_t pairs[] = { CTRLQ_PAIRS, 0 };
	struct rig b;

	unit_kernel(&(struct fk_conf){ .allow_ctrl_vq = true });
	rig_up(&b, &conf);
	assert_int_equal(b.net->ctrl_index, FIRST);
	assert_true(is_answered(&b, FIRST));
	one_pair_moves(&b);
	/* an answer waits for no more of them, whatever the owner wants of the queues */
	assert_int_equal(rte_vduse_net_set_coalesce(b.net, false, 100, 1000000), 0);
	assert_true(is_answered(&b, FIRST));
	assert_int_equal(rig_lib_vq(&b, FIRST)->stats.calls_held, 0);
	assert_int_equal(rte_vduse_net_set_coalesce(b.net, false, 0, 0), 0);
	/* the next driver uses all pairs, and then one that hashes only */
	assert_int_equal(fk_reset(b.dev), 0);
	driver_comes(&b, control | BIT(VIRTIO_NET_F_MQ));
	assert_int_equal(b.net->ctrl_index, CTRLQ_INDEX);
	assert_true(is_answered(&b, CTRLQ_INDEX));
	assert_int_equal(ctrlq_ask(&b, VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, pairs,
					 sizeof(pairs)),
			VIRTIO_NET_OK);
	assert_int_equal(fk_reset(b.dev), 0);
	driver_comes(&b, control | BIT(VIRTIO_NET_F_RSS));
	assert_true(is_answered(&b, CTRLQ_INDEX));
	assert_int_equal(fk_reset(b.dev), 0);
	driver_comes(&b, control);
	assert_true(is_answered(&b, FIRST));
	one_pair_moves(&b);
	assert_int_equal(fk_reset(b.dev), 0);
	driver_comes(&b, 0);
	assert_int_equal(b.net->ctrl_index, NET_CTRL_NONE);
	one_pair_moves(&b);
	assert_false(rig_info(&b).dev.broken);
	rig_down(&b);
}

static void
test_index(void **state)
{
	unsigned int v;

	(void)state;
	for (v = 0; v < RIG_VARIANTS; v += 3)
		index_run(v);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(test_index),
	};

	return UNIT_RUN("ctrl_index", tests);
}
