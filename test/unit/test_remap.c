/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The IOVA map changes under a running device (VDUSE_UPDATE_IOTLB): rings and
 * buffers are in the new memory at once, the old is not touched any more.
 */

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "rig.h"

/* Another guest memory with the same rings at the same IOVAs, and other contents. */
static void
copy_rings(const struct guest *from, const struct guest *to)
{
	memcpy(to->va[0], from->va[0], 8ull << 20);
}

/* Swap the rig's memory for the other one, as the kernel sees it. */
static void
swap_memory(struct rig *b, struct guest *other)
{
	struct guest was = b->guest;
	uint16_t i;

	copy_rings(&b->guest, other);
	b->guest = *other;
	b->guest.mem.arg = &b->guest;
	*other = was;
	for (i = 0; i < b->nb_vqs; i++)
		mock_vq_move(&b->vq[i], &b->guest.mem);
	fk_unmap_all(b->dev);
	guest_map(&b->guest, b->dev);
}

static void
remap_run(const struct rig_variant *variant)
{
	const struct rig_conf conf = { .variant = *variant };
	uint8_t *before;
	struct guest other;
	struct rig b;
	unsigned int i;

	before = malloc(GUEST_MAIN_SIZE);
	assert_non_null(before);
	guest_init(&other);
	rig_up(&b, &conf);
	for (i = 0; i < 10; i++) {
		rig_assert_traffic(&b);
		swap_memory(&b, &other);
		assert_int_equal(fk_update_iotlb(b.dev, 0, UINT64_MAX), 0);
		memcpy(before, other.va[0], GUEST_MAIN_SIZE);
		rig_assert_traffic(&b);
		assert_memory_equal(before, other.va[0], GUEST_MAIN_SIZE);
	}
	rig_down(&b);
	guest_fini(&other);
	free(before);
}

static void
test_remap(void **state)
{
	unsigned int v;

	(void)state;
	for (v = 0; v < RIG_VARIANTS; v += 3)
		remap_run(&rig_variants[v]);
}

/* Everything is unmapped: bursts find nothing, no memory is held; the next mapping wakes them. */
static void
test_unmap(void **state)
{
	struct rig_conf conf = { 0 };
	struct fk_ledger ledger;
	struct rte_mbuf *m;
	struct rig b;
	unsigned int v;

	(void)state;
	for (v = 0; v < RIG_VARIANTS; v += 3) {
		conf.variant = rig_variants[v];
		rig_up(&b, &conf);
		rig_send(&b, RIG_BUFFERS, 5, 100);
		fk_unmap_all(b.dev);
		assert_int_equal(fk_update_iotlb(b.dev, 0, UINT64_MAX), 0);
		fk_ledger(&ledger);
		assert_int_equal(ledger.maps, 0);
		assert_null(rig_dequeue(&b));
		assert_int_equal(rig_enqueue(&b, rig_mbuf(1, 100, 100)), 0);
		assert_false(rig_info(&b).dev.broken);
		assert_true(rig_info(&b).dev.started);
		guest_map(&b.guest, b.dev);
		assert_int_equal(fk_update_iotlb(b.dev, 0, UINT64_MAX), 0);
		m = rig_dequeue(&b);
		assert_non_null(m);
		rig_mbuf_check(m, 5, 100);
		rte_pktmbuf_free(m);
		assert_true(mock_vq_get(rig_tx(&b), &(struct mock_used){ 0 }));
		rig_assert_traffic(&b);
		rig_down(&b);
	}
}

/* That a queue waits is said when it begins to, not at each change of the map meanwhile. */
static void
test_unmap_said_once(void **state)
{
	const char *said = "its ring is not mapped any more";
	const struct rig_conf conf = { 0 };
	unsigned int i, k;
	struct rig b;

	(void)state;
	rig_up(&b, &conf);
	for (i = 1; i <= 2; i++) {
		fk_unmap_all(b.dev);
		for (k = 0; k < 3; k++)
			assert_int_equal(fk_update_iotlb(b.dev, 0, UINT64_MAX), 0);
		assert_int_equal(unit_log_count(said), i * b.nb_vqs);
		guest_map(&b.guest, b.dev);
		assert_int_equal(fk_update_iotlb(b.dev, 0, UINT64_MAX), 0);
		rig_assert_traffic(&b);
	}
	/* another driver, another wait */
	fk_unmap_all(b.dev);
	assert_int_equal(fk_update_iotlb(b.dev, 0, UINT64_MAX), 0);
	assert_int_equal(fk_reset(b.dev), 0);
	guest_map(&b.guest, b.dev);
	rig_drive(&b);
	unit_log_clear();
	fk_unmap_all(b.dev);
	assert_int_equal(fk_update_iotlb(b.dev, 0, UINT64_MAX), 0);
	assert_int_equal(unit_log_count(said), b.nb_vqs);
	rig_down(&b);
}

/* Only the buffers went: the ring runs on, and a buffer that is not mapped is a fault. */
static void
test_unmap_part(void **state)
{
	const struct rig_conf conf = { 0 };
	struct rig b;

	(void)state;
	rig_up(&b, &conf);
	rig_send(&b, GUEST_PATCH, 5, 100);
	rte_pktmbuf_free(rig_dequeue(&b));
	assert_true(mock_vq_get(rig_tx(&b), &(struct mock_used){ 0 }));
	fk_unmap(b.dev, GUEST_PATCH);
	assert_int_equal(fk_update_iotlb(b.dev, GUEST_PATCH, GUEST_PATCH), 0);
	rig_assert_traffic(&b);
	rig_send(&b, GUEST_PATCH, 5, 100);
	assert_null(rig_dequeue(&b));
	rig_wait(&b, rig_is_link_down, 0);
	unit_assert_logged_once("malformed ring: address outside of every IOVA region");
	rig_down(&b);
}

/* Mapped without a message, as virtio_vdpa does with its rings: found at the first miss. */
static void
test_mapped_later(void **state)
{
	struct rig_conf conf = { 0 };
	struct rte_mbuf *m;
	struct rig b;
	unsigned int v;

	(void)state;
	for (v = 0; v < RIG_VARIANTS; v += 3) {
		conf.variant = rig_variants[v];
		rig_create(&b, &conf);
		fk_unmap_all(b.dev);
		fk_map(b.dev, &b.guest.regions[0]);
		rig_drive(&b);
		rig_assert_traffic(&b);
		fk_unmap_all(b.dev);
		guest_map(&b.guest, b.dev);
		rig_send(&b, GUEST_PATCH + 0x1000, 5, 5000);
		assert_null(rig_dequeue(&b)); /* the miss */
		m = rig_dequeue(&b);
		assert_non_null(m);
		rig_mbuf_check(m, 5, 5000);
		rte_pktmbuf_free(m);
		assert_int_equal(rig_stats(&b, true).iotlb_misses, 1);
		assert_int_equal(rig_stats(&b, true).faults, 0);
		assert_true(mock_vq_get(rig_tx(&b), &(struct mock_used){ 0 }));
		rig_down(&b);
	}
}

/* The process's own failure to map is answered FAILED and can be repeated. */
static void
test_update_fails(void **state)
{
	const struct rig_conf conf = { 0 };
	struct fk_ledger ledger;
	struct rig b;

	(void)state;
	rig_up(&b, &conf);
	fk_fail(FK_MAP, 3, 1, -ENOMEM);
	assert_int_equal(fk_update_iotlb(b.dev, 0, UINT64_MAX), -EIO);
	assert_true(fk_fail_done());
	fk_ledger(&ledger);
	assert_int_equal(ledger.maps, 0);
	assert_null(rig_dequeue(&b));
	assert_false(rig_info(&b).dev.broken);
	assert_int_equal(fk_update_iotlb(b.dev, 0, UINT64_MAX), 0);
	rig_assert_traffic(&b);
	rig_down(&b);
}

/* An lcore is about to resolve a miss when the driver resets the device: the next has other memory.
 */
static void
test_miss_after_reset(void **state)
{
	const struct rig_conf conf = { 0 };
	struct fk_ledger ledger;
	struct guest other;
	struct rig b;

	(void)state;
	guest_init(&other);
	rig_up(&b, &conf);
	rig_assert_traffic(&b);
	assert_int_equal(fk_reset(b.dev), 0);
	assert_int_equal(vduse_iotlb_load(rig_lib_vq(&b, 1)->map.tlb), -ESHUTDOWN);
	fk_ledger(&ledger);
	assert_int_equal(ledger.maps, 0);
	swap_memory(&b, &other);
	rig_drive(&b);
	rig_assert_traffic(&b);
	rig_down(&b);
	guest_fini(&other);
}

/* An lcore that polls all the while. */
struct poller {
	struct rig *b;
	bool stop;
	uint64_t received;
	uint64_t wrong;
};

/* Frame number n has byte n in all places. */
static void *
poller_main(void *arg)
{
	struct poller *p = arg;
	struct rte_mbuf *m;
	const uint8_t *bytes;
	uint32_t i;

	while (!__atomic_load_n(&p->stop, __ATOMIC_RELAXED)) {
		m = rig_dequeue(p->b);
		if (m == NULL)
			continue;
		bytes = rte_pktmbuf_mtod(m, const uint8_t *);
		for (i = 0; i < m->pkt_len; i++)
			p->wrong += bytes[i] != (uint8_t)p->received;
		rte_pktmbuf_free(m);
		__atomic_fetch_add(&p->received, 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

static void
send_numbered(struct rig *b, uint8_t n)
{
	const struct mock_desc desc = { .iova = RIG_BUFFERS + 4096 * (n % 16),
		.len = RIG_HDR_LEN + 1000 };
	uint8_t frame[RIG_HDR_LEN + 1000] = { 0 };

	memset(frame + RIG_HDR_LEN, n, 1000);
	guest_write(&b->guest, desc.iova, frame, sizeof(frame));
	assert_int_equal(mock_vq_add(rig_tx(b), &desc, 1, NULL), 0);
}

/* Frames before and behind every swap arrive, each once, in order, from the memory of its time. */
static void
test_traffic(void **state)
{
	const struct rig_conf conf = { .variant.packed = true };
	struct poller p = { 0 };
	struct guest other;
	pthread_t thread;
	struct rig b;
	uint64_t sent = 0;
	unsigned int i, k;

	(void)state;
	guest_init(&other);
	rig_up(&b, &conf);
	p.b = &b;
	unit_thread(&thread, poller_main, &p);
	for (i = 0; i < 100; i++) {
		for (k = 0; k < 8; k++)
			send_numbered(&b, sent++);
		/* the driver unmaps what is idle only, but the lcore polls on */
		while (__atomic_load_n(&p.received, __ATOMIC_ACQUIRE) < sent)
			sched_yield();
		/* the last burst may be writing its used descriptors still */
		while (rig_tx(&b)->nb_free < RIG_QUEUE_SIZE)
			if (!mock_vq_get(rig_tx(&b), &(struct mock_used){ 0 }))
				sched_yield();
		swap_memory(&b, &other);
		assert_int_equal(fk_update_iotlb(b.dev, 0, UINT64_MAX), 0);
	}
	__atomic_store_n(&p.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	assert_int_equal(p.received, sent);
	assert_int_equal(p.wrong, 0);
	assert_int_equal(rig_stats(&b, true).faults, 0);
	rig_down(&b);
	guest_fini(&other);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(test_remap),
		UNIT_TEST(test_unmap),
		UNIT_TEST(test_unmap_said_once),
		UNIT_TEST(test_unmap_part),
		UNIT_TEST(test_mapped_later),
		UNIT_TEST(test_update_fails),
		UNIT_TEST(test_miss_after_reset),
		UNIT_TEST(test_traffic),
	};

	return UNIT_RUN("remap", tests);
}
