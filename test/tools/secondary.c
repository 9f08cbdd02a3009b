/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What a secondary process of DPDK's may not do with a port of the primary one. A line for each
 * try, with what ethdev answered; the frames are of the first pool of mbufs that there is.
 *
 *   secondary [EAL option...] -- PORT
 */

#include <stdio.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#define BURST 4

static struct rte_mempool *pool;

static void
first_pool(struct rte_mempool *mp, void *arg)
{
	(void)arg;
	if (pool == NULL && mp->private_data_size >= sizeof(struct rte_pktmbuf_pool_private))
		pool = mp;
}

static void
bursts(uint16_t port)
{
	struct rte_mbuf *m[BURST], *sent = rte_pktmbuf_alloc(pool);

	if (sent == NULL || rte_pktmbuf_append(sent, 60) == NULL) {
		printf("no mbuf\n");
		return;
	}
	printf("rx %u\n", rte_eth_rx_burst(port, 0, m, BURST));
	printf("prepared %u\n", rte_eth_tx_prepare(port, 0, &sent, 1));
	printf("tx %u\n", rte_eth_tx_burst(port, 0, &sent, 1));
	rte_pktmbuf_free(sent);
}

static void
life(uint16_t port)
{
	struct rte_ether_addr mac = { { 2, 1, 2, 3, 4, 5 } };
	const struct rte_eth_conf conf = { 0 };

	printf("configure %s\n", strerror(-rte_eth_dev_configure(port, 1, 1, &conf)));
	printf("rx-queue %s\n", strerror(-rte_eth_rx_queue_setup(port, 0, 0, 0, NULL, pool)));
	printf("tx-queue %s\n", strerror(-rte_eth_tx_queue_setup(port, 0, 0, 0, NULL)));
	printf("start %s\n", strerror(-rte_eth_dev_start(port)));
	printf("stop %s\n", strerror(-rte_eth_dev_stop(port)));
	printf("down %s\n", strerror(-rte_eth_dev_set_link_down(port)));
	printf("mtu %s\n", strerror(-rte_eth_dev_set_mtu(port, 1400)));
	printf("mac %s\n", strerror(-rte_eth_dev_default_mac_addr_set(port, &mac)));
}

int
main(int argc, char **argv)
{
	int args = rte_eal_init(argc, argv);
	uint16_t port;

	if (args < 0 || argc - args != 2 ||
			rte_eth_dev_get_port_by_name(argv[args + 1], &port) != 0) {
		printf("no such port\n");
		return 1;
	}
	rte_mempool_walk(first_pool, NULL);
	if (pool == NULL) {
		printf("no pool\n");
		return 1;
	}
	bursts(port);
	life(port);
	printf("close %s\n", strerror(-rte_eth_dev_close(port)));
	return rte_eal_cleanup() == 0 ? 0 : 1;
}
