/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What one burst costs the lcore, counted in descriptors and pieces of buffers: the same bound for
 * every size and format of a ring, whatever the driver puts there, and whether frames come of it or
 * not. Time is not looked at.
 */

#include <string.h>

#include "ctrlq.h"
#include "rig.h"

#define BURST 32

/* The last chain that a burst begins: its pieces, and as many passed for its id. */
#define BOUND (VDUSE_BURST_WORK + BURST * VDUSE_FRAME_WORK + 2 * (VDUSE_SEGS_MAX + 1))

/* A table that all ring entries share, and what its entries name. */
#define TABLE (RIG_BUFFERS + (1ull << 20))
#define BYTES RIG_BUFFERS

#define POLLS 12

/* What each buffer is. */
enum kind { FRAMES, BAD_HEADER, TOO_SHORT, TOO_LONG, KINDS };

struct work {
	struct rig b;
	uint16_t size;
	bool packed;
	bool indirect;
	bool receive;
	enum kind kind;
};

static const struct vduse_vq_stats *
stats(const struct work *w)
{
	return &rig_lib_vq(&w->b, !w->receive)->stats;
}

/* Descriptors of a chain: as many as may be, or more. */
static uint32_t
chain_len(const struct work *w)
{
	if (w->kind == TOO_SHORT)
		return RIG_HDR_LEN + 13;
	if (!w->indirect)
		return w->kind == TOO_LONG ? w->size : RTE_MIN(w->size, VDUSE_SEGS_MAX);
	if (w->kind != TOO_LONG)
		return VDUSE_SEGS_MAX;
	/* a packed ring's table of more than both is malformed */
	return w->packed ? RTE_MAX(w->size, VDUSE_SEGS_MAX) : 4u * VDUSE_SEGS_MAX;
}

/* Byte i of a buffer of n, in a table or in a ring whose lap is the first. */
static void
write_desc(const struct work *w, void *at, uint32_t i, uint32_t n)
{
	const uint16_t flags =
			(w->receive ? VRING_DESC_F_WRITE : 0) | (i + 1 < n ? VRING_DESC_F_NEXT : 0);
	struct vring_packed_desc *packed = at;
	struct vring_desc *split = at;

	if (w->packed)
		*packed = (struct vring_packed_desc){ .addr = BYTES + i,
			.len = 1,
			.flags = flags | 1u << VRING_PACKED_DESC_F_AVAIL };
	else
		*split = (struct vring_desc){
			.addr = BYTES + i, .len = 1, .flags = flags, .next = i + 1
		};
}

static void
fill_indirect(struct work *w, struct mock_vq *vq, uint32_t n)
{
	uint32_t i;

	for (i = 0; i < n; i++)
		write_desc(w, (uint8_t *)guest_at(&w->b.guest, TABLE) + 16u * i, i,
				w->packed ? 0 : n);
	for (i = 0; i < w->size; i++) {
		if (w->packed)
			vq->pdesc[i] = (struct vring_packed_desc){ .addr = TABLE,
				.len = 16 * n,
				.id = i,
				.flags = VRING_DESC_F_INDIRECT | 1u << VRING_PACKED_DESC_F_AVAIL };
		else
			vq->desc[i] = (struct vring_desc){
				.addr = TABLE, .len = 16 * n, .flags = VRING_DESC_F_INDIRECT
			};
	}
}

/* Split: one chain that all entries name. Packed: one behind the other. */
static void
fill_direct(const struct work *w, struct mock_vq *vq, uint32_t n)
{
	uint32_t i;

	for (i = 0; i < w->size; i++)
		if (w->packed)
			write_desc(w, &vq->pdesc[i], i % n, i == w->size - 1u ? 0 : n);
		else if (i < n)
			write_desc(w, &vq->desc[i], i, n);
}

static void
fill(struct work *w)
{
	const struct virtio_net_hdr bad = { .gso_type = 0x7f };
	const struct virtio_net_hdr good = { 0 };
	struct mock_vq *vq = w->receive ? rig_rx(&w->b) : rig_tx(&w->b);
	uint16_t i;

	guest_write(&w->b.guest, BYTES, w->kind == BAD_HEADER ? &bad : &good, sizeof(good));
	if (w->indirect)
		fill_indirect(w, vq, chain_len(w));
	else
		fill_direct(w, vq, chain_len(w));
	if (w->packed)
		return;
	for (i = 0; i < w->size; i++)
		vq->avail->ring[i] = w->indirect ? i : 0;
	__atomic_store_n(&vq->avail->idx, w->size, __ATOMIC_RELEASE);
}

/* One poll within the bound. Returns frames. */
static uint16_t
poll_once(struct work *w)
{
	const uint64_t work = stats(w)->work, hits = stats(w)->iotlb_hits;
	struct rte_mbuf *pkts[BURST];
	uint16_t n, i;

	if (w->receive) {
		for (i = 0; i < BURST; i++)
			pkts[i] = rig_mbuf(i, 40, 40);
		n = rte_vduse_net_enqueue(w->b.net, 0, pkts, BURST);
		rte_pktmbuf_free_bulk(pkts, BURST);
	} else {
		n = rte_vduse_net_dequeue(w->b.net, 0, unit_pool, pkts, BURST);
		rte_pktmbuf_free_bulk(pkts, n);
	}
	if (stats(w)->work - work > BOUND || stats(w)->iotlb_hits - hits > BOUND)
		fail_msg("%s ring of %u%s, %s, kind %u: one poll reads more than %u",
				w->packed ? "packed" : "split", w->size,
				w->indirect ? " with tables" : "",
				w->receive ? "receive" : "transmit", w->kind, BOUND);
	return n;
}

/* Buffers that came to an end. */
static unsigned int
given_back(const struct work *w)
{
	const struct rte_vduse_net_queue_stats s = rig_stats(&w->b, !w->receive);

	return s.packets + s.drop_segments + s.drop_header + s.drop_short;
}

static void
work_run(struct work *w)
{
	struct rig_conf conf = {
		.variant = { .packed = w->packed, .indirect = w->indirect, .mergeable = true },
		.queue_size = w->size,
	};
	unsigned int i, before;

	rig_up(&w->b, &conf);
	fill(w);
	for (i = 0; i < POLLS; i++) {
		before = given_back(w);
		poll_once(w);
		/* each gets on, but in a packed ring one that is passed to find its id */
		if (i == 0 && !(w->packed && w->kind == TOO_LONG))
			assert_true(given_back(w) > before);
	}
	if (rig_stats(&w->b, !w->receive).faults != 0)
		rig_wait(&w->b, rig_is_link_down, 0);
	rig_down(&w->b);
}

static void
test_every_ring(void **state)
{
	struct work w;
	uint32_t size;
	unsigned int i;

	(void)state;
	for (size = 64; size <= 32768; size *= 2)
		for (i = 0; i < 8u * KINDS; i++) {
			w = (struct work){ .size = size,
				.packed = i & 1,
				.indirect = i & 2,
				.receive = i & 4,
				.kind = i / 8 };
			work_run(&w);
		}
}

/* A packed chain of the whole ring has its id at its end: found by and by, and given back whole. */
static void
test_packed_passed(void **state)
{
	const struct mock_desc desc = { .iova = BYTES, .len = RIG_HDR_LEN + 60 };
	struct work w = { .size = 32768, .packed = true, .kind = TOO_LONG };
	unsigned int receive, polls;

	(void)state;
	for (receive = 0; receive < 2; receive++) {
		struct rig_conf conf = { .variant.packed = true, .queue_size = w.size };
		struct mock_vq *vq;

		w.receive = receive;
		rig_up(&w.b, &conf);
		vq = receive ? rig_rx(&w.b) : rig_tx(&w.b);
		fill(&w);
		vq->pdesc[w.size - 1].id = 77;
		for (polls = 1; given_back(&w) == 0; polls++) {
			assert_true(polls < 100);
			poll_once(&w);
			assert_int_equal(rig_stats(&w.b, !receive).faults, 0);
		}
		/* each but the first passed as many as may be */
		assert_in_range(polls, w.size / VDUSE_SEGS_MAX - 1, w.size / VDUSE_SEGS_MAX + 1);
		assert_int_equal(rig_stats(&w.b, !receive).drop_segments, 1);
		assert_int_equal(vq->pdesc[0].id, 77);
		/* the next lap begins behind it */
		vq->avail_wrap = !vq->avail_wrap;
		vq->used_wrap = !vq->used_wrap;
		if (!receive) {
			rig_frame_write(&w.b, BYTES, 3, 60);
			assert_int_equal(mock_vq_add(vq, &desc, 1, NULL), 0);
			assert_int_equal(poll_once(&w), 1);
		}
		rig_down(&w.b);
	}
}

/* Pieces that cross regions count each. */
static void
test_many_regions(void **state)
{
	struct work w = { .size = 256 };
	const struct rig_conf conf = { .queue_size = w.size };
	const struct mock_desc all = { .iova = GUEST_PATCH,
		.len = GUEST_PATCHES * GUEST_PATCH_SIZE };
	uint64_t work;

	(void)state;
	rig_up(&w.b, &conf);
	assert_int_equal(mock_vq_add(rig_tx(&w.b), &all, 1, NULL), 0);
	work = stats(&w)->work;
	poll_once(&w);
	assert_int_equal(stats(&w)->work - work, GUEST_PATCHES);
	rig_down(&w.b);
}

/* So do commands; one turn of the control queue ends as well, and the rest has its turn later. */
static void
test_commands(void **state)
{
	const uint8_t pairs[] = { 2, 0 };
	const struct vduse_vq_stats *s;
	struct vduse_abi_vq_state vq_state;
	struct mock_vq *vq;
	struct rig b;
	unsigned int i;

	(void)state;
	ctrlq_up(&b, 0, 0);
	vq = &b.vq[CTRLQ_INDEX];
	ctrlq_add(&b, VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, pairs, sizeof(pairs));
	for (i = 0; i < vq->conf.size; i++)
		vq->avail->ring[i] = vq->avail->ring[0];
	__atomic_store_n(&vq->avail->idx, vq->conf.size, __ATOMIC_RELEASE);
	fk_kick(b.dev, CTRLQ_INDEX);
	/* all of them, though nobody kicks again; requests are answered meanwhile */
	s = &rig_lib_vq(&b, CTRLQ_INDEX)->stats;
	while (__atomic_load_n(&vq->used->idx, __ATOMIC_ACQUIRE) != vq->conf.size)
		assert_int_equal(fk_get_vq_state(b.dev, 0, &vq_state), 0);
	assert_true(s->work >= vq->conf.size);
	rig_down(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(test_every_ring),
		UNIT_TEST(test_packed_passed),
		UNIT_TEST(test_many_regions),
		UNIT_TEST(test_commands),
	};

	return UNIT_RUN("work", tests);
}
