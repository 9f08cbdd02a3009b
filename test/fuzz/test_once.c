/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Shared memory is read once: the compiler calls a function before each load
 * (clang's -fsanitize=trace-loads), which counts those of the driver's memory
 * and, in a second run, puts another value there right before the n-th. For
 * every n a frame is either what the driver wrote first, or what it wrote then,
 * or the device stops.
 */

#include <string.h>

#include "rig.h"

#define TABLE (RIG_BUFFERS + (1ull << 20))
#define LEN   200

/* What is watched: the driver's memory where the library has mapped it. */
static struct {
	const uint8_t *lib;     /* GUEST_MAIN in the library's mapping */
	uint8_t *driver;        /* in ours */
	uint32_t seen;          /* loads so far */
	uint32_t at;            /* 0: count only */
	bool frozen;            /* do not look */
	uint8_t reads[1 << 16]; /* of each 2 bytes of the rings of the first queues */
} watch;

#define RINGS_WATCHED (2 * sizeof(watch.reads))

static void
watch_load(const void *addr, unsigned int size)
{
	const uint64_t offset = (const uint8_t *)addr - watch.lib;
	unsigned int i;

	if (watch.lib == NULL || watch.frozen || offset >= GUEST_MAIN_SIZE)
		return;
	for (i = 0; i < size && offset + i < RINGS_WATCHED; i += 2)
		watch.reads[(offset + i) / 2]++;
	if (++watch.seen == watch.at)
		/* as unlike as can be */
		for (i = 0; i < size; i++)
			watch.driver[offset + i] ^= 0xff;
}

#define WATCH(n)                                        \
	void __sanitizer_cov_load##n(const void *addr); \
	void __sanitizer_cov_load##n(const void *addr)  \
	{                                               \
		watch_load(addr, n);                    \
	}

WATCH(1)
WATCH(2)
WATCH(4)
WATCH(8)
WATCH(16)

static const struct rig_conf *
once_conf(unsigned int v)
{
	static struct rig_conf conf;

	conf = (struct rig_conf){ .variant = rig_variants[v] };
	return &conf;
}

/* A device, and a frame in two pieces for it. */
static void
once_up(struct rig *b, unsigned int v, bool table)
{
	const struct mock_desc descs[] = { { .iova = RIG_BUFFERS, .len = RIG_HDR_LEN + 100 },
		{ .iova = RIG_BUFFERS + RIG_HDR_LEN + 100, .len = LEN - 100 } };
	const struct vduse_vq_ring *ring;
	const void *desc;

	rig_up(b, once_conf(v));
	mock_vq_calls(rig_tx(b), false);
	rig_frame_write(b, RIG_BUFFERS, 5, LEN);
	if (table)
		mock_vq_add_indirect(rig_tx(b), descs, 2, TABLE, NULL);
	else
		mock_vq_add(rig_tx(b), descs, 2, NULL);
	memset(&watch, 0, sizeof(watch));
	watch.driver = b->guest.va[0];
	ring = &rig_lib_vq(b, 1)->ring;
	desc = b->conf.variant.packed ? (const void *)ring->packed.desc
				      : (const void *)ring->split.desc;
	watch.lib = (const uint8_t *)desc - (rig_tx(b)->desc_iova - GUEST_MAIN);
}

/* Every word of rings and descriptors at most once, but for what says whether there is more. */
static void
count_run(unsigned int v, bool table)
{
	const struct mock_vq *vq;
	uint64_t avail, head;
	struct rte_mbuf *m;
	struct rig b;
	uint64_t i;

	once_up(&b, v, table);
	m = rig_dequeue(&b);
	watch.frozen = true;
	assert_non_null(m);
	rig_mbuf_check(m, 5, LEN);
	rte_pktmbuf_free(m);
	assert_true(watch.seen > 3);
	vq = rig_tx(&b);
	avail = vq->driver_iova - GUEST_MAIN + 2;
	head = vq->desc_iova - GUEST_MAIN + 14;
	for (i = 0; i < RINGS_WATCHED; i += 2) {
		/* split: idx, looked at again for the next; packed: flags, before the rest */
		const bool look = b.conf.variant.packed ? i == head : i == avail;

		if (watch.reads[i / 2] > (look ? 2 : 1))
			fail_msg("offset 0x%lx is read %u times", i, watch.reads[i / 2]);
	}
	rig_down(&b);
}

/* Any burst, with the n-th load changed. Returns false when there is none. */
static bool
change_run(unsigned int v, bool table, uint32_t n)
{
	struct rte_mbuf *m;
	struct rig b;
	uint32_t i, len;
	bool reached;

	once_up(&b, v, table);
	watch.at = n;
	m = rig_dequeue(&b);
	watch.frozen = true;
	reached = watch.seen >= n;
	if (m != NULL) {
		rte_mbuf_sanity_check(m, 1);
		len = m->pkt_len;
		assert_true(len >= RTE_ETHER_HDR_LEN && len <= RTE_VDUSE_NET_FRAME_MAX);
		rte_pktmbuf_free(m);
	}
	/* the driver's memory is all that can have been written: the rest is the sanitizer's */
	for (i = 0; i < 3 && !rig_info(&b).dev.broken; i++)
		rte_pktmbuf_free(rig_dequeue(&b));
	if (rig_lib_vq(&b, 1)->fault != NULL)
		rig_wait(&b, rig_is_link_down, 0);
	rig_down(&b);
	return reached;
}

static void
test_reads(void **state)
{
	unsigned int v;

	(void)state;
	for (v = 0; v < RIG_VARIANTS; v++)
		count_run(v, rig_variants[v].indirect);
}

static void
test_changes(void **state)
{
	unsigned int v;
	uint32_t n;

	(void)state;
	for (v = 0; v < RIG_VARIANTS; v++) {
		for (n = 1; change_run(v, rig_variants[v].indirect, n); n++)
			;
		assert_true(n > 3);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(test_reads),
		UNIT_TEST(test_changes),
	};

	return UNIT_RUN("once", tests);
}
