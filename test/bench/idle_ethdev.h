/* SPDX-License-Identifier: BSD-3-Clause */
/* What idle.c polls: every ethdev port of the process. */
#ifndef IDLE_ETHDEV_H
#define IDLE_ETHDEV_H

#include <rte_ethdev.h>

#define IDLE_DESC 256

/* Frames that are not copied are in several mbufs. */
static int
port_configure(uint16_t port)
{
	struct rte_eth_conf conf = { 0 };
	struct rte_eth_dev_info info;

	if (rte_eth_dev_info_get(port, &info) != 0)
		return -1;
	conf.rxmode.offloads = info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_SCATTER;
	return rte_eth_dev_configure(port, 1, 1, &conf);
}

/* Returns the number of ports, or -1 with a line that says why. */
static int
devices_start(struct rte_mempool *pool, unsigned int wanted, const char *name)
{
	uint16_t port, ports = rte_eth_dev_count_avail();

	if (ports != wanted) {
		fprintf(stderr, "idle: %u ports of %u for %s\n", ports, wanted, name);
		return -1;
	}
	for (port = 0; port < ports; port++) {
		if (port_configure(port) == 0 &&
				rte_eth_rx_queue_setup(port, 0, IDLE_DESC, 0, NULL, pool) == 0 &&
				rte_eth_tx_queue_setup(port, 0, IDLE_DESC, 0, NULL) == 0 &&
				rte_eth_dev_start(port) == 0)
			continue;
		fprintf(stderr, "idle: port %u does not start\n", port);
		return -1;
	}
	return 0;
}

/* Whether the driver is there. */
static bool
device_up(unsigned int i)
{
	struct rte_eth_link link;

	return rte_eth_link_get_nowait((uint16_t)i, &link) == 0 && link.link_status;
}

static inline uint16_t
device_poll(unsigned int i, struct rte_mbuf **pkts, uint16_t n)
{
	return rte_eth_rx_burst((uint16_t)i, 0, pkts, n);
}

static int
device_stop(unsigned int i)
{
	return rte_eth_dev_stop((uint16_t)i) != 0 || rte_eth_dev_close((uint16_t)i) != 0 ? -1 : 0;
}

#endif
