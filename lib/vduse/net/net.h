/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NET_NET_H
#define NET_NET_H

#include <sys/queue.h>

#include "life/device.h"
#include "lock.h"
#include "net/ctrl/filter.h"
#include "net/ctrl/rss.h"
#include "net/hdr.h"
#include "net/isa.h"
#include "ring/ring.h"
#include "rte_vduse_net.h"
#include "usdt.h"

/** A frame of the queue's is dropped: counted, and a probe with the reason's words. */
#define NET_DROP(q, reason, words)                                        \
	do {                                                              \
		vduse_count(&(q)->stats.drop_##reason, 1);                \
		USDT(vduse_device, words, (q), (int)(q)->vq->ring.index); \
	} while (0)

struct net_zc;
struct net_zc_set;

/** What the owner asks for, as far as a driver has a say in it. */
struct net_wish {
	bool zero_copy;
	bool packed_only;     /**< no driver without packed rings */
	uint64_t features;    /**< that a device made now would offer */
	uint16_t queue_pairs; /**< that it would have */
	bool fewer_pairs;     /**< one will do where the kernel refuses more */
	uint16_t queue_size;  /**< and theirs */
};

/** What holds for the driver that is there. */
struct net_plan {
	uint64_t features; /**< negotiated */
	uint16_t hdr_len;  /**< bytes of the virtio_net_hdr */
	bool zero_copy;    /**< frames towards the host may stay in the driver's memory */
	bool in_order;     /**< buffers go back in the order they were taken */
};

/** A buffer taken for a frame and not given back yet. */
struct net_pending {
	uint16_t id;
	uint16_t slots;
	uint32_t len; /* bytes that will be written */
};

/** Bursts of one queue by several lcores: each holds it, and nobody else does. */
SPIN_KIND(net_queue_spin);

/** One direction of a queue pair. */
struct net_queue {
	struct vduse_vq *vq;
	net_burst_t burst;               /* chosen at DRIVER_OK, stable inside of a burst */
	uint64_t features;               /* negotiated, as stable */
	uint16_t hdr_len;                /* of the virtio_net_hdr, the same */
	uint16_t port;                   /* dequeue: of the mbufs */
	uint32_t plain_max;              /* longest frame, bytes; dequeue: atomic */
	uint32_t gso_max;                /* the same of those to be segmented; not below */
	struct net_queue_spin lock;      /* enqueue to a device that steers: any lcore may come */
	bool complete;                   /* dequeue: the owner takes no partial checksums */
	uint16_t nb_pending;             /* room in the array */
	struct net_pending *pending;     /* enqueue only */
	const struct net_filter *filter; /* enqueue only */
	const struct net_rss *rss;       /* enqueue only; net_set_rss() */
	vduse_reader_t steerer;          /* enqueue: the caller looks where frames go */
	struct net_zc *zc;               /* dequeue: frames handed on without a copy, or NULL */
	struct rte_vduse_net_queue_stats stats;
} __rte_cache_aligned;

/** When calls of a queue are made; see rte_vduse_net_set_coalesce(). */
struct net_coalesce {
	uint32_t frames;
	uint32_t usecs;
};

MUTEX_KIND(net_config_mutex);
SPIN_KIND(net_limits_spin);

struct rte_vduse_net {
	/* what a poll looks at */
	struct net_queue *queues; /* by virtqueue index: 2n receives, 2n + 1 transmits */
	struct vduse_vq *first;   /* the first transmit queue */
	bool holds_calls;         /* calls of some queue may be held back */

	TAILQ_ENTRY(rte_vduse_net) next; /* net/list.c */
	struct rte_vduse_dev *dev;
	uint16_t queue_pairs;      /* offered */
	uint16_t ctrl_index;       /* of the control queue, by what is negotiated; atomic */
	uint16_t active_pairs;     /* in use by the driver (VIRTIO_NET_CTRL_MQ) */
	struct net_wish wish;      /* the owner's, as far as drivers have a say in it */
	bool admin_up;             /* the owner set the link up */
	bool driver_up;            /* DRIVER_OK */
	bool made_up_mac;          /* its owner did not give one */
	bool steers;               /* queue pairs can be other than the caller's (control queue) */
	const struct net_rss *rss; /* of the receive queues; atomic, net_set_rss() */
	struct net_rss rss_slots[2];    /* that one, and the next */
	struct vduse_readers *steerers; /* who looks at it outside of a burst; by pair */
	struct net_filter filter;       /* active: heeded by the receive queues */
	/* the owner's, [1]: dequeue; at every start */
	struct net_coalesce coalesce[2] GUARDED_BY(net_config_mutex);
	bool adaptive[2] GUARDED_BY(net_config_mutex); /* the same */
	struct net_config_mutex config_lock;
	/* as the driver sees it; net/config.c */
	struct virtio_net_config config GUARDED_BY(net_config_mutex);
	/* a driver goes by that MTU until it resets the device */
	bool mtu_held GUARDED_BY(net_config_mutex);
	/* that the next one is to see; 0: the same */
	uint16_t next_mtu GUARDED_BY(net_config_mutex);
	rte_vduse_net_event_cb event;
	void *event_arg;
	const struct net_bodies *bodies; /* of the bursts, chosen at DRIVER_OK */
	struct net_zc_set *zc;           /* of the queues, or NULL */

	struct net_limits_spin limits_lock;
	struct rte_vduse_net_rx_limits limits GUARDED_BY(net_limits_spin); /* the owner's */
	/* that the driver negotiated; 0: none */
	uint16_t driver_mtu GUARDED_BY(net_limits_spin);
};

/** With any of these the driver may send frames to be segmented (virtio 1.2, 5.1.3). */
#define NET_FEATURES_SEGMENTS                                                    \
	(RTE_BIT64(VIRTIO_NET_F_HOST_TSO4) | RTE_BIT64(VIRTIO_NET_F_HOST_TSO6) | \
			RTE_BIT64(VIRTIO_NET_F_HOST_USO))

/** All that the profiles differ in. */
#define NET_FEATURES_PROFILES                                   \
	(NET_FEATURES_SEGMENTS | RTE_BIT64(VIRTIO_NET_F_CSUM) | \
			RTE_BIT64(VIRTIO_NET_F_GUEST_CSUM) | RTE_BIT64(VIRTIO_NET_F_GUEST_TSO4))

/** Offloads that VIRTIO_NET_CTRL_GUEST_OFFLOADS switches (virtio 1.2, 5.1.6.5.6.1). */
#define NET_CTRL_OFFLOADS                                                                        \
	(RTE_BIT64(VIRTIO_NET_F_GUEST_CSUM) | RTE_BIT64(VIRTIO_NET_F_GUEST_TSO4) |               \
			RTE_BIT64(VIRTIO_NET_F_GUEST_TSO6) | RTE_BIT64(VIRTIO_NET_F_GUEST_ECN) | \
			RTE_BIT64(VIRTIO_NET_F_GUEST_USO4) | RTE_BIT64(VIRTIO_NET_F_GUEST_USO6))

/** No virtqueue is the control queue. */
#define NET_CTRL_NONE UINT16_MAX

/** Pairs whose coalescing is kept in the state file; beyond, it is as the owner set it. */
#define NET_SAVED_COALESCE_PAIRS 64

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

/** Frames of a burst that are not in the counters yet: those of one size are counted as one. */
struct net_sum {
	uint64_t bytes;
	uint32_t bin;
	uint16_t first; /* of these frames, in the burst */
};

/** Count them, up to number n. */
static __rte_always_inline void
net_sum_end(const struct net_sum *sum, struct rte_vduse_net_queue_stats *stats, uint16_t n)
{
	vduse_count(&stats->packets, (uint16_t)(n - sum->first));
	vduse_count(&stats->bytes, sum->bytes);
	vduse_count(&stats->size_bins[sum->bin], (uint16_t)(n - sum->first));
}

/** Frame number i was moved. */
static __rte_always_inline void
net_sum_add(struct net_sum *sum, struct rte_vduse_net_queue_stats *stats, const struct rte_mbuf *m,
		uint16_t i)
{
	const struct rte_ether_addr *to = rte_pktmbuf_mtod(m, const struct rte_ether_addr *);
	const uint32_t bin = net_size_bin(m->pkt_len);

	if (unlikely(bin != sum->bin)) {
		net_sum_end(sum, stats, i);
		*sum = (struct net_sum){ .bin = bin, .first = i };
	}
	sum->bytes += m->pkt_len;
	if (unlikely(rte_is_multicast_ether_addr(to))) {
		if (rte_is_broadcast_ether_addr(to))
			vduse_count(&stats->broadcast, 1);
		else
			vduse_count(&stats->multicast, 1);
	}
}

/** Count a frame that was moved. */
static __rte_always_inline void
net_count(struct rte_vduse_net_queue_stats *stats, const struct rte_mbuf *m)
{
	struct net_sum sum = { .bin = net_size_bin(m->pkt_len) };

	net_sum_add(&sum, stats, m, 0);
	net_sum_end(&sum, stats, 1);
}

#endif /* NET_NET_H */
