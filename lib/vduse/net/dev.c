/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>

#include <rte_bitops.h>
#include <rte_byteorder.h>
#include <rte_malloc.h>

#include "life/remap.h"
#include "log.h"
#include "net/config.h"
#include "net/ctrl/ctrl.h"
#include "net/ctrl/saved.h"
#include "net/dev.h"
#include "net/list.h"
#include "net/pairs.h"
#include "net/plan.h"
#include "net/zc.h"
#include "ring/notify.h"
#include "ring/queue.h"

/* Offered always. */
#define NET_FEATURES                                                                             \
	(RTE_BIT64(VIRTIO_F_VERSION_1) | RTE_BIT64(VIRTIO_F_ACCESS_PLATFORM) |                   \
			RTE_BIT64(VIRTIO_F_RING_PACKED) | RTE_BIT64(VIRTIO_F_IN_ORDER) |         \
			RTE_BIT64(VIRTIO_RING_F_INDIRECT_DESC) |                                 \
			RTE_BIT64(VIRTIO_RING_F_EVENT_IDX) | RTE_BIT64(VIRTIO_NET_F_MRG_RXBUF) | \
			RTE_BIT64(VIRTIO_NET_F_MAC) | RTE_BIT64(VIRTIO_NET_F_MTU) |              \
			RTE_BIT64(VIRTIO_NET_F_STATUS) | RTE_BIT64(VIRTIO_NET_F_SPEED_DUPLEX))

/* Segmentation left to us, with the checksum it requires (virtio 1.2, 5.1.3.1). */
#define NET_FEATURES_HOST_TSO                                                                  \
	(RTE_BIT64(VIRTIO_NET_F_CSUM) | RTE_BIT64(VIRTIO_NET_F_HOST_TSO4) |                    \
			RTE_BIT64(VIRTIO_NET_F_HOST_TSO6) | RTE_BIT64(VIRTIO_NET_F_HOST_ECN) | \
			RTE_BIT64(VIRTIO_NET_F_HOST_USO))

/*
 * Segmentation left to the driver. GUEST_HDRLEN is here, though it is about
 * the driver's own headers: Linux takes it for one of the offloads that XDP
 * switches off, over a control queue that may not be there (6.12 stops with
 * BUG in virtnet_send_command_reply).
 */
#define NET_FEATURES_GUEST_TSO                                                                    \
	(RTE_BIT64(VIRTIO_NET_F_GUEST_CSUM) | RTE_BIT64(VIRTIO_NET_F_GUEST_TSO4) |                \
			RTE_BIT64(VIRTIO_NET_F_GUEST_TSO6) | RTE_BIT64(VIRTIO_NET_F_GUEST_ECN) |  \
			RTE_BIT64(VIRTIO_NET_F_GUEST_USO4) | RTE_BIT64(VIRTIO_NET_F_GUEST_USO6) | \
			RTE_BIT64(VIRTIO_NET_F_GUEST_HDRLEN))

/*
 * What the shadow virtqueues of QEMU 10 do not carry: it migrates no machine with a device that
 * offers one of these, taken or not.
 */
#define NET_FEATURES_UNSHADOWED                                                                 \
	(RTE_BIT64(VIRTIO_F_RING_PACKED) | RTE_BIT64(VIRTIO_F_IN_ORDER) |                       \
			RTE_BIT64(VIRTIO_RING_F_INDIRECT_DESC) |                                \
			RTE_BIT64(VIRTIO_NET_F_HOST_USO) | RTE_BIT64(VIRTIO_NET_F_GUEST_USO4) | \
			RTE_BIT64(VIRTIO_NET_F_GUEST_USO6) |                                    \
			RTE_BIT64(VIRTIO_NET_F_GUEST_HDRLEN) |                                  \
			RTE_BIT64(VIRTIO_NET_F_VQ_NOTF_COAL))

static const uint64_t net_profiles[] = {
	[RTE_VDUSE_NET_PROFILE_LATENCY] =
			RTE_BIT64(VIRTIO_NET_F_CSUM) | RTE_BIT64(VIRTIO_NET_F_GUEST_CSUM),
	[RTE_VDUSE_NET_PROFILE_BULK] = NET_FEATURES_HOST_TSO | NET_FEATURES_GUEST_TSO,
	[RTE_VDUSE_NET_PROFILE_XDP] = NET_FEATURES_HOST_TSO,
	[RTE_VDUSE_NET_PROFILE_NONE] = 0,
	[RTE_VDUSE_NET_PROFILE_MIGRATE] = NET_FEATURES_HOST_TSO | NET_FEATURES_GUEST_TSO,
	[RTE_VDUSE_NET_PROFILE_TX] = RTE_BIT64(VIRTIO_NET_F_CSUM) | NET_FEATURES_GUEST_TSO,
};

/*
 * With a control queue, which is offered along with more than one queue pair
 * (virtio 1.2, 5.1.3.1: all of these require CTRL_VQ).
 */
#define NET_FEATURES_MQ                                                                           \
	(RTE_BIT64(VIRTIO_NET_F_MQ) | RTE_BIT64(VIRTIO_NET_F_CTRL_VQ) |                           \
			RTE_BIT64(VIRTIO_NET_F_CTRL_RX) | RTE_BIT64(VIRTIO_NET_F_CTRL_RX_EXTRA) | \
			RTE_BIT64(VIRTIO_NET_F_CTRL_VLAN) |                                       \
			RTE_BIT64(VIRTIO_NET_F_CTRL_MAC_ADDR) |                                   \
			RTE_BIT64(VIRTIO_NET_F_GUEST_ANNOUNCE) |                                  \
			RTE_BIT64(VIRTIO_NET_F_CTRL_GUEST_OFFLOADS) |                             \
			RTE_BIT64(VIRTIO_NET_F_RSS) | RTE_BIT64(VIRTIO_NET_F_HASH_REPORT) |       \
			RTE_BIT64(VIRTIO_NET_F_NOTF_COAL) | RTE_BIT64(VIRTIO_NET_F_VQ_NOTF_COAL))

/* virtio 1.2, 5.1.4.1 */
#define NET_DUPLEX_FULL 1

static void
net_notify(const struct rte_vduse_net *net, enum rte_vduse_net_event event, uint16_t pair)
{
	if (net->event != NULL)
		net->event(net->event_arg, event, pair);
}

static int
net_check_features(void *priv, uint64_t features)
{
	net_config_hold_mtu(priv, (features & RTE_BIT64(VIRTIO_NET_F_MTU)) != 0);
	return net_plan_check(priv, features);
}

static void
net_reset(void *priv)
{
	net_config_hold_mtu(priv, false);
}

/*
 * The control queue is behind the pairs that there are to the driver: all that
 * max_virtqueue_pairs says, with MQ or RSS, otherwise one (virtio 1.2, 5.1.2).
 */
static uint16_t
net_ctrl_index(const struct rte_vduse_net *net, uint64_t features)
{
	if (!(features & RTE_BIT64(VIRTIO_NET_F_CTRL_VQ)))
		return NET_CTRL_NONE;
	return features & (RTE_BIT64(VIRTIO_NET_F_MQ) | RTE_BIT64(VIRTIO_NET_F_RSS))
			       ? 2 * net->queue_pairs
			       : 2;
}

/* Of the first pair and the control queue the driver kicks the latter; no queue runs. */
static void
net_start_ctrl(struct rte_vduse_net *net, uint64_t features)
{
	uint16_t i;

	__atomic_store_n(&net->ctrl_index, net_ctrl_index(net, features), __ATOMIC_RELAXED);
	for (i = 0; i < net->dev->nb_queues; i++)
		vduse_dev_vq(net->dev, i)->ctl.kicks =
				i == net->ctrl_index || i == 2 * net->queue_pairs;
	if (net->ctrl_index < 2 * net->queue_pairs)
		net->queues[net->ctrl_index].burst = net_burst_none;
}

static int
net_start(void *priv, uint64_t features)
{
	struct rte_vduse_net *net = priv;
	const struct net_plan plan = net_plan(net, features);
	uint16_t i;

	net->bodies = net_bodies_select();
	for (i = 0; i < 2 * net->queue_pairs; i++) {
		__atomic_store_n(&net->queues[i].features, plan.features, __ATOMIC_RELAXED);
		net->queues[i].hdr_len = plan.hdr_len;
		/* what a poll has to look at is of the body that sets it */
		net->queues[i].vq->poll.holds = false;
		if (i % 2 == 0)
			net->queues[i].burst = net->bodies->enqueue(plan.features);
		else
			net->queues[i].burst = net->bodies->dequeue(plan.features, plan.zero_copy);
		if (net->queues[i].zc != NULL)
			net_zc_set_order(net->queues[i].zc, plan.in_order);
	}
	net_start_limits(net, features);
	net_start_ctrl(net, features);
	net_ctrl_reset(net, features);
	if (vduse_dev_is_restoring(net->dev))
		net_saved_restore(net);
	else
		net_saved_write(net);
	__atomic_store_n(&net->driver_up, true, __ATOMIC_RELAXED);
	net_notify(net, RTE_VDUSE_NET_EVENT_LINK, 0);
	return 0;
}

static void
net_stop(void *priv)
{
	struct rte_vduse_net *net = priv;

	__atomic_store_n(&net->driver_up, false, __ATOMIC_RELAXED);
	net_notify(net, RTE_VDUSE_NET_EVENT_LINK, 0);
}

static void
net_queue(void *priv, uint16_t index, __rte_unused bool enabled)
{
	const struct rte_vduse_net *net = priv;

	if (index < 2 * net->queue_pairs && index != net->ctrl_index)
		net_notify(net, RTE_VDUSE_NET_EVENT_QUEUE, index / 2);
}

static void
net_kick(void *priv, uint16_t index)
{
	struct rte_vduse_net *net = priv;

	if (index == net->ctrl_index)
		net_ctrl_serve(net, vduse_dev_vq(net->dev, index));
}

/*
 * Frames handed on are copied, so that their buffers can go back now. The
 * queue rests: none is added meanwhile.
 */
static int
net_settle(void *priv, uint16_t index)
{
	struct rte_vduse_net *net = priv;
	struct net_queue *q;
	int ret;

	if (index >= 2 * net->queue_pairs)
		return 0;
	q = &net->queues[index];
	if (q->zc == NULL)
		return 0;
	net_zc_meet(q->zc, q->vq);
	if (q->zc->owed == 0)
		return 0;
	ret = vduse_remap(net->dev, q->vq->map.tlb);
	if (ret == 0)
		ret = vduse_vq_place(q->vq);
	if (ret < 0) {
		VDUSE_LOG(ERR,
				"%s: queue %u: %u of its buffers are in use and cannot be given "
				"back, as its memory cannot be mapped: %s; its position is not "
				"known: a driver that asks for it has to reset the device",
				net->dev->name, index, q->zc->owed, strerror(-ret));
		return ret;
	}
	net_zc_give_back(q->zc, q->vq);
	return 0;
}

static void
net_successor(void *priv)
{
	net_notify(priv, RTE_VDUSE_NET_EVENT_SUCCESSOR, 0);
}

/* Pairs, and behind them nothing or one control queue, as net_create_dev() makes them. */
static bool
net_can_resume(uint16_t nb_queues, uint16_t first_control_queue)
{
	const uint16_t pairs = nb_queues / 2;

	return pairs >= 1 && pairs <= RTE_VDUSE_NET_PAIRS_MAX && first_control_queue == 2 * pairs;
}

/* What a driver read of the address stays with it: one made up here would be another. */
static int
net_can_adopt(void *priv, const char *name)
{
	const struct rte_vduse_net *net = priv;

	if (!net->made_up_mac)
		return 0;
	VDUSE_LOG(ERR,
			"%s: somebody else made it, and the kernel does not tell with which MAC "
			"address; give that address (mac=ADDRESS, --mac ADDRESS)",
			name);
	return -EINVAL;
}

static const struct rte_vduse_ops net_ops = {
	.check_features = net_check_features,
	.start = net_start,
	.stop = net_stop,
	.reset = net_reset,
	.queue = net_queue,
	.kick = net_kick,
	.settle = net_settle,
	.held = net_zc_held,
	.successor = net_successor,
	.can_resume = net_can_resume,
	.can_adopt = net_can_adopt,
};

void
rte_vduse_net_conf_init(struct rte_vduse_net_conf *conf)
{
	memset(conf, 0, sizeof(*conf));
	rte_vduse_conf_init(&conf->dev);
	conf->dev.queue_size = 256;
	conf->queue_pairs = 1;
	conf->mtu = RTE_ETHER_MTU;
	conf->speed = UINT32_MAX;
}

int
net_check_conf(const struct rte_vduse_net_conf *conf)
{
	const char *name = conf->dev.name != NULL ? conf->dev.name : "";

	if (conf->queue_pairs == 0 || conf->queue_pairs > RTE_VDUSE_NET_PAIRS_MAX) {
		VDUSE_LOG(ERR, "%.64s: %u queue pairs; use 1 to %u", name, conf->queue_pairs,
				RTE_VDUSE_NET_PAIRS_MAX);
		return -EINVAL;
	}
	if (conf->dev.queue_size < RTE_VDUSE_NET_QUEUE_SIZE_MIN ||
			conf->dev.queue_size > RTE_VDUSE_NET_QUEUE_SIZE_MAX ||
			(!rte_is_power_of_2(conf->dev.queue_size) &&
					conf->ring != RTE_VDUSE_NET_RING_PACKED)) {
		VDUSE_LOG(ERR,
				"%.64s: queue size %u; use %u to %u, and a power of two unless "
				"only "
				"packed rings are offered",
				name, conf->dev.queue_size, RTE_VDUSE_NET_QUEUE_SIZE_MIN,
				RTE_VDUSE_NET_QUEUE_SIZE_MAX);
		return -EINVAL;
	}
	if (!rte_is_valid_assigned_ether_addr(&conf->mac) &&
			!(conf->dev.adopt && rte_is_zero_ether_addr(&conf->mac))) {
		VDUSE_LOG(ERR,
				"%.64s: " RTE_ETHER_ADDR_PRT_FMT " is no unicast MAC address; "
				"use one like 02:00:00:00:00:01",
				name, RTE_ETHER_ADDR_BYTES(&conf->mac));
		return -EINVAL;
	}
	if ((unsigned int)conf->profile >= RTE_DIM(net_profiles)) {
		VDUSE_LOG(ERR, "%.64s: unknown profile %d", name, (int)conf->profile);
		return -EINVAL;
	}
	if (conf->profile == RTE_VDUSE_NET_PROFILE_MIGRATE &&
			conf->ring == RTE_VDUSE_NET_RING_PACKED) {
		VDUSE_LOG(ERR,
				"%.64s: profile migrate has split rings: leave the ring format "
				"out, or "
				"take another profile",
				name);
		return -EINVAL;
	}
	if (conf->mtu < RTE_VDUSE_NET_MTU_MIN) {
		VDUSE_LOG(ERR, "%.64s: MTU %u; use %u to %u", name, conf->mtu,
				RTE_VDUSE_NET_MTU_MIN, RTE_VDUSE_NET_MTU_MAX);
		return -EINVAL;
	}
	return 0;
}

void
net_conf_dev(struct rte_vduse_net *net, const struct rte_vduse_net_conf *conf, uint16_t pairs,
		struct rte_vduse_conf *dev_conf)
{
	*dev_conf = conf->dev;
	dev_conf->device_id = VIRTIO_ID_NET;
	dev_conf->features = NET_FEATURES | net_profiles[conf->profile];
	dev_conf->nb_queues = 2 * pairs;
	dev_conf->first_control_queue = 2 * pairs;
	dev_conf->config = &net->config;
	dev_conf->config_size = sizeof(net->config);
	dev_conf->ops = &net_ops;
	dev_conf->priv = net;
	dev_conf->hold = net->zc;
	if (conf->ring == RTE_VDUSE_NET_RING_SPLIT)
		dev_conf->features &= ~RTE_BIT64(VIRTIO_F_RING_PACKED);
	if (conf->standby)
		dev_conf->features |= RTE_BIT64(VIRTIO_NET_F_STANDBY);
	if (pairs > 1) {
		dev_conf->features |= NET_FEATURES_MQ;
		dev_conf->nb_queues++;
	}
	if (conf->profile == RTE_VDUSE_NET_PROFILE_MIGRATE)
		dev_conf->features &= ~NET_FEATURES_UNSHADOWED;
	net->wish.features = dev_conf->features;
	net->queue_pairs = pairs;
	net->wish.queue_pairs = pairs;
	net->ctrl_index = NET_CTRL_NONE;
	net->steers = pairs > 1;
	net_config_mutex_alone(&net->config_lock);
	net->config.max_virtqueue_pairs = rte_cpu_to_le_16(pairs);
}

/* Create it; -ENOTSUP is the kernel's plain no. */
static int
net_create_dev(struct rte_vduse_net *net, const struct rte_vduse_net_conf *conf, uint16_t pairs)
{
	struct rte_vduse_conf dev_conf;

	net_conf_dev(net, conf, pairs, &dev_conf);
	return rte_vduse_dev_create(&dev_conf, &net->dev);
}

/*
 * The kernel refuses a device type or feature it does not serve without
 * saying which: a creation with one pair tells the two apart.
 */
static int
net_create_or_explain(struct rte_vduse_net *net, const struct rte_vduse_net_conf *conf)
{
	struct utsname uts;
	int ret;

	ret = net_create_dev(net, conf, conf->queue_pairs);
	if (ret == -ENOTSUP && conf->queue_pairs > 1) {
		ret = net_create_dev(net, conf, 1);
		if (ret == 0 && conf->mq_fallback) {
			VDUSE_LOG(NOTICE,
					"%s: this kernel refuses VIRTIO_NET_F_CTRL_VQ, which more "
					"than one queue pair needs: one pair instead of %u",
					conf->dev.name, conf->queue_pairs);
			return 0;
		}
		if (ret == 0) {
			rte_vduse_dev_destroy(net->dev);
			VDUSE_LOG(ERR,
					"%s: this kernel refuses VIRTIO_NET_F_CTRL_VQ, which more "
					"than one queue pair needs; ask for one pair (queues=1), "
					"or "
					"allow the fall-back (mq-fallback=1)",
					conf->dev.name);
			return -ENOTSUP;
		}
	}
	if (ret == -ENOTSUP) {
		VDUSE_LOG(ERR,
				"%s: the vduse module of this kernel (%s) takes no network device; "
				"that needs Linux 6.10 or later",
				conf->dev.name, uname(&uts) == 0 ? uts.release : "?");
		return -ENOTSUP;
	}
	return ret;
}

static void
net_init_config(struct rte_vduse_net *net, const struct rte_vduse_net_conf *conf)
{
	net_config_mutex_alone(&net->config_lock);
	net->made_up_mac = rte_is_zero_ether_addr(&conf->mac);
	if (net->made_up_mac)
		rte_eth_random_addr(net->config.mac);
	else
		memcpy(net->config.mac, &conf->mac, sizeof(net->config.mac));
	net->config.mtu = rte_cpu_to_le_16(conf->mtu);
	net->config.speed = rte_cpu_to_le_32(conf->speed);
	net->config.duplex = NET_DUPLEX_FULL;
	net->config.rss_max_key_size = NET_RSS_KEY_MAX;
	net->config.rss_max_indirection_table_length = rte_cpu_to_le_16(NET_RSS_TABLE_MAX);
	net->config.supported_hash_types = rte_cpu_to_le_32(NET_RSS_TYPES);
}

void
net_free(struct rte_vduse_net *net)
{
	net_zc_set_free(net->zc);
	net_config_mutex_destroy(&net->config_lock);
	free(net);
}

struct rte_vduse_net *
net_alloc(const struct rte_vduse_net_conf *conf)
{
	struct rte_vduse_net *net = calloc(1, sizeof(*net));

	if (net == NULL)
		return NULL;
	net_config_mutex_init(&net->config_lock);
	net->event = conf->event;
	net->event_arg = conf->event_arg;
	net_limits_spin_init(&net->limits_lock);
	net_limits_spin_alone(&net->limits_lock);
	net->limits.max_len = RTE_VDUSE_NET_FRAME_MAX;
	net->limits.max_gso_len = RTE_VDUSE_NET_FRAME_MAX;
	net->wish.packed_only = conf->ring == RTE_VDUSE_NET_RING_PACKED;
	net->wish.zero_copy = conf->zero_copy_min > 0;
	net->wish.queue_size = conf->dev.queue_size;
	net->wish.fewer_pairs = conf->mq_fallback;
	net_init_config(net, conf);
	if (conf->zero_copy_min > 0) {
		net->zc = net_zc_set_alloc(conf->zero_copy_min, conf->zero_copy_pieces);
		if (net->zc == NULL) {
			net_free(net);
			return NULL;
		}
	}
	return net;
}

int
rte_vduse_net_create(const struct rte_vduse_net_conf *conf, struct rte_vduse_net **out)
{
	struct rte_vduse_net *net;
	int ret;

	ret = net_check_conf(conf);
	if (ret < 0)
		return ret;
	net = net_alloc(conf);
	if (net == NULL) {
		VDUSE_LOG(ERR, "%s: no memory to create it", conf->dev.name);
		return -ENOMEM;
	}
	ret = net_create_or_explain(net, conf);
	if (ret < 0)
		goto free_net;
	net_saved_adopt(net);
	net_config_mutex_alone(&net->config_lock);
	/* of a device that was there before, a driver may go by what it has read */
	net->mtu_held = net->dev->resumed || net->dev->adopted;
	ret = net_pairs_alloc(net, conf->call_thread);
	if (ret < 0)
		goto destroy;
	net->first = net->queues[1].vq;
	net_plan_made(net);
	net_list_add(net);
	*out = net; /* events may come from here on */
	ret = vduse_dev_is_waiting(net->dev) ? 0 : rte_vduse_dev_ready(net->dev);
	if (ret < 0)
		goto del_list;
	return 0;

del_list:
	*out = NULL;
	net_list_del(net);
	rte_vduse_dev_destroy(net->dev);
	net_pairs_free(net);
	goto free_net;
destroy:
	rte_vduse_dev_destroy(net->dev);
free_net:
	net_free(net);
	return ret;
}

int
rte_vduse_net_probe(struct rte_vduse_net_caps *caps)
{
	int ret;

	ret = rte_vduse_probe(VIRTIO_ID_NET, NET_FEATURES | NET_FEATURES_MQ, &caps->dev);
	caps->features = NET_FEATURES | net_profiles[RTE_VDUSE_NET_PROFILE_BULK];
	if (caps->dev.features)
		caps->features |= NET_FEATURES_MQ;
	return ret;
}

int
rte_vduse_net_claim(struct rte_vduse_net *net)
{
	return rte_vduse_dev_claim(net->dev);
}

int
rte_vduse_net_take_over(struct rte_vduse_net *net)
{
	int ret;

	if (!vduse_dev_is_waiting(net->dev))
		return 0;
	ret = rte_vduse_dev_take_over(net->dev);
	if (ret < 0)
		return ret;
	net_saved_config(net);
	return rte_vduse_dev_ready(net->dev);
}

bool
rte_vduse_net_port_waits(uint16_t port)
{
	const struct rte_vduse_net *net = rte_vduse_net_by_port(port);

	return net != NULL && vduse_dev_is_waiting(net->dev);
}

int
rte_vduse_net_destroy(struct rte_vduse_net *net)
{
	int ret;

	net_list_del(net);
	ret = rte_vduse_dev_destroy(net->dev);
	net_pairs_free(net);
	net_free(net);
	return ret;
}
