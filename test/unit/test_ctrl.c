/* SPDX-License-Identifier: BSD-3-Clause */

/* The control queue and several queue pairs, on a kernel that allows it. */

#include <sched.h>
#include <string.h>
#include <time.h>

#include "rig.h"

#define PAIRS 4
#define CVQ   (2 * PAIRS)

#define FEATURES ((1ULL << VIRTIO_NET_F_MQ) | (1ULL << VIRTIO_NET_F_CTRL_VQ))

/* Where commands are, and their acknowledgement. */
#define CMD RIG_BUFFERS
#define ACK (RIG_BUFFERS + 8192)

static void
ctrl_up(struct rig *b, unsigned int v)
{
	const struct rig_conf conf = {
		.variant = rig_variants[v], .pairs = PAIRS, .features = FEATURES
	};

	unit_kernel(&(struct fk_conf){ .allow_ctrl_vq = true });
	rig_up(b, &conf);
}

/* The device answered: the control queue's next used buffer. */
static bool
ctrl_wait(struct rig *b, struct mock_used *used)
{
	const time_t until = time(NULL) + UNIT_LIMIT_S;

	while (!mock_vq_get(&b->vq[CVQ], used)) {
		if (time(NULL) > until)
			return false;
		sched_yield();
	}
	return true;
}

/* Make a command available: header, data of `len` bytes, acknowledgement. */
static void
ctrl_add(struct rig *b, const void *cmd, uint32_t len)
{
	const struct mock_desc descs[] = {
		{ .iova = CMD, .len = 2 },
		{ .iova = CMD + 2, .len = len - 2 },
		{ .iova = ACK, .len = 1, .write = true },
	};
	const struct mock_desc bare[] = { descs[0], descs[2] };
	const uint8_t none = 0xaa;

	guest_write(&b->guest, CMD, cmd, len);
	guest_write(&b->guest, ACK, &none, 1);
	if (len > 2)
		assert_int_equal(mock_vq_add(&b->vq[CVQ], descs, 3, NULL), 0);
	else
		assert_int_equal(mock_vq_add(&b->vq[CVQ], bare, 2, NULL), 0);
}

/* A command and its acknowledgement; kicked only where the device asks for that. */
static uint8_t
ctrl_ask(struct rig *b, const void *cmd, uint32_t len)
{
	struct mock_used used;
	uint8_t ack;

	ctrl_add(b, cmd, len);
	if (mock_vq_need_kick(&b->vq[CVQ]))
		fk_kick(b->dev, CVQ);
	assert_true(ctrl_wait(b, &used));
	assert_int_equal(used.len, 1);
	guest_read(&b->guest, ACK, &ack, 1);
	return ack;
}

static uint8_t
ctrl_pairs(struct rig *b, uint16_t pairs)
{
	const uint8_t cmd[] = { VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, pairs & 0xff,
		pairs >> 8 };

	return ctrl_ask(b, cmd, sizeof(cmd));
}

static void
test_pairs(void **state)
{
	static const uint16_t bad[] = { 0, PAIRS + 1, 0x8000, 0x8001, 0xffff };
	struct rig b;
	unsigned int v;
	uint16_t n;
	size_t i;

	(void)state;
	for (v = 0; v < RIG_VARIANTS; v++) {
		ctrl_up(&b, v);
		assert_int_equal(rig_info(&b).active_pairs, 1);
		for (n = 1; n <= PAIRS; n++) {
			assert_int_equal(ctrl_pairs(&b, n), VIRTIO_NET_OK);
			assert_int_equal(rig_info(&b).active_pairs, n);
		}
		for (i = 0; i < RTE_DIM(bad); i++) {
			assert_int_equal(ctrl_pairs(&b, bad[i]), VIRTIO_NET_ERR);
			assert_int_equal(rig_info(&b).active_pairs, PAIRS);
		}
		rig_assert_traffic(&b);
		rig_down(&b);
	}
}

/* Commands that are not known, too short, too long: refused, and on it goes. */
static void
test_refused(void **state)
{
	static uint8_t cmd[5000] = { VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, 2 };
	struct rig b;
	unsigned int v;

	(void)state;
	for (v = 0; v < RIG_VARIANTS; v += 5) {
		ctrl_up(&b, v);
		assert_int_equal(ctrl_ask(&b, cmd, 2), VIRTIO_NET_ERR);
		assert_int_equal(ctrl_ask(&b, cmd, 3), VIRTIO_NET_ERR);
		assert_int_equal(ctrl_ask(&b, cmd, 5), VIRTIO_NET_ERR);
		assert_int_equal(ctrl_ask(&b, cmd, sizeof(cmd)), VIRTIO_NET_ERR);
		assert_int_equal(ctrl_ask(&b, (const uint8_t[]){ 4, 1, 2, 0 }, 4), VIRTIO_NET_ERR);
		assert_int_equal(ctrl_ask(&b, (const uint8_t[]){ 0, 0, 1 }, 3), VIRTIO_NET_ERR);
		assert_int_equal(ctrl_ask(&b, (const uint8_t[]){ 255, 255, 1 }, 3), VIRTIO_NET_ERR);
		assert_int_equal(rig_info(&b).active_pairs, 1);
		assert_int_equal(ctrl_pairs(&b, 2), VIRTIO_NET_OK);
		assert_int_equal(rig_info(&b).active_pairs, 2);
		rig_down(&b);
	}
}

/* Many, round the ring's end, with kicks only where asked for. */
static void
test_many(void **state)
{
	struct rig b;
	unsigned int v, i;

	(void)state;
	for (v = 0; v < RIG_VARIANTS; v += 5) {
		ctrl_up(&b, v);
		for (i = 0; i < 600; i++) {
			assert_int_equal(ctrl_pairs(&b, 1 + i % PAIRS), VIRTIO_NET_OK);
			assert_int_equal(rig_info(&b).active_pairs, 1 + i % PAIRS);
		}
		rig_down(&b);
	}
}

/* A command that comes while its ring is not mapped is served after the mapping. */
static void
test_unmapped(void **state)
{
	static const uint8_t cmd[] = { VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, 3, 0 };
	const time_t until = time(NULL) + UNIT_LIMIT_S;
	struct vduse_abi_vq_state s;
	struct mock_used used;
	struct rig b;

	(void)state;
	ctrl_up(&b, 0);
	fk_unmap_all(b.dev);
	assert_int_equal(fk_update_iotlb(b.dev, 0, UINT64_MAX), 0);
	ctrl_add(&b, cmd, sizeof(cmd));
	fk_kick(b.dev, CVQ);
	while (!fk_kick_is_taken(b.dev, CVQ) && time(NULL) < until)
		sched_yield();
	assert_true(fk_kick_is_taken(b.dev, CVQ));
	/* answered by the thread that took it, behind that */
	assert_int_equal(fk_get_vq_state(b.dev, 0, &s), 0);
	assert_false(mock_vq_get(&b.vq[CVQ], &used));
	guest_map(&b.guest, b.dev);
	assert_int_equal(fk_update_iotlb(b.dev, 0, UINT64_MAX), 0);
	assert_true(ctrl_wait(&b, &used));
	assert_int_equal(rig_info(&b).active_pairs, 3);
	rig_down(&b);
}

static void
fault_run(const struct mock_desc *descs, uint16_t n, const char *text)
{
	struct rig b;

	ctrl_up(&b, 0);
	unit_log_clear();
	assert_int_equal(mock_vq_add(&b.vq[CVQ], descs, n, NULL), 0);
	fk_kick(b.dev, CVQ);
	rig_wait(&b, rig_is_link_down, 0);
	assert_true(rig_info(&b).dev.broken);
	assert_int_equal(fk_reset(b.dev), 0);
	unit_assert_logged_once(text);
	rig_destroy(&b);
}

static void
test_fault(void **state)
{
	const struct mock_desc no_ack = { .iova = CMD, .len = 4 };
	const struct mock_desc outside[] = { { .iova = 0x1000, .len = 4 },
		{ .iova = ACK, .len = 1, .write = true } };

	(void)state;
	fault_run(&no_ack, 1, "malformed ring: command without room for its acknowledgement");
	fault_run(outside, 2, "malformed ring: address outside of every IOVA region");
}

/* MQ needs the control queue (virtio 1.2, 5.1.3.1). */
static void
test_mq_without_ctrl(void **state)
{
	const struct rig_conf conf = { .pairs = PAIRS, .features = 1ULL << VIRTIO_NET_F_MQ };
	struct rig b;

	(void)state;
	unit_kernel(&(struct fk_conf){ .allow_ctrl_vq = true });
	rig_create(&b, &conf);
	assert_int_equal(fk_set_status(b.dev, RIG_DRIVER), 0);
	fk_set_features(b.dev, rig_features(&conf));
	assert_int_equal(fk_set_status(b.dev, RIG_FEATURES_OK), -EIO);
	unit_assert_logged_once("VIRTIO_NET_F_MQ without");
	rig_down(&b);
}

/* Every pair by itself, in both directions. */
static void
test_traffic(void **state)
{
	struct mock_used used;
	struct rte_mbuf *m;
	struct rig b;
	uint16_t pair, other;

	(void)state;
	ctrl_up(&b, 15);
	assert_int_equal(ctrl_pairs(&b, PAIRS), VIRTIO_NET_OK);
	for (pair = 0; pair < PAIRS; pair++) {
		const struct mock_desc tx = { .iova = RIG_BUFFERS, .len = RIG_HDR_LEN + 100 };
		const struct mock_desc rx = {
			.iova = RIG_BUFFERS, .len = RIG_HDR_LEN + 100, .write = true
		};

		rig_frame_write(&b, RIG_BUFFERS, pair, 100);
		assert_int_equal(mock_vq_add(&b.vq[2 * pair + 1], &tx, 1, NULL), 0);
		for (other = 0; other < PAIRS; other++) {
			m = NULL;
			assert_int_equal(rte_vduse_net_dequeue(b.net, other, unit_pool, &m, 1),
					other == pair);
			if (m != NULL)
				rig_mbuf_check(m, pair, 100);
			rte_pktmbuf_free(m);
		}
		assert_true(mock_vq_get(&b.vq[2 * pair + 1], &used));
		assert_int_equal(mock_vq_add(&b.vq[2 * pair], &rx, 1, NULL), 0);
		m = rig_mbuf(1, 100, 100);
		for (other = 0; other < PAIRS; other++)
			assert_int_equal(rte_vduse_net_enqueue(b.net, other, &m, 1), other == pair);
		rte_pktmbuf_free(m);
		assert_true(mock_vq_get(&b.vq[2 * pair], &used));
	}
	rig_down(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(test_pairs),
		UNIT_TEST(test_refused),
		UNIT_TEST(test_many),
		UNIT_TEST(test_unmapped),
		UNIT_TEST(test_fault),
		UNIT_TEST(test_mq_without_ctrl),
		UNIT_TEST(test_traffic),
	};

	return UNIT_RUN("ctrl", tests);
}
