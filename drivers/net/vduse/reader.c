/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Whether frames may stay in the driver's memory. The PMD does not know where its
 * application sends a frame: to any port of the process. Where all of these read with the
 * processor nothing is copied; beside another one all is, unless the application knows
 * better (rte_vduse_net_set_reader()).
 */

#include <rte_bus.h>

#include "pmd.h"

static bool
reader_is_processor(uint16_t port)
{
	const struct rte_device *device = rte_eth_devices[port].device;

	return device != NULL && rte_vduse_net_read_by_processor(rte_bus_name(rte_dev_bus(device)),
						 rte_dev_name(device));
}

/* A port is there, or comes, that may read otherwise. */
static void
reader_copy(const struct pmd_dev *pmd, uint16_t port)
{
	PMD_LOG(NOTICE,
			"%s: zero-copy=1: frames are copied, as port %s may read by DMA, or in "
			"another process",
			pmd->conf.name, rte_eth_devices[port].data->name);
	rte_vduse_net_set_reader(pmd->net, RTE_VDUSE_NET_READER_NONE);
}

/* On the thread that has plugged a port in; it is not started yet. */
static int
reader_port_new(uint16_t port, __rte_unused enum rte_eth_event_type event, void *arg,
		__rte_unused void *ret)
{
	if (!reader_is_processor(port))
		reader_copy(arg, port);
	return 0;
}

int
pmd_reader_init(struct pmd_dev *pmd)
{
	if (!pmd->conf.zero_copy)
		return 0;
	return rte_eth_dev_callback_register(RTE_ETH_ALL, RTE_ETH_EVENT_NEW, reader_port_new, pmd);
}

void
pmd_reader_fini(struct pmd_dev *pmd)
{
	if (pmd->conf.zero_copy)
		rte_eth_dev_callback_unregister(
				RTE_ETH_ALL, RTE_ETH_EVENT_NEW, reader_port_new, pmd);
}

void
pmd_reader_start(struct pmd_dev *pmd)
{
	uint16_t port = rte_eth_find_next(0);

	if (!pmd->conf.zero_copy)
		return;
	while (port < RTE_MAX_ETHPORTS && reader_is_processor(port))
		port = rte_eth_find_next(port + 1);
	if (port < RTE_MAX_ETHPORTS)
		reader_copy(pmd, port);
	else
		rte_vduse_net_set_reader(pmd->net, RTE_VDUSE_NET_READER_PROCESSOR);
}
