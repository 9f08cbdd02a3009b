/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NET_RSS_H
#define NET_RSS_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/virtio_net.h>

#include <rte_mbuf.h>

/*
 * Receive side scaling and hash reports (virtio 1.2, 5.1.6.4.3 and 5.1.6.5.6):
 * which of the driver's receive queues a frame goes to.
 */

/** Largest indirection table and key that are offered. */
#define NET_RSS_TABLE_MAX 128
#define NET_RSS_KEY_MAX   40

/** Hash types that are offered. */
#define NET_RSS_TYPES                                                                    \
	(VIRTIO_NET_RSS_HASH_TYPE_IPv4 | VIRTIO_NET_RSS_HASH_TYPE_TCPv4 |                \
			VIRTIO_NET_RSS_HASH_TYPE_UDPv4 | VIRTIO_NET_RSS_HASH_TYPE_IPv6 | \
			VIRTIO_NET_RSS_HASH_TYPE_TCPv6 | VIRTIO_NET_RSS_HASH_TYPE_UDPv6)

/** Not changed once it is published: net_set_rss(). */
struct net_rss {
	bool steer;     /**< by the table; else by the caller's choice of queue */
	uint32_t types; /**< VIRTIO_NET_RSS_HASH_TYPE_*; 0: no hash */
	uint16_t mask;  /**< of the table */
	uint16_t unclassified;
	uint16_t table[NET_RSS_TABLE_MAX]; /**< queue pairs */
	/** Toeplitz key; a word more, which the algorithm reads and shifts out. */
	uint8_t key[NET_RSS_KEY_MAX + sizeof(uint32_t)];
};

/**
 * The hash of a frame.
 *
 * @param[out] report VIRTIO_NET_HASH_REPORT_*; _NONE where no type fits
 */
uint32_t net_rss_hash(const struct net_rss *rss, const struct rte_mbuf *m, uint16_t *report);

/** The queue pair that the table gives a frame. */
uint16_t net_rss_pair(const struct net_rss *rss, const struct rte_mbuf *m);

/**
 * Read VIRTIO_NET_CTRL_MQ_RSS_CONFIG's (steer) or _HASH_CONFIG's data.
 *
 * @param pairs queue pairs that there are
 * @return pairs that the driver transmits on (max_tx_vq), without steer 0; -EINVAL, and then
 *   *rss is undefined
 */
int net_rss_parse(struct net_rss *rss, const uint8_t *data, size_t len, bool steer, uint16_t pairs);

#endif /* NET_RSS_H */
