/* SPDX-License-Identifier: BSD-3-Clause */

/* A device between its creation and its end: what the driver and the kernel do to it. */

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <string.h>
#include <time.h>

#include <linux/virtio_config.h>

#include "rig.h"

#define BIT(name) (1ULL << (name))

static void
test_features(void **state)
{
	const struct rig_conf conf = { .variant = { .indirect = true, .mergeable = true } };
	const uint64_t good = rig_features(&conf);
	const struct {
		uint64_t features;
		const char *text;
	} bad[] = {
		{ good | BIT(VIRTIO_F_SR_IOV), "that were not offered" },
		{ good | BIT(49), "that were not offered" },
		{ good & ~BIT(VIRTIO_F_VERSION_1), "takes no VIRTIO_F_VERSION_1" },
		{ good & ~BIT(VIRTIO_F_ACCESS_PLATFORM), "VIRTIO_F_ACCESS_PLATFORM" },
		{ 0, "takes no VIRTIO_F_VERSION_1" },
		{ good | BIT(VIRTIO_NET_F_MQ), "that were not offered" },
	};
	struct rig b;
	size_t i;

	(void)state;
	rig_create(&b, &conf);
	for (i = 0; i < RTE_DIM(bad); i++) {
		assert_int_equal(fk_set_status(b.dev, RIG_ACK), 0);
		assert_int_equal(fk_set_status(b.dev, RIG_DRIVER), 0);
		fk_set_features(b.dev, bad[i].features);
		unit_log_clear();
		if (fk_set_status(b.dev, RIG_FEATURES_OK) != -EIO)
			fail_msg("features 0x%" PRIx64 " are taken", bad[i].features);
		unit_assert_logged_once(bad[i].text);
		assert_int_equal(fk_status(b.dev), RIG_DRIVER);
		assert_int_equal(rig_info(&b).dev.driver_features, 0);
		assert_int_equal(fk_reset(b.dev), 0);
	}
	rig_negotiate(&b);
	assert_true(rig_info(&b).dev.driver_features == good);
	assert_int_equal(rig_info(&b).dev.status, RIG_FEATURES_OK);
	rig_rings(&b, true);
	assert_int_equal(fk_set_status(b.dev, RIG_DRIVER_OK), 0);
	rig_assert_traffic(&b);
	rig_down(&b);
}

/* DRIVER_OK says nothing without FEATURES_OK: no queue runs on features that were never checked. */
static void
test_driver_ok_alone(void **state)
{
	const struct rig_conf conf = { .variant.packed = true };
	struct rig b;

	(void)state;
	rig_create(&b, &conf);
	assert_int_equal(fk_set_status(b.dev, RIG_DRIVER), 0);
	fk_set_features(b.dev, rig_features(&conf));
	rig_rings(&b, true);
	assert_int_equal(fk_set_status(b.dev, RIG_DRIVER | VIRTIO_CONFIG_S_DRIVER_OK), -EIO);
	assert_false(rig_info(&b).dev.started);
	assert_false(rig_is_served(&b, 0));
	rig_down(&b);
}

/*
 * A driver that changes its features while the device runs: bursts chosen for
 * one ring format must never meet a ring of the other.
 */
static void
test_features_after_start(void **state)
{
	const struct rig_conf conf = { 0 };
	struct rig b;

	(void)state;
	rig_up(&b, &conf);
	fk_set_features(b.dev, rig_features(&conf) | BIT(VIRTIO_F_RING_PACKED));
	fk_set_status(b.dev, RIG_DRIVER_OK & ~VIRTIO_CONFIG_S_FEATURES_OK);
	assert_int_equal(fk_set_status(b.dev, RIG_DRIVER_OK), -EIO);
	assert_true(rig_info(&b).dev.driver_features == rig_features(&conf));
	rig_down(&b);
}

/* What rig_rings() laid out becomes ready, the kernel not telling: timer or kick show it. */
static void
ready_later(const struct rig_conf *conf, bool kick)
{
	struct rig b;
	uint16_t i;

	rig_create(&b, conf);
	rig_negotiate(&b);
	rig_rings(&b, false);
	assert_int_equal(fk_set_status(b.dev, RIG_DRIVER_OK), 0);
	assert_true(rig_info(&b).dev.started);
	for (i = 0; i < b.nb_vqs; i++) {
		assert_false(rig_is_served(&b, i));
		assert_true(fk_vq_has_kickfd(b.dev, i));
	}
	assert_null(rig_dequeue(&b));
	for (i = 0; i < b.nb_vqs; i++) {
		assert_int_equal(fk_set_ready(b.dev, i, true), 0);
		if (kick)
			fk_kick(b.dev, i);
	}
	for (i = 0; i < b.nb_vqs; i++)
		rig_wait(&b, rig_is_served, i);
	rig_assert_traffic(&b);
	rig_down(&b);
}

static void
test_ready_later(void **state)
{
	struct rig_conf conf = { 0 };
	unsigned int v;

	(void)state;
	for (v = 0; v < RIG_VARIANTS; v += 5) {
		conf.variant = rig_variants[v];
		ready_later(&conf, false);
		ready_later(&conf, true);
	}
}

/* From Linux 7.3 on the kernel says so: served when the request is answered. */
static void
test_ready_message(void **state)
{
	const struct rig_conf conf = { 0 };
	struct rig b;
	unsigned int n;

	(void)state;
	unit_kernel(&(struct fk_conf){ .api_newest = 1,
			.vduse_features =
					BIT(VDUSE_ABI_F_QUEUE_READY) | BIT(VDUSE_ABI_F_SUSPEND) });
	rig_create(&b, &conf);
	rig_negotiate(&b);
	rig_rings(&b, false);
	assert_int_equal(fk_set_ready(b.dev, 0, true), 0);
	assert_false(rig_is_served(&b, 0));
	assert_int_equal(fk_set_status(b.dev, RIG_DRIVER_OK), 0);
	assert_true(rig_is_served(&b, 0));
	assert_false(rig_is_served(&b, 1));
	for (n = 0; n < 3; n++) {
		assert_int_equal(fk_set_ready(b.dev, 1, true), 0);
		assert_true(rig_is_served(&b, 1));
		rig_assert_traffic(&b);
		assert_int_equal(fk_set_ready(b.dev, 1, false), 0);
		assert_false(rig_is_served(&b, 1));
		assert_null(rig_dequeue(&b));
		rig_rings(&b, true);
		assert_int_equal(fk_set_ready(b.dev, 0, false), 0);
		assert_int_equal(fk_set_ready(b.dev, 0, true), 0);
	}
	rig_down(&b);
}

/* Ready, and its ring not mapped yet: it waits, whichever way the device learnt of it. */
static void
test_ready_unmapped(void **state)
{
	const struct rig_conf conf = { 0 };
	unsigned int message, i;
	struct rig b;

	(void)state;
	for (message = 0; message < 2; message++) {
		unit_kernel(&(struct fk_conf){
				.vduse_features = message ? BIT(VDUSE_ABI_F_QUEUE_READY) : 0 });
		rig_create(&b, &conf);
		fk_unmap_all(b.dev);
		rig_negotiate(&b);
		rig_rings(&b, !message);
		assert_int_equal(fk_set_status(b.dev, RIG_DRIVER_OK), 0);
		for (i = 0; i < 2 && message; i++)
			assert_int_equal(fk_set_ready(b.dev, i, true), 0);
		assert_false(rig_is_served(&b, 1));
		guest_map(&b.guest, b.dev);
		assert_int_equal(fk_update_iotlb(b.dev, 0, UINT64_MAX), 0);
		assert_true(rig_is_served(&b, 1));
		assert_int_equal(b.queue_events, 2);
		rig_assert_traffic(&b);
		rig_down(&b);
	}
}

/* Only one pair of several is enabled: it works. */
static void
test_fewer_queues(void **state)
{
	const struct rig_conf conf = { .pairs = 4 };
	struct rig b;
	unsigned int i;

	(void)state;
	unit_kernel(&(struct fk_conf){ .allow_ctrl_vq = true });
	rig_create(&b, &conf);
	rig_negotiate(&b);
	rig_rings(&b, false);
	assert_int_equal(fk_set_ready(b.dev, 0, true), 0);
	assert_int_equal(fk_set_ready(b.dev, 1, true), 0);
	assert_int_equal(fk_set_status(b.dev, RIG_DRIVER_OK), 0);
	assert_true(rig_info(&b).link_up);
	assert_true(rig_is_served(&b, 0) && rig_is_served(&b, 1));
	for (i = 2; i < b.nb_vqs; i++)
		assert_false(rig_is_served(&b, i));
	rig_assert_traffic(&b);
	rig_down(&b);
}

/* A ring that the specification forbids stops the device; a reset makes it whole. */
static void
test_bad_ring(void **state)
{
	struct vduse_abi_vq bad[] = {
		{ .index = 0, .num = 0, .ready = 1 },
		{ .index = 0, .num = 100, .ready = 1 },
		{ .index = 1, .num = RIG_QUEUE_SIZE * 2, .ready = 1 },
		{ .index = 1, .num = 65536 + 256, .ready = 1 },
		{ .index = 0, .num = 256, .desc_addr = GUEST_MAIN + 8, .ready = 1 },
		{ .index = 0, .num = 256, .driver_addr = GUEST_MAIN + 1, .ready = 1 },
		{ .index = 0, .num = 256, .device_addr = GUEST_MAIN + 2, .ready = 1 },
	};
	const struct rig_conf conf = { 0 };
	struct rig b;
	size_t i;

	(void)state;
	rig_create(&b, &conf);
	for (i = 0; i < RTE_DIM(bad); i++) {
		rig_negotiate(&b);
		rig_rings(&b, true);
		fk_set_vq(b.dev, &bad[i]);
		unit_log_clear();
		assert_int_equal(fk_set_status(b.dev, RIG_DRIVER_OK), -EIO);
		unit_assert_logged_once("cannot be served");
		assert_true(rig_info(&b).dev.broken);
		assert_false(rig_info(&b).link_up);
		assert_null(rig_dequeue(&b));
		assert_int_equal(fk_reset(b.dev), 0);
		assert_false(rig_info(&b).dev.broken);
	}
	rig_drive(&b);
	rig_assert_traffic(&b);
	rig_down(&b);
}

/* Where the device is, and that it goes on from there after a reset. */
static void
state_run(const struct rig_conf *first, unsigned int frames)
{
	struct rig_conf conf = *first;
	struct vduse_abi_vq_state s;
	struct mock_used used;
	struct rig b;
	unsigned int i;

	rig_up(&b, &conf);
	for (i = 0; i < frames; i++) {
		rig_send(&b, RIG_BUFFERS, 1, 60);
		rte_pktmbuf_free(rig_dequeue(&b));
		assert_true(mock_vq_get(rig_tx(&b), &used));
	}
	assert_int_equal(fk_get_vq_state(b.dev, 1, &s), 0);
	/* ready all the while: it runs on */
	rig_assert_traffic(&b);
	assert_int_equal(fk_set_ready(b.dev, 1, false), 0);
	assert_int_equal(fk_get_vq_state(b.dev, 1, &s), 0);
	assert_int_equal(s.index, 1);
	if (conf.variant.packed) {
		assert_int_equal(s.packed.last_avail_idx, rig_tx(&b)->avail_idx);
		assert_int_equal(s.packed.last_avail_counter, rig_tx(&b)->avail_wrap);
		assert_int_equal(s.packed.last_used_idx, rig_tx(&b)->used_idx);
		assert_int_equal(s.packed.last_used_counter, rig_tx(&b)->used_wrap);
		b.conf.start = s.packed.last_avail_idx;
		b.conf.start_wrap = s.packed.last_avail_counter;
	} else {
		assert_int_equal(s.split.avail_index, rig_tx(&b)->avail_idx);
		b.conf.start = s.split.avail_index;
	}
	assert_null(rig_dequeue(&b));
	assert_int_equal(fk_reset(b.dev), 0);
	rig_drive(&b);
	rig_assert_traffic(&b);
	rig_down(&b);
}

static void
test_vq_state(void **state)
{
	struct rig_conf conf = { 0 };
	unsigned int packed;

	(void)state;
	for (packed = 0; packed < 2; packed++) {
		conf.variant.packed = packed;
		state_run(&conf, 10);
		state_run(&conf, RIG_QUEUE_SIZE + 20);
		conf.start = packed ? RIG_QUEUE_SIZE - 5 : 65530;
		state_run(&conf, 10);
		conf.start = 0;
	}
}

static void
test_reset_100(void **state)
{
	struct rig_conf conf = { 0 };
	unsigned int i, fds, maps;
	struct fk_ledger before, now;
	struct rig b;

	(void)state;
	conf.variant = rig_variants[7];
	rig_up(&b, &conf);
	fds = unit_count_fds();
	maps = unit_count_maps();
	fk_ledger(&before);
	for (i = 0; i < 100; i++) {
		rig_assert_traffic(&b);
		assert_int_equal(fk_reset(b.dev), 0);
		assert_false(rig_info(&b).link_up);
		assert_null(rig_dequeue(&b));
		b.conf.variant = rig_variants[i % RIG_VARIANTS];
		rig_drive(&b);
	}
	fk_ledger(&now);
	assert_int_equal(now.fds, before.fds);
	assert_int_equal(now.maps, before.maps);
	assert_int_equal(unit_count_fds(), fds);
	assert_int_equal(unit_count_maps(), maps);
	assert_int_equal(b.link_events, 201);
	rig_down(&b);
}

/* Destroyed in whatever state, with nothing left behind (which the teardown looks at). */
static void
test_destroy_anywhere(void **state)
{
	const struct rig_conf conf = { 0 };
	struct rig b;

	(void)state;
	rig_create(&b, &conf);
	rig_destroy(&b);

	rig_create(&b, &conf);
	rig_negotiate(&b);
	rig_destroy(&b);

	rig_create(&b, &conf);
	rig_negotiate(&b);
	rig_rings(&b, false);
	assert_int_equal(fk_set_status(b.dev, RIG_DRIVER_OK), 0);
	rig_destroy(&b);

	rig_up(&b, &conf);
	rig_assert_traffic(&b);
	rig_destroy(&b);
	assert_false(b.link_up);

	rig_up(&b, &conf);
	b.vq[1].avail->idx = 1000;
	assert_null(rig_dequeue(&b));
	rig_wait(&b, rig_is_link_down, 0);
	rig_destroy(&b);
}

/* A request that the kernel gave up, or that is cut short, harms nothing else. */
static void
test_request_lost(void **state)
{
	const struct vduse_abi_request req = { .type = VDUSE_MSG_SET_STATUS, .s.status = 15 };
	const struct rig_conf conf = { 0 };
	struct vduse_abi_vq_state s;
	struct fk_msg *msg;
	struct rig b;

	(void)state;
	rig_up(&b, &conf);
	fk_fail(FK_WRITE, 0, 1, -ENOENT);
	msg = fk_msg_send(b.dev, &req, sizeof(req));
	assert_true(fk_fail_wait());
	fk_msg_cancel(msg);
	msg = fk_msg_send(b.dev, &req, 8);
	assert_int_equal(fk_get_vq_state(b.dev, 0, &s), 0);
	fk_msg_cancel(msg);
	assert_false(rig_info(&b).dev.broken);
	rig_assert_traffic(&b);
	rig_down(&b);
}

/* Thousands of requests at once: each is answered, and traffic goes on. */
static void
test_thousands(void **state)
{
	const struct vduse_abi_request reqs[] = {
		{ .type = VDUSE_MSG_UPDATE_IOTLB, .iova = { .start = 0, .last = UINT64_MAX } },
		{ .type = VDUSE_MSG_GET_VQ_STATE, .vq_state.index = 1 },
	};
	static struct fk_msg *msgs[5000];
	const struct rig_conf conf = { 0 };
	struct vduse_abi_response resp;
	struct rig b;
	size_t i;

	(void)state;
	rig_up(&b, &conf);
	for (i = 0; i < RTE_DIM(msgs); i++)
		msgs[i] = fk_msg_send(b.dev, &reqs[i % 2], sizeof(reqs[0]));
	for (i = 0; i < RTE_DIM(msgs); i++) {
		assert_int_equal(fk_msg_wait(msgs[i], &resp), 0);
		assert_int_equal(resp.result, VDUSE_MSG_OK);
	}
	rig_assert_traffic(&b);
	rig_down(&b);
}

/* A start that fails half way is undone: the driver does not see DRIVER_OK. */
static void
test_start_fails(void **state)
{
	static const unsigned long calls[] = { VDUSE_IOC_REGION, FK_MAP, FK_PAGE_SIZE,
		VDUSE_IOC_VQ_KICKFD, VDUSE_IOC_VQ_INFO };
	const struct rig_conf conf = { 0 };
	struct fk_ledger ledger;
	struct rig b;
	unsigned int skip;
	size_t i;

	(void)state;
	for (i = 0; i < RTE_DIM(calls); i++) {
		for (skip = 0; skip < 2; skip++) {
			rig_create(&b, &conf);
			rig_negotiate(&b);
			rig_rings(&b, true);
			fk_fail(calls[i], skip, 1, -ENOMEM);
			assert_int_equal(fk_set_status(b.dev, RIG_DRIVER_OK), -EIO);
			assert_true(fk_fail_done());
			assert_false(rig_info(&b).dev.started);
			assert_false(rig_info(&b).link_up);
			assert_null(rig_dequeue(&b));
			assert_int_equal(fk_reset(b.dev), 0);
			fk_ledger(&ledger);
			assert_int_equal(ledger.maps, 0);
			rig_drive(&b);
			rig_assert_traffic(&b);
			rig_down(&b);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(test_features),
		UNIT_TEST(test_driver_ok_alone),
		UNIT_TEST(test_features_after_start),
		UNIT_TEST(test_ready_later),
		UNIT_TEST(test_ready_message),
		UNIT_TEST(test_ready_unmapped),
		UNIT_TEST(test_fewer_queues),
		UNIT_TEST(test_bad_ring),
		UNIT_TEST(test_vq_state),
		UNIT_TEST(test_reset_100),
		UNIT_TEST(test_destroy_anywhere),
		UNIT_TEST(test_request_lost),
		UNIT_TEST(test_thousands),
		UNIT_TEST(test_start_fails),
	};

	return UNIT_RUN("run", tests);
}
