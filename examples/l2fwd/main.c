/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Two ports, and what comes from one goes to the other: an ordinary application of ethdev, with not
 *a word about VDUSE. The ports are given on the command line:
 *
 *	l2fwd -l 0 --no-pci --vdev net_vduse0,name=c1,attach=virtio --vdev
 *net_vduse1,name=c2,attach=virtio
 */

#include <signal.h>
#include <stdlib.h>

#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#define BURST 32

static volatile sig_atomic_t ended;

static void
on_signal(int signal)
{
	ended = signal;
}

static void
port_start(uint16_t port, struct rte_mempool *pool)
{
	static const struct rte_eth_conf conf;

	if (rte_eth_dev_configure(port, 1, 1, &conf) < 0 ||
			rte_eth_rx_queue_setup(port, 0, 256, SOCKET_ID_ANY, NULL, pool) < 0 ||
			rte_eth_tx_queue_setup(port, 0, 256, SOCKET_ID_ANY, NULL) < 0 ||
			rte_eth_dev_start(port) < 0)
		rte_exit(EXIT_FAILURE, "port %u does not start\n", port);
}

static void
forward(uint16_t from, uint16_t to)
{
	struct rte_mbuf *frames[BURST];
	uint16_t got, sent;

	got = rte_eth_rx_burst(from, 0, frames, BURST);
	sent = rte_eth_tx_burst(to, 0, frames, got);
	rte_pktmbuf_free_bulk(frames + sent, got - sent);
}

int
main(int argc, char **argv)
{
	struct rte_mempool *pool;
	uint16_t port;

	if (rte_eal_init(argc, argv) < 0)
		rte_exit(EXIT_FAILURE, "EAL does not start\n");
	if (rte_eth_dev_count_avail() != 2)
		rte_exit(EXIT_FAILURE, "usage: l2fwd with EAL's options, --vdev among them, for "
				       "two ports\n");
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	pool = rte_pktmbuf_pool_create(
			"l2fwd", 4096, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	if (pool == NULL)
		rte_exit(EXIT_FAILURE, "no memory for frames\n");
	for (port = 0; port < 2; port++)
		port_start(port, pool);
	while (!ended) {
		forward(0, 1);
		forward(1, 0);
	}
	for (port = 0; port < 2; port++) {
		rte_eth_dev_stop(port);
		rte_eth_dev_close(port);
	}
	return rte_eal_cleanup() < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
