/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Malformed rings: each is named, counted and logged once, the device stops,
 * another goes on, and a reset makes it whole. Then rings of every size, and
 * round their ends.
 */

#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "rig.h"

#define TX 1
#define RX 0

#define SPLIT  1u
#define PACKED 2u
#define BOTH   3u

/* An indirect table of the tests. */
#define TABLE (RIG_BUFFERS + (1ull << 20))

#define NEXT     VRING_DESC_F_NEXT
#define WRITE    VRING_DESC_F_WRITE
#define INDIRECT VRING_DESC_F_INDIRECT

#define LAST_PAGE (UINT64_MAX - 4095)

static const char text_outside[] =
		"address outside of every IOVA region, or against its permission";

/* Write descriptor `slot` by hand; packed: as available, on the first lap. */
static void
raw(struct rig *b, unsigned int q, uint16_t slot, struct vring_desc d)
{
	struct mock_vq *vq = &b->vq[q];

	if (!vq->conf.packed) {
		vq->desc[slot] = d;
		return;
	}
	vq->pdesc[slot] = (struct vring_packed_desc){ .addr = d.addr,
		.len = d.len,
		.id = slot,
		.flags = d.flags | (1u << VRING_PACKED_DESC_F_AVAIL) };
}

/* Write entry `i` of the indirect table. */
static void
raw_table(struct rig *b, uint16_t i, struct vring_desc d)
{
	const struct vring_packed_desc packed = { .addr = d.addr, .len = d.len, .flags = d.flags };

	guest_write(&b->guest, TABLE + 16u * i,
			b->conf.variant.packed ? (const void *)&packed : (const void *)&d, 16);
}

/* Split: descriptor `head` is the first one available. */
static void
raw_publish(struct rig *b, unsigned int q, uint16_t head)
{
	struct mock_vq *vq = &b->vq[q];

	if (vq->conf.packed)
		return;
	vq->avail->ring[0] = head;
	vq->avail->idx = 1;
}

static void
bad_one(struct rig *b, unsigned int q, struct vring_desc d)
{
	raw(b, q, 0, d);
	raw_publish(b, q, 0);
}

static void
bad_index_jump(struct rig *b)
{
	b->vq[TX].avail->idx = RIG_QUEUE_SIZE + 1;
}

static void
bad_index_jump_back(struct rig *b)
{
	b->vq[TX].avail->idx = UINT16_MAX;
}

static void
bad_head(struct rig *b)
{
	raw_publish(b, TX, RIG_QUEUE_SIZE);
}

static void
bad_next(struct rig *b)
{
	bad_one(b, TX, (struct vring_desc){ RIG_BUFFERS, 100, NEXT, RIG_QUEUE_SIZE });
}

static void
bad_loop(struct rig *b)
{
	uint16_t i;

	/* split: 0 to 1 to 0; packed: all around the ring */
	for (i = 0; i < RIG_QUEUE_SIZE; i++)
		raw(b, TX, i, (struct vring_desc){ RIG_BUFFERS, 1, NEXT, i ^ 1 });
	raw_publish(b, TX, 0);
}

static void
bad_nested(struct rig *b)
{
	raw_table(b, 0, (struct vring_desc){ TABLE, 16, INDIRECT, 0 });
	bad_one(b, TX, (struct vring_desc){ TABLE, 16, INDIRECT, 0 });
}

static void
bad_table_empty(struct rig *b)
{
	bad_one(b, TX, (struct vring_desc){ TABLE, 0, INDIRECT, 0 });
}

static void
bad_table_odd(struct rig *b)
{
	bad_one(b, TX, (struct vring_desc){ TABLE, 17, INDIRECT, 0 });
}

static void
bad_table_overflow(struct rig *b)
{
	bad_one(b, TX, (struct vring_desc){ LAST_PAGE, 8192, INDIRECT, 0 });
}

static void
bad_table_outside(struct rig *b)
{
	bad_one(b, TX, (struct vring_desc){ 0x1000, 32, INDIRECT, 0 });
}

static void
bad_table_write_only(struct rig *b)
{
	bad_one(b, TX, (struct vring_desc){ GUEST_WO, 32, INDIRECT, 0 });
}

static void
bad_table_next(struct rig *b)
{
	raw_table(b, 0, (struct vring_desc){ RIG_BUFFERS, 20, NEXT, 2 });
	bad_one(b, TX, (struct vring_desc){ TABLE, 32, INDIRECT, 0 });
}

static void
bad_table_loop(struct rig *b)
{
	raw_table(b, 0, (struct vring_desc){ RIG_BUFFERS, 1, NEXT, 0 });
	bad_one(b, TX, (struct vring_desc){ TABLE, 32, INDIRECT, 0 });
}

static void
bad_table_long(struct rig *b)
{
	bad_one(b, TX, (struct vring_desc){ TABLE, 16 * (VDUSE_SEGS_MAX + 1), INDIRECT, 0 });
}

static void
bad_indirect_next(struct rig *b)
{
	raw(b, TX, 1, (struct vring_desc){ RIG_BUFFERS, 100, 0, 0 });
	bad_one(b, TX, (struct vring_desc){ TABLE, 16, INDIRECT | NEXT, 1 });
}

static void
bad_indirect_second(struct rig *b)
{
	raw(b, TX, 1, (struct vring_desc){ TABLE, 16, INDIRECT, 0 });
	bad_one(b, TX, (struct vring_desc){ RIG_BUFFERS, 100, NEXT, 1 });
}

static void
bad_read_after_write(struct rig *b)
{
	raw(b, RX, 1, (struct vring_desc){ RIG_BUFFERS + 4096, 100, 0, 0 });
	bad_one(b, RX, (struct vring_desc){ RIG_BUFFERS, 100, NEXT | WRITE, 1 });
}

static void
bad_length_0(struct rig *b)
{
	bad_one(b, TX, (struct vring_desc){ RIG_BUFFERS, 0, 0, 0 });
}

static void
bad_overflow(struct rig *b)
{
	bad_one(b, TX, (struct vring_desc){ LAST_PAGE, 4097, 0, 0 });
}

static void
bad_outside(struct rig *b)
{
	bad_one(b, TX, (struct vring_desc){ 0x1000, 100, 0, 0 });
}

static void
bad_outside_rx(struct rig *b)
{
	bad_one(b, RX, (struct vring_desc){ 0x1000, 2000, WRITE, 0 });
}

/* The last byte is behind the region. */
static void
bad_over_end(struct rig *b)
{
	bad_one(b, TX, (struct vring_desc){ GUEST_MAIN + GUEST_MAIN_SIZE - 100, 101, 0, 0 });
}

static void
bad_read_of_wo(struct rig *b)
{
	bad_one(b, TX, (struct vring_desc){ GUEST_WO, 100, 0, 0 });
}

static void
bad_write_to_ro(struct rig *b)
{
	bad_one(b, RX, (struct vring_desc){ GUEST_RO, 2000, WRITE, 0 });
}

/* Its first half may be read, the other not. */
static void
bad_into_wo(struct rig *b)
{
	bad_one(b, TX, (struct vring_desc){ GUEST_WO - 100, 200, 0, 0 });
}

static void
bad_writable_tx(struct rig *b)
{
	bad_one(b, TX, (struct vring_desc){ RIG_BUFFERS, 100, WRITE, 0 });
}

static void
bad_readable_rx(struct rig *b)
{
	bad_one(b, RX, (struct vring_desc){ RIG_BUFFERS, 2000, 0, 0 });
}

static void
bad_short_tx(struct rig *b)
{
	bad_one(b, TX, (struct vring_desc){ RIG_BUFFERS, RIG_HDR_LEN - 1, 0, 0 });
}

static void
bad_short_rx(struct rig *b)
{
	bad_one(b, RX, (struct vring_desc){ RIG_BUFFERS, RIG_HDR_LEN - 1, WRITE, 0 });
}

static const struct bad_case {
	void (*make)(struct rig *b);
	const char *text;
	unsigned int formats;
	bool no_indirect; /* the feature is not negotiated */
	uint8_t queue;
} bad_cases[] = {
	{ bad_index_jump, "available index ahead by more than the queue size", SPLIT, false, TX },
	{ bad_index_jump_back, "available index ahead by more than the queue size", SPLIT, false,
			TX },
	{ bad_head, "descriptor index beyond the queue size", SPLIT, false, TX },
	{ bad_next, "descriptor index beyond the queue size", SPLIT, false, TX },
	{ bad_loop, "descriptor chain with a loop", SPLIT, false, TX },
	{ bad_loop, "descriptor chain longer than the queue size", PACKED, false, TX },
	{ bad_nested, "indirect table inside an indirect table", BOTH, false, TX },
	{ bad_nested, "indirect table without VIRTIO_RING_F_INDIRECT_DESC", BOTH, true, TX },
	{ bad_table_empty, "indirect table of a length that is no multiple of 16", BOTH, false,
			TX },
	{ bad_table_odd, "indirect table of a length that is no multiple of 16", BOTH, false, TX },
	{ bad_table_overflow, "indirect table beyond the end of the address space", BOTH, false,
			TX },
	{ bad_table_outside, text_outside, BOTH, false, TX },
	{ bad_table_write_only, text_outside, BOTH, false, TX },
	{ bad_table_next, "next index beyond the indirect table", SPLIT, false, TX },
	{ bad_table_loop, "indirect chain with a loop", SPLIT, false, TX },
	{ bad_table_long, "indirect table longer than a chain may be", PACKED, false, TX },
	{ bad_indirect_next, "descriptor with both INDIRECT and NEXT", SPLIT, false, TX },
	{ bad_indirect_next, "indirect table as part of a chain", PACKED, false, TX },
	{ bad_indirect_second, "indirect table as part of a chain", PACKED, false, TX },
	{ bad_read_after_write, "readable descriptor after a writable one", BOTH, false, RX },
	{ bad_length_0, "descriptor of no length", BOTH, false, TX },
	{ bad_overflow, "descriptor beyond the end of the address space", BOTH, false, TX },
	{ bad_outside, text_outside, BOTH, false, TX },
	{ bad_outside_rx, text_outside, BOTH, false, RX },
	{ bad_over_end, text_outside, BOTH, false, TX },
	{ bad_read_of_wo, text_outside, BOTH, false, TX },
	{ bad_write_to_ro, text_outside, BOTH, false, RX },
	{ bad_into_wo, text_outside, BOTH, false, TX },
	{ bad_writable_tx, "writable descriptor in a transmit queue", BOTH, false, TX },
	{ bad_readable_rx, "readable descriptor in a receive queue", BOTH, false, RX },
	{ bad_short_tx, "buffer shorter than the virtio_net_hdr", BOTH, false, TX },
	{ bad_short_rx, "buffer shorter than the virtio_net_hdr", BOTH, false, RX },
};

static void
bad_run(const struct bad_case *c, bool packed, struct rig *good)
{
	const struct rig_conf conf = {
		.name = "bad",
		.variant = { .packed = packed, .indirect = !c->no_indirect },
	};
	struct rig b;
	int again;

	rig_up(&b, &conf);
	unit_log_clear();
	c->make(&b);
	/* a second burst must not count or log again */
	for (again = 0; again < 2; again++) {
		if (c->queue == TX)
			assert_null(rig_dequeue(&b));
		else
			assert_int_equal(rig_enqueue(&b, rig_mbuf(1, 100, 100)), 0);
	}
	rig_wait(&b, rig_is_link_down, 0);
	assert_non_null(rig_lib_vq(&b, c->queue)->fault);
	assert_string_equal(rig_lib_vq(&b, c->queue)->fault, c->text);
	assert_int_equal(rig_stats(&b, c->queue == TX).faults, 1);
	assert_true(rig_info(&b).dev.broken);
	assert_false(rig_info(&b).dev.started);
	rig_assert_traffic(good);
	assert_int_equal(fk_reset(b.dev), 0);
	unit_assert_logged_once(c->text);
	unit_assert_logged_once("malformed ring");
	assert_false(rig_info(&b).dev.broken);
	rig_drive(&b);
	rig_assert_traffic(&b);
	rig_down(&b);
}

static void
test_malformed(void **state)
{
	const struct rig_conf conf = { .name = "good" };
	struct rig good;
	size_t i;

	(void)state;
	rig_up(&good, &conf);
	for (i = 0; i < RTE_DIM(bad_cases); i++) {
		print_message("%s\n", bad_cases[i].text);
		if (bad_cases[i].formats & SPLIT)
			bad_run(&bad_cases[i], false, &good);
		if (bad_cases[i].formats & PACKED)
			bad_run(&bad_cases[i], true, &good);
	}
	rig_down(&good);
}

/* A chain of more pieces than a burst holds is dropped; what follows comes. */
static void
long_chain(bool packed, uint16_t pieces, bool dropped)
{
	const struct rig_conf conf = { .variant.packed = packed, .queue_size = 2048 };
	static struct mock_desc descs[VDUSE_SEGS_MAX + 1];
	struct mock_used used;
	struct rte_mbuf *m;
	struct rig b;
	uint16_t i;

	rig_up(&b, &conf);
	rig_frame_write(&b, RIG_BUFFERS, 1, 2 * pieces - RIG_HDR_LEN);
	for (i = 0; i < pieces; i++)
		descs[i] = (struct mock_desc){ .iova = RIG_BUFFERS + 2 * i, .len = 2 };
	assert_int_equal(mock_vq_add(rig_tx(&b), descs, pieces, NULL), 0);
	rig_send(&b, RIG_BUFFERS + 8192, 2, 100);
	m = rig_dequeue(&b);
	assert_non_null(m);
	if (!dropped) {
		rig_mbuf_check(m, 1, 2 * pieces - RIG_HDR_LEN);
		rte_pktmbuf_free(m);
		m = rig_dequeue(&b);
		assert_non_null(m);
	}
	rig_mbuf_check(m, 2, 100);
	rte_pktmbuf_free(m);
	assert_int_equal(rig_stats(&b, true).drop_segments, dropped);
	assert_int_equal(rig_stats(&b, true).faults, 0);
	assert_true(mock_vq_get(rig_tx(&b), &used));
	assert_int_equal(used.descs, pieces);
	assert_true(mock_vq_get(rig_tx(&b), &used));
	assert_int_equal(used.descs, 1);
	rig_assert_traffic(&b);
	rig_down(&b);
}

static void
test_long_chain(void **state)
{
	unsigned int packed;

	(void)state;
	for (packed = 0; packed < 2; packed++) {
		long_chain(packed, VDUSE_SEGS_MAX, false);
		long_chain(packed, VDUSE_SEGS_MAX + 1, true);
	}
}

/* Every ring size, many times round its end, with chains of one and more. */
static void
wrap_run(const struct rig_conf *conf, unsigned int rounds)
{
	struct unit_rng rng = { .state = 3 };
	struct mock_desc descs[3];
	struct mock_used used;
	struct rte_mbuf *m;
	struct rig b;
	unsigned int i;
	uint16_t n, d;

	rig_up(&b, conf);
	mock_vq_calls(rig_tx(&b), false);
	rig_frame_write(&b, RIG_BUFFERS, 5, 60);
	for (i = 0; i < rounds; i++) {
		n = unit_random(&rng, 1, RTE_MIN(rig_tx(&b)->nb_free, 3));
		for (d = 0; d < n; d++)
			descs[d] = (struct mock_desc){ .iova = RIG_BUFFERS + 24 * d,
				.len = d + 1 < n ? 24 : RIG_HDR_LEN + 60 - 24 * d };
		assert_int_equal(mock_vq_add(rig_tx(&b), descs, n, &descs[n - 1]), 0);
		m = rig_dequeue(&b);
		assert_non_null(m);
		if (i % 256 == 0)
			rig_mbuf_check(m, 5, 60);
		rte_pktmbuf_free(m);
		assert_true(mock_vq_get(rig_tx(&b), &used));
		assert_ptr_equal(used.cookie, &descs[n - 1]);
	}
	assert_null(rig_dequeue(&b));
	rig_down(&b);
}

static void
test_wrap(void **state)
{
	static const struct {
		uint16_t size;
		bool packed;
	} rings[] = { { 1, false }, { 2, false }, { 64, false }, { 256, false }, { 1, true },
		{ 2, true }, { 3, true }, { 100, true }, { 255, true }, { 256, true } };
	struct rig_conf conf = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < RTE_DIM(rings); i++) {
		conf.variant.packed = rings[i].packed;
		conf.ring_size = rings[i].size;
		conf.start = 0;
		wrap_run(&conf, 70000);
		/* from just before the end */
		conf.start = rings[i].packed ? rings[i].size - 1 : 65530;
		wrap_run(&conf, 1000);
	}
}

/* A full ring in one burst. */
static void
test_full_ring(void **state)
{
	struct rte_mbuf *pkts[RIG_QUEUE_SIZE + 1];
	struct rig_conf conf = { 0 };
	struct mock_used used;
	unsigned int v, i;
	struct rig b;

	(void)state;
	for (v = 0; v < RIG_VARIANTS; v++) {
		conf.variant = rig_variants[v];
		rig_up(&b, &conf);
		for (i = 0; i < RIG_QUEUE_SIZE; i++)
			rig_send(&b, RIG_BUFFERS + 256 * i, i, 60);
		assert_int_equal(rig_dequeue_burst(&b, pkts, RTE_DIM(pkts)), RIG_QUEUE_SIZE);
		for (i = 0; i < RIG_QUEUE_SIZE; i++) {
			rig_mbuf_check(pkts[i], i, 60);
			assert_true(mock_vq_get(rig_tx(&b), &used));
		}
		rte_pktmbuf_free_bulk(pkts, RIG_QUEUE_SIZE);
		rig_assert_traffic(&b);
		rig_down(&b);
	}
}

/* Large: the driver's thread is to run before the ring is empty. */
#define ENDLESS_SIZE 8192

/* A driver that makes the same buffer available as fast as it is dropped. */
struct endless {
	struct mock_vq *vq;
	bool stop;
	uint32_t limit; /* chains it offers at most */
};

#define UNUSED_ID UINT32_MAX

static void *
endless_main(void *arg)
{
	struct endless *e = arg;
	struct vring_used_elem *elem;
	uint32_t done = 0;

	while (!__atomic_load_n(&e->stop, __ATOMIC_RELAXED) && done < e->limit) {
		/* as far ahead of the device as it may be; what it takes shows in the used ring */
		__atomic_store_n(&e->vq->avail->idx, (uint16_t)(done + ENDLESS_SIZE),
				__ATOMIC_RELEASE);
		elem = &e->vq->used->ring[done % ENDLESS_SIZE];
		if (__atomic_load_n(&elem->id, __ATOMIC_ACQUIRE) == UNUSED_ID)
			continue;
		__atomic_store_n(&elem->id, UNUSED_ID, __ATOMIC_RELAXED);
		done++;
	}
	return NULL;
}

/* One burst ends, however many frames there are to drop: the control thread waits for it. */
static void
test_endless(void **state)
{
	const struct rig_conf conf = { .queue_size = ENDLESS_SIZE };
	const uint8_t bad_flags = 0xff;
	struct endless e = { .limit = 6 * ENDLESS_SIZE };
	pthread_t thread;
	struct rig b;
	unsigned int i;

	(void)state;
	rig_up(&b, &conf);
	/* every ring entry is descriptor 0: a long frame, copied before its header is found bad */
	rig_frame_write(&b, RIG_BUFFERS, 1, 60000);
	guest_write(&b.guest, RIG_BUFFERS, &bad_flags, 1);
	b.vq[TX].desc[0] = (struct vring_desc){ RIG_BUFFERS, RIG_HDR_LEN + 60000, 0, 0 };
	e.vq = &b.vq[TX];
	for (i = 0; i < ENDLESS_SIZE; i++)
		b.vq[TX].used->ring[i].id = UNUSED_ID;
	unit_thread(&thread, endless_main, &e);
	while (__atomic_load_n(&b.vq[TX].avail->idx, __ATOMIC_ACQUIRE) == 0)
		sched_yield();
	assert_null(rig_dequeue(&b));
	__atomic_store_n(&e.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	assert_in_range(rig_stats(&b, true).drop_header, 1, 2 * ENDLESS_SIZE);
	rig_down(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(test_malformed),
		UNIT_TEST(test_long_chain),
		UNIT_TEST(test_wrap),
		UNIT_TEST(test_full_ring),
		UNIT_TEST(test_endless),
	};

	return UNIT_RUN("ring", tests);
}
