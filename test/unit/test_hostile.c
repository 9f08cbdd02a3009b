/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Hostile drivers and front ends: the published defects of other back ends,
 * each by its kind (doc/hostile.md). What a driver changes while it is read is
 * in test_hostile_race.c and test/fuzz/test_once.c.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "ctrlq.h"
#include "rig.h"

#define TX 1
#define RX 0

/* Bytes before and behind what a device may write. */
#define CANARY 0xc3

static void
assert_fault(struct rig *b, uint16_t q, const char *text)
{
	rig_wait(b, rig_is_link_down, 0);
	assert_true(rig_info(b).dev.broken);
	assert_non_null(rig_lib_vq(b, q)->fault);
	assert_string_equal(rig_lib_vq(b, q)->fault, text);
}

/* Nothing but what was announced as unmapped is gone: the rings, here. */
static void
unmap_rings(struct rig *b)
{
	fk_unmap(b->dev, GUEST_MAIN);
	assert_int_equal(fk_update_iotlb(b->dev, GUEST_MAIN, GUEST_MAIN + GUEST_MAIN_SIZE - 1), 0);
}

/*
 * CVE-2026-86567: ring pointers that stay in use after the memory below them
 * was unmapped. No byte of the ring is written, and no mapping of it is left.
 */
static void
test_cve_2026_86567_ring_unmapped(void **state)
{
	struct rig_conf conf = { 0 };
	struct fk_ledger before, after;
	struct rig b;
	uint8_t *copy = malloc(GUEST_MAIN_SIZE);
	unsigned int v;

	(void)state;
	assert_non_null(copy);
	for (v = 0; v < RIG_VARIANTS; v++) {
		conf.variant = rig_variants[v];
		rig_up(&b, &conf);
		rig_send(&b, GUEST_PATCH, 1, 100);
		rig_offer(&b, GUEST_PATCH + 4096, 2000);
		fk_ledger(&before);
		unmap_rings(&b);
		fk_ledger(&after);
		assert_int_equal(after.maps, before.maps - 1);
		memcpy(copy, b.guest.va[0], GUEST_MAIN_SIZE);
		assert_null(rig_dequeue(&b));
		assert_int_equal(rig_enqueue(&b, rig_mbuf(1, 100, 100)), 0);
		assert_memory_equal(copy, b.guest.va[0], GUEST_MAIN_SIZE);
		rig_down(&b);
	}
	free(copy);
}

/* The driver's ring sizes, with the index 0. */
static void
start_with_size(struct rig *b, uint32_t num)
{
	struct vduse_abi_vq info = { .num = num,
		.ready = true,
		.desc_addr = GUEST_MAIN,
		.driver_addr = GUEST_MAIN + 0x100000,
		.device_addr = GUEST_MAIN + 0x200000 };

	rig_negotiate(b);
	rig_rings(b, true);
	fk_set_vq(b->dev, &info);
}

/*
 * CVE-2026-86565: a queue size that the tables made for the queue are too
 * small for. Refused where it is above what the device has, and 0.
 */
static void
test_cve_2026_86565_queue_size(void **state)
{
	static const struct {
		uint32_t num;
		bool packed, good;
	} sizes[] = { { 0, false, false }, { 0, true, false }, { 3, false, false },
		{ 3, true, true }, { RIG_QUEUE_SIZE, false, true }, { RIG_QUEUE_SIZE, true, true },
		{ RIG_QUEUE_SIZE + 1, true, false }, { 2 * RIG_QUEUE_SIZE, false, false },
		{ 0x8000, false, false }, { 0xffff, true, false } };
	struct rig_conf conf = { 0 };
	struct rig b;
	size_t i;

	(void)state;
	for (i = 0; i < RTE_DIM(sizes); i++) {
		conf.variant.packed = sizes[i].packed;
		rig_create(&b, &conf);
		start_with_size(&b, sizes[i].num);
		assert_int_equal(fk_set_status(b.dev, RIG_DRIVER_OK), sizes[i].good ? 0 : -EIO);
		assert_int_equal(rig_info(&b).dev.broken, !sizes[i].good);
		assert_int_equal(rig_enqueue(&b, rig_mbuf(1, 100, 100)), 0);
		assert_int_equal(fk_reset(b.dev), 0);
		rig_drive(&b);
		rig_assert_traffic(&b);
		rig_down(&b);
	}
}

/* What the device wrote is inside of the buffer. */
static void
assert_canaries(struct rig *b, uint64_t iova, uint32_t len)
{
	const uint8_t *at = guest_at(&b->guest, iova);
	uint32_t i;

	for (i = 1; i <= 64; i++) {
		assert_int_equal(at[-(int)i], CANARY);
		assert_int_equal(at[len + i - 1], CANARY);
	}
}

/*
 * CVE-2026-86566: receive buffers shorter than the header. One stops the
 * device; a chain of short pieces that holds the header is one buffer.
 */
static void
runt_run(const struct rig_variant *variant, uint32_t len)
{
	const struct rig_conf conf = { .variant = *variant };
	struct rig b;

	rig_up(&b, &conf);
	memset(guest_at(&b.guest, RIG_BUFFERS - 64), CANARY, 256);
	rig_offer(&b, RIG_BUFFERS, len);
	/* not to be written beyond: the frame wants more than there is in all cases */
	assert_int_equal(rig_enqueue(&b, rig_mbuf(1, 100, 100)),
			!variant->mergeable && len >= RIG_HDR_LEN);
	assert_canaries(&b, RIG_BUFFERS, len);
	if (len < RIG_HDR_LEN)
		assert_fault(&b, RX, "buffer shorter than the virtio_net_hdr");
	else
		assert_false(rig_info(&b).dev.broken);
	rig_down(&b);
}

static void
test_cve_2026_86566_runt(void **state)
{
	struct mock_desc descs[112];
	struct mock_used used;
	struct rig_conf conf = { 0 };
	struct rig b;
	unsigned int v, i;
	uint32_t len;

	(void)state;
	for (v = 0; v < RIG_VARIANTS; v += 3) {
		for (len = 1; len < RIG_HDR_LEN + 2; len++)
			runt_run(&rig_variants[v], len);
		conf.variant = rig_variants[v];
		rig_up(&b, &conf);
		for (i = 0; i < RTE_DIM(descs); i++)
			descs[i] = (struct mock_desc){
				.iova = RIG_BUFFERS + 3 * i, .len = 1, .write = true
			};
		assert_int_equal(mock_vq_add(rig_rx(&b), descs, RTE_DIM(descs), NULL), 0);
		assert_int_equal(rig_enqueue(&b, rig_mbuf(1, 100, 100)), 1);
		assert_true(mock_vq_get(rig_rx(&b), &used));
		assert_int_equal(used.len, RIG_HDR_LEN + 100);
		rig_down(&b);
	}
}

/*
 * CVE-2026-86563 (an offset into the dirty log that is not checked; VDUSE has
 * no log): a place that is computed is as long as what is written there. A used
 * ring, or a packed ring's event area, whose last byte is behind its region.
 */
static void
test_cve_2026_86563_part_over_end(void **state)
{
	struct rig_conf conf = { 0 };
	const uint64_t end = GUEST_MAIN + GUEST_MAIN_SIZE;
	struct vduse_abi_vq info = { .num = RIG_QUEUE_SIZE, .ready = true };
	unsigned int packed, part;
	struct rig b;

	(void)state;
	for (packed = 0; packed < 2; packed++) {
		for (part = 0; part < 3; part++) {
			conf.variant.packed = packed;
			rig_create(&b, &conf);
			rig_negotiate(&b);
			rig_rings(&b, true);
			info.desc_addr = part == 0 ? end - 16 * RIG_QUEUE_SIZE + 16 : GUEST_MAIN;
			info.driver_addr = part == 1 ? end : GUEST_MAIN + 0x100000;
			info.device_addr = part == 2 ? end : GUEST_MAIN + 0x200000;
			if (!packed && part == 1)
				info.driver_addr -= 6 + 2 * RIG_QUEUE_SIZE - 2;
			if (!packed && part == 2)
				info.device_addr -= 6 + 8 * RIG_QUEUE_SIZE - 2;
			fk_set_vq(b.dev, &info);
			assert_int_equal(fk_set_status(b.dev, RIG_DRIVER_OK), 0);
			unit_assert_logged_once("queue 0: its ring at IOVA");
			assert_false(rig_is_served(&b, RX));
			assert_int_equal(rig_enqueue(&b, rig_mbuf(1, 100, 100)), 0);
			unit_log_clear();
			rig_down(&b);
		}
	}
}

/*
 * CVE-2018-1059: only the begin of a buffer is translated. A buffer whose end
 * is elsewhere, of another permission, or nowhere.
 */
static void
test_cve_2018_1059_end_of_buffer(void **state)
{
	static const struct {
		uint64_t iova;
		uint32_t len;
	} outside[] = { { GUEST_MAIN + GUEST_MAIN_SIZE - 50, 100 },
		{ GUEST_PATCH + GUEST_PATCHES * GUEST_PATCH_SIZE - 50, 100 },
		{ GUEST_WO - 50, 100 } };
	const struct rig_conf conf = { 0 };
	struct mock_desc desc;
	struct rte_mbuf *m;
	struct rig b;
	size_t i;

	(void)state;
	for (i = 0; i < RTE_DIM(outside); i++) {
		rig_up(&b, &conf);
		desc = (struct mock_desc){ .iova = outside[i].iova, .len = outside[i].len };
		assert_int_equal(mock_vq_add(rig_tx(&b), &desc, 1, NULL), 0);
		assert_null(rig_dequeue(&b));
		assert_null(rig_dequeue(&b));
		assert_fault(&b, TX,
				"address outside of every IOVA region, or against its "
				"permission");
		rig_down(&b);
	}
	/* its parts are far from each other in memory: each is taken from its place */
	rig_up(&b, &conf);
	rig_send(&b, GUEST_PATCH + GUEST_PATCH_SIZE - 700, 9, 3 * GUEST_PATCH_SIZE);
	m = rig_dequeue(&b);
	assert_non_null(m);
	rig_mbuf_check(m, 9, 3 * GUEST_PATCH_SIZE);
	rte_pktmbuf_free(m);
	rig_down(&b);
}

/* Requests of all kinds, again and again. */
static void
flood(struct rig *b)
{
	struct vduse_abi_vq_state s;
	unsigned int i;

	for (i = 0; i < 200; i++) {
		assert_int_equal(fk_update_iotlb(b->dev, 0, UINT64_MAX), 0);
		assert_int_equal(fk_get_vq_state(b->dev, i % 2, &s), 0);
		assert_int_equal(fk_set_status(b->dev, RIG_DRIVER_OK | 0x40), 0);
		assert_int_equal(fk_set_status(b->dev, RIG_DRIVER_OK), 0);
		if (i % 8 == 0) {
			assert_int_equal(fk_reset(b->dev), 0);
			rig_drive(b);
		}
	}
}

/*
 * CVE-2019-14818, CVE-2020-10726: a front end that sends the same request
 * until descriptors, mappings or memory have run out.
 */
static void
test_cve_2019_14818_leak(void **state)
{
	const struct rig_conf conf = { 0 };
	struct fk_ledger before, after;
	unsigned int fds, maps;
	struct rig b;

	(void)state;
	rig_up(&b, &conf);
	flood(&b);
	fk_ledger(&before);
	fds = unit_count_fds();
	maps = unit_count_maps();
	flood(&b);
	fk_ledger(&after);
	assert_int_equal(after.fds, before.fds);
	assert_int_equal(after.maps, before.maps);
	assert_int_equal(unit_count_fds(), fds);
	assert_int_equal(unit_count_maps(), maps);
	rig_assert_traffic(&b);
	rig_down(&b);
}

/*
 * CVE-2020-10722: a sum of offset and length that overflows. Regions up to the
 * last address, and a buffer there that is one byte too long.
 */
static void
test_cve_2020_10722_overflow(void **state)
{
	const uint64_t top = UINT64_MAX - 0xfff;
	const struct rig_conf conf = { 0 };
	struct fk_region r = { .iova = top, .size = 0x1000, .perm = VDUSE_ABI_RW };
	struct mock_desc desc = { .iova = top };
	struct rte_mbuf *m;
	struct rig b;

	(void)state;
	rig_up(&b, &conf);
	r.file = b.guest.files[0];
	fk_map(b.dev, &r);
	assert_int_equal(fk_update_iotlb(b.dev, top, UINT64_MAX), 0);
	desc.len = 0x1000;
	assert_int_equal(mock_vq_add(rig_tx(&b), &desc, 1, NULL), 0);
	m = rig_dequeue(&b);
	assert_non_null(m);
	assert_int_equal(m->pkt_len, 0x1000 - RIG_HDR_LEN);
	rte_pktmbuf_free(m);
	desc.len = 0x1001;
	assert_int_equal(mock_vq_add(rig_tx(&b), &desc, 1, NULL), 0);
	assert_null(rig_dequeue(&b));
	assert_fault(&b, TX, "descriptor beyond the end of the address space");
	rig_down(&b);
}

static uint32_t
ask(struct rig *b, const struct vduse_abi_request *req)
{
	struct vduse_abi_response resp;

	assert_int_equal(fk_msg_wait(fk_msg_send(b->dev, req, sizeof(*req)), &resp), 0);
	return resp.result;
}

/* CVE-2020-10723: a queue index that is cut to fewer bits before it is checked. */
static void
test_cve_2020_10723_index(void **state)
{
	static const uint32_t bad[] = { 2, 0x100, 0x10000, 0x10001, 0x80000000, UINT32_MAX };
	struct vduse_abi_request req = { 0 };
	const struct rig_conf conf = { 0 };
	struct rig b;
	size_t i;

	(void)state;
	unit_kernel(&(struct fk_conf){ .api_newest = VDUSE_ABI_VERSION_1,
			.vduse_features = 1ULL << VDUSE_ABI_F_QUEUE_READY });
	rig_up(&b, &conf);
	for (i = 0; i < RTE_DIM(bad); i++) {
		memset(&req, 0, sizeof(req));
		req.type = VDUSE_MSG_GET_VQ_STATE;
		req.vq_state.index = bad[i];
		assert_int_equal(ask(&b, &req), VDUSE_MSG_FAILED);
		memset(&req, 0, sizeof(req));
		req.type = VDUSE_MSG_SET_VQ_READY;
		req.vq_ready.num = bad[i];
		assert_int_equal(ask(&b, &req), VDUSE_MSG_FAILED);
		memset(&req, 0, sizeof(req));
		req.type = VDUSE_MSG_SET_VQ_GROUP_ASID;
		req.vq_group_asid.group = bad[i];
		assert_int_equal(ask(&b, &req), VDUSE_MSG_FAILED);
		req.vq_group_asid.group = 0;
		req.vq_group_asid.asid = bad[i];
		assert_int_equal(ask(&b, &req), VDUSE_MSG_FAILED);
		/* no queue was stopped by a request for another */
		rig_assert_traffic(&b);
	}
	rig_down(&b);
}

/*
 * CVE-2020-10724: lengths inside of a command (there: keys of a crypto session)
 * that are not those of its data. RSS keys and tables, MAC lists.
 */
static void
test_cve_2020_10724_lengths_in_command(void **state)
{
	/* types, table mask, unclassified, table of 1, max_tx, key length, key */
	static const uint8_t rss_key[] = { 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 255, 1, 2, 3 };
	static const uint8_t rss_table[] = { 1, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0, 1, 0, 0 };
	static const uint8_t macs[] = { 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 0, 0, 0, 0 };
	static const uint8_t macs_2[] = { 0, 0, 0, 0, 2, 0, 0, 0x80, 2, 0, 0, 0, 0, 1 };
	/* so many that the second list would be far behind the command */
	static const uint8_t macs_3[] = { 0, 0, 0, 0x10, 2, 0, 0, 0, 0, 1, 0, 0, 0, 0 };
	const uint64_t features = (1ULL << VIRTIO_NET_F_RSS) | (1ULL << VIRTIO_NET_F_CTRL_RX);
	struct rig b;
	unsigned int v;

	(void)state;
	for (v = 0; v < RIG_VARIANTS; v += 5) {
		ctrlq_up(&b, v, features);
		assert_int_equal(ctrlq_ask(&b, VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_RSS_CONFIG,
						 rss_key, sizeof(rss_key)),
				VIRTIO_NET_ERR);
		assert_int_equal(ctrlq_ask(&b, VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_RSS_CONFIG,
						 rss_table, sizeof(rss_table)),
				VIRTIO_NET_ERR);
		assert_int_equal(ctrlq_ask(&b, VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET,
						 macs, sizeof(macs)),
				VIRTIO_NET_ERR);
		assert_int_equal(ctrlq_ask(&b, VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET,
						 macs_2, sizeof(macs_2)),
				VIRTIO_NET_ERR);
		assert_int_equal(ctrlq_ask(&b, VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET,
						 macs_3, sizeof(macs_3)),
				VIRTIO_NET_ERR);
		assert_false(rig_info(&b).dev.broken);
		rig_assert_traffic(&b);
		rig_down(&b);
	}
}

/*
 * CVE-2020-10725: descriptors of a packed ring taken several at a time without
 * a look at each. One of four is bad, whichever: those before it are served.
 */
static void
batch_run(unsigned int bad, bool enqueue)
{
	const struct rig_conf conf = { .variant.packed = true };
	struct mock_desc desc = { .len = RIG_HDR_LEN + 100, .write = enqueue };
	const uint16_t q = enqueue ? RX : TX;
	struct rte_mbuf *pkts[4];
	struct mock_used used;
	struct rig b;
	unsigned int i, n;

	rig_up(&b, &conf);
	for (i = 0; i < RTE_DIM(pkts); i++) {
		desc.iova = RIG_BUFFERS + 4096 * i;
		rig_frame_write(&b, desc.iova, i, 100);
		if (i == bad)
			desc.iova = 0x1000;
		assert_int_equal(mock_vq_add(&b.vq[q], &desc, 1, NULL), 0);
		pkts[i] = enqueue ? rig_mbuf(i, 100, 100) : NULL;
	}
	n = enqueue ? rte_vduse_net_enqueue(b.net, 0, pkts, 4) : rig_dequeue_burst(&b, pkts, 4);
	assert_int_equal(n, bad);
	rte_pktmbuf_free_bulk(pkts, enqueue ? 4 : n);
	for (i = 0; i < bad; i++)
		assert_true(mock_vq_get(&b.vq[q], &used));
	assert_false(mock_vq_get(&b.vq[q], &used));
	/* not in another map either: the burst behind the miss says so */
	assert_int_equal(rig_dequeue(&b) == NULL, true);
	if (enqueue)
		assert_int_equal(rig_enqueue(&b, rig_mbuf(1, 100, 100)), 0);
	assert_fault(&b, q, "address outside of every IOVA region, or against its permission");
	rig_down(&b);
}

static void
test_cve_2020_10725_batch(void **state)
{
	unsigned int bad;

	(void)state;
	for (bad = 0; bad < 4; bad++) {
		batch_run(bad, false);
		batch_run(bad, true);
	}
}

/*
 * CVE-2022-2308: a configuration space that is shorter than what the driver
 * reads of it. Every field of the offered features is there, and nothing of
 * the process's memory behind what was set.
 */
static void
test_cve_2022_2308_config(void **state)
{
	const struct rig_conf conf = { 0 };
	struct virtio_net_config config, want = { .mac = { 2, 0, 0, 0, 0, 1 } };
	const uint8_t byte = 0;
	struct rig b;

	(void)state;
	rig_create(&b, &conf);
	fk_config(b.dev, 0, &config, sizeof(config));
	want.status = config.status;
	want.max_virtqueue_pairs = 1;
	want.mtu = 1500;
	want.speed = config.speed;
	want.duplex = config.duplex;
	want.rss_max_key_size = 40;
	want.rss_max_indirection_table_length = config.rss_max_indirection_table_length;
	want.supported_hash_types = config.supported_hash_types;
	assert_memory_equal(&config, &want, sizeof(want));
	/* behind its end nothing can be written */
	assert_int_equal(rte_vduse_dev_set_config(b.net->dev, sizeof(config), &byte, 1), -EINVAL);
	rig_down(&b);
}

/*
 * A fault and the reset that follows it, before the control thread has heard
 * of the fault: it is the past driver's, and the device is whole for the next.
 */
static void
test_reset_before_fault_is_seen(void **state)
{
	const struct vduse_abi_request get = { .type = VDUSE_MSG_GET_VQ_STATE };
	const struct vduse_abi_request reset = { .type = VDUSE_MSG_SET_STATUS };
	const struct mock_desc bad = { .iova = RIG_BUFFERS, .len = 1 };
	const struct rig_conf conf = { 0 };
	struct vduse_abi_response resp;
	struct fk_msg *msgs[2];
	struct vduse_abi_vq_state s;
	struct rig b;

	(void)state;
	rig_up(&b, &conf);
	/* the control thread waits in the event of queue 0, which its driver has disabled */
	pthread_mutex_lock(&b.lock);
	fk_set_ready(b.dev, RX, false);
	msgs[0] = fk_msg_send(b.dev, &get, sizeof(get));
	msgs[1] = fk_msg_send(b.dev, &reset, sizeof(reset));
	assert_int_equal(mock_vq_add(rig_tx(&b), &bad, 1, NULL), 0);
	assert_null(rig_dequeue(&b));
	assert_int_equal(rig_stats(&b, true).faults, 1);
	pthread_mutex_unlock(&b.lock);
	assert_int_equal(fk_msg_wait(msgs[0], &resp), 0);
	assert_int_equal(fk_msg_wait(msgs[1], &resp), 0);
	assert_int_equal(resp.result, VDUSE_MSG_OK);
	/* answered after the event of the fault */
	assert_int_equal(fk_get_vq_state(b.dev, RX, &s), 0);
	assert_false(rig_info(&b).dev.broken);
	rig_drive(&b);
	rig_assert_traffic(&b);
	rig_down(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(test_cve_2026_86567_ring_unmapped),
		UNIT_TEST(test_cve_2026_86565_queue_size),
		UNIT_TEST(test_cve_2026_86566_runt),
		UNIT_TEST(test_cve_2026_86563_part_over_end),
		UNIT_TEST(test_cve_2018_1059_end_of_buffer),
		UNIT_TEST(test_cve_2019_14818_leak),
		UNIT_TEST(test_cve_2020_10722_overflow),
		UNIT_TEST(test_cve_2020_10723_index),
		UNIT_TEST(test_cve_2020_10724_lengths_in_command),
		UNIT_TEST(test_cve_2020_10725_batch),
		UNIT_TEST(test_cve_2022_2308_config),
		UNIT_TEST(test_reset_before_fault_is_seen),
	};

	return UNIT_RUN("hostile", tests);
}
