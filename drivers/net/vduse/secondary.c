/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The port in a secondary process: what there is to know of it, and its counters, out of the
 * memory that the primary process shares. Rings and the driver's memory are mapped into the
 * primary one only, so that neither frames nor the device's life can be a secondary one's.
 */

#include "pmd.h"

/* Of start, stop and the link. */
static int
secondary_refuse(struct rte_eth_dev *eth_dev)
{
	PMD_LOG(ERR,
			"%s: this is a secondary process, which has the port's information and "
			"statistics: start, stop and link are the primary process's",
			eth_dev->data->name);
	return -ENOTSUP;
}

/* The primary process keeps the port's link as it is. */
static int
secondary_link(__rte_unused struct rte_eth_dev *eth_dev, __rte_unused int wait)
{
	return 0;
}

static int
secondary_infos(struct rte_eth_dev *eth_dev, struct rte_eth_dev_info *info)
{
	const struct pmd_dev *pmd = eth_dev->data->dev_private;

	if (pmd == NULL) /* the primary process has closed it */
		return -ENODEV;
	pmd_infos_fill(pmd, info);
	return 0;
}

static int
secondary_close(__rte_unused struct rte_eth_dev *eth_dev)
{
	return 0;
}

/*
 * Without dev_configure and the queues' set-up: ethdev refuses these itself, before it touches
 * what the primary process configured. With them it would undo that after they failed.
 */
static const struct eth_dev_ops secondary_ops = {
	.dev_start = secondary_refuse,
	.dev_stop = secondary_refuse,
	.dev_close = secondary_close,
	.dev_infos_get = secondary_infos,
	.dev_set_link_up = secondary_refuse,
	.dev_set_link_down = secondary_refuse,
	.link_update = secondary_link,
	PMD_OPS_SHARED,
};

void
pmd_secondary_init(struct rte_eth_dev *eth_dev)
{
	eth_dev->dev_ops = &secondary_ops;
	eth_dev->rx_pkt_burst = rte_eth_pkt_burst_dummy;
	eth_dev->tx_pkt_burst = rte_eth_pkt_burst_dummy;
	eth_dev->tx_pkt_prepare = rte_eth_pkt_burst_dummy;
}
