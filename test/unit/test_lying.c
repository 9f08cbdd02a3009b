/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Frames for the driver whose mbufs say of their pieces what is not so, as another PMD or
 * application may make them: none of it shows behind the driver's buffer.
 */

#include <string.h>

#include "ctrlq.h"
#include "net/config.h"
#include "rig.h"

#define GUARD 0xa5
#define ROOM  4096 /* from one buffer to the next, guard bytes included */
#define FIRST 60
#define REST  1000

/* What an mbuf, or a chain of two, says of itself. */
struct lie {
	const char *name;
	uint32_t pkt_len;
	uint16_t first; /* data_len */
	uint16_t rest;  /* the same, of a second mbuf; 0: none */
	uint16_t nb_segs;
	bool delivered; /* it is none, though it looks odd */
};

static const struct lie lies[] = {
	{ "a piece longer than the frame", FIRST, 2000, 0, 1, false },
	{ "a piece as long as a piece can be", FIRST, UINT16_MAX, 0, 1, false },
	{ "a piece shorter than the frame", 2000, FIRST, 0, 1, false },
	{ "a second piece that is too long", FIRST + 8, FIRST, REST, 2, false },
	{ "a second piece that is too short", 3000, FIRST, REST, 2, false },
	{ "a second piece behind the end", FIRST, FIRST + 1, REST, 2, false },
	{ "both pieces, but one byte", FIRST + REST - 1, FIRST, REST, 2, false },
	{ "both pieces, and one byte", FIRST + REST + 1, FIRST, REST, 2, false },
	{ "the longest frame that can be said", UINT32_MAX, FIRST, REST, 2, false },
	{ "one that wraps with its header", UINT32_MAX - RIG_HDR_LEN + 1, 2000, 0, 1, false },
	{ "one that wraps to a little", UINT32_MAX - RIG_HDR_LEN + 1 + FIRST, 2000, 0, 1, false },
	{ "beyond what any frame has", RTE_VDUSE_NET_FRAME_MAX + 1, FIRST, REST, 2, false },
	{ "two pieces, counted as one", FIRST + REST, FIRST, REST, 1, true },
	{ "one piece, and another behind it", FIRST, FIRST, REST, 2, true },
	{ "one piece, counted as three", FIRST, FIRST, 0, 3, true },
};

/* How the driver's buffers are laid out. */
struct layout {
	const char *name;
	uint16_t nb;   /* buffers */
	uint16_t each; /* pieces of each */
	uint32_t len;  /* of a piece */
	bool indirect;
};

static const struct layout layouts[] = {
	{ "one piece, as long as the frame", 1, 1, RIG_HDR_LEN + FIRST + REST, false },
	{ "one piece, longer", 1, 1, 1536, false },
	{ "a header of its own", 1, 2, 1024, false },
	{ "many pieces", 1, 12, 97, false },
	{ "many pieces in a table", 1, 12, 97, true },
	{ "many small buffers", 12, 1, 97, false },
};

static uint64_t
place(unsigned int i)
{
	return RIG_BUFFERS + (uint64_t)i * ROOM;
}

static unsigned int
pieces(const struct layout *layout)
{
	return layout->nb * layout->each;
}

/* The driver offers what the layout says; all around it are guard bytes. */
static void
offer(struct rig *b, const struct layout *layout)
{
	struct mock_desc descs[16];
	unsigned int i, k;
	int ret;

	memset(guest_at(&b->guest, RIG_BUFFERS), GUARD, (pieces(layout) + 1) * ROOM);
	for (i = 0; i < layout->nb; i++) {
		for (k = 0; k < layout->each; k++)
			descs[k] = (struct mock_desc){ .iova = place(i * layout->each + k),
				.len = layout->len,
				.write = true };
		ret = layout->indirect ? mock_vq_add_indirect(rig_rx(b), descs, layout->each,
							 place(64), NULL)
				       : mock_vq_add(rig_rx(b), descs, layout->each, NULL);
		assert_int_equal(ret, 0);
	}
}

static void
assert_guarded(struct rig *b, const struct layout *layout)
{
	unsigned int i, at;

	for (i = 0; i < pieces(layout); i++) {
		const uint8_t *piece = guest_at(&b->guest, place(i));

		for (at = layout->len; at < ROOM; at++)
			if (piece[at] != GUARD)
				fail_msg("byte %u behind piece %u is written", at - layout->len, i);
	}
}

static struct rte_mbuf *
lying(const struct lie *lie, uint64_t ol_flags)
{
	struct rte_mbuf *m = rig_mbuf(9, lie->first < 2000 ? lie->first : 2000, 2000);

	if (lie->rest > 0) {
		m->next = rig_mbuf(9, lie->rest, 2000);
		m->next->pkt_len = 0;
	}
	m->data_len = lie->first;
	m->pkt_len = lie->pkt_len;
	m->nb_segs = lie->nb_segs;
	m->ol_flags |= ol_flags;
	m->l2_len = RTE_ETHER_HDR_LEN;
	m->l3_len = 20;
	return m;
}

/* As it was made, for the pool. */
static void
free_lying(struct rte_mbuf *m, const struct lie *lie)
{
	if (lie->rest > 0)
		rte_pktmbuf_free(m->next);
	m->next = NULL;
	m->nb_segs = 1;
	rte_pktmbuf_free(m);
}

static uint64_t
drops(const struct rig *b)
{
	const struct rte_vduse_net_queue_stats stats = rig_stats(b, false);

	return stats.drop_segments + stats.drop_long + stats.drop_offload;
}

/* An honest frame of the same buffers, which were not lost. */
static void
assert_honest(struct rig *b, const struct layout *layout)
{
	struct mock_used used;
	uint32_t left = RIG_HDR_LEN + FIRST;

	assert_int_equal(rig_enqueue(b, rig_mbuf(10, FIRST, 2000)), 1);
	while (left > 0) {
		assert_true(mock_vq_get(rig_rx(b), &used));
		assert_in_range(used.len, 1, left);
		left -= used.len;
	}
	assert_guarded(b, layout);
}

static void
one_lie(struct rig *b, const struct layout *layout, const struct lie *lie, uint64_t ol_flags)
{
	const uint64_t dropped = drops(b);
	struct rte_mbuf *m;
	struct mock_used used;

	offer(b, layout);
	m = lying(lie, ol_flags);
	assert_int_equal(rte_vduse_net_enqueue(b->net, 0, &m, 1), 1);
	free_lying(m, lie);
	assert_guarded(b, layout);
	if (lie->delivered && ol_flags == 0) {
		assert_int_equal(drops(b), dropped);
		while (mock_vq_get(rig_rx(b), &used))
			;
	} else {
		assert_int_equal(drops(b), dropped + 1);
		assert_false(mock_vq_get(rig_rx(b), &used));
		assert_honest(b, layout);
	}
}

static bool
suits(const struct rig_variant *v, const struct layout *layout)
{
	if (layout->indirect && !v->indirect)
		return false;
	return layout->nb == 1 || v->mergeable;
}

/* Every body, every layout of the driver's, every lie; with an offload and without. */
static void
test_every_lie(void **state)
{
	struct rig_conf conf = { 0 };
	unsigned int v, i, k;
	struct rig b;

	(void)state;
	for (v = 0; v < RIG_VARIANTS; v++) {
		conf.variant = rig_variants[v];
		for (i = 0; i < RTE_DIM(layouts); i++) {
			if (!suits(&conf.variant, &layouts[i]))
				continue;
			for (k = 0; k < RTE_DIM(lies); k++) {
				rig_up(&b, &conf);
				one_lie(&b, &layouts[i], &lies[k], 0);
				rig_down(&b);
				rig_up(&b, &conf);
				one_lie(&b, &layouts[i], &lies[k],
						RTE_MBUF_F_TX_UDP_CKSUM | RTE_MBUF_F_TX_IPV4 |
								RTE_MBUF_F_TX_IP_CKSUM);
				rig_down(&b);
			}
		}
	}
}

/* One among honest ones: they arrive, in order. */
static void
test_in_a_burst(void **state)
{
	struct rig_conf conf = { 0 };
	struct rte_mbuf *pkts[8];
	struct mock_used used;
	unsigned int v, i, at;
	struct rig b;

	(void)state;
	for (v = 0; v < RIG_VARIANTS; v++) {
		for (at = 0; at < RTE_DIM(pkts); at++) {
			conf.variant = rig_variants[v];
			rig_up(&b, &conf);
			for (i = 0; i < RTE_DIM(pkts); i++) {
				rig_offer(&b, place(i), 1536);
				pkts[i] = i == at ? lying(&lies[3], 0) : rig_mbuf(i, 200, 100);
			}
			assert_int_equal(rte_vduse_net_enqueue(b.net, 0, pkts, RTE_DIM(pkts)),
					RTE_DIM(pkts));
			for (i = 0; i < RTE_DIM(pkts); i++) {
				if (i == at) {
					free_lying(pkts[i], &lies[3]);
					continue;
				}
				rte_pktmbuf_free(pkts[i]);
				assert_true(mock_vq_get(rig_rx(&b), &used));
				assert_int_equal(used.len, RIG_HDR_LEN + 200);
			}
			assert_false(mock_vq_get(rig_rx(&b), &used));
			assert_int_equal(rig_stats(&b, false).drop_segments, 1);
			rig_down(&b);
		}
	}
}

/* The pair that it goes to is looked for in the frame. */
static void
test_steered(void **state)
{
	struct rig_conf conf = { .pairs = CTRLQ_PAIRS,
		.features = RTE_BIT64(VIRTIO_NET_F_CTRL_VQ) | RTE_BIT64(VIRTIO_NET_F_MQ) };
	struct rte_mbuf *m;
	struct rig b;
	unsigned int k;

	(void)state;
	unit_kernel(&(struct fk_conf){ .allow_ctrl_vq = true });
	rig_up(&b, &conf);
	net_set_rss(b.net, &(struct net_rss){ .steer = true, .types = NET_RSS_TYPES });
	for (k = 0; k < RTE_DIM(lies); k++) {
		if (lies[k].delivered)
			continue;
		m = lying(&lies[k], 0);
		/* IPv6, whose addresses are behind the first piece */
		memcpy(rte_pktmbuf_mtod_offset(m, uint8_t *, 12), "\x86\xdd\x60", 3);
		m->data_len = RTE_MIN(m->data_len, 30);
		rig_offer(&b, place(0), 1536);
		assert_int_equal(rte_vduse_net_enqueue(b.net, 0, &m, 1), 1);
		free_lying(m, &lies[k]);
	}
	assert_int_equal(rig_stats(&b, false).packets, 0);
	rig_down(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(test_every_lie),
		UNIT_TEST(test_in_a_burst),
		UNIT_TEST(test_steered),
	};

	return UNIT_RUN("lying", tests);
}
