/* SPDX-License-Identifier: BSD-3-Clause */

#include <sched.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <linux/virtio_config.h>

#include "mem/deferred.h"
#include "os/ctl.h"
#include "rig.h"
#include "ring/notify.h"

#define BIT(name) (1ULL << (name))

/* Distance of the rings in guest memory: the largest ring fits. */
#define RING_STRIDE (512ull << 10)

#define V(p, e, i, m)                                                                         \
	{                                                                                     \
		.name = (p ? "packed" : "split"), .packed = p, .event_idx = e, .indirect = i, \
		.mergeable = m                                                                \
	}

const struct rig_variant rig_variants[RIG_VARIANTS] = {
	V(0, 0, 0, 0),
	V(0, 0, 0, 1),
	V(0, 0, 1, 0),
	V(0, 0, 1, 1),
	V(0, 1, 0, 0),
	V(0, 1, 0, 1),
	V(0, 1, 1, 0),
	V(0, 1, 1, 1),
	V(1, 0, 0, 0),
	V(1, 0, 0, 1),
	V(1, 0, 1, 0),
	V(1, 0, 1, 1),
	V(1, 1, 0, 0),
	V(1, 1, 0, 1),
	V(1, 1, 1, 0),
	V(1, 1, 1, 1),
};

uint64_t
rig_features(const struct rig_conf *conf)
{
	const struct rig_variant *v = &conf->variant;

	return BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_F_ACCESS_PLATFORM) |
	       (v->packed ? BIT(VIRTIO_F_RING_PACKED) : 0) |
	       (v->event_idx ? BIT(VIRTIO_RING_F_EVENT_IDX) : 0) |
	       (v->indirect ? BIT(VIRTIO_RING_F_INDIRECT_DESC) : 0) |
	       (v->mergeable ? BIT(VIRTIO_NET_F_MRG_RXBUF) : 0) | conf->features;
}

/* On the control thread. */
static void
rig_event(void *arg, enum rte_vduse_net_event event, uint16_t pair)
{
	struct rte_vduse_net_info info;
	struct rig *b = arg;

	(void)pair;
	rte_vduse_net_info(b->net, &info);
	pthread_mutex_lock(&b->lock);
	if (event == RTE_VDUSE_NET_EVENT_LINK) {
		b->link_up = info.link_up;
		b->link_events++;
	} else if (event == RTE_VDUSE_NET_EVENT_SUCCESSOR) {
		b->successors++;
	} else {
		b->queue_events++;
	}
	pthread_cond_broadcast(&b->changed);
	pthread_mutex_unlock(&b->lock);
}

static const char *
rig_name(const struct rig_conf *conf)
{
	return conf->name != NULL ? conf->name : "unit";
}

static void
rig_init(struct rig *b, const struct rig_conf *conf)
{
	memset(b, 0, sizeof(*b));
	b->conf = *conf;
	pthread_mutex_init(&b->lock, NULL);
	pthread_cond_init(&b->changed, NULL);
	guest_init(&b->guest);
}

void
rig_find(struct rig *b)
{
	b->dev = fk_find(rig_name(&b->conf));
	assert_non_null(b->dev);
	guest_map(&b->guest, b->dev);
	b->nb_vqs = fk_nb_vqs(b->dev);
	assert_true(b->nb_vqs <= RIG_VQS_MAX);
}

void
rig_create(struct rig *b, const struct rig_conf *conf)
{
	struct rte_vduse_net_conf net_conf = {
		.dev.adopt_fd = -1,
		.dev.tuning.msg_timeout = -1,
		.dev.name = rig_name(conf),
		.queue_pairs = conf->pairs != 0 ? conf->pairs : 1,
		.dev.queue_size = conf->queue_size != 0 ? conf->queue_size : RIG_QUEUE_SIZE,
		.mac = { { 2, 0, 0, 0, 0, 1 } },
		.mtu = 1500,
		.zero_copy_min = conf->zero_copy_min,
		.call_thread = conf->call_thread,
		.dev.umem = conf->umem,
		.dev.max_regions = conf->max_regions,
		.dev.max_memory = conf->max_memory,
		.dev.tuning.bounce_size = conf->umem ? RIG_BOUNCE_SIZE : 0,
		.dev.tuning.irq_affinity = conf->irq_affinity,
		.event = rig_event,
		.event_arg = b,
		.dev.state_dir = conf->state_dir,
		.dev.keep = conf->keep,
		.dev.no_successor = conf->no_successor,
	};

	rig_init(b, conf);
	assert_int_equal(rte_vduse_net_create(&net_conf, &b->net), 0);
	assert_int_equal(rte_vduse_net_set_link(b->net, true), 0);
	rig_find(b);
}

void
rig_take(struct rig *b, const struct rig_conf *conf, struct rte_vduse_net *net)
{
	rig_init(b, conf);
	b->net = net;
	rig_find(b);
}

void
rig_give_back(struct rig *b)
{
	uint16_t i;

	for (i = 0; i < b->nb_vqs; i++)
		mock_vq_fini(&b->vq[i]);
	guest_fini(&b->guest);
	pthread_cond_destroy(&b->changed);
	pthread_mutex_destroy(&b->lock);
}

void
rig_negotiate(struct rig *b)
{
	assert_int_equal(fk_set_status(b->dev, RIG_ACK), 0);
	assert_int_equal(fk_set_status(b->dev, RIG_DRIVER), 0);
	fk_set_features(b->dev, rig_features(&b->conf));
	assert_int_equal(fk_set_status(b->dev, RIG_FEATURES_OK), 0);
}

static void
rig_ring(struct rig *b, uint16_t index, bool ready)
{
	const uint16_t device_size = fk_vq_max(b->dev, index);
	const struct mock_vq_conf conf = {
		.mem = &b->guest.mem,
		.iova = GUEST_MAIN + index * RING_STRIDE,
		.size = b->conf.ring_size != 0 ? b->conf.ring_size : device_size,
		.packed = b->conf.variant.packed,
		.event_idx = b->conf.variant.event_idx,
		.start = b->conf.start,
		.start_wrap = b->conf.variant.packed ? b->conf.start_wrap : false,
	};
	struct mock_vq *vq = &b->vq[index];
	struct vduse_abi_vq info = { .index = index, .num = conf.size, .ready = ready };

	mock_vq_fini(vq);
	assert_int_equal(mock_vq_init(vq, &conf), 0);
	info.desc_addr = vq->desc_iova;
	info.driver_addr = vq->driver_iova;
	info.device_addr = vq->device_iova;
	if (conf.packed) {
		info.packed.last_avail_idx = info.packed.last_used_idx = conf.start;
		info.packed.last_avail_counter = conf.start_wrap;
		info.packed.last_used_counter = conf.start_wrap;
	} else {
		info.split.avail_index = conf.start;
	}
	fk_set_vq(b->dev, &info);
}

void
rig_rings(struct rig *b, bool ready)
{
	uint16_t i;

	/* a packed ring begins with both wrap counters 1 (virtio 1.2, 2.8.1) */
	if (b->conf.start == 0)
		b->conf.start_wrap = true;
	for (i = 0; i < b->nb_vqs; i++)
		rig_ring(b, i, ready);
}

void
rig_drive(struct rig *b)
{
	rig_negotiate(b);
	rig_rings(b, true);
	assert_int_equal(fk_set_status(b->dev, RIG_DRIVER_OK), 0);
}

void
rig_up(struct rig *b, const struct rig_conf *conf)
{
	rig_create(b, conf);
	rig_drive(b);
}

void
rig_destroy(struct rig *b)
{
	assert_int_equal(rte_vduse_net_destroy(b->net), 0);
	rig_give_back(b);
}

void
rig_down(struct rig *b)
{
	assert_int_equal(fk_reset(b->dev), 0);
	rig_destroy(b);
}

void
rig_each(const struct rig_conf *conf, const unsigned int *kinds, unsigned int n,
		void (*one)(struct rig *b))
{
	struct rig_conf own = *conf;
	struct rig b;
	unsigned int i;

	for (i = 0; i < n; i++) {
		unit_log_clear();
		own.variant = rig_variants[kinds[i]];
		rig_up(&b, &own);
		one(&b);
		rig_down(&b);
		assert_int_equal(vduse_deferred_reap(), 0);
	}
}

void
rig_wait(struct rig *b, bool (*reached)(struct rig *b, unsigned int arg), unsigned int arg)
{
	struct timespec until;
	int ret = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += UNIT_LIMIT_S;
	pthread_mutex_lock(&b->lock);
	while (!reached(b, arg) && ret == 0)
		ret = pthread_cond_timedwait(&b->changed, &b->lock, &until);
	pthread_mutex_unlock(&b->lock);
	assert_int_equal(ret, 0);
}

bool
rig_is_link_down(struct rig *b, unsigned int unused)
{
	(void)unused;
	return b->link_events > 0 && !b->link_up;
}

bool
rig_is_served(struct rig *b, unsigned int index)
{
	return __atomic_load_n(&rig_lib_vq(b, index)->poll.running, __ATOMIC_ACQUIRE);
}

const struct vduse_vq *
rig_lib_vq(const struct rig *b, uint16_t index)
{
	return vduse_dev_vq(b->net->dev, index);
}

/*
 * The thread is not between taking a call and making it. It holds a lock meanwhile, which both of
 * these take; they set what is set already.
 */
static void
call_round_ends(struct vduse_vq *vq)
{
	int ret;

	if (vq->notify.by_thread)
		ret = vduse_notify_set_thread(vq, true);
	else
		ret = vduse_notify_set_coalesce(
				vq, vq->notify.frames, vq->notify.usecs, vq->notify.adaptive);
	assert_int_equal(ret, 0);
}

void
rig_settle_calls(struct rig *b, uint16_t index)
{
	struct vduse_vq *vq = vduse_dev_vq(b->net->dev, index);
	const time_t until = time(NULL) + UNIT_LIMIT_S;

	assert_true(vq->notify.by_thread || vq->notify.usecs != 0);
	call_round_ends(vq);
	/* one that the kernel refused waits for the next round */
	while (__atomic_load_n(&vq->notify.posted, __ATOMIC_RELAXED) && time(NULL) <= until)
		sched_yield();
	assert_false(__atomic_load_n(&vq->notify.posted, __ATOMIC_RELAXED));
	call_round_ends(vq);
}

struct mock_vq *
rig_rx(struct rig *b)
{
	return &b->vq[0];
}

struct mock_vq *
rig_tx(struct rig *b)
{
	return &b->vq[1];
}

void
rig_frame_write(struct rig *b, uint64_t iova, uint32_t seed, uint32_t len)
{
	const uint8_t hdr[RIG_HDR_LEN] = { 0 };
	uint8_t byte;
	uint32_t i;

	guest_write(&b->guest, iova, hdr, sizeof(hdr));
	for (i = 0; i < len; i++) {
		byte = unit_byte(seed, i);
		guest_write(&b->guest, iova + sizeof(hdr) + i, &byte, 1);
	}
}

void
rig_send(struct rig *b, uint64_t iova, uint32_t seed, uint32_t len)
{
	const struct mock_desc desc = { .iova = iova, .len = RIG_HDR_LEN + len };

	rig_frame_write(b, iova, seed, len);
	assert_int_equal(mock_vq_add(rig_tx(b), &desc, 1, NULL), 0);
}

void
rig_offer(struct rig *b, uint64_t iova, uint32_t len)
{
	const struct mock_desc desc = { .iova = iova, .len = len, .write = true };

	assert_int_equal(mock_vq_add(rig_rx(b), &desc, 1, NULL), 0);
}

struct rte_mbuf *
rig_mbuf(uint32_t seed, uint32_t len, uint32_t seg_len)
{
	struct rte_mbuf *head = rte_pktmbuf_alloc(unit_pool), *tail = head;
	uint32_t done, n, i;

	assert_non_null(head);
	for (done = 0; done < len; done += n) {
		if (done > 0) {
			tail->next = rte_pktmbuf_alloc(unit_pool);
			assert_non_null(tail->next);
			tail = tail->next;
			head->nb_segs++;
		}
		n = RTE_MIN(len - done, RTE_MIN(seg_len, (uint32_t)UNIT_DATA_ROOM));
		for (i = 0; i < n; i++)
			*rte_pktmbuf_mtod_offset(tail, uint8_t *, i) = unit_byte(seed, done + i);
		tail->data_len = n;
	}
	head->pkt_len = len;
	return head;
}

void
rig_mbuf_check(const struct rte_mbuf *m, uint32_t seed, uint32_t len)
{
	uint32_t at = 0, i;

	rte_mbuf_sanity_check(m, 1);
	assert_int_equal(m->pkt_len, len);
	for (; m != NULL; m = m->next)
		for (i = 0; i < m->data_len; i++, at++)
			if (*rte_pktmbuf_mtod_offset(m, const uint8_t *, i) != unit_byte(seed, at))
				fail_msg("byte %u of %u is wrong", at, len);
	assert_int_equal(at, len);
}

static void
rig_on_settle(void *arg, uint32_t events)
{
	eventfd_t value;

	(void)events;
	eventfd_read(*(int *)arg, &value);
	__atomic_store_n((int *)arg, -1, __ATOMIC_RELEASE);
}

void
rig_settle(void)
{
	const time_t until = time(NULL) + UNIT_LIMIT_S;
	const int fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
	vduse_ctl_id_t id;
	int seen = fd;

	assert_true(fd >= 0);
	assert_int_equal(vduse_ctl_add(fd, EPOLLIN, rig_on_settle, &seen, &id), 0);
	while (__atomic_load_n(&seen, __ATOMIC_ACQUIRE) >= 0) {
		assert_true(time(NULL) < until);
		sched_yield();
	}
	vduse_ctl_del(id);
	close(fd);
}

void
rig_settle_misses(struct rig *b)
{
	const time_t until = time(NULL) + UNIT_LIMIT_S;
	uint64_t misses = 0;
	uint16_t i;

	for (i = 0; i < b->nb_vqs; i++) {
		const struct vduse_vq *vq = rig_lib_vq(b, i);

		while (__atomic_load_n(&vq->map.missed, __ATOMIC_ACQUIRE)) {
			assert_true(time(NULL) < until);
			sched_yield();
		}
		misses += vq->stats.iotlb_misses;
	}
	/* the answer is there, the queue goes on behind it */
	if (misses != b->settled_misses)
		rig_settle();
	b->settled_misses = misses;
}

uint16_t
rig_dequeue_burst(struct rig *b, struct rte_mbuf **pkts, uint16_t n)
{
	const uint16_t taken = rte_vduse_net_dequeue(b->net, 0, unit_pool, pkts, n);

	rig_settle_misses(b);
	return taken;
}

struct rte_mbuf *
rig_dequeue(struct rig *b)
{
	struct rte_mbuf *m = NULL;

	return rig_dequeue_burst(b, &m, 1) == 1 ? m : NULL;
}

uint16_t
rig_enqueue(struct rig *b, struct rte_mbuf *m)
{
	const uint16_t n = rte_vduse_net_enqueue(b->net, 0, &m, 1);

	rig_settle_misses(b);
	rte_pktmbuf_free(m);
	return n;
}

struct rte_vduse_net_queue_stats
rig_stats(const struct rig *b, bool dequeue)
{
	struct rte_vduse_net_queue_stats stats;

	rte_vduse_net_queue_stats(b->net, 0, dequeue, &stats);
	return stats;
}

struct rte_vduse_net_info
rig_info(const struct rig *b)
{
	struct rte_vduse_net_info info;

	rte_vduse_net_info(b->net, &info);
	return info;
}

void
rig_assert_traffic(struct rig *b)
{
	const uint64_t at = RIG_BUFFERS + (4ull << 20);
	uint8_t frame[RIG_HDR_LEN + 100];
	struct mock_used used;
	struct rte_mbuf *m;
	uint32_t i;

	rig_send(b, at, 77, 100);
	m = rig_dequeue(b);
	assert_non_null(m);
	rig_mbuf_check(m, 77, 100);
	rte_pktmbuf_free(m);
	assert_true(mock_vq_get(rig_tx(b), &used));
	assert_int_equal(used.len, 0);

	rig_offer(b, at, sizeof(frame));
	assert_int_equal(rig_enqueue(b, rig_mbuf(78, 100, 60)), 1);
	assert_true(mock_vq_get(rig_rx(b), &used));
	assert_int_equal(used.len, sizeof(frame));
	guest_read(&b->guest, at, frame, sizeof(frame));
	assert_int_equal(frame[10], 1); /* num_buffers */
	for (i = 0; i < 100; i++)
		assert_int_equal(frame[RIG_HDR_LEN + i], unit_byte(78, i));
}
