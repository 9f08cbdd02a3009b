/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NET_DEV_H
#define NET_DEV_H

#include <pthread.h>
#include <stddef.h>
#include <sys/queue.h>

#include <rte_spinlock.h>

#include "net_body.h"
#include "net_filter.h"
#include "net_hdr.h"
#include "net_plan.h"
#include "net_rss.h"
#include "rte_vduse_net.h"
#include "vduse_dev.h"
#include "vduse_ring.h"

struct net_zc;
struct net_zc_set;

/** A buffer taken for a frame and not given back yet. */
struct net_pending {
	uint16_t id;
	uint16_t slots;
	uint32_t len; /* bytes that will be written */
};

/** One direction of a queue pair. */
struct net_queue {
	struct vduse_vq *vq;
	net_burst_t burst;               /* chosen at DRIVER_OK, stable inside of a burst */
	uint64_t features;               /* negotiated, as stable */
	uint16_t hdr_len;                /* of the virtio_net_hdr, the same */
	uint16_t port;                   /* dequeue: of the mbufs */
	uint32_t plain_max;              /* longest frame, bytes; dequeue: atomic */
	uint32_t gso_max;                /* the same of those to be segmented; not below */
	rte_spinlock_t lock;             /* enqueue to a device that steers: any lcore may come */
	bool complete;                   /* dequeue: the owner takes no partial checksums */
	uint16_t nb_pending;             /* room in the array */
	struct net_pending *pending;     /* enqueue only */
	const struct net_filter *filter; /* enqueue only */
	const struct net_rss *rss;       /* enqueue only */
	struct net_zc *zc;               /* dequeue: frames handed on without a copy, or NULL */
	struct rte_vduse_net_queue_stats stats;
} __rte_cache_aligned;

/** When calls of a queue are made; see rte_vduse_net_set_coalesce(). */
struct net_coalesce {
	uint32_t frames;
	uint32_t usecs;
};

struct rte_vduse_net {
	/* what a poll looks at */
	struct net_queue *queues; /* by virtqueue index: 2n receives, 2n + 1 transmits */
	struct vduse_vq *first;   /* the first transmit queue */
	bool holds_calls;         /* calls of some queue may be held back */

	TAILQ_ENTRY(rte_vduse_net) next; /* net_list.c */
	struct rte_vduse_dev *dev;
	uint16_t queue_pairs;     /* offered */
	uint16_t ctrl_index;      /* of the control queue, which follows from what is negotiated */
	uint16_t active_pairs;    /* in use by the driver (VIRTIO_NET_CTRL_MQ) */
	struct net_wish wish;     /* the owner's, as far as drivers have a say in it */
	bool admin_up;            /* the owner set the link up */
	bool driver_up;           /* DRIVER_OK */
	bool made_up_mac;         /* its owner did not give one */
	bool steers;              /* queue pairs can be other than the caller's (control queue) */
	struct net_rss rss;       /* of the receive queues */
	struct net_filter filter; /* active: heeded by the receive queues */
	struct net_coalesce coalesce[2]; /* the owner's, [1]: dequeue; at every start */
	bool adaptive[2];                /* the same */
	pthread_mutex_t config_lock;     /* its owner and its driver's commands change it */
	struct virtio_net_config config; /* as the driver sees it; net_config.c */
	rte_vduse_net_event_cb event;
	void *event_arg;
	const struct net_bodies *bodies; /* of the bursts, chosen at DRIVER_OK */
	struct net_zc_set *zc;           /* of the queues, or NULL */

	rte_spinlock_t limits_lock;            /* of the next two */
	struct rte_vduse_net_rx_limits limits; /* the owner's */
	uint16_t driver_mtu;                   /* that the driver negotiated; 0: none */
};

/** With any of these the driver may send frames to be segmented (virtio 1.2, 5.1.3). */
#define NET_FEATURES_SEGMENTS                                                    \
	(RTE_BIT64(VIRTIO_NET_F_HOST_TSO4) | RTE_BIT64(VIRTIO_NET_F_HOST_TSO6) | \
			RTE_BIT64(VIRTIO_NET_F_HOST_USO))

/** All that the profiles differ in. */
#define NET_FEATURES_PROFILES                                   \
	(NET_FEATURES_SEGMENTS | RTE_BIT64(VIRTIO_NET_F_CSUM) | \
			RTE_BIT64(VIRTIO_NET_F_GUEST_CSUM) | RTE_BIT64(VIRTIO_NET_F_GUEST_TSO4))

/** Where a field of the configuration is. */
struct net_field {
	uint32_t offset;
	uint32_t len;
};
#define NET_FIELD(field)                                                \
	((struct net_field){ offsetof(struct virtio_net_config, field), \
			sizeof(((struct virtio_net_config *)NULL)->field) })

/** Give a field this value, in the driver's view of it as well. Any thread. @return 0 or -errno */
int net_config_write(struct rte_vduse_net *net, struct net_field field, const void *value);

/** Clear bits of the status, then set others; the same. */
int net_config_status(struct rte_vduse_net *net, uint16_t clear, uint16_t set);

/** The configuration at one moment. Any thread. */
void net_config_read(const struct rte_vduse_net *net, struct virtio_net_config *config);

/** No virtqueue is the control queue. */
#define NET_CTRL_NONE UINT16_MAX

/** Burst of a queue that no lcore serves: it moves nothing. */
uint16_t net_burst_none(struct net_queue *q, struct rte_mempool *pool, struct rte_mbuf **pkts,
		uint16_t nb_pkts);

/** Pairs whose coalescing is kept in the state file; beyond, it is as the owner set it. */
#define NET_STATE_COALESCE_PAIRS 64

/** A driver came: what is dequeued follows from what it negotiated and what the owner takes. */
void net_start_limits(struct rte_vduse_net *net, uint64_t features);

/** Of one queue, by its driver. @return 0 or -EINVAL, -errno */
int net_set_coalesce(struct rte_vduse_net *net, uint16_t index, const struct net_coalesce *coal);

/** Of one queue, as its owner wants it. @return as net_set_coalesce() */
int net_reset_coalesce(struct rte_vduse_net *net, uint16_t index);

/** The receive queues rest, for a change by a command of the control queue, in its burst. */
void net_pause_receive(struct rte_vduse_net *net);
void net_resume_receive(struct rte_vduse_net *net);

/** Note why a burst could not go on at a chain. @return true: stop the burst */
static inline bool
net_burst_stopped(struct net_queue *q, int err)
{
	if (err == -EAGAIN)
		vduse_vq_set_miss(q->vq);
	else if (err == -EBADMSG)
		vduse_vq_set_fault(q->vq);
	else if (err != -EINPROGRESS)
		return false;
	return true;
}

/** Which size bin a length belongs to. */
static __rte_always_inline unsigned int
net_size_bin(uint32_t len)
{
	if (unlikely(len < 64))
		return 0;
	if (unlikely(len > 1518))
		return RTE_VDUSE_NET_SIZE_BINS - 1;
	if (len == 64)
		return 1;
	/* 65 to 127 is bin 2, and a bin for each power of two from there */
	return len >= 1024 ? 6 : 2 + (25 - (unsigned int)__builtin_clz(len));
}

/** Count a frame that was moved. */
static __rte_always_inline void
net_count(struct rte_vduse_net_queue_stats *stats, const struct rte_mbuf *m)
{
	const struct rte_ether_addr *to = rte_pktmbuf_mtod(m, const struct rte_ether_addr *);

	vduse_count(&stats->packets, 1);
	vduse_count(&stats->bytes, m->pkt_len);
	vduse_count(&stats->size_bins[net_size_bin(m->pkt_len)], 1);
	if (unlikely(rte_is_multicast_ether_addr(to))) {
		if (rte_is_broadcast_ether_addr(to))
			vduse_count(&stats->broadcast, 1);
		else
			vduse_count(&stats->multicast, 1);
	}
}

#endif /* NET_DEV_H */
