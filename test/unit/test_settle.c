/* SPDX-License-Identifier: BSD-3-Clause */

/* A queue's position is told, or its life ends, while frames that were not copied are in use. */

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/virtio_net.h>

#include "mem/deferred.h"
#include "net/zc.h"
#include "resume.h"

#define ZC_MIN 512
#define LONG   1500
#define HELD   4
#define RUNTS  64

/* Ring formats, without and with the chains that come along. */
static const unsigned int variants[] = { 0, 2, 4, 8, 10, 12 };

static uint64_t
place(unsigned int i)
{
	return RIG_BUFFERS + (uint64_t)i * 4096;
}

static uint16_t
used_count(struct mock_vq *vq)
{
	struct mock_used used;
	uint16_t n = 0;

	while (mock_vq_get(vq, &used)) {
		assert_int_equal(used.len, 0);
		n++;
	}
	return n;
}

/* Send and take n long frames, seeds from 1; none is copied. */
static void
take_long(struct rig *b, struct rte_mbuf **pkts, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		rig_send(b, place(i), i + 1, LONG);
	assert_int_equal(rig_dequeue_burst(b, pkts, n), n);
	for (i = 0; i < n; i++)
		assert_true(rig_is_attached(pkts[i]));
}

/* The driver sends frames of 8 bytes, which no Ethernet header fits in. */
static void
send_runts(struct rig *b, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		rig_send(b, place(HELD + i), 100, 8);
}

/* All that is there; each is as long as it says, and none was too short. */
static unsigned int
take_all(struct rig *b)
{
	struct rte_mbuf *pkts[32], *m;
	unsigned int all = 0, burst;
	uint16_t n, i;

	for (burst = 0; burst < RUNTS; burst++) {
		n = rig_dequeue_burst(b, pkts, RTE_DIM(pkts));
		for (i = 0; i < n; i++) {
			uint32_t sum = pkts[i]->data_len;

			for (m = pkts[i]->next; m != NULL; m = m->next)
				sum += m->data_len;
			assert_int_equal(sum, pkts[i]->pkt_len);
			assert_in_range(sum, RTE_ETHER_HDR_LEN, RTE_VDUSE_NET_FRAME_MAX);
		}
		rte_pktmbuf_free_bulk(pkts, n);
		all += n;
	}
	return all;
}

/* A look at the ring at each step between the request and its answer, by another lcore. */
static struct {
	struct rig *b;
	const struct vduse_sys *kernel;
	int (*settle)(void *priv, uint16_t index);
	bool armed;
	unsigned int looks;
	unsigned int taken;
} spy;

static void
spy_look(void)
{
	struct rte_mbuf *pkts[32];
	uint16_t n;

	if (!__atomic_load_n(&spy.armed, __ATOMIC_ACQUIRE))
		return;
	n = rte_vduse_net_dequeue(spy.b->net, 0, unit_pool, pkts, RTE_DIM(pkts));
	rte_pktmbuf_free_bulk(pkts, n);
	spy.looks++;
	spy.taken += n;
}

static int
spy_settle(void *priv, uint16_t index)
{
	int ret;

	spy_look();
	ret = spy.settle(priv, index);
	spy_look();
	return ret;
}

static ssize_t
spy_write(int fd, const void *buf, size_t len)
{
	spy_look();
	return spy.kernel->write(fd, buf, len);
}

static int
spy_ioctl(int fd, unsigned long request, void *arg)
{
	/* the map is recreated behind this */
	if (request == VDUSE_IOC_REGION)
		spy_look();
	return spy.kernel->ioctl(fd, request, arg);
}

static int
spied_get_vq_state(struct rig *b, struct vduse_abi_vq_state *state)
{
	static struct vduse_sys sys;
	struct rte_vduse_dev *dev = b->net->dev;
	int ret;

	memset(&spy, 0, sizeof(spy));
	spy.b = b;
	spy.kernel = dev->sys;
	spy.settle = dev->ops.settle;
	sys = *dev->sys;
	sys.write = spy_write;
	sys.ioctl = spy_ioctl;
	dev->tlbs[0].sys = &sys;
	dev->sys = &sys;
	dev->ops.settle = spy_settle;
	__atomic_store_n(&spy.armed, true, __ATOMIC_RELEASE);
	ret = fk_get_vq_state(b->dev, 1, state);
	__atomic_store_n(&spy.armed, false, __ATOMIC_RELEASE);
	/* the control thread goes on behind the answer: until it has, the tables are in use */
	assert_int_equal(fk_update_iotlb(b->dev, 0, UINT64_MAX), 0);
	dev->tlbs[0].sys = spy.kernel;
	dev->sys = spy.kernel;
	dev->ops.settle = spy.settle;
	return ret;
}

/* No burst takes a buffer from the settlement on until the position is told. */
static void
nothing_between(struct rig *b)
{
	struct rte_mbuf *pkts[HELD];
	struct vduse_abi_vq_state state;

	take_long(b, pkts, HELD);
	send_runts(b, RUNTS);
	assert_int_equal(spied_get_vq_state(b, &state), 0);
	assert_true(spy.looks >= 4);
	assert_int_equal(spy.taken, 0);
	assert_int_equal(used_count(rig_tx(b)), HELD);
	if (b->conf.variant.packed)
		assert_int_equal(state.packed.last_avail_idx, HELD);
	else
		assert_int_equal(state.split.avail_index, HELD);
	assert_int_equal(take_all(b), 0);
	assert_int_equal(used_count(rig_tx(b)), RUNTS);
	assert_int_equal(rig_stats(b, true).drop_short, RUNTS);
	rte_pktmbuf_free_bulk(pkts, HELD);
	rig_assert_traffic(b);
}

/* The memory is not to be had at that moment: no position is better than a wrong one. */
static void
cannot_be_settled(struct rig *b)
{
	struct rte_mbuf *pkts[HELD];
	struct vduse_abi_vq_state state;
	unsigned int i;

	take_long(b, pkts, HELD);
	fk_unmap_all(b->dev);
	assert_true(fk_get_vq_state(b->dev, 1, &state) < 0);
	unit_assert_logged_once("its position is not known");
	for (i = 0; i < HELD; i++)
		rig_mbuf_check(pkts[i], i + 1, LONG);
	/* a queue that owes nothing tells it all the same */
	assert_int_equal(fk_get_vq_state(b->dev, 0, &state), 0);
	guest_map(&b->guest, b->dev);
	assert_int_equal(fk_update_iotlb(b->dev, 0, UINT64_MAX), 0);
	assert_int_equal(used_count(rig_tx(b)), 0);
	assert_int_equal(fk_get_vq_state(b->dev, 1, &state), 0);
	assert_int_equal(used_count(rig_tx(b)), HELD);
	rte_pktmbuf_free_bulk(pkts, HELD);
	rig_assert_traffic(b);
}

static void
with_variants(void (*one)(struct rig *b))
{
	const struct rig_conf conf = { .zero_copy_min = ZC_MIN };

	rig_each(&conf, variants, RTE_DIM(variants), one);
}

#define SETTLE_TEST(name)                     \
	static void test_##name(void **state) \
	{                                     \
		(void)state;                  \
		with_variants(name);          \
	}

/* It changes a device's tables while its thread may look at them, which nothing else does. */
static void
test_nothing_between(void **state)
{
	(void)state;
	if (VDUSE_TSAN)
		skip();
	with_variants(nothing_between);
}

SETTLE_TEST(cannot_be_settled)

/* Lengths at the end of the numbers: to be long enough for nothing, not for everything. */
static void
test_extreme_minimum(void **state)
{
	static const uint32_t min[] = { UINT32_MAX, UINT32_MAX - NET_HDR_LEN,
		UINT32_MAX - NET_HDR_LEN + 1, UINT32_MAX - NET_ZC_HEAD, 1u << 31, 1u << 16,
		RTE_VDUSE_NET_FRAME_MAX + 1 };
	struct rig_conf conf = { 0 };
	struct rig b;
	unsigned int i, v;

	(void)state;
	for (i = 0; i < RTE_DIM(min); i++) {
		for (v = 0; v < RTE_DIM(variants); v++) {
			conf.variant = rig_variants[variants[v]];
			conf.zero_copy_min = min[i];
			rig_up(&b, &conf);
			send_runts(&b, RUNTS);
			rig_send(&b, place(0), 1, LONG);
			assert_int_equal(take_all(&b), 1);
			assert_int_equal(used_count(rig_tx(&b)), RUNTS + 1);
			assert_int_equal(rig_stats(&b, true).drop_short, RUNTS);
			assert_int_equal(rig_stats(&b, true).zero_copy, 0);
			rig_down(&b);
		}
	}
}

/* The longest that is taken, and one byte more, where nothing is too short to be attached. */
static void
test_longest(void **state)
{
	struct rig_conf conf = { .zero_copy_min = 1 };
	const uint32_t each = NET_ZC_HEAD + UINT16_MAX;
	struct rte_mbuf *m;
	struct rig b;
	uint32_t len;

	(void)state;
	rig_up(&b, &conf);
	for (len = RTE_VDUSE_NET_FRAME_MAX - 1; len <= each + 2; len++) {
		rig_send(&b, RIG_BUFFERS, 3, len);
		m = rig_dequeue(&b);
		assert_int_equal(m != NULL, len <= RTE_VDUSE_NET_FRAME_MAX);
		if (m == NULL)
			continue;
		assert_true(rig_is_attached(m));
		rig_mbuf_check(m, 3, len);
		rte_pktmbuf_free(m);
	}
	assert_null(rig_dequeue(&b));
	assert_int_equal(used_count(rig_tx(&b)), each + 2 - RTE_VDUSE_NET_FRAME_MAX + 2);
	assert_int_equal(rig_stats(&b, true).drop_long, each + 2 - RTE_VDUSE_NET_FRAME_MAX);
	rig_down(&b);
}

/* The driver disables the queue, and enables it with a ring that is empty: Linux 7.3 tells both. */
static void
take_back(struct rig *b)
{
	assert_int_equal(fk_set_ready(b->dev, 1, false), 0);
}

static void
give_again(struct rig *b)
{
	rig_rings(b, true);
	assert_int_equal(fk_set_ready(b->dev, 1, true), 0);
	assert_true(rig_is_served(b, 1));
}

/* Nothing was used in a ring whose driver has sent nothing. */
static void
assert_untouched(struct rig *b)
{
	assert_null(rig_dequeue(b));
	assert_int_equal(used_count(rig_tx(b)), 0);
	assert_int_equal(rig_tx(b)->nb_free, RIG_QUEUE_SIZE);
}

static void
with_ready(void (*one)(struct rig *b))
{
	const struct fk_conf kernel = { .vduse_features = RTE_BIT64(VDUSE_ABI_F_QUEUE_READY) };

	unit_kernel(&kernel);
	with_variants(one);
}

#define READY_TEST(name)                      \
	static void test_##name(void **state) \
	{                                     \
		(void)state;                  \
		with_ready(name);             \
	}

/* The old ring gets everything, the new one nothing of the old. */
static void
ready_again(struct rig *b)
{
	struct rte_mbuf *pkts[HELD];
	struct vduse_abi_vq_state state;
	unsigned int i;

	take_long(b, pkts, HELD);
	take_back(b);
	assert_int_equal(used_count(rig_tx(b)), HELD);
	assert_int_equal(fk_get_vq_state(b->dev, 1, &state), 0);
	if (b->conf.variant.packed)
		assert_int_equal(state.packed.last_used_idx, HELD);
	else
		assert_int_equal(state.split.avail_index, HELD);
	/* before the queue is there again, and behind that */
	rte_pktmbuf_free(pkts[0]);
	give_again(b);
	assert_untouched(b);
	for (i = 1; i < HELD; i++) {
		rig_mbuf_check(pkts[i], i + 1, LONG);
		rte_pktmbuf_free(pkts[i]);
		assert_untouched(b);
	}
	rig_assert_traffic(b);
}
READY_TEST(ready_again)

/* Frames of many lives are out together; each buffer goes back in its own ring, once. */
static void
many_lives(struct rig *b)
{
	struct rte_mbuf *old[100], *now[HELD];
	unsigned int i;

	/* the number of the next life is 0, if ever one was */
	vduse_dev_vq(b->net->dev, 1)->journal.life = UINT64_MAX - 50;
	assert_null(rig_dequeue(b));
	for (i = 0; i < RTE_DIM(old); i++) {
		take_long(b, &old[i], 1);
		take_back(b);
		assert_int_equal(used_count(rig_tx(b)), 1);
		give_again(b);
	}
	take_long(b, now, HELD);
	for (i = 0; i < RTE_DIM(old); i++) {
		rig_mbuf_check(old[i], 1, LONG);
		rte_pktmbuf_free(old[i]);
		assert_null(rig_dequeue(b));
		assert_int_equal(used_count(rig_tx(b)), 0);
	}
	rte_pktmbuf_free_bulk(now, HELD);
	assert_null(rig_dequeue(b));
	assert_int_equal(used_count(rig_tx(b)), HELD);
	assert_untouched(b);
	rig_assert_traffic(b);
}
READY_TEST(many_lives)

/* The ring is not mapped when it is taken back: nothing is told, and nothing comes later. */
static void
taken_back_unmapped(struct rig *b)
{
	struct rte_mbuf *pkts[HELD];
	struct vduse_abi_vq_state state;

	take_long(b, pkts, HELD);
	fk_unmap_all(b->dev);
	take_back(b);
	assert_false(rig_is_served(b, 1));
	assert_int_equal(fk_get_vq_state(b->dev, 1, &state), -EIO);
	guest_map(&b->guest, b->dev);
	assert_int_equal(fk_update_iotlb(b->dev, 0, UINT64_MAX), 0);
	assert_int_equal(fk_get_vq_state(b->dev, 1, &state), -EIO);
	assert_int_equal(used_count(rig_tx(b)), 0);
	give_again(b);
	rte_pktmbuf_free_bulk(pkts, HELD);
	assert_untouched(b);
	assert_int_equal(fk_get_vq_state(b->dev, 1, &state), 0);
	rig_assert_traffic(b);
}
READY_TEST(taken_back_unmapped)

/* The device fails with frames out: its position is nobody's to know, until the reset. */
static void
failed(struct rig *b)
{
	struct rte_mbuf *pkts[HELD];
	struct vduse_abi_vq_state state;

	take_long(b, pkts, HELD);
	if (b->conf.variant.packed) {
		const struct mock_desc none = { .iova = place(0), .len = 0 };

		assert_int_equal(mock_vq_add(rig_tx(b), &none, 1, NULL), 0);
	} else {
		rig_tx(b)->avail->idx += RIG_QUEUE_SIZE + 1;
	}
	assert_null(rig_dequeue(b));
	rig_wait(b, rig_is_link_down, 0);
	assert_int_equal(fk_get_vq_state(b->dev, 1, &state), -EIO);
	assert_int_equal(fk_reset(b->dev), 0);
	rig_drive(b);
	rig_wait(b, rig_is_served, 1);
	rte_pktmbuf_free_bulk(pkts, HELD);
	assert_untouched(b);
	rig_assert_traffic(b);
}
READY_TEST(failed)

/* Before Linux 7.3: the question for the position says that the queue was taken back. */
static void
asked_after(struct rig *b)
{
	struct rte_mbuf *pkts[HELD];
	struct vduse_abi_vq_state state;

	take_long(b, pkts, HELD);
	assert_int_equal(fk_set_ready(b->dev, 1, false), 0);
	assert_int_equal(fk_get_vq_state(b->dev, 1, &state), 0);
	assert_false(rig_is_served(b, 1));
	assert_int_equal(used_count(rig_tx(b)), HELD);
	rig_rings(b, true);
	rig_wait(b, rig_is_served, 1);
	rte_pktmbuf_free_bulk(pkts, HELD);
	assert_untouched(b);
	rig_assert_traffic(b);
}
SETTLE_TEST(asked_after)

/* The state file's folder, and a kernel that tells when a queue is ready. */
static void
with_state_dir(void (*one)(struct rig *b))
{
	struct rig_conf conf = { .zero_copy_min = ZC_MIN };
	struct rig b;
	unsigned int v;

	unit_kernel(&(struct fk_conf){ .vduse_features = RTE_BIT64(VDUSE_ABI_F_QUEUE_READY) });
	for (v = 0; v < RTE_DIM(variants); v++) {
		conf.variant = rig_variants[variants[v]];
		resume_up(&b, &conf);
		one(&b);
		resume_down(&b);
		assert_int_equal(vduse_deferred_reap(), 0);
	}
}

#define STATE_TEST(name)                      \
	static void test_##name(void **state) \
	{                                     \
		(void)state;                  \
		with_state_dir(name);         \
	}

/* The process dies, and another one goes on. */
static void
die_and_resume(struct rig *b)
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

	resume_die(b);
	assert_int_equal(rte_vduse_net_create(&conf, &b->net), 0);
	/* it is served before the first request is answered */
	assert_int_equal(fk_update_iotlb(b->dev, 0, UINT64_MAX), 0);
	assert_false(rig_info(b).dev.broken);
	assert_true(rig_is_served(b, 1));
}

/* A process that dies in the second life leaves the second ring's buffers to the next process. */
static void
journal_of_the_next_life(struct rig *b)
{
	struct rte_mbuf *old[HELD], *now[2];

	take_long(b, old, HELD);
	take_back(b);
	give_again(b);
	take_long(b, now, 2);
	die_and_resume(b);
	assert_int_equal(used_count(rig_tx(b)), 2);
	rte_pktmbuf_free_bulk(old, HELD);
	rte_pktmbuf_free_bulk(now, 2);
	assert_untouched(b);
	rig_assert_traffic(b);
}
STATE_TEST(journal_of_the_next_life)

/* A frame is out while others pass, any number of them; then the process dies. */
static void
out_for_long(struct rig *b)
{
	static const uint64_t others[] = { 1, INT32_MAX, 1u << 31, UINT32_MAX - 1, UINT32_MAX,
		1ull << 32, 1ull << 47, 1ull << 62 };
	struct rte_mbuf *first, *last, *m;
	unsigned int i;

	for (i = 0; i < RTE_DIM(others); i++) {
		take_long(b, &first, 1);
		vduse_dev_vq(b->net->dev, 1)->journal.taken += others[i];
		rig_send(b, place(1), 2, 100);
		m = rig_dequeue(b);
		assert_non_null(m);
		rte_pktmbuf_free(m);
		assert_int_equal(used_count(rig_tx(b)), 1);
		rig_send(b, place(2), 3, LONG);
		last = rig_dequeue(b);
		assert_true(rig_is_attached(last));
		die_and_resume(b);
		assert_int_equal(used_count(rig_tx(b)), 2);
		rte_pktmbuf_free(first);
		rte_pktmbuf_free(last);
		assert_untouched(b);
		rig_assert_traffic(b);
	}
}
STATE_TEST(out_for_long)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(test_nothing_between),
		UNIT_TEST(test_cannot_be_settled),
		UNIT_TEST(test_extreme_minimum),
		UNIT_TEST(test_longest),
		UNIT_TEST(test_ready_again),
		UNIT_TEST(test_many_lives),
		UNIT_TEST(test_taken_back_unmapped),
		UNIT_TEST(test_failed),
		UNIT_TEST(test_asked_after),
		UNIT_TEST(test_journal_of_the_next_life),
		UNIT_TEST(test_out_for_long),
	};

	return UNIT_RUN("settle", tests);
}
