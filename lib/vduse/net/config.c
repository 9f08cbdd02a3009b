/* SPDX-License-Identifier: BSD-3-Clause */

/* What the owner sets and reads while a device lives. */

#include <errno.h>
#include <string.h>

#include <rte_bitops.h>
#include <rte_byteorder.h>

#include "count.h"
#include "log.h"
#include "net/config.h"
#include "net/rte_vduse_net_counters.h"
#include "net/rte_vduse_net_fill.h"
#include "ring/notify.h"
#include "ring/queue.h"
#include "ring/wake.h"

/* A second without an interrupt is as good as none. */
#define NET_COALESCE_USECS_MAX 1000000

/* In one: the driver's view is that of the one who came last here as well. */
REQUIRES(net_config_mutex)
static int
config_write(struct rte_vduse_net *net, struct net_field field, const void *value)
{
	memcpy((uint8_t *)&net->config + field.offset, value, field.len);
	return rte_vduse_dev_set_config(net->dev, field.offset, value, field.len);
}

int
net_config_write(struct rte_vduse_net *net, struct net_field field, const void *value)
{
	int ret;

	net_config_mutex_lock(&net->config_lock);
	ret = config_write(net, field, value);
	net_config_mutex_unlock(&net->config_lock);
	return ret;
}

REQUIRES(net_config_mutex)
static int
config_set_mtu(struct rte_vduse_net *net, uint16_t mtu)
{
	const uint16_t value = rte_cpu_to_le_16(mtu);

	if (net->mtu_held) {
		net->next_mtu = mtu;
		return 0;
	}
	net->next_mtu = 0;
	return config_write(net, NET_FIELD(mtu), &value);
}

void
net_config_hold_mtu(struct rte_vduse_net *net, bool hold)
{
	int ret = 0;

	net_config_mutex_lock(&net->config_lock);
	net->mtu_held = hold;
	if (!hold && net->next_mtu != 0)
		ret = config_set_mtu(net, net->next_mtu);
	net_config_mutex_unlock(&net->config_lock);
	/* EPERM: the kernel has given the device up, and the next one has it */
	if (ret < 0 && ret != -EPERM)
		VDUSE_LOG(ERR, "%s: its MTU cannot be shown: %s", net->dev->name, strerror(-ret));
}

/* That the next driver is to see. */
static uint16_t
config_next_mtu(const struct rte_vduse_net *net)
{
	struct net_config_mutex *lock = (struct net_config_mutex *)(uintptr_t)&net->config_lock;
	uint16_t mtu;

	net_config_mutex_lock(lock);
	mtu = net->next_mtu != 0 ? net->next_mtu : rte_le_to_cpu_16(net->config.mtu);
	net_config_mutex_unlock(lock);
	return mtu;
}

int
net_config_status(struct rte_vduse_net *net, uint16_t clear, uint16_t set)
{
	uint16_t status;
	int ret;

	net_config_mutex_lock(&net->config_lock);
	status = (net->config.status & ~rte_cpu_to_le_16(clear)) | rte_cpu_to_le_16(set);
	ret = config_write(net, NET_FIELD(status), &status);
	net_config_mutex_unlock(&net->config_lock);
	return ret;
}

void
net_config_read(const struct rte_vduse_net *net, struct virtio_net_config *config)
{
	struct net_config_mutex *lock = (struct net_config_mutex *)(uintptr_t)&net->config_lock;

	net_config_mutex_lock(lock);
	*config = net->config;
	net_config_mutex_unlock(lock);
}

int
rte_vduse_net_attach(struct rte_vduse_net *net, enum rte_vduse_attach how)
{
	return rte_vduse_dev_attach(net->dev, how);
}

int
rte_vduse_net_detach(struct rte_vduse_net *net)
{
	return rte_vduse_dev_detach(net->dev);
}

int
rte_vduse_net_hand_over(struct rte_vduse_net *net)
{
	return rte_vduse_dev_hand_over(net->dev);
}

void
net_pause_receive(struct rte_vduse_net *net)
{
	uint16_t i;

	for (i = 0; i < 2 * net->queue_pairs; i += 2)
		if (i != net->ctrl_index)
			vduse_vq_halt(net->queues[i].vq);
	vduse_vq_wait(net->queues[0].vq, net->ctrl_index);
}

void
net_resume_receive(struct rte_vduse_net *net)
{
	uint16_t i;

	for (i = 0; i < 2 * net->queue_pairs; i += 2)
		if (i != net->ctrl_index)
			vduse_vq_resume(net->queues[i].vq);
}

void
net_set_rss(struct rte_vduse_net *net, const struct net_rss *rss)
{
	struct net_rss *next = &net->rss_slots[net->rss == net->rss_slots];
	uint16_t i;

	*next = *rss;
	for (i = 0; i < 2 * net->queue_pairs; i += 2)
		net->queues[i].rss = next;
	/* release: pairs with the acquire in net_steer_run() */
	__atomic_store_n(&net->rss, next, __ATOMIC_RELEASE);
	/* the other slot is written next time */
	vduse_readers_wait(net->steerers, VDUSE_READER_NONE);
}

static int
net_coalesce_queue(struct rte_vduse_net *net, uint16_t index, const struct net_coalesce *coal,
		bool adaptive)
{
	static const struct net_coalesce none;

	if (coal->frames > RTE_VDUSE_NET_QUEUE_SIZE_MAX || coal->usecs > NET_COALESCE_USECS_MAX)
		return -EINVAL;
	/* who gives a command waits for its answer */
	if (index == __atomic_load_n(&net->ctrl_index, __ATOMIC_RELAXED))
		coal = &none;
	if (coal->usecs > 0)
		__atomic_store_n(&net->holds_calls, true, __ATOMIC_RELAXED);
	/* a burst that sees half of it holds a call back by the old time or the new */
	return vduse_notify_set_coalesce(
			net->queues[index].vq, coal->frames, coal->usecs, adaptive);
}

/* As the owner wants it. */
REQUIRES(net_config_mutex)
static int
net_coalesce_default(struct rte_vduse_net *net, uint16_t index)
{
	const bool dequeue = index % 2 == 1;

	return net_coalesce_queue(net, index, &net->coalesce[dequeue], net->adaptive[dequeue]);
}

int
net_set_coalesce(struct rte_vduse_net *net, uint16_t index, const struct net_coalesce *coal)
{
	int ret;

	net_config_mutex_lock(&net->config_lock);
	ret = net_coalesce_queue(net, index, coal, false);
	net_config_mutex_unlock(&net->config_lock);
	return ret;
}

int
net_reset_coalesce(struct rte_vduse_net *net, uint16_t index)
{
	int ret;

	net_config_mutex_lock(&net->config_lock);
	ret = net_coalesce_default(net, index);
	net_config_mutex_unlock(&net->config_lock);
	return ret;
}

int
rte_vduse_net_set_coalesce(struct rte_vduse_net *net, bool dequeue, uint32_t frames, uint32_t usecs)
{
	struct net_coalesce old;
	uint16_t i;
	int ret = 0;

	/* a driver that comes gets what was before and then this, or this at once */
	net_config_mutex_lock(&net->config_lock);
	old = net->coalesce[dequeue];
	net->coalesce[dequeue].frames = frames;
	net->coalesce[dequeue].usecs = usecs;
	for (i = dequeue; i < 2 * net->queue_pairs && ret == 0; i += 2)
		ret = net_coalesce_default(net, i);
	if (ret < 0)
		net->coalesce[dequeue] = old;
	net_config_mutex_unlock(&net->config_lock);
	return ret;
}

int
rte_vduse_net_set_adaptive(struct rte_vduse_net *net, bool dequeue, bool adaptive)
{
	uint16_t i;
	int ret = 0;

	net_config_mutex_lock(&net->config_lock);
	net->adaptive[dequeue] = adaptive;
	for (i = dequeue; i < 2 * net->queue_pairs && ret == 0; i += 2)
		ret = net_coalesce_default(net, i);
	net_config_mutex_unlock(&net->config_lock);
	return ret;
}

int
rte_vduse_net_announce(struct rte_vduse_net *net)
{
	struct rte_vduse_info info;

	rte_vduse_dev_info(net->dev, &info);
	if (!(info.driver_features & RTE_BIT64(VIRTIO_NET_F_GUEST_ANNOUNCE)))
		return -ENOTSUP;
	return net_config_status(net, 0, VIRTIO_NET_S_ANNOUNCE);
}

int
rte_vduse_net_set_link(struct rte_vduse_net *net, bool up)
{
	__atomic_store_n(&net->admin_up, up, __ATOMIC_RELAXED);
	return net_config_status(net, VIRTIO_NET_S_LINK_UP, up ? VIRTIO_NET_S_LINK_UP : 0);
}

int
rte_vduse_net_set_speed(struct rte_vduse_net *net, uint32_t speed)
{
	const uint32_t value = rte_cpu_to_le_32(speed);

	return net_config_write(net, NET_FIELD(speed), &value);
}

void
rte_vduse_net_set_port(struct rte_vduse_net *net, uint16_t port)
{
	uint16_t i;

	for (i = 1; i < 2 * net->queue_pairs; i += 2)
		net->queues[i].port = port;
}

void
rte_vduse_net_set_complete(struct rte_vduse_net *net, bool complete)
{
	uint16_t i;

	for (i = 1; i < 2 * net->queue_pairs; i += 2)
		net->queues[i].complete = complete;
}

/* A burst that is under way goes by the old limits or the new.
 */
REQUIRES(net_limits_spin)
static void
limits_apply(struct rte_vduse_net *net, uint64_t features)
{
	uint32_t plain = RTE_MIN(net->limits.max_len, (uint32_t)RTE_VDUSE_NET_FRAME_MAX), gso;
	struct net_queue *q;
	uint16_t i;

	if (net->driver_mtu != 0)
		plain = RTE_MIN(plain, (uint32_t)net->driver_mtu + RTE_VDUSE_NET_OVERHEAD);
	gso = RTE_MIN(net->limits.max_gso_len, (uint32_t)RTE_VDUSE_NET_FRAME_MAX);
	/* what the owner does not take is as good as not negotiated */
	if (gso == 0)
		features &= ~NET_FEATURES_SEGMENTS;
	for (i = 1; i < 2 * net->queue_pairs; i += 2) {
		q = &net->queues[i];
		__atomic_store_n(&q->plain_max, plain, __ATOMIC_RELAXED);
		__atomic_store_n(&q->gso_max, RTE_MAX(plain, gso), __ATOMIC_RELAXED);
		if (q->features != features) /* never while frames are dequeued */
			q->features = features;
	}
}

void
net_start_limits(struct rte_vduse_net *net, uint64_t features)
{
	const bool mtu = features & RTE_BIT64(VIRTIO_NET_F_MTU);
	struct virtio_net_config config;
	uint16_t i;

	net_config_read(net, &config);
	net_limits_spin_lock(&net->limits_lock);
	net->driver_mtu = mtu ? rte_le_to_cpu_16(config.mtu) : 0;
	for (i = 0; i < 2 * net->queue_pairs; i += 2) {
		net->queues[i].plain_max = mtu ? net->driver_mtu + RTE_VDUSE_NET_OVERHEAD
					       : RTE_VDUSE_NET_FRAME_MAX;
		net->queues[i].gso_max = RTE_VDUSE_NET_FRAME_MAX;
	}
	limits_apply(net, features);
	net_limits_spin_unlock(&net->limits_lock);
}

void
rte_vduse_net_set_rx_limits(struct rte_vduse_net *net, const struct rte_vduse_net_rx_limits *limits)
{
	struct rte_vduse_info info;

	net_limits_spin_lock(&net->limits_lock);
	net->limits = *limits;
	rte_vduse_dev_info(net->dev, &info);
	limits_apply(net, info.driver_features);
	net_limits_spin_unlock(&net->limits_lock);
}

int
rte_vduse_net_check(const struct rte_vduse_net *net, const struct rte_mbuf *m)
{
	struct rte_vduse_info info;
	struct net_hdr hdr;

	if (!(m->ol_flags & NET_HDR_TX_FLAGS))
		return 0;
	rte_vduse_dev_info(net->dev, &info);
	/* what is negotiated and not switched off by VIRTIO_NET_CTRL_GUEST_OFFLOADS */
	return net_hdr_from_mbuf(m,
			info.driver_features &
					__atomic_load_n(&net->queues[0].features, __ATOMIC_RELAXED),
			&hdr);
}

bool
rte_vduse_net_takes_tso(const struct rte_vduse_net *net, bool ipv6)
{
	/* of the driver that was there last, where there is none */
	const uint64_t features = __atomic_load_n(&net->queues[0].features, __ATOMIC_RELAXED);

	return (features & RTE_BIT64(ipv6 ? VIRTIO_NET_F_GUEST_TSO6 : VIRTIO_NET_F_GUEST_TSO4)) !=
	       0;
}

int
rte_vduse_net_set_mac(struct rte_vduse_net *net, const struct rte_ether_addr *mac)
{
	int ret;

	net_config_mutex_lock(&net->config_lock);
	ret = config_write(net, NET_FIELD(mac), mac);
	net_filter_set_mac(&net->filter, net->config.mac);
	net_config_mutex_unlock(&net->config_lock);
	return ret;
}

void
net_config_filter_mac(struct rte_vduse_net *net)
{
	net_config_mutex_lock(&net->config_lock);
	net_filter_set_mac(&net->filter, net->config.mac);
	net_config_mutex_unlock(&net->config_lock);
}

int
rte_vduse_net_set_mtu(struct rte_vduse_net *net, uint16_t mtu)
{
	int ret;

	if (mtu < RTE_VDUSE_NET_MTU_MIN)
		return -EINVAL;
	net_config_mutex_lock(&net->config_lock);
	ret = config_set_mtu(net, mtu);
	net_config_mutex_unlock(&net->config_lock);
	return ret;
}

void
rte_vduse_net_info(const struct rte_vduse_net *net, struct rte_vduse_net_info *info)
{
	struct virtio_net_config config;
	uint64_t may;

	net_config_read(net, &config);
	rte_vduse_dev_info(net->dev, &info->dev);
	/* one that was made before is offered to the next driver as it is, too */
	may = info->dev.driver_features | (info->dev.resumed ? net->dev->offered : 0);
	info->segments = (may & NET_FEATURES_SEGMENTS) != 0;
	info->queue_pairs = net->queue_pairs;
	info->mtu = config_next_mtu(net);
	memcpy(&info->mac, config.mac, sizeof(info->mac));
	info->active_pairs = __atomic_load_n(&net->active_pairs, __ATOMIC_RELAXED);
	info->link_up = __atomic_load_n(&net->driver_up, __ATOMIC_RELAXED) &&
			__atomic_load_n(&net->admin_up, __ATOMIC_RELAXED);
}

/* Queues and virtqueues are in memory of EAL's. */
const struct rte_vduse_net_counters *
rte_vduse_net_counters(const struct rte_vduse_net *net)
{
	return (const struct rte_vduse_net_counters *)net->queues;
}

void
rte_vduse_net_counters_read(const struct rte_vduse_net_counters *counters, uint16_t pair,
		bool dequeue, struct rte_vduse_net_queue_stats *stats)
{
	const struct net_queue *q = (const struct net_queue *)counters + 2 * pair + dequeue;
	const struct vduse_vq_stats *vq = &q->vq->stats;

	vduse_count_read_all(stats, &q->stats, sizeof(*stats));
	stats->kicks = vduse_wake_kicks(q->vq);
	stats->calls = vduse_count_read(&vq->calls);
	stats->calls_suppressed = vduse_count_read(&vq->calls_suppressed);
	stats->calls_failed = vduse_count_read(&vq->calls_failed);
	stats->iotlb_hits = vduse_count_read(&vq->iotlb_hits);
	stats->iotlb_misses = vduse_count_read(&vq->iotlb_misses);
	stats->iotlb_waits = vduse_count_read(&vq->iotlb_waits);
	stats->faults = vduse_count_read(&vq->faults);
	stats->calls_held = vduse_count_read(&vq->calls_held);
	stats->calls_thread = vduse_count_read(&vq->calls_thread);
}

void
rte_vduse_net_queue_stats(const struct rte_vduse_net *net, uint16_t pair, bool dequeue,
		struct rte_vduse_net_queue_stats *stats)
{
	rte_vduse_net_counters_read(rte_vduse_net_counters(net), pair, dequeue, stats);
}

void
rte_vduse_net_fill(const struct rte_vduse_net *net, uint16_t pair, bool dequeue,
		struct rte_vduse_net_fill *fill)
{
	struct vduse_vq_view view;

	vduse_vq_look(net->queues[2 * pair + dequeue].vq, &view);
	fill->size = view.size;
	fill->fill = view.fill;
}
