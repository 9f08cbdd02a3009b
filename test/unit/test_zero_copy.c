/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Frames that stay in the driver's memory: which, for how long, and what the
 * driver and the kernel may do meanwhile. test_zc_order.c has the order.
 */

#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <linux/virtio_config.h>
#include <linux/virtio_net.h>

#include "mem/deferred.h"
#include "net/zc.h"
#include "rig.h"

#define ZC_MIN   512
#define BUFFER   4096
#define LONG     1500
#define HELD     8
#define OWED_MAX (RIG_QUEUE_SIZE / 4 * 3)

/* Ring formats, without and with the chains that come along. */
static const unsigned int variants[] = { 0, 2, 4, 6, 8, 10, 12, 14 };

static uint64_t
place(unsigned int i)
{
	return RIG_BUFFERS + (uint64_t)i * BUFFER;
}

static void
with_variants(void (*one)(struct rig *b))
{
	struct rig_conf conf = { .zero_copy_min = ZC_MIN };

	/* in any order, and in that of the ring */
	rig_each(&conf, variants, RTE_DIM(variants), one);
	conf.features = RTE_BIT64(VIRTIO_F_IN_ORDER);
	rig_each(&conf, variants, RTE_DIM(variants), one);
}

#define ZC_TEST(name)                         \
	static void test_##name(void **state) \
	{                                     \
		(void)state;                  \
		with_variants(name);          \
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

/* Dequeue what is there, one frame; the buffers that this returns are counted. */
static void
poll_once(struct rig *b)
{
	assert_null(rig_dequeue(b));
}

/* Send and take n long frames, seeds from 1; none is copied. */
static void
take_long(struct rig *b, struct rte_mbuf **pkts, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		rig_send(b, place(i), i + 1, LONG);
	assert_int_equal(rig_dequeue_burst(b, pkts, n), n);
	for (i = 0; i < n; i++) {
		assert_true(rig_is_attached(pkts[i]));
		rig_mbuf_check(pkts[i], i + 1, LONG);
		/* the driver's memory, which no device was told of */
		assert_int_equal(pkts[i]->next->buf_iova, RTE_BAD_IOVA);
	}
}

static void
scribble(struct rig *b, unsigned int n)
{
	uint8_t junk[LONG];
	unsigned int i;

	memset(junk, 0xee, sizeof(junk));
	for (i = 0; i < n; i++)
		guest_write(&b->guest, place(i) + RIG_HDR_LEN, junk, sizeof(junk));
}

/* The length decides; a head is copied, so that what was looked at cannot change. */
static void
long_ones_stay(struct rig *b)
{
	struct rte_mbuf *m;

	rig_send(b, place(0), 1, ZC_MIN - 1);
	m = rig_dequeue(b);
	rig_mbuf_check(m, 1, ZC_MIN - 1);
	assert_false(rig_is_attached(m));
	rte_pktmbuf_free(m);
	assert_int_equal(used_count(rig_tx(b)), 1);

	rig_send(b, place(0), 2, ZC_MIN);
	m = rig_dequeue(b);
	assert_true(rig_is_attached(m));
	rig_mbuf_check(m, 2, ZC_MIN);
	assert_int_equal(m->data_len, NET_ZC_HEAD);
	scribble(b, 1);
	assert_int_equal(rte_pktmbuf_mtod(m, uint8_t *)[NET_ZC_HEAD - 1],
			unit_byte(2, NET_ZC_HEAD - 1));
	assert_int_equal(rte_pktmbuf_mtod(m->next, uint8_t *)[0], 0xee);
	assert_int_equal(used_count(rig_tx(b)), 0);
	rte_pktmbuf_free(m);
	poll_once(b);
	assert_int_equal(used_count(rig_tx(b)), 1);
	assert_int_equal(rig_stats(b, true).zero_copy, 1);
	assert_int_equal(rig_stats(b, true).packets, 2);
}
ZC_TEST(long_ones_stay)

/* Memory that who reads does not reach is copied. */
static void
out_of_reach(struct rig *b)
{
	enum rte_vduse_net_reader reader;
	struct rte_mbuf *out, *m;

	if (b->conf.features != 0)
		return;
	take_long(b, &out, 1);
	for (reader = RTE_VDUSE_NET_READER_DEVICE; reader <= RTE_VDUSE_NET_READER_NONE; reader++) {
		rte_vduse_net_set_reader(b->net, reader);
		rig_send(b, place(1), 7, LONG);
		m = rig_dequeue(b);
		rig_mbuf_check(m, 7, LONG);
		assert_false(rig_is_attached(m));
		rte_pktmbuf_free(m);
		assert_int_equal(used_count(rig_tx(b)), 1);
	}
	rig_mbuf_check(out, 1, LONG);
	/* read, and not freed */
	rte_vduse_net_frames_read(b->net, 0);
	poll_once(b);
	assert_int_equal(used_count(rig_tx(b)), 1);
	assert_int_equal(rte_vduse_net_owed(b->net, 0), 0);
	rte_pktmbuf_free(out);
	poll_once(b);
	assert_int_equal(used_count(rig_tx(b)), 0);
}
ZC_TEST(out_of_reach)

/* A buffer goes back when its frame was freed, whatever the others do. */
static void
out_of_order(struct rig *b)
{
	static const unsigned int order[HELD] = { 5, 0, 7, 3, 1, 2, 6, 4 };
	struct rte_mbuf *pkts[HELD];
	struct mock_used used;
	unsigned int i;

	if (b->conf.features != 0)
		return;
	for (i = 0; i < HELD; i++) {
		const struct mock_desc desc = { .iova = place(i), .len = RIG_HDR_LEN + LONG };

		rig_frame_write(b, place(i), i + 1, LONG);
		assert_int_equal(mock_vq_add(rig_tx(b), &desc, 1, (void *)(uintptr_t)(i + 100)), 0);
	}
	assert_int_equal(rig_dequeue_burst(b, pkts, HELD), HELD);
	for (i = 0; i < HELD; i++) {
		rte_pktmbuf_free(pkts[order[i]]);
		poll_once(b);
		assert_true(mock_vq_get(rig_tx(b), &used));
		assert_int_equal((uintptr_t)used.cookie, order[i] + 100);
		assert_false(mock_vq_get(rig_tx(b), &used));
	}
}
ZC_TEST(out_of_order)

/* Frames that nobody frees do not stop the ring: what is left of it is copied. */
static void
ring_goes_on(struct rig *b)
{
	struct rte_mbuf *held[RIG_QUEUE_SIZE], *m;
	unsigned int i, n = 0;

	if (b->conf.features != 0)
		return;
	for (i = 0; i < 2 * RIG_QUEUE_SIZE; i++) {
		rig_send(b, place(i % RIG_QUEUE_SIZE), i, LONG);
		m = rig_dequeue(b);
		assert_non_null(m);
		rig_mbuf_check(m, i, LONG);
		if (rig_is_attached(m))
			held[n++] = m;
		else
			rte_pktmbuf_free(m);
		used_count(rig_tx(b));
	}
	assert_int_equal(n, OWED_MAX);
	rte_pktmbuf_free_bulk(held, n);
	poll_once(b);
	assert_int_equal(used_count(rig_tx(b)), OWED_MAX);
	assert_int_equal(rig_tx(b)->nb_free, RIG_QUEUE_SIZE);
}
ZC_TEST(ring_goes_on)

/* Many pieces, also across a border of regions; and more than can be attached. */
static void
pieces(struct rig *b)
{
	struct mock_desc descs[NET_ZC_PIECES + 21];
	const uint64_t at = GUEST_PATCH + 100;
	const uint32_t each = 97, nb[] = { 1, 2, 17, NET_ZC_PIECES + 20 };
	struct rte_mbuf *m;
	unsigned int i, k;
	uint32_t len;

	for (k = 0; k < RTE_DIM(nb); k++) {
		len = nb[k] * each + 2000;
		rig_frame_write(b, at, k, len);
		descs[0] = (struct mock_desc){ .iova = at, .len = RIG_HDR_LEN + 2000 };
		for (i = 1; i <= nb[k]; i++)
			descs[i] = (struct mock_desc){
				.iova = at + RIG_HDR_LEN + 2000 + (i - 1) * each,
				.len = each,
			};
		if (b->conf.variant.indirect)
			assert_int_equal(mock_vq_add_indirect(rig_tx(b), descs, nb[k] + 1, place(0),
							 NULL),
					0);
		else
			assert_int_equal(mock_vq_add(rig_tx(b), descs, nb[k] + 1, NULL), 0);
		m = rig_dequeue(b);
		assert_non_null(m);
		rig_mbuf_check(m, k, len);
		assert_int_equal(rig_is_attached(m), nb[k] < NET_ZC_PIECES);
		rte_pktmbuf_free(m);
		poll_once(b);
		assert_int_equal(used_count(rig_tx(b)), 1);
	}
	assert_int_equal(rig_tx(b)->nb_free, RIG_QUEUE_SIZE);
}
ZC_TEST(pieces)

/* A clone keeps the buffer, too. */
static void
clones(struct rig *b)
{
	struct rte_mbuf *m, *clone;

	take_long(b, &m, 1);
	clone = rte_pktmbuf_clone(m, unit_pool);
	assert_non_null(clone);
	rte_pktmbuf_free(m);
	poll_once(b);
	assert_int_equal(used_count(rig_tx(b)), 0);
	rig_mbuf_check(clone, 1, LONG);
	rte_pktmbuf_free(clone);
	poll_once(b);
	assert_int_equal(used_count(rig_tx(b)), 1);
}
ZC_TEST(clones)

/* The kernel takes the memory away: frames keep their bytes, mappings go with the last one. */
static void
unmapped(struct rig *b)
{
	struct rte_mbuf *pkts[HELD];
	struct fk_ledger ledger;
	unsigned int i, maps;

	fk_ledger(&ledger);
	maps = ledger.maps;
	take_long(b, pkts, HELD);
	fk_unmap_all(b->dev);
	assert_int_equal(fk_update_iotlb(b->dev, 0, UINT64_MAX), 0);
	fk_ledger(&ledger);
	assert_int_equal(ledger.maps, 1); /* of the region that they are in */
	scribble(b, HELD);
	for (i = 0; i < HELD; i++)
		rig_mbuf_check(pkts[i], i + 1, LONG);
	guest_map(&b->guest, b->dev);
	assert_int_equal(fk_update_iotlb(b->dev, 0, UINT64_MAX), 0);
	rte_pktmbuf_free_bulk(pkts, HELD);
	poll_once(b);
	assert_int_equal(used_count(rig_tx(b)), HELD);
	assert_int_equal(vduse_deferred_reap(), 0);
	fk_ledger(&ledger);
	assert_int_equal(ledger.maps, maps);
	rig_assert_traffic(b);
}
ZC_TEST(unmapped)

/*
 * The front end cuts its memory short and goes: what was taken of it is copied while it is lost.
 * The process lives, and the loss is not the next driver's.
 */
static void
cut_short(struct rig *b)
{
	struct rte_mbuf *pkts[HELD];
	const struct rte_mbuf *tail;
	unsigned int i;

	take_long(b, pkts, HELD);
	assert_int_equal(ftruncate(b->guest.files[0], 0), 0);
	assert_int_equal(fk_reset(b->dev), 0);
	for (i = 0; i < HELD; i++) {
		tail = rte_pktmbuf_lastseg(pkts[i]);
		assert_int_equal(*rte_pktmbuf_mtod_offset(tail, uint8_t *, tail->data_len - 1), 0);
	}
	assert_int_equal(ftruncate(b->guest.files[0], GUEST_MAIN_SIZE), 0);
	rig_drive(b);
	rig_wait(b, rig_is_served, 1);
	rte_pktmbuf_free_bulk(pkts, HELD);
	rig_assert_traffic(b);
	assert_int_equal(rig_info(b).dev.broken, false);
}
ZC_TEST(cut_short)

/* No memory for a copy: the mapping waits as it is, and is guarded still; also when the device is
 * gone. */
static void
test_waits_as_it_is(void **state)
{
	const struct rig_conf conf = { .zero_copy_min = ZC_MIN };
	struct rte_mbuf *pkts[HELD], *tail;
	struct rlimit limit, none;
	struct rig b;
	unsigned int i;

	(void)state;
	if (VDUSE_TSAN)
		skip(); /* it needs memory for itself, and ends where there is none */
	rig_up(&b, &conf);
	take_long(&b, pkts, HELD);
	assert_int_equal(getrlimit(RLIMIT_AS, &limit), 0);
	none = (struct rlimit){ .rlim_max = limit.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_AS, &none), 0);
	assert_int_equal(fk_reset(b.dev), 0);
	assert_int_equal(setrlimit(RLIMIT_AS, &limit), 0);
	unit_assert_logged_once("no copy of");
	assert_int_equal(rte_vduse_net_destroy(b.net), 0);
	assert_int_equal(ftruncate(b.guest.files[0], 0), 0);
	for (i = 0; i < HELD; i++) {
		tail = rte_pktmbuf_lastseg(pkts[i]);
		assert_int_equal(*rte_pktmbuf_mtod_offset(tail, uint8_t *, tail->data_len - 1), 0);
	}
	assert_int_equal(ftruncate(b.guest.files[0], GUEST_MAIN_SIZE), 0);
	rte_pktmbuf_free_bulk(pkts, HELD);
	assert_int_equal(vduse_deferred_reap(), 0);
	rig_give_back(&b);
}

/* A reset: the frames keep their bytes, and nothing of them shows in the ring that comes. */
static void
was_reset(struct rig *b)
{
	struct rte_mbuf *pkts[HELD];
	unsigned int i;

	take_long(b, pkts, HELD);
	assert_int_equal(fk_reset(b->dev), 0);
	scribble(b, HELD);
	for (i = 0; i < HELD; i++)
		rig_mbuf_check(pkts[i], i + 1, LONG);
	rig_drive(b);
	rig_wait(b, rig_is_served, 1);
	rte_pktmbuf_free_bulk(pkts, HELD / 2);
	poll_once(b);
	assert_int_equal(used_count(rig_tx(b)), 0);
	rig_assert_traffic(b);
	rte_pktmbuf_free_bulk(&pkts[HELD / 2], HELD / 2);
	poll_once(b);
	assert_int_equal(used_count(rig_tx(b)), 0);
	rig_assert_traffic(b);
}
ZC_TEST(was_reset)

/* The position that is told has nothing outstanding before it. */
static void
state_is_asked(struct rig *b)
{
	struct rte_mbuf *pkts[HELD];
	struct vduse_abi_vq_state state;
	unsigned int i;

	take_long(b, pkts, HELD);
	assert_int_equal(fk_get_vq_state(b->dev, 1, &state), 0);
	assert_int_equal(used_count(rig_tx(b)), HELD);
	if (!b->conf.variant.packed)
		assert_int_equal(state.split.avail_index, HELD);
	else
		assert_int_equal(state.packed.last_used_idx, HELD);
	scribble(b, HELD);
	for (i = 0; i < HELD; i++)
		rig_mbuf_check(pkts[i], i + 1, LONG);
	rte_pktmbuf_free_bulk(pkts, HELD);
	poll_once(b);
	assert_int_equal(used_count(rig_tx(b)), 0);
	rig_assert_traffic(b);
}
ZC_TEST(state_is_asked)

/* mbufs run out in the middle: nothing is lost, nothing comes twice. */
static void
pool_ends(struct rig *b)
{
	struct rte_mbuf *taken[UNIT_MBUFS], *pkts[HELD];
	unsigned int i, left = 7;
	uint16_t n, more;

	for (i = 0; i < HELD; i++)
		rig_send(b, place(i), i + 1, LONG);
	assert_int_equal(rte_pktmbuf_alloc_bulk(unit_pool, taken, UNIT_MBUFS - left), 0);
	n = rig_dequeue_burst(b, pkts, HELD);
	assert_in_range(n, 1, HELD - 1);
	rte_pktmbuf_free_bulk(taken, UNIT_MBUFS - left);
	more = rig_dequeue_burst(b, &pkts[n], HELD - n);
	assert_int_equal(n + more, HELD);
	for (i = 0; i < HELD; i++)
		rig_mbuf_check(pkts[i], i + 1, LONG);
	rte_pktmbuf_free_bulk(pkts, HELD);
	poll_once(b);
	assert_int_equal(used_count(rig_tx(b)), HELD);
}
ZC_TEST(pool_ends)

/* A checksum that may be completed here is never written to the driver's memory. */
static void
checksum_far_behind(struct rig *b)
{
	struct virtio_net_hdr hdr = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.csum_start = NET_ZC_HEAD - 10,
		.csum_offset = 9 };
	struct rte_mbuf *m;

	rig_send(b, place(0), 1, LONG);
	guest_write(&b->guest, place(0), &hdr, sizeof(hdr));
	m = rig_dequeue(b);
	/* not negotiated here: dropped; a copy was made of it first, so nothing is owed */
	assert_null(m);
	assert_int_equal(used_count(rig_tx(b)), 1);
	assert_int_equal(rig_stats(b, true).drop_header, 1);
	assert_int_equal(rig_stats(b, true).zero_copy, 0);

	hdr.csum_offset = 8;
	rig_send(b, place(0), 1, LONG);
	guest_write(&b->guest, place(0), &hdr, sizeof(hdr));
	assert_null(rig_dequeue(b));
	poll_once(b);
	assert_int_equal(used_count(rig_tx(b)), 1);
	assert_int_equal(rig_stats(b, true).drop_header, 2);
}
ZC_TEST(checksum_far_behind)

/* The device goes first. The frames, and what they are in, go when they are freed. */
static void
test_device_is_gone(void **state)
{
	const struct rig_conf conf = { .zero_copy_min = ZC_MIN };
	struct rte_mbuf *pkts[HELD];
	struct fk_ledger ledger;
	struct rig b;
	unsigned int i;

	(void)state;
	rig_up(&b, &conf);
	take_long(&b, pkts, HELD);
	assert_int_equal(fk_reset(b.dev), 0);
	assert_int_equal(rte_vduse_net_destroy(b.net), 0);
	fk_ledger(&ledger);
	assert_int_equal(ledger.maps, 1);
	assert_int_equal(ledger.devices, 0);
	scribble(&b, HELD);
	for (i = 0; i < HELD; i++)
		rig_mbuf_check(pkts[i], i + 1, LONG);
	rte_pktmbuf_free_bulk(pkts, HELD - 1);
	assert_int_equal(vduse_deferred_reap(), 2);
	rig_mbuf_check(pkts[HELD - 1], HELD, LONG);
	rte_pktmbuf_free(pkts[HELD - 1]);
	assert_int_equal(vduse_deferred_reap(), 0);
	rig_give_back(&b);
}

/* Frees by another thread while this one takes, at random, with remaps between. */
struct freer {
	struct rte_ring *ring;
	bool stop;
};

static void *
freer_main(void *arg)
{
	struct freer *freer = arg;
	void *m;

	while (!__atomic_load_n(&freer->stop, __ATOMIC_ACQUIRE) || rte_ring_count(freer->ring) > 0)
		if (rte_ring_dequeue(freer->ring, &m) == 0)
			rte_pktmbuf_free(m);
		else
			rte_pause();
	return NULL;
}

static void
freed_elsewhere(struct rig *b)
{
	struct freer freer = { .ring = rte_ring_create("freer", 1024, SOCKET_ID_ANY, 0) };
	struct unit_rng rng = { .state = 5 };
	struct rte_mbuf *pkts[32];
	unsigned int i, round, next = 0;
	pthread_t thread;
	uint16_t n;

	assert_non_null(freer.ring);
	unit_thread(&thread, freer_main, &freer);
	for (round = 0; round < 300; round++) {
		for (i = unit_random(&rng, 1, 32); i > 0 && rig_tx(b)->nb_free > 0; i--, next++)
			rig_send(b, place(next % RIG_QUEUE_SIZE), 7,
					unit_random(&rng, 0, 3) ? LONG : 100);
		n = rig_dequeue_burst(b, pkts, 32);
		for (i = 0; i < n; i++) {
			rig_mbuf_check(pkts[i], 7, pkts[i]->pkt_len);
			while (rte_ring_enqueue(freer.ring, pkts[i]) < 0)
				rte_pause();
		}
		if (round % 50 == 49)
			assert_int_equal(fk_update_iotlb(b->dev, 0, UINT64_MAX), 0);
		used_count(rig_tx(b));
	}
	__atomic_store_n(&freer.stop, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	while ((n = rig_dequeue_burst(b, pkts, 32)) > 0)
		rte_pktmbuf_free_bulk(pkts, n);
	/* the clock of the tests is fast: the control thread may be about to give back the rest */
	rig_settle();
	poll_once(b);
	used_count(rig_tx(b));
	assert_int_equal(rig_tx(b)->nb_free, RIG_QUEUE_SIZE);
	assert_true(rig_stats(b, true).zero_copy > 0);
	rte_ring_free(freer.ring);
}
ZC_TEST(freed_elsewhere)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(test_long_ones_stay),
		UNIT_TEST(test_out_of_reach),
		UNIT_TEST(test_out_of_order),
		UNIT_TEST(test_ring_goes_on),
		UNIT_TEST(test_pieces),
		UNIT_TEST(test_clones),
		UNIT_TEST(test_unmapped),
		UNIT_TEST(test_cut_short),
		UNIT_TEST(test_waits_as_it_is),
		UNIT_TEST(test_was_reset),
		UNIT_TEST(test_state_is_asked),
		UNIT_TEST(test_pool_ends),
		UNIT_TEST(test_checksum_far_behind),
		UNIT_TEST(test_device_is_gone),
		UNIT_TEST(test_freed_elsewhere),
	};

	return UNIT_RUN("zero_copy", tests);
}
