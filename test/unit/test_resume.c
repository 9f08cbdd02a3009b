/* SPDX-License-Identifier: BSD-3-Clause */

/* A device whose process ended without a word, and the one that goes on by its state file. */

#include <errno.h>
#include <sched.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "mem/deferred.h"
#include "net/config.h"
#include "net/ctrl/saved.h"
#include "os/ctl.h"
#include "resume.h"

/* Frames from one process to the next, whatever the new one's options say. */
static void
go_on(const struct rig_variant *variant)
{
	struct rig_conf conf = { .variant = *variant };
	const uint8_t mac[] = { 2, 0, 0, 0, 0, 1 };
	struct rte_vduse_net_info info;
	struct rig b;

	resume_up(&b, &conf);
	rig_assert_traffic(&b);
	resume_die(&b);
	resume_again(&b);
	unit_assert_logged_once("not what was asked for");
	resume_wait(&b, resume_is_served);
	info = rig_info(&b);
	assert_memory_equal(&info.mac, mac, sizeof(mac));
	assert_int_equal(info.mtu, 1500);
	assert_true(info.dev.resumed);
	assert_int_equal(info.dev.driver_features, rig_features(&conf));
	assert_int_equal(rig_lib_vq(&b, 0)->ctl.max_size, RIG_QUEUE_SIZE);
	rig_assert_traffic(&b);
	resume_down(&b);
}

static void
test_go_on(void **state)
{
	unsigned int v;

	(void)state;
	for (v = 0; v < RIG_VARIANTS; v++)
		go_on(&rig_variants[v]);
}

/* The record of a queue says that it was elsewhere when it took its last buffer. */
static void
damage_take(uint16_t index)
{
	struct vduse_journal_record *record;
	struct vduse_statefile *store;

	assert_int_equal(vduse_statefile_open(&store, resume_dir, "unit", -1), 0);
	record = vduse_statefile_record(store, index);
	record->take ^= 3;
	vduse_statefile_close(store, false);
}

/* Buffers that the driver gets back, until there are `expected`: recovery is another thread's. */
static unsigned int
collect(struct rig *b, unsigned int expected)
{
	const time_t until = time(NULL) + UNIT_LIMIT_S;
	struct mock_used used;
	unsigned int n = 0;

	do {
		while (mock_vq_get(rig_tx(b), &used))
			n++;
		sched_yield();
	} while (n < expected && time(NULL) < until);
	return n;
}

/* Frames handed on without a copy: their buffers go back, the frames do not come again. */
static void
zero_copy_frames(const struct rig_variant *variant)
{
	struct rig_conf conf = { .variant = *variant, .zero_copy_min = 512 };
	struct rte_mbuf *pkts[8], *more[8];
	struct rig b;
	unsigned int i;

	resume_up(&b, &conf);
	for (i = 0; i < RTE_DIM(pkts); i++)
		rig_send(&b, RIG_BUFFERS + i * 4096, i, i % 2 ? 1500 : 100);
	assert_int_equal(rig_dequeue_burst(&b, pkts, 8), 8);
	rte_pktmbuf_free(pkts[1]);
	assert_null(rig_dequeue(&b));
	assert_int_equal(collect(&b, 5), 5); /* 4 copied, 1 freed */
	rig_send(&b, RIG_BUFFERS + 8 * 4096, 8, 1500);
	rig_send(&b, RIG_BUFFERS + 9 * 4096, 9, 100);
	resume_die(&b);
	resume_again(&b);
	resume_wait(&b, resume_is_served);
	assert_int_equal(collect(&b, 3), 3);
	assert_int_equal(rig_dequeue_burst(&b, more, 8), 2);
	rig_mbuf_check(more[0], 8, 1500);
	rig_mbuf_check(more[1], 9, 100);
	rte_pktmbuf_free_bulk(more, 2);
	assert_int_equal(collect(&b, 2), 2);
	assert_int_equal(rig_tx(&b)->nb_free, RIG_QUEUE_SIZE);
	rig_assert_traffic(&b);
	for (i = 0; i < RTE_DIM(pkts); i++)
		if (i != 1)
			rte_pktmbuf_free(pkts[i]);
	resume_down(&b);
	assert_int_equal(vduse_deferred_reap(), 0);
}

static void
test_zero_copy_frames(void **state)
{
	unsigned int v;

	(void)state;
	for (v = 0; v < RIG_VARIANTS; v++)
		zero_copy_frames(&rig_variants[v]);
}

/* What the control queue has set, and an API 1 device with two address spaces. */
static void
test_control_state(void **state)
{
	const struct fk_conf kernel = { .api_newest = 1, .allow_ctrl_vq = true };
	struct rig_conf conf = { .pairs = 4,
		.features = 1ULL << VIRTIO_NET_F_MQ | 1ULL << VIRTIO_NET_F_CTRL_VQ |
			    1ULL << VIRTIO_NET_F_CTRL_RX };
	struct rig b;

	(void)state;
	unit_kernel(&kernel);
	resume_up(&b, &conf);
	b.net->active_pairs = 3;
	b.net->filter.promisc = false;
	b.net->filter.allmulti = true;
	net_set_rss(b.net, &(struct net_rss){ .types = 5 });
	net_saved_write(b.net);
	resume_die(&b);
	resume_again(&b);
	resume_wait(&b, resume_is_served);
	assert_int_equal(rig_info(&b).dev.api_version, 1);
	assert_int_equal(rig_info(&b).queue_pairs, 4);
	assert_int_equal(rig_info(&b).active_pairs, 3);
	assert_int_equal(b.net->dev->nb_spaces, 2);
	assert_true(b.net->steers && b.net->filter.active && b.net->filter.allmulti);
	assert_false(b.net->filter.promisc);
	assert_int_equal(b.net->rss->types, 5);
	/* and a new driver begins afresh */
	assert_int_equal(fk_reset(b.dev), 0);
	rig_drive(&b);
	assert_int_equal(rig_info(&b).active_pairs, 1);
	assert_true(b.net->filter.promisc);
	resume_down(&b);
}

/* All memory is unmapped when the process comes, and mapped later: it waits, and takes nothing for
 * granted. */
static void
unmapped(const struct rig_variant *variant)
{
	struct rig_conf conf = { .variant = *variant };
	struct vduse_abi_vq_state position;
	struct rte_mbuf *m;
	struct rig b;

	resume_up(&b, &conf);
	rig_assert_traffic(&b);
	rig_send(&b, RIG_BUFFERS, 7, 100);
	resume_die(&b);
	fk_unmap_all(b.dev);
	resume_again(&b);
	resume_wait(&b, resume_is_started);
	assert_null(rig_dequeue(&b));
	assert_int_equal(rig_enqueue(&b, rig_mbuf(1, 100, 100)), 0);
	/* where it is cannot be told, nor is it forgotten; answered behind what is logged */
	assert_int_equal(fk_get_vq_state(b.dev, 1, &position), -EIO);
	assert_int_equal(unit_log_count("is not mapped; it waits for the next mapping"), 2);
	unit_log_clear();
	assert_int_equal(fk_update_iotlb(b.dev, 0, UINT64_MAX), 0);
	assert_null(rig_dequeue(&b));
	assert_false(rig_info(&b).dev.broken);
	assert_int_equal(unit_log_count("\n"), 0);
	guest_map(&b.guest, b.dev);
	assert_int_equal(fk_update_iotlb(b.dev, 0, UINT64_MAX), 0);
	m = rig_dequeue(&b);
	assert_non_null(m);
	rig_mbuf_check(m, 7, 100);
	rte_pktmbuf_free(m);
	assert_true(mock_vq_get(rig_tx(&b), &(struct mock_used){ 0 }));
	assert_null(rig_dequeue(&b)); /* once */
	rig_assert_traffic(&b);
	assert_int_equal(fk_get_vq_state(b.dev, 1, &position), 0);
	resume_down(&b);
}

static void
test_unmapped(void **state)
{
	unsigned int v;

	(void)state;
	for (v = 0; v < RIG_VARIANTS; v += 3)
		unmapped(&rig_variants[v]);
}

/* It is killed again while it waits: the one that follows knows where the first was. */
static void
test_unmapped_twice(void **state)
{
	struct rig_conf conf = { .variant.packed = true };
	struct rig b;

	(void)state;
	resume_up(&b, &conf);
	rig_assert_traffic(&b);
	resume_die(&b);
	fk_unmap_all(b.dev);
	resume_again(&b);
	resume_wait(&b, resume_is_started);
	resume_die(&b);
	guest_map(&b.guest, b.dev);
	resume_again(&b);
	resume_wait(&b, resume_is_started);
	assert_int_equal(fk_update_iotlb(b.dev, 0, UINT64_MAX), 0);
	rig_assert_traffic(&b);
	resume_down(&b);
}

/* The driver disables a queue while it waits: what the record says of it is not overwritten. */
static void
test_unmapped_disabled(void **state)
{
	const struct fk_conf kernel = { .vduse_features = 1ULL << VDUSE_ABI_F_QUEUE_READY };
	struct rig_conf conf = { 0 };
	struct vduse_abi_vq_state position;
	struct rig b;

	(void)state;
	unit_kernel(&kernel);
	resume_up(&b, &conf);
	rig_assert_traffic(&b);
	resume_die(&b);
	fk_unmap_all(b.dev);
	resume_again(&b);
	resume_wait(&b, resume_is_started);
	assert_int_equal(fk_set_ready(b.dev, 1, false), 0);
	assert_int_equal(fk_get_vq_state(b.dev, 1, &position), -EIO);
	guest_map(&b.guest, b.dev);
	assert_int_equal(fk_update_iotlb(b.dev, 0, UINT64_MAX), 0);
	assert_true(rig_is_served(&b, 0));
	assert_false(rig_is_served(&b, 1));
	assert_int_equal(fk_get_vq_state(b.dev, 1, &position), 0);
	assert_int_equal(position.split.avail_index, 1);
	resume_down(&b);
}

/* What is mapped at last is not the ring that was left: the device stops, and can begin again. */
static void
test_unmapped_damaged(void **state)
{
	struct rig_conf conf = { .variant.packed = true, .zero_copy_min = 512 };
	struct rte_mbuf *m;
	struct rig b;

	(void)state;
	resume_up(&b, &conf);
	rig_send(&b, RIG_BUFFERS, 1, 1500);
	m = rig_dequeue(&b);
	assert_non_null(m);
	resume_die(&b);
	rte_pktmbuf_free(m);
	fk_unmap_all(b.dev);
	b.net = NULL;
	damage_take(1);
	resume_again(&b);
	resume_wait(&b, resume_is_started);
	assert_false(rig_info(&b).dev.broken);
	guest_map(&b.guest, b.dev);
	assert_int_equal(fk_update_iotlb(b.dev, 0, UINT64_MAX), 0);
	assert_true(rig_info(&b).dev.broken);
	unit_assert_logged_once("the ring is not as the process before left it");
	assert_int_equal(fk_reset(b.dev), 0);
	rig_drive(&b);
	rig_assert_traffic(&b);
	resume_down(&b);
	assert_int_equal(vduse_deferred_reap(), 0);
}

/* The driver asks while nobody is there: it is answered, and by the queue's true state. */
static void
test_asked_meanwhile(void **state)
{
	const struct vduse_abi_request req = { .type = VDUSE_MSG_GET_VQ_STATE,
		.vq_state.index = 1 };
	struct rig_conf conf = { 0 };
	struct vduse_abi_response resp;
	struct fk_msg *msg;
	struct rig b;

	(void)state;
	resume_up(&b, &conf);
	rig_assert_traffic(&b);
	resume_die(&b);
	msg = fk_msg_send(b.dev, &req, sizeof(req));
	resume_again(&b);
	assert_int_equal(fk_msg_wait(msg, &resp), 0);
	assert_int_equal(resp.result, VDUSE_MSG_OK);
	assert_int_equal(resp.vq_state.split.avail_index, 1);
	resume_down(&b);
}

/* It resets the device: no queue runs, and it can begin again. */
static void
test_reset_meanwhile(void **state)
{
	const struct vduse_abi_request req = { .type = VDUSE_MSG_SET_STATUS };
	struct rig_conf conf = { .variant.packed = true };
	struct vduse_abi_response resp;
	struct fk_msg *msg;
	struct rig b;

	(void)state;
	resume_up(&b, &conf);
	rig_assert_traffic(&b);
	resume_die(&b);
	msg = fk_msg_send(b.dev, &req, sizeof(req));
	resume_again(&b);
	assert_int_equal(fk_msg_wait(msg, &resp), 0);
	assert_int_equal(resp.result, VDUSE_MSG_OK);
	assert_int_equal(rig_info(&b).dev.status, 0);
	assert_false(rig_info(&b).dev.started);
	rig_drive(&b);
	rig_assert_traffic(&b);
	resume_down(&b);
}

/* Another device has the name by now: it is in the way, as it is without a file. */
static void
test_other_life(void **state)
{
	struct rte_vduse_net_conf plain = resume_conf();
	struct rig_conf conf = { 0 };
	struct rte_vduse_net *other, *net;
	struct rig b;

	(void)state;
	resume_up(&b, &conf);
	resume_die(&b);
	fk_attach(b.dev, false);
	assert_int_equal(rte_vduse_dev_remove("unit"), 0);
	plain.dev.state_dir = NULL;
	assert_int_equal(rte_vduse_net_create(&plain, &other), 0);
	plain.dev.state_dir = resume_dir;
	assert_int_equal(rte_vduse_net_create(&plain, &net), -EEXIST);
	unit_assert_logged_once("of a device that is gone");
	assert_int_equal(rte_vduse_net_destroy(other), 0);
	assert_int_equal(rte_vduse_net_create(&plain, &net), 0);
	assert_int_equal(rte_vduse_net_destroy(net), 0);
	rig_give_back(&b);
	assert_int_equal(rmdir(resume_dir), 0);
}

/* A driver keeps the MTU that it negotiated with the process before. */
static void
test_mtu_stays(void **state)
{
	struct rig_conf conf = { .features = 1ULL << VIRTIO_NET_F_MTU };
	struct virtio_net_config config;
	struct rig b;

	(void)state;
	resume_up(&b, &conf);
	resume_die(&b);
	resume_again(&b);
	assert_int_equal(rte_vduse_net_set_mtu(b.net, 9000), 0);
	resume_wait(&b, resume_is_served);
	fk_config(b.dev, 0, &config, sizeof(config));
	assert_int_equal(config.mtu, 1500);
	assert_int_equal(b.net->driver_mtu, 1500);
	assert_int_equal(fk_reset(b.dev), 0);
	fk_config(b.dev, 0, &config, sizeof(config));
	assert_int_equal(config.mtu, 9000);
	resume_down(&b);
}

/* The control thread does nothing until it is let go. */
static void
on_hold(void *arg, uint32_t events)
{
	sem_t *hold = arg;

	(void)events;
	sem_post(&hold[0]);
	sem_wait(&hold[1]);
}

/* What the owner sets before the control thread has come to the device reaches its driver. */
static void
test_set_before(void **state)
{
	const int fd = eventfd(1, EFD_CLOEXEC);
	struct rig_conf conf = { 0 };
	struct virtio_net_config config;
	vduse_ctl_id_t id;
	struct rig b;
	sem_t hold[2];

	(void)state;
	sem_init(&hold[0], 0, 0);
	sem_init(&hold[1], 0, 0);
	resume_up(&b, &conf);
	resume_die(&b);
	assert_int_equal(fk_config_irqs(b.dev), 0);
	assert_int_equal(vduse_ctl_add(fd, EPOLLIN | EPOLLET, on_hold, hold, &id), 0);
	sem_wait(&hold[0]);
	resume_again(&b);
	assert_int_equal(rte_vduse_net_set_link(b.net, true), 0);
	assert_false(resume_is_started(&b));
	sem_post(&hold[1]);
	resume_wait(&b, resume_is_served);
	rig_settle();
	assert_int_equal(fk_config_irqs(b.dev), 1);
	fk_config(b.dev, 0, &config, sizeof(config));
	assert_int_equal(config.status, VIRTIO_NET_S_LINK_UP);
	vduse_ctl_del(id);
	close(fd);
	rig_assert_traffic(&b);
	resume_down(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(test_go_on),
		UNIT_TEST(test_mtu_stays),
		UNIT_TEST(test_zero_copy_frames),
		UNIT_TEST(test_control_state),
		UNIT_TEST(test_unmapped),
		UNIT_TEST(test_unmapped_twice),
		UNIT_TEST(test_unmapped_disabled),
		UNIT_TEST(test_unmapped_damaged),
		UNIT_TEST(test_asked_meanwhile),
		UNIT_TEST(test_reset_meanwhile),
		UNIT_TEST(test_other_life),
		UNIT_TEST(test_set_before),
	};

	return UNIT_RUN("resume", tests);
}
