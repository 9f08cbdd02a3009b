/* SPDX-License-Identifier: BSD-3-Clause */

/* A device whose process ended without a word, and the one that goes on by its state file. */

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "net/config.h"
#include "net/ctrl/saved.h"
#include "mem/deferred.h"
#include "life/serve.h"

static char dir[64];

static void
up(struct bench *b, struct bench_conf *conf)
{
	strcpy(dir, "/dev/shm/resume.XXXXXX");
	assert_non_null(mkdtemp(dir));
	conf->state_dir = dir;
	bench_up(b, conf);
}

/* As by a kill: the descriptor is closed, and nothing is said to anybody. */
static void
die(struct bench *b)
{
	struct rte_vduse_dev *dev = b->net->dev;

	vduse_serve_end(dev);
	dev->handover.left = true;
	assert_int_equal(rte_vduse_net_destroy(b->net), 0);
	b->net = NULL;
	unit_log_clear();
}

static struct rte_vduse_net_conf
other_conf(void)
{
	return (struct rte_vduse_net_conf){ .name = "unit",
		.queue_pairs = 1,
		.queue_size = 512,
		.mac = { { 2, 0, 0, 0, 0, 99 } },
		.mtu = 1400,
		.state_dir = dir };
}

static void
resume(struct bench *b)
{
	const struct rte_vduse_net_conf conf = other_conf();

	assert_int_equal(rte_vduse_net_create(&conf, &b->net), 0);
	unit_assert_logged_once("goes on where another process ended");
}

static void
wait_for(struct bench *b, bool (*is)(struct bench *b))
{
	const time_t until = time(NULL) + UNIT_LIMIT_S;

	while (!is(b) && time(NULL) < until)
		sched_yield();
	assert_true(is(b));
}

static bool
is_started(struct bench *b)
{
	return bench_info(b).dev.started;
}

/* Recovery is another thread's: the device starts first, then its queues. */
static bool
is_served(struct bench *b)
{
	return is_started(b) && bench_is_served(b, 0) && bench_is_served(b, 1);
}

static void
down(struct bench *b)
{
	bench_down(b);
	assert_int_equal(rmdir(dir), 0);
}

/* Frames from one process to the next, whatever the new one's options say. */
static void
go_on(const struct bench_variant *variant)
{
	struct bench_conf conf = { .variant = *variant };
	const uint8_t mac[] = { 2, 0, 0, 0, 0, 1 };
	struct rte_vduse_net_info info;
	struct bench b;

	up(&b, &conf);
	bench_assert_traffic(&b);
	die(&b);
	resume(&b);
	unit_assert_logged_once("not what was asked for");
	wait_for(&b, is_served);
	info = bench_info(&b);
	assert_memory_equal(&info.mac, mac, sizeof(mac));
	assert_int_equal(info.mtu, 1500);
	assert_true(info.dev.resumed);
	assert_int_equal(info.dev.driver_features, bench_features(&conf));
	assert_int_equal(bench_lib_vq(&b, 0)->ctl.max_size, BENCH_QUEUE_SIZE);
	bench_assert_traffic(&b);
	down(&b);
}

static void
test_go_on(void **state)
{
	unsigned int v;

	(void)state;
	for (v = 0; v < BENCH_VARIANTS; v++)
		go_on(&bench_variants[v]);
}

/* The record of a queue says that it was elsewhere when it took its last buffer. */
static void
damage_take(uint16_t index)
{
	struct vduse_state_vq *record;
	struct vduse_store *store;

	assert_int_equal(vduse_store_open(&store, dir, "unit", -1), 0);
	record = vduse_store_record(store, index);
	record->take ^= 3;
	vduse_store_close(store, false);
}

/* Buffers that the driver gets back, until there are `expected`: recovery is another thread's. */
static unsigned int
collect(struct bench *b, unsigned int expected)
{
	const time_t until = time(NULL) + UNIT_LIMIT_S;
	struct mock_used used;
	unsigned int n = 0;

	do {
		while (mock_vq_get(bench_tx(b), &used))
			n++;
		sched_yield();
	} while (n < expected && time(NULL) < until);
	return n;
}

/* Frames handed on without a copy: their buffers go back, the frames do not come again. */
static void
zero_copy_frames(const struct bench_variant *variant)
{
	struct bench_conf conf = { .variant = *variant, .zero_copy_min = 512 };
	struct rte_mbuf *pkts[8], *more[8];
	struct bench b;
	unsigned int i;

	up(&b, &conf);
	for (i = 0; i < RTE_DIM(pkts); i++)
		bench_send(&b, BENCH_BUFFERS + i * 4096, i, i % 2 ? 1500 : 100);
	assert_int_equal(bench_dequeue_burst(&b, pkts, 8), 8);
	rte_pktmbuf_free(pkts[1]);
	assert_null(bench_dequeue(&b));
	assert_int_equal(collect(&b, 5), 5); /* 4 copied, 1 freed */
	bench_send(&b, BENCH_BUFFERS + 8 * 4096, 8, 1500);
	bench_send(&b, BENCH_BUFFERS + 9 * 4096, 9, 100);
	die(&b);
	resume(&b);
	wait_for(&b, is_served);
	assert_int_equal(collect(&b, 3), 3);
	assert_int_equal(bench_dequeue_burst(&b, more, 8), 2);
	bench_mbuf_check(more[0], 8, 1500);
	bench_mbuf_check(more[1], 9, 100);
	rte_pktmbuf_free_bulk(more, 2);
	assert_int_equal(collect(&b, 2), 2);
	assert_int_equal(bench_tx(&b)->nb_free, BENCH_QUEUE_SIZE);
	bench_assert_traffic(&b);
	for (i = 0; i < RTE_DIM(pkts); i++)
		if (i != 1)
			rte_pktmbuf_free(pkts[i]);
	down(&b);
	assert_int_equal(vduse_grave_reap(), 0);
}

static void
test_zero_copy_frames(void **state)
{
	unsigned int v;

	(void)state;
	for (v = 0; v < BENCH_VARIANTS; v++)
		zero_copy_frames(&bench_variants[v]);
}

/* What the control queue has set, and an API 1 device with two address spaces. */
static void
test_control_state(void **state)
{
	const struct fk_conf kernel = { .api_newest = 1, .allow_ctrl_vq = true };
	struct bench_conf conf = { .pairs = 4,
		.features = 1ULL << VIRTIO_NET_F_MQ | 1ULL << VIRTIO_NET_F_CTRL_VQ |
			    1ULL << VIRTIO_NET_F_CTRL_RX };
	struct bench b;

	(void)state;
	unit_kernel(&kernel);
	up(&b, &conf);
	b.net->active_pairs = 3;
	b.net->filter.promisc = false;
	b.net->filter.allmulti = true;
	net_set_rss(b.net, &(struct net_rss){ .types = 5 });
	net_state_save(b.net);
	die(&b);
	resume(&b);
	wait_for(&b, is_served);
	assert_int_equal(bench_info(&b).dev.api_version, 1);
	assert_int_equal(bench_info(&b).queue_pairs, 4);
	assert_int_equal(bench_info(&b).active_pairs, 3);
	assert_int_equal(b.net->dev->nb_spaces, 2);
	assert_true(b.net->steers && b.net->filter.active && b.net->filter.allmulti);
	assert_false(b.net->filter.promisc);
	assert_int_equal(b.net->rss->types, 5);
	/* and a new driver begins afresh */
	assert_int_equal(fk_reset(b.dev), 0);
	bench_negotiate(&b);
	bench_rings(&b, true);
	assert_int_equal(fk_set_status(b.dev, BENCH_DRIVER_OK), 0);
	assert_int_equal(bench_info(&b).active_pairs, 1);
	assert_true(b.net->filter.promisc);
	down(&b);
}

/* All memory is unmapped when the process comes, and mapped later: it waits, and takes nothing for
 * granted. */
static void
unmapped(const struct bench_variant *variant)
{
	struct bench_conf conf = { .variant = *variant };
	struct vduse_abi_vq_state position;
	struct rte_mbuf *m;
	struct bench b;

	up(&b, &conf);
	bench_assert_traffic(&b);
	bench_send(&b, BENCH_BUFFERS, 7, 100);
	die(&b);
	fk_unmap_all(b.dev);
	resume(&b);
	wait_for(&b, is_started);
	assert_null(bench_dequeue(&b));
	assert_int_equal(bench_enqueue(&b, bench_mbuf(1, 100, 100)), 0);
	/* where it is cannot be told, nor is it forgotten; answered behind what is logged */
	assert_int_equal(fk_get_vq_state(b.dev, 1, &position), -EIO);
	assert_int_equal(unit_log_count("is not mapped; it waits for the next mapping"), 2);
	unit_log_clear();
	assert_int_equal(fk_update_iotlb(b.dev, 0, UINT64_MAX), 0);
	assert_null(bench_dequeue(&b));
	assert_false(bench_info(&b).dev.broken);
	assert_int_equal(unit_log_count("\n"), 0);
	guest_map(&b.guest, b.dev);
	assert_int_equal(fk_update_iotlb(b.dev, 0, UINT64_MAX), 0);
	m = bench_dequeue(&b);
	assert_non_null(m);
	bench_mbuf_check(m, 7, 100);
	rte_pktmbuf_free(m);
	assert_true(mock_vq_get(bench_tx(&b), &(struct mock_used){ 0 }));
	assert_null(bench_dequeue(&b)); /* once */
	bench_assert_traffic(&b);
	assert_int_equal(fk_get_vq_state(b.dev, 1, &position), 0);
	down(&b);
}

static void
test_unmapped(void **state)
{
	unsigned int v;

	(void)state;
	for (v = 0; v < BENCH_VARIANTS; v += 3)
		unmapped(&bench_variants[v]);
}

/* It is killed again while it waits: the one that follows knows where the first was. */
static void
test_unmapped_twice(void **state)
{
	struct bench_conf conf = { .variant.packed = true };
	struct bench b;

	(void)state;
	up(&b, &conf);
	bench_assert_traffic(&b);
	die(&b);
	fk_unmap_all(b.dev);
	resume(&b);
	wait_for(&b, is_started);
	die(&b);
	guest_map(&b.guest, b.dev);
	resume(&b);
	wait_for(&b, is_started);
	assert_int_equal(fk_update_iotlb(b.dev, 0, UINT64_MAX), 0);
	bench_assert_traffic(&b);
	down(&b);
}

/* The driver disables a queue while it waits: what the record says of it is not overwritten. */
static void
test_unmapped_disabled(void **state)
{
	const struct fk_conf kernel = { .vduse_features = 1ULL << VDUSE_ABI_F_QUEUE_READY };
	struct bench_conf conf = { 0 };
	struct vduse_abi_vq_state position;
	struct bench b;

	(void)state;
	unit_kernel(&kernel);
	up(&b, &conf);
	bench_assert_traffic(&b);
	die(&b);
	fk_unmap_all(b.dev);
	resume(&b);
	wait_for(&b, is_started);
	assert_int_equal(fk_set_ready(b.dev, 1, false), 0);
	assert_int_equal(fk_get_vq_state(b.dev, 1, &position), -EIO);
	guest_map(&b.guest, b.dev);
	assert_int_equal(fk_update_iotlb(b.dev, 0, UINT64_MAX), 0);
	assert_true(bench_is_served(&b, 0));
	assert_false(bench_is_served(&b, 1));
	assert_int_equal(fk_get_vq_state(b.dev, 1, &position), 0);
	assert_int_equal(position.split.avail_index, 1);
	down(&b);
}

/* What is mapped at last is not the ring that was left: the device stops, and can begin again. */
static void
test_unmapped_damaged(void **state)
{
	struct bench_conf conf = { .variant.packed = true, .zero_copy_min = 512 };
	struct rte_mbuf *m;
	struct bench b;

	(void)state;
	up(&b, &conf);
	bench_send(&b, BENCH_BUFFERS, 1, 1500);
	m = bench_dequeue(&b);
	assert_non_null(m);
	die(&b);
	rte_pktmbuf_free(m);
	fk_unmap_all(b.dev);
	b.net = NULL;
	damage_take(1);
	resume(&b);
	wait_for(&b, is_started);
	assert_false(bench_info(&b).dev.broken);
	guest_map(&b.guest, b.dev);
	assert_int_equal(fk_update_iotlb(b.dev, 0, UINT64_MAX), 0);
	assert_true(bench_info(&b).dev.broken);
	unit_assert_logged_once("the ring is not as the process before left it");
	assert_int_equal(fk_reset(b.dev), 0);
	bench_negotiate(&b);
	bench_rings(&b, true);
	assert_int_equal(fk_set_status(b.dev, BENCH_DRIVER_OK), 0);
	bench_assert_traffic(&b);
	down(&b);
	assert_int_equal(vduse_grave_reap(), 0);
}

/* The driver asks while nobody is there: it is answered, and by the queue's true state. */
static void
test_asked_meanwhile(void **state)
{
	const struct vduse_abi_request req = { .type = VDUSE_MSG_GET_VQ_STATE,
		.vq_state.index = 1 };
	struct bench_conf conf = { 0 };
	struct vduse_abi_response resp;
	struct fk_msg *msg;
	struct bench b;

	(void)state;
	up(&b, &conf);
	bench_assert_traffic(&b);
	die(&b);
	msg = fk_msg_send(b.dev, &req, sizeof(req));
	resume(&b);
	assert_int_equal(fk_msg_wait(msg, &resp), 0);
	assert_int_equal(resp.result, VDUSE_MSG_OK);
	assert_int_equal(resp.vq_state.split.avail_index, 1);
	down(&b);
}

/* It resets the device: no queue runs, and it can begin again. */
static void
test_reset_meanwhile(void **state)
{
	const struct vduse_abi_request req = { .type = VDUSE_MSG_SET_STATUS };
	struct bench_conf conf = { .variant.packed = true };
	struct vduse_abi_response resp;
	struct fk_msg *msg;
	struct bench b;

	(void)state;
	up(&b, &conf);
	bench_assert_traffic(&b);
	die(&b);
	msg = fk_msg_send(b.dev, &req, sizeof(req));
	resume(&b);
	assert_int_equal(fk_msg_wait(msg, &resp), 0);
	assert_int_equal(resp.result, VDUSE_MSG_OK);
	assert_int_equal(bench_info(&b).dev.status, 0);
	assert_false(bench_info(&b).dev.started);
	bench_negotiate(&b);
	bench_rings(&b, true);
	assert_int_equal(fk_set_status(b.dev, BENCH_DRIVER_OK), 0);
	bench_assert_traffic(&b);
	down(&b);
}

/* Another device has the name by now: it is in the way, as it is without a file. */
static void
test_other_life(void **state)
{
	struct rte_vduse_net_conf plain = other_conf();
	struct bench_conf conf = { 0 };
	struct rte_vduse_net *other, *net;
	struct bench b;

	(void)state;
	up(&b, &conf);
	die(&b);
	fk_attach(b.dev, false);
	assert_int_equal(rte_vduse_dev_remove("unit"), 0);
	plain.state_dir = NULL;
	assert_int_equal(rte_vduse_net_create(&plain, &other), 0);
	plain.state_dir = dir;
	assert_int_equal(rte_vduse_net_create(&plain, &net), -EEXIST);
	unit_assert_logged_once("of a device that is gone");
	assert_int_equal(rte_vduse_net_destroy(other), 0);
	assert_int_equal(rte_vduse_net_create(&plain, &net), 0);
	assert_int_equal(rte_vduse_net_destroy(net), 0);
	bench_give_back(&b);
	assert_int_equal(rmdir(dir), 0);
}

/* The file as an upgrade finds it, or with a byte changed. */
static void
spoil(bool version)
{
	struct vduse_store *store;

	assert_int_equal(vduse_store_open(&store, dir, "unit", -1), 0);
	if (version)
		store->head->version++;
	else
		store->head->desc.queue_size ^= 1;
	vduse_store_close(store, false);
	unit_log_clear();
}

static bool
is_file(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return access(path, F_OK) == 0;
}

static void
other_version_run(bool version)
{
	char aside[32] = "unit.state.bad";
	const struct rte_vduse_net_conf again = other_conf();
	struct bench_conf conf = { 0 };
	struct rte_vduse_net *net;
	char path[128];
	struct bench b;

	if (version)
		snprintf(aside, sizeof(aside), "unit.state.v%d", VDUSE_STORE_VERSION + 1);
	up(&b, &conf);
	die(&b);
	spoil(version);
	/* somebody uses it: nothing is changed, whatever comes */
	fk_attach(b.dev, true);
	assert_int_equal(rte_vduse_net_create(&again, &net), -EBUSY);
	unit_assert_logged_once("start the version that wrote it");
	assert_true(is_file("unit.state") && !is_file(aside));
	/* nobody does, and the start fails later on */
	fk_attach(b.dev, false);
	fk_fail(VDUSE_IOC_VQ_SETUP, 0, 1, -ENOMEM);
	assert_int_equal(rte_vduse_net_create(&again, &net), -ENOMEM);
	assert_true(fk_fail_done());
	assert_true(is_file("unit.state") && !is_file(aside));
	/* a clean start; the file waits for who knows it */
	unit_log_clear();
	bench_give_back(&b);
	conf.state_dir = dir;
	bench_up(&b, &conf);
	unit_assert_logged_once(aside);
	assert_true(is_file("unit.state") && is_file(aside));
	bench_assert_traffic(&b);
	bench_down(&b);
	assert_false(is_file("unit.state"));
	snprintf(path, sizeof(path), "%s/%s", dir, aside);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(dir), 0);
}

static void
test_other_version(void **state)
{
	(void)state;
	other_version_run(true);
	other_version_run(false);
}

/* A whole file, for which the device is another one. */
static void
described(uint16_t nb_queues, uint16_t first_control_queue)
{
	const struct rte_vduse_net_conf conf = other_conf();
	struct bench_conf plain = { 0 };
	struct vduse_store_desc desc;
	struct vduse_store_id id;
	struct vduse_store *store;
	struct rte_vduse_net *net;
	struct bench b;

	up(&b, &plain);
	die(&b);
	assert_int_equal(vduse_store_open(&store, dir, "unit", -1), 0);
	desc = store->head->desc;
	id = store->head->id;
	desc.nb_queues = nb_queues;
	desc.first_control_queue = first_control_queue;
	assert_int_equal(vduse_store_format(store, "unit", &desc), 0);
	vduse_store_served(store, &id);
	vduse_store_close(store, false);
	assert_int_equal(rte_vduse_net_create(&conf, &net), -EEXIST);
	unit_assert_logged_once("describes another device");
	fk_attach(b.dev, false);
	assert_int_equal(rte_vduse_dev_remove("unit"), 0);
	assert_int_equal(rte_vduse_net_create(&conf, &net), 0);
	assert_int_equal(rte_vduse_net_destroy(net), 0);
	bench_give_back(&b);
	assert_int_equal(rmdir(dir), 0);
}

static void
test_described_otherwise(void **state)
{
	(void)state;
	described(1, 1); /* no pair */
	described(2, 0); /* lcores and the control thread at one queue */
	described(2, 1);
	described(4, 4); /* more than the kernel has */
	described(UINT16_MAX / 64, UINT16_MAX / 64 - 1);
}

/* What the owner kept is not what a driver can have set: the queues are as it negotiated. */
static void
owner_state(size_t offset, uint8_t value)
{
	struct bench_conf conf = { 0 };
	struct vduse_store *store;
	uint8_t steer;
	struct bench b;

	up(&b, &conf);
	die(&b);
	assert_int_equal(vduse_store_open(&store, dir, "unit", -1), 0);
	store->head->owner.data[store->head->owner.current & 1][offset] = value;
	vduse_store_close(store, false);
	resume(&b);
	wait_for(&b, is_served);
	assert_true(b.net->queues[0].features == bench_features(&conf));
	memcpy(&steer, &b.net->rss->steer, sizeof(steer));
	assert_int_equal(steer, 0);
	memcpy(&steer, &b.net->filter.active, sizeof(steer));
	assert_int_equal(steer, 0);
	bench_assert_traffic(&b);
	down(&b);
}

static void
test_owner_state(void **state)
{
	size_t i;

	(void)state;
	owner_state(0, 0xff);         /* features that were not negotiated, or one less */
	owner_state(4, 0);            /* without VIRTIO_F_VERSION_1 */
	for (i = 12; i < 512; i += 4) /* truth values among them */
		owner_state(i, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(test_go_on),
		UNIT_TEST(test_zero_copy_frames),
		UNIT_TEST(test_control_state),
		UNIT_TEST(test_unmapped),
		UNIT_TEST(test_unmapped_twice),
		UNIT_TEST(test_unmapped_disabled),
		UNIT_TEST(test_unmapped_damaged),
		UNIT_TEST(test_asked_meanwhile),
		UNIT_TEST(test_reset_meanwhile),
		UNIT_TEST(test_other_life),
		UNIT_TEST(test_other_version),
		UNIT_TEST(test_described_otherwise),
		UNIT_TEST(test_owner_state),
	};

	return UNIT_RUN("resume", tests);
}
