/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What is read changes while it is read, by a second thread: frames and
 * commands are taken as they stand at one moment, or the device stops; nothing
 * is read or written outside of what one of the contents allows. Run under a
 * sanitizer too (test/run sanitize).
 */

#include <sched.h>
#include <string.h>

#include "ctrlq.h"

#define ROUNDS 2000
#define TX     1

/* An indirect table of the tests. */
#define TABLE (RIG_BUFFERS + (1ull << 20))

/* A word of shared memory that has two values in turn, as fast as it goes. */
struct flipper {
	uint32_t *word; /* atomic; another one for every frame */
	uint32_t values[2];
	bool stop;
	uint64_t flips;
	pthread_t thread;
};

static void *
flipper_main(void *arg)
{
	struct flipper *f = arg;

	while (!__atomic_load_n(&f->stop, __ATOMIC_RELAXED)) {
		__atomic_store_n(__atomic_load_n(&f->word, __ATOMIC_ACQUIRE),
				f->values[f->flips % 2], __ATOMIC_RELAXED);
		__atomic_fetch_add(&f->flips, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void
flipper_start(struct flipper *f)
{
	unit_thread(&f->thread, flipper_main, f);
	while (__atomic_load_n(&f->flips, __ATOMIC_RELAXED) < 2)
		sched_yield();
}

static void
flipper_end(struct flipper *f)
{
	__atomic_store_n(&f->stop, true, __ATOMIC_RELAXED);
	pthread_join(f->thread, NULL);
}

/* A frame of one of two lengths; its bytes are the same from the first on. */
static void
take_frame(struct rig *b, const uint32_t lens[2], unsigned int got[2])
{
	struct mock_used used;
	struct rte_mbuf *m = rig_dequeue(b);

	assert_non_null(m);
	assert_true(m->pkt_len == lens[0] || m->pkt_len == lens[1]);
	got[m->pkt_len == lens[1]]++;
	rig_mbuf_check(m, 3, m->pkt_len);
	rte_pktmbuf_free(m);
	assert_true(mock_vq_get(rig_tx(b), &used));
}

/* Slot of the ring where the next descriptor goes: the mock driver's choice. */
static void *
next_desc(struct rig *b)
{
	const struct mock_vq *vq = rig_tx(b);

	return vq->conf.packed ? (void *)&vq->pdesc[vq->avail_idx]
			       : (void *)&vq->desc[vq->next_free];
}

/* The length of a descriptor in the ring, or of one in a table. */
static void
length_run(const struct rig_variant *variant)
{
	const uint32_t lens[2] = { 60, 1400 };
	const struct rig_conf conf = { .variant = *variant };
	const struct mock_desc desc = { .iova = RIG_BUFFERS, .len = RIG_HDR_LEN + lens[0] };
	uint32_t rest = 0;
	unsigned int got[2] = { 0, 0 }, i;
	struct flipper f = { .word = &rest,
		.values = { RIG_HDR_LEN + lens[0], RIG_HDR_LEN + lens[1] } };
	struct vring_desc *shared;
	struct rig b;

	rig_up(&b, &conf);
	rig_frame_write(&b, RIG_BUFFERS, 3, lens[1]);
	flipper_start(&f);
	for (i = 0; i < ROUNDS; i++) {
		shared = variant->indirect ? guest_at(&b.guest, TABLE) : next_desc(&b);
		if (variant->indirect)
			mock_vq_add_indirect(rig_tx(&b), &desc, 1, TABLE, NULL);
		else
			mock_vq_add(rig_tx(&b), &desc, 1, NULL);
		/* the length has the same place in both formats */
		__atomic_store_n(&f.word, &shared->len, __ATOMIC_RELEASE);
		take_frame(&b, lens, got);
		__atomic_store_n(&f.word, &rest, __ATOMIC_RELEASE);
	}
	flipper_end(&f);
	assert_int_equal(got[0] + got[1], ROUNDS);
	assert_int_equal(rig_stats(&b, true).faults, 0);
	rig_down(&b);
}

/* CVE-2026-93683: a length that is read again behind its check, of an indirect table's too. */
static void
test_cve_2026_93683_length(void **state)
{
	unsigned int v;

	(void)state;
	for (v = 0; v < RIG_VARIANTS; v++)
		if (rig_variants[v].event_idx && rig_variants[v].mergeable)
			length_run(&rig_variants[v]);
}

/*
 * The length of the table itself: one entry or two, of which the first is the
 * whole frame and the second makes it longer. Packed rings only, where it says
 * how many entries there are.
 */
static void
test_cve_2026_93683_table_length(void **state)
{
	const struct rig_conf conf = { .variant = { .packed = true, .indirect = true } };
	const uint32_t lens[2] = { 60, 160 };
	const struct mock_desc descs[2] = { { .iova = RIG_BUFFERS, .len = RIG_HDR_LEN + 60 },
		{ .iova = RIG_BUFFERS + RIG_HDR_LEN + 60, .len = 100 } };
	uint32_t rest = 0;
	unsigned int got[2] = { 0, 0 }, i;
	struct flipper f = { .word = &rest, .values = { 16, 32 } };
	struct vring_desc *shared;
	struct rig b;

	(void)state;
	rig_up(&b, &conf);
	rig_frame_write(&b, RIG_BUFFERS, 3, lens[1]);
	flipper_start(&f);
	for (i = 0; i < ROUNDS; i++) {
		shared = next_desc(&b);
		mock_vq_add_indirect(rig_tx(&b), descs, 2, TABLE, NULL);
		__atomic_store_n(&f.word, &shared->len, __ATOMIC_RELEASE);
		take_frame(&b, lens, got);
		__atomic_store_n(&f.word, &rest, __ATOMIC_RELEASE);
	}
	flipper_end(&f);
	assert_int_equal(rig_stats(&b, true).faults, 0);
	rig_down(&b);
}

/*
 * CVE-2026-86562: a command that is checked in shared memory and read there
 * again. The number of queue pairs is 2 or, not allowed, 0xffff.
 */
static void
test_cve_2026_86562_command(void **state)
{
	const uint8_t pairs[] = { 2, 0 };
	uint32_t rest = 0;
	struct flipper f = { .word = &rest };
	struct rig b;
	unsigned int i;
	uint8_t ack;

	(void)state;
	ctrlq_up(&b, 0, 0);
	f.values[0] = VIRTIO_NET_CTRL_MQ | VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET << 8 | 2u << 16;
	f.values[1] = f.values[0] | 0xffffu << 16;
	flipper_start(&f);
	for (i = 0; i < ROUNDS / 4; i++) {
		ctrlq_add(&b, VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, pairs,
				sizeof(pairs));
		__atomic_store_n(&f.word, guest_at(&b.guest, CTRLQ_CMD), __ATOMIC_RELEASE);
		fk_kick(b.dev, CTRLQ_INDEX);
		assert_true(ctrlq_wait(&b));
		__atomic_store_n(&f.word, &rest, __ATOMIC_RELEASE);
		guest_read(&b.guest, CTRLQ_ACK, &ack, 1);
		assert_true(ack == VIRTIO_NET_OK || ack == VIRTIO_NET_ERR);
		assert_in_range(rig_info(&b).active_pairs, 1, 2);
	}
	flipper_end(&f);
	assert_false(rig_info(&b).dev.broken);
	rig_assert_traffic(&b);
	rig_down(&b);
}

/* An index that jumps ahead and back: what is not there is not taken, or the device stops. */
static void
test_index_jumps(void **state)
{
	const struct rig_conf conf = { 0 };
	uint32_t rest = 0;
	struct flipper f = { .word = &rest };
	struct mock_desc desc = { .iova = RIG_BUFFERS, .len = RIG_HDR_LEN + 60 };
	struct rte_mbuf *m;
	struct rig b;
	unsigned int i, n = 0;

	(void)state;
	rig_up(&b, &conf);
	rig_frame_write(&b, RIG_BUFFERS, 3, 60);
	mock_vq_add(rig_tx(&b), &desc, 1, NULL);
	/* flags and idx, which are one word: one buffer, or as many as 1000 */
	f.values[0] = 1u << 16;
	f.values[1] = 1000u << 16;
	f.word = (uint32_t *)rig_tx(&b)->avail;
	flipper_start(&f);
	for (i = 0; i < ROUNDS && rig_stats(&b, true).faults == 0; i++) {
		m = rig_dequeue(&b);
		n += m != NULL;
		if (m != NULL)
			rig_mbuf_check(m, 3, 60);
		rte_pktmbuf_free(m);
	}
	flipper_end(&f);
	assert_in_range(n, 0, 1);
	if (rig_stats(&b, true).faults != 0)
		rig_wait(&b, rig_is_link_down, 0);
	rig_down(&b);
}

/*
 * What one look at the ring saw is a fault, whatever comes before the next: the index is back where
 * it was, or the control thread has paused the queue and let it go on.
 */
static void
look_run(bool remap)
{
	const struct rig_conf conf = { 0 };
	struct vduse_vq *vq;
	struct rig b;

	rig_up(&b, &conf);
	vq = vduse_dev_vq(b.net->dev, TX);
	rig_tx(&b)->avail->idx = 1000;
	assert_true(vduse_vq_burst_look(vq));
	assert_int_equal(vduse_ring_ready(vq, &vq->pos.avail, false), -EBADMSG);
	vduse_vq_burst_end(vq);
	rig_tx(&b)->avail->idx = 0;
	if (remap)
		assert_int_equal(fk_update_iotlb(b.dev, 0, UINT64_MAX), 0);
	assert_null(rig_dequeue(&b));
	rig_wait(&b, rig_is_link_down, 0);
	assert_true(rig_info(&b).dev.broken);
	assert_int_equal(rig_stats(&b, true).faults, 1);
	rig_down(&b);
}

static void
test_fault_between_looks(void **state)
{
	(void)state;
	look_run(false);
	look_run(true);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(test_cve_2026_93683_length),
		UNIT_TEST(test_cve_2026_93683_table_length),
		UNIT_TEST(test_cve_2026_86562_command),
		UNIT_TEST(test_index_jumps),
		UNIT_TEST(test_fault_between_looks),
	};

	return UNIT_RUN("hostile_race", tests);
}
