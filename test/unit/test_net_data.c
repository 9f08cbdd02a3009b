/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Frames in both directions: bytes, headers and counters, for every ring
 * format and feature, over memory that is linear as IOVA only.
 */

#include <string.h>

#include "net/copy.h"
#include "rig.h"

/* Frame lengths: bounds of header, mbuf, patch and 16 bits; up to the longest IP packet. */
static const uint32_t lengths[] = { 14, 15, 59, 60, 61, 64, 127, 128, 1500, 1514, 1518, 2035, 2036,
	2037, 2047, 2048, 2049, 4096, 6131, 6132, 6133, 6144, 9014, 16384, 32768, 65521, 65535,
	65536, 65550 };

/* Pieces that a frame is cut into at most; leaves room in a ring of 256. */
#define CUTS_MAX 17

/* Cut [iova, iova + total) into descriptors at random; the header may be cut as well. */
static uint16_t
scatter(struct unit_rng *rng, struct mock_desc *descs, uint64_t iova, uint32_t total, bool write)
{
	uint16_t n = unit_random(rng, 1, CUTS_MAX), i;
	uint32_t left = total;

	for (i = 0; i < n && left > 0; i++) {
		descs[i].iova = iova;
		descs[i].write = write;
		descs[i].len = i + 1 == n ? left
					  : unit_random(rng, 1, unit_random(rng, 0, 1) ? 16 : left);
		descs[i].len = RTE_MIN(descs[i].len, left);
		iova += descs[i].len;
		left -= descs[i].len;
	}
	return i;
}

static void
add_scattered(struct rig *b, struct mock_vq *vq, struct unit_rng *rng, const struct mock_desc *d,
		uint16_t n)
{
	/* an indirect table anywhere, also across patches and not aligned */
	const uint64_t table = GUEST_PATCH + 40 * GUEST_PATCH_SIZE + unit_random(rng, 0, 0x1800);

	if (b->conf.variant.indirect && unit_random(rng, 0, 1))
		assert_int_equal(mock_vq_add_indirect(vq, d, n, table, NULL), 0);
	else
		assert_int_equal(mock_vq_add(vq, d, n, NULL), 0);
}

static void
dequeue_one(struct rig *b, struct unit_rng *rng, uint32_t len)
{
	const uint64_t iova = GUEST_PATCH + unit_random(rng, 0, 0x3000);
	struct mock_desc descs[CUTS_MAX];
	struct mock_used used;
	struct rte_mbuf *m;
	uint16_t n;

	rig_frame_write(b, iova, len, len);
	n = scatter(rng, descs, iova, RIG_HDR_LEN + len, false);
	add_scattered(b, rig_tx(b), rng, descs, n);
	m = rig_dequeue(b);
	assert_non_null(m);
	rig_mbuf_check(m, len, len);
	assert_int_equal(m->nb_segs, (len + UNIT_DATA_ROOM - 1) / UNIT_DATA_ROOM);
	rte_pktmbuf_free(m);
	assert_true(mock_vq_get(rig_tx(b), &used));
	assert_int_equal(used.len, 0);
	assert_false(mock_vq_get(rig_tx(b), &used));
}

static void
for_each_variant(void (*one)(struct rig *b, struct unit_rng *rng))
{
	struct unit_rng rng = { .state = 1 };
	struct rig_conf conf = { 0 };
	struct rig b;
	unsigned int v;

	for (v = 0; v < RIG_VARIANTS; v++) {
		conf.variant = rig_variants[v];
		rig_up(&b, &conf);
		one(&b, &rng);
		rig_down(&b);
	}
}

static void
dequeue_all(struct rig *b, struct unit_rng *rng)
{
	struct rte_vduse_net_queue_stats s;
	uint64_t bytes = 0;
	unsigned int i;

	for (i = 0; i < RTE_DIM(lengths); i++) {
		dequeue_one(b, rng, lengths[i]);
		bytes += lengths[i];
	}
	s = rig_stats(b, true);
	assert_int_equal(s.packets, RTE_DIM(lengths));
	assert_int_equal(s.bytes, bytes);
	assert_int_equal(s.drop_short + s.drop_long + s.drop_segments + s.drop_header, 0);
	assert_int_equal(s.faults + s.no_mbuf, 0);
}

static void
test_dequeue_bytes(void **state)
{
	(void)state;
	for_each_variant(dequeue_all);
}

/* What the driver finds in the buffers it gets back, in their order. */
static void
check_received(struct rig *b, const uint64_t *iovas, uint16_t nb_buffers, uint32_t len)
{
	static uint8_t buf[RIG_HDR_LEN + 65550];
	uint8_t hdr[RIG_HDR_LEN] = { 0 };
	struct mock_used used;
	uint32_t done = 0, i;
	uint16_t k;

	for (k = 0; k < nb_buffers; k++) {
		assert_true(mock_vq_get(rig_rx(b), &used));
		assert_true(used.len > 0 && done + used.len <= sizeof(buf));
		guest_read(&b->guest, iovas[k], buf + done, used.len);
		done += used.len;
	}
	assert_false(mock_vq_get(rig_rx(b), &used));
	assert_int_equal(done, RIG_HDR_LEN + len);
	memcpy(hdr + 10, &nb_buffers, sizeof(nb_buffers));
	assert_memory_equal(buf, hdr, sizeof(hdr));
	for (i = 0; i < len; i++)
		if (buf[RIG_HDR_LEN + i] != unit_byte(len, i))
			fail_msg("byte %u of %u is wrong", i, len);
}

static void
enqueue_one(struct rig *b, struct unit_rng *rng, uint32_t len)
{
	/* a long frame into many buffers of one size, but one buffer where it must */
	const bool merge = b->conf.variant.mergeable && unit_random(rng, 0, 3) != 0;
	const uint32_t size = merge ? unit_random(rng, 1000, 9000) : RIG_HDR_LEN + len;
	const uint16_t nb = (RIG_HDR_LEN + len + size - 1) / size;
	struct mock_desc descs[CUTS_MAX];
	uint64_t iovas[100], iova = GUEST_PATCH + unit_random(rng, 0, 0x1800);
	uint16_t k, n;

	for (k = 0; k < nb; k++, iova += size) {
		iovas[k] = iova;
		/* each in few pieces: the ring holds 256 */
		n = nb > 10 ? 1 : scatter(rng, descs, iova, size, true);
		if (nb > 10)
			descs[0] = (struct mock_desc){ .iova = iova, .len = size, .write = true };
		if (b->conf.variant.indirect && nb == 1)
			add_scattered(b, rig_rx(b), rng, descs, n);
		else
			assert_int_equal(mock_vq_add(rig_rx(b), descs, n, NULL), 0);
	}
	assert_int_equal(rig_enqueue(b, rig_mbuf(len, len, unit_random(rng, 200, 3000))), 1);
	check_received(b, iovas, nb, len);
}

static void
enqueue_all(struct rig *b, struct unit_rng *rng)
{
	struct rte_vduse_net_queue_stats s;
	uint64_t bytes = 0;
	unsigned int i;

	for (i = 0; i < RTE_DIM(lengths); i++) {
		enqueue_one(b, rng, lengths[i]);
		bytes += lengths[i];
	}
	s = rig_stats(b, false);
	assert_int_equal(s.packets, RTE_DIM(lengths));
	assert_int_equal(s.bytes, bytes);
	assert_int_equal(s.drop_short + s.drop_no_fit + s.drop_segments, 0);
	assert_int_equal(s.faults + s.no_buffer, 0);
}

static void
test_enqueue_bytes(void **state)
{
	const bool string = net_copy_string;

	(void)state;
	net_copy_string = false;
	for_each_variant(enqueue_all);
	/* whether this processor is better with it or not */
	net_copy_string = true;
	for_each_variant(enqueue_all);
	net_copy_string = string;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(test_dequeue_bytes),
		UNIT_TEST(test_enqueue_bytes),
	};

	return UNIT_RUN("net_data", tests);
}
