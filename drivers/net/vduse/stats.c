/* SPDX-License-Identifier: BSD-3-Clause */

#include "pmd.h"

/* Frames lost in a direction, whatever the reason. */
static uint64_t
pmd_drops(const struct rte_vduse_net_queue_stats *s)
{
	return s->drop_short + s->drop_long + s->drop_segments + s->drop_header + s->drop_no_fit +
	       s->drop_offload;
}

/* Counters since the last reset. They are all 64 bits wide and only ever added to. */
static void
pmd_queue_stats(const struct pmd_queue *q, bool rx, struct rte_vduse_net_queue_stats *stats)
{
	uint64_t *now = (uint64_t *)stats;
	const uint64_t *base;
	size_t i;

	static_assert(sizeof(*stats) % sizeof(uint64_t) == 0, "counters only");
	if (q == NULL) { /* configured and not set up yet */
		memset(stats, 0, sizeof(*stats));
		return;
	}
	base = (const uint64_t *)&q->base;
	rte_vduse_net_counters_read(q->counters, q->pair, rx, stats);
	for (i = 0; i < sizeof(*stats) / sizeof(uint64_t); i++)
		now[i] -= base[i];
}

static void
pmd_count(uint64_t *counters, uint16_t queue, uint64_t value)
{
	if (counters != NULL && queue < RTE_ETHDEV_QUEUE_STAT_CNTRS)
		counters[queue] = value;
}

int
pmd_stats_get(struct rte_eth_dev *eth_dev, struct rte_eth_stats *stats PMD_STATS_QUEUES)
{
	struct rte_vduse_net_queue_stats s;
	uint16_t i;

	for (i = 0; i < eth_dev->data->nb_rx_queues; i++) {
		pmd_queue_stats(eth_dev->data->rx_queues[i], true, &s);
		stats->ipackets += s.packets;
		stats->ibytes += s.bytes;
		stats->ierrors += pmd_drops(&s);
		stats->rx_nombuf += s.no_mbuf;
		pmd_count(PMD_QUEUES(q_ipackets), i, s.packets);
		pmd_count(PMD_QUEUES(q_ibytes), i, s.bytes);
		pmd_count(PMD_QUEUES(q_errors), i, pmd_drops(&s));
	}
	for (i = 0; i < eth_dev->data->nb_tx_queues; i++) {
		pmd_queue_stats(eth_dev->data->tx_queues[i], false, &s);
		stats->opackets += s.packets;
		stats->obytes += s.bytes;
		stats->oerrors += pmd_drops(&s);
		pmd_count(PMD_QUEUES(q_opackets), i, s.packets);
		pmd_count(PMD_QUEUES(q_obytes), i, s.bytes);
	}
	return 0;
}

int
pmd_stats_reset(struct rte_eth_dev *eth_dev)
{
	struct pmd_queue *q;
	uint16_t i;

	for (i = 0; i < eth_dev->data->nb_rx_queues; i++) {
		q = eth_dev->data->rx_queues[i];
		if (q != NULL)
			rte_vduse_net_counters_read(q->counters, i, true, &q->base);
	}
	for (i = 0; i < eth_dev->data->nb_tx_queues; i++) {
		q = eth_dev->data->tx_queues[i];
		if (q != NULL)
			rte_vduse_net_counters_read(q->counters, i, false, &q->base);
	}
	return 0;
}

#define XSTAT_RX 1
#define XSTAT_TX 2

/* Name, place and the directions that have it. */
static const struct {
	const char *name;
	uint16_t offset;
	uint8_t directions;
} pmd_xstats[] = {
#define XSTAT(name, field, directions)                                              \
	{                                                                           \
		name, offsetof(struct rte_vduse_net_queue_stats, field), directions \
	}
	XSTAT("packets", packets, XSTAT_RX | XSTAT_TX),
	XSTAT("bytes", bytes, XSTAT_RX | XSTAT_TX),
	XSTAT("multicast_packets", multicast, XSTAT_RX | XSTAT_TX),
	XSTAT("broadcast_packets", broadcast, XSTAT_RX | XSTAT_TX),
	XSTAT("undersize_packets", size_bins[0], XSTAT_RX | XSTAT_TX),
	XSTAT("size_64_packets", size_bins[1], XSTAT_RX | XSTAT_TX),
	XSTAT("size_65_127_packets", size_bins[2], XSTAT_RX | XSTAT_TX),
	XSTAT("size_128_255_packets", size_bins[3], XSTAT_RX | XSTAT_TX),
	XSTAT("size_256_511_packets", size_bins[4], XSTAT_RX | XSTAT_TX),
	XSTAT("size_512_1023_packets", size_bins[5], XSTAT_RX | XSTAT_TX),
	XSTAT("size_1024_1518_packets", size_bins[6], XSTAT_RX | XSTAT_TX),
	XSTAT("size_1519_max_packets", size_bins[7], XSTAT_RX | XSTAT_TX),
	XSTAT("no_mbuf", no_mbuf, XSTAT_RX),
	XSTAT("zero_copy", zero_copy, XSTAT_RX),
	XSTAT("no_buffer", no_buffer, XSTAT_TX),
	XSTAT("drop_short", drop_short, XSTAT_RX | XSTAT_TX),
	XSTAT("drop_long", drop_long, XSTAT_RX),
	XSTAT("drop_segments", drop_segments, XSTAT_RX | XSTAT_TX),
	XSTAT("drop_header", drop_header, XSTAT_RX),
	XSTAT("drop_no_fit", drop_no_fit, XSTAT_TX),
	XSTAT("drop_offload", drop_offload, XSTAT_TX),
	XSTAT("drop_filter", drop_filter, XSTAT_TX),
	XSTAT("kicks", kicks, XSTAT_RX | XSTAT_TX),
	XSTAT("interrupts", calls, XSTAT_RX | XSTAT_TX),
	XSTAT("interrupts_suppressed", calls_suppressed, XSTAT_RX | XSTAT_TX),
	XSTAT("interrupts_failed", calls_failed, XSTAT_RX | XSTAT_TX),
	XSTAT("interrupts_held", calls_held, XSTAT_RX | XSTAT_TX),
	XSTAT("interrupts_thread", calls_thread, XSTAT_RX | XSTAT_TX),
	XSTAT("iotlb_hits", iotlb_hits, XSTAT_RX | XSTAT_TX),
	XSTAT("iotlb_misses", iotlb_misses, XSTAT_RX | XSTAT_TX),
	XSTAT("iotlb_waits", iotlb_waits, XSTAT_RX | XSTAT_TX),
	XSTAT("faults", faults, XSTAT_RX | XSTAT_TX),
};

static unsigned int
pmd_xstats_count(const struct rte_eth_dev *eth_dev)
{
	unsigned int rx = 0, tx = 0;
	size_t i;

	for (i = 0; i < RTE_DIM(pmd_xstats); i++) {
		rx += (pmd_xstats[i].directions & XSTAT_RX) != 0;
		tx += (pmd_xstats[i].directions & XSTAT_TX) != 0;
	}
	return rx * eth_dev->data->nb_rx_queues + tx * eth_dev->data->nb_tx_queues;
}

int
pmd_xstats_get_names(
		struct rte_eth_dev *eth_dev, struct rte_eth_xstat_name *names, unsigned int size)
{
	const unsigned int count = pmd_xstats_count(eth_dev);
	unsigned int n = 0;
	uint16_t q;
	size_t i;

	if (names == NULL || size < count)
		return count;
	for (q = 0; q < eth_dev->data->nb_rx_queues; q++)
		for (i = 0; i < RTE_DIM(pmd_xstats); i++)
			if (pmd_xstats[i].directions & XSTAT_RX)
				snprintf(names[n++].name, sizeof(names[0].name), "rx_q%u_%s", q,
						pmd_xstats[i].name);
	for (q = 0; q < eth_dev->data->nb_tx_queues; q++)
		for (i = 0; i < RTE_DIM(pmd_xstats); i++)
			if (pmd_xstats[i].directions & XSTAT_TX)
				snprintf(names[n++].name, sizeof(names[0].name), "tx_q%u_%s", q,
						pmd_xstats[i].name);
	return count;
}

/* Values of one queue, behind those there are; how many there are then. */
static unsigned int
pmd_xstats_queue(const struct pmd_queue *q, uint8_t direction, struct rte_eth_xstat *xstats,
		unsigned int n)
{
	struct rte_vduse_net_queue_stats stats;
	size_t i;

	pmd_queue_stats(q, direction == XSTAT_RX, &stats);
	for (i = 0; i < RTE_DIM(pmd_xstats); i++) {
		if (!(pmd_xstats[i].directions & direction))
			continue;
		xstats[n].id = n;
		memcpy(&xstats[n].value, (const uint8_t *)&stats + pmd_xstats[i].offset,
				sizeof(xstats[n].value));
		n++;
	}
	return n;
}

int
pmd_xstats_get(struct rte_eth_dev *eth_dev, struct rte_eth_xstat *xstats, unsigned int size)
{
	const unsigned int count = pmd_xstats_count(eth_dev);
	unsigned int n = 0;
	uint16_t q;

	if (xstats == NULL || size < count)
		return count;
	for (q = 0; q < eth_dev->data->nb_rx_queues; q++)
		n = pmd_xstats_queue(eth_dev->data->rx_queues[q], XSTAT_RX, xstats, n);
	for (q = 0; q < eth_dev->data->nb_tx_queues; q++)
		n = pmd_xstats_queue(eth_dev->data->tx_queues[q], XSTAT_TX, xstats, n);
	return count;
}
