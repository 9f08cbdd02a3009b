/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What the application takes from the driver. ethdev's contract: without
 * SCATTER a frame is one mbuf, without TCP_LRO none is longer than the MTU
 * says. What cannot be kept is refused before a frame comes.
 */

#include "pmd.h"

#define PMD_CKSUM_L4 (RTE_ETH_RX_OFFLOAD_TCP_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM)
#define PMD_CKSUM_RX (RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | PMD_CKSUM_L4)
#define PMD_CKSUM_TX                                                    \
	(RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM | \
			RTE_ETH_TX_OFFLOAD_UDP_CKSUM)
#define PMD_TSO_TX (RTE_ETH_TX_OFFLOAD_TCP_TSO | RTE_ETH_TX_OFFLOAD_UDP_TSO)
#define PMD_LRO    RTE_ETH_RX_OFFLOAD_TCP_LRO

/* What the profiles are in ethdev's terms. */
static const struct {
	const char *name;
	uint64_t rx;
	uint64_t tx;
} pmd_profiles[] = {
	[RTE_VDUSE_NET_PROFILE_LATENCY] = { "latency", PMD_CKSUM_RX, PMD_CKSUM_TX },
	[RTE_VDUSE_NET_PROFILE_BULK] = { "bulk", PMD_CKSUM_RX | PMD_LRO,
			PMD_CKSUM_TX | PMD_TSO_TX },
	[RTE_VDUSE_NET_PROFILE_XDP] = { "xdp", PMD_CKSUM_RX | PMD_LRO, PMD_CKSUM_TX },
	[RTE_VDUSE_NET_PROFILE_NONE] = { "none", 0, PMD_CKSUM_TX },
	[RTE_VDUSE_NET_PROFILE_TX] = { "tx", PMD_CKSUM_RX, PMD_CKSUM_TX | PMD_TSO_TX },
	[RTE_VDUSE_NET_PROFILE_MIGRATE] = { "migrate", PMD_CKSUM_RX | PMD_LRO,
			PMD_CKSUM_TX | RTE_ETH_TX_OFFLOAD_TCP_TSO },
};

int
pmd_profile_parse(const char *key, const char *value, enum rte_vduse_net_profile *profile)
{
	unsigned int i;

	for (i = 0; i < RTE_DIM(pmd_profiles); i++) {
		if (strcmp(value, pmd_profiles[i].name) == 0) {
			*profile = i;
			return 0;
		}
	}
	PMD_LOG(ERR, "%s=%s: not one of latency, bulk, xdp, none, tx, migrate", key, value);
	return -EINVAL;
}

void
pmd_offload_capa(const struct pmd_dev *pmd, struct rte_eth_dev_info *info)
{
	const enum rte_vduse_net_profile profile = pmd->conf.net.profile;

	info->rx_offload_capa = RTE_ETH_RX_OFFLOAD_SCATTER | pmd_profiles[profile].rx;
	/* a driver that was there before keeps what it negotiated then */
	if (__atomic_load_n(&pmd->segments, __ATOMIC_RELAXED))
		info->rx_offload_capa |= PMD_LRO | PMD_CKSUM_RX;
	info->tx_offload_capa = RTE_ETH_TX_OFFLOAD_MULTI_SEGS | pmd_profiles[profile].tx;
}

/* Whether the application takes what the driver may send. */
static int
rx_check(const struct pmd_dev *pmd, uint64_t rx, bool segments)
{
	const uint64_t needed = PMD_LRO | PMD_CKSUM_L4;
	const bool lro = (rx & needed) == needed;

	if ((pmd_profiles[pmd->conf.net.profile].rx & PMD_LRO) && !lro) {
		PMD_LOG(ERR,
				"%s: profile=%s receives frames of up to 64 KiB with partial "
				"checksums: enable the RX offloads TCP_LRO, TCP_CKSUM and "
				"UDP_CKSUM, or use profile=tx or profile=latency",
				pmd->conf.name, pmd_profiles[pmd->conf.net.profile].name);
		return -EINVAL;
	}
	if (segments && !lro) {
		PMD_LOG(ERR,
				"%s: the driver negotiated segmentation before this process came, "
				"and sends frames of up to 64 KiB with partial checksums: enable "
				"the RX offloads TCP_LRO, TCP_CKSUM and UDP_CKSUM, or make the "
				"device again with profile=tx or profile=latency",
				pmd->conf.name);
		return -EINVAL;
	}
	if (pmd->conf.zero_copy && !(rx & RTE_ETH_RX_OFFLOAD_SCATTER)) {
		PMD_LOG(ERR,
				"%s: frames that are not copied are two mbufs and more: enable the "
				"RX offload SCATTER, or leave zero-copy=1 out",
				pmd->conf.name);
		return -EINVAL;
	}
	return 0;
}

/*
 * The application's MTU is the port's, and a driver is shown no other. Where it
 * says nothing, ethdev has written 1500 and the device keeps what it has.
 */
static int
rx_set_mtu(struct rte_eth_dev *eth_dev)
{
	struct pmd_dev *pmd = eth_dev->data->dev_private;
	const uint16_t mtu = eth_dev->data->mtu;
	struct rte_vduse_net_info info;

	rte_vduse_net_info(pmd->net, &info);
	if (mtu == info.mtu)
		return 0;
	if (!pmd->mtu_asked) {
		eth_dev->data->mtu = info.mtu;
		eth_dev->data->dev_conf.rxmode.mtu = info.mtu;
		return 0;
	}
	PMD_LOG(NOTICE, "%s: MTU %u, as the application configures; it was %u", pmd->conf.name, mtu,
			info.mtu);
	return rte_vduse_net_set_mtu(pmd->net, mtu);
}

/* What may come from now on. */
static void
rx_limit(const struct pmd_dev *pmd, uint16_t mtu)
{
	const struct rte_vduse_net_rx_limits limits = {
		.max_len = mtu + RTE_VDUSE_NET_OVERHEAD,
		.max_gso_len = pmd->lro_max,
	};

	rte_vduse_net_set_rx_limits(pmd->net, &limits);
}

/* Longest frame to be segmented. ethdev has written the MTU's where the application said nothing.
 */
static uint32_t
rx_lro_max(const struct rte_eth_dev *eth_dev)
{
	const struct rte_eth_rxmode *mode = &eth_dev->data->dev_conf.rxmode;
	const struct pmd_dev *pmd = eth_dev->data->dev_private;

	if (!(mode->offloads & PMD_LRO))
		return 0;
	return pmd->lro_asked ? RTE_MIN(mode->max_lro_pkt_size, (uint32_t)RTE_VDUSE_NET_FRAME_MAX)
			      : RTE_VDUSE_NET_FRAME_MAX;
}

int
pmd_rx_configure(struct rte_eth_dev *eth_dev)
{
	const struct rte_eth_rxmode *mode = &eth_dev->data->dev_conf.rxmode;
	struct pmd_dev *pmd = eth_dev->data->dev_private;
	struct rte_vduse_net_info info;
	int ret;

	rte_vduse_net_info(pmd->net, &info);
	ret = rx_check(pmd, mode->offloads, info.segments);
	if (ret == 0)
		ret = rx_set_mtu(eth_dev);
	if (ret < 0)
		return ret;
	pmd->lro_max = rx_lro_max(eth_dev);
	rx_limit(pmd, eth_dev->data->mtu);
	/* RX checksum offload is a promise that checksums are right: only who opted in takes less
	 */
	rte_vduse_net_set_complete(pmd->net,
			!pmd->conf.partial_csum || (mode->offloads & PMD_CKSUM_L4) != PMD_CKSUM_L4);
	return 0;
}

/* Bytes of the longest frame that can come at an MTU. */
static uint32_t
rx_frame_max(const struct rte_eth_dev *eth_dev, uint16_t mtu)
{
	const struct pmd_dev *pmd = eth_dev->data->dev_private;
	const uint32_t plain = mtu + RTE_VDUSE_NET_OVERHEAD;

	return RTE_MAX(plain, pmd->lro_max);
}

/* Whether frames that are not scattered fit the mbufs of a queue. */
static int
rx_check_room(const struct rte_eth_dev *eth_dev, const struct pmd_queue *q, uint16_t mtu)
{
	const uint64_t rx = eth_dev->data->dev_conf.rxmode.offloads;
	const struct pmd_dev *pmd = eth_dev->data->dev_private;
	const uint32_t max = rx_frame_max(eth_dev, mtu);

	if ((rx & RTE_ETH_RX_OFFLOAD_SCATTER) || max <= q->room)
		return 0;
	PMD_LOG(ERR,
			"%s: frames of up to %u bytes (MTU %u%s) do not fit into mbufs with room "
			"for "
			"%u: enable the RX offload SCATTER, or use a pool of larger mbufs or a "
			"smaller MTU",
			pmd->conf.name, max, mtu, rx & PMD_LRO ? ", TCP_LRO" : "", q->room);
	return -EINVAL;
}

int
pmd_rx_pool(const struct rte_eth_dev *eth_dev, struct pmd_queue *q, struct rte_mempool *pool)
{
	const struct pmd_dev *pmd = eth_dev->data->dev_private;

	/* what is attached to such an mbuf never comes off it */
	if (pmd->conf.zero_copy &&
			(rte_pktmbuf_priv_flags(pool) & RTE_PKTMBUF_POOL_F_PINNED_EXT_BUF)) {
		PMD_LOG(ERR,
				"%s: zero-copy=1 cannot use mbufs with pinned external buffers: "
				"use "
				"another pool, or leave zero-copy=1 out",
				pmd->conf.name);
		return -EINVAL;
	}
	q->pool = pool;
	q->room = rte_pktmbuf_data_room_size(pool) - RTE_PKTMBUF_HEADROOM;
	return rx_check_room(eth_dev, q, eth_dev->data->mtu);
}

/* Whether all queues can go on with an MTU. */
static int
rx_check_queues(const struct rte_eth_dev *eth_dev, uint16_t mtu)
{
	uint16_t i;
	int ret = 0;

	for (i = 0; i < eth_dev->data->nb_rx_queues && ret == 0; i++)
		ret = rx_check_room(eth_dev, eth_dev->data->rx_queues[i], mtu);
	return ret;
}

/* The MTU may have been set since the queues were. */
int
pmd_rx_start(struct rte_eth_dev *eth_dev)
{
	const struct rte_eth_dev_data *data = eth_dev->data;
	const struct pmd_dev *pmd = data->dev_private;
	const struct pmd_queue *q;
	uint16_t i;
	int ret;

	ret = rx_check_queues(eth_dev, data->mtu);
	if (ret < 0)
		return ret;
	eth_dev->data->scattered_rx = pmd->conf.zero_copy;
	for (i = 0; i < data->nb_rx_queues; i++) {
		q = data->rx_queues[i];
		if (rx_frame_max(eth_dev, data->mtu) > q->room)
			eth_dev->data->scattered_rx = 1;
	}
	return 0;
}

/* As other drivers: an MTU that needs scattered frames is refused while the port runs without. */
int
pmd_mtu_set(struct rte_eth_dev *eth_dev, uint16_t mtu)
{
	const struct pmd_dev *pmd = eth_dev->data->dev_private;
	int ret = 0;

	if (eth_dev->data->dev_started)
		ret = rx_check_queues(eth_dev, mtu);
	if (ret == 0)
		ret = rte_vduse_net_set_mtu(pmd->net, mtu);
	if (ret == 0)
		rx_limit(pmd, mtu);
	return ret;
}
