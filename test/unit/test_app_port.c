/* SPDX-License-Identifier: BSD-3-Clause */

/* Ports and pools of dpdk-vduse-net. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fwd_rig.h"

static void
a_plan_keeps_to_what_the_driver_has(void **state)
{
	struct fwd_rig *b = *state;
	struct port_bounds bounds;

	assert_int_equal(b->near.nb_rxq, RX_QUEUES);
	assert_int_equal(b->near.nb_txq, RX_QUEUES);
	assert_int_equal(b->far.nb_rxq, 1);
	assert_int_equal(b->far.nb_txq, 1);
	assert_true(b->far.nb_rxd > 0 && b->far.nb_txd > 0);
	assert_true(b->far.multi_segs);
	assert_false(b->far.chains);
	assert_true(port_is_up(&b->far));
	assert_true(b->far.frame >= 1514);
	port_bounds(&b->far, &bounds);
	assert_int_equal(bounds.mtu, 1500);
	assert_int_equal(bounds.segs, 0);
	b->far.multi_segs = false;
	port_bounds(&b->far, &bounds);
	assert_int_equal(bounds.segs, 1);
	assert_int_equal(bounds.tso_segs, 1);
}

static void
a_port_is_found_by_name_and_number(void **state)
{
	struct fwd_rig *b = *state;
	char number[8];
	uint16_t id = UINT16_MAX;

	snprintf(number, sizeof(number), "%u", b->far.id);
	assert_int_equal(port_find(number, &id), 0);
	assert_int_equal(id, b->far.id);
	assert_int_equal(port_find(b->near.name, &id), 0);
	assert_int_equal(id, b->near.id);
	assert_int_equal(port_find("31", &id), -ENODEV);
	assert_int_equal(port_find("65536", &id), -ENODEV);
	assert_int_equal(port_find("0x0", &id), -ENODEV);
	assert_int_equal(port_find("nothing", &id), -ENODEV);
}

/* What is asked of a port depends on who drives it. */
static void
offloads_are_asked_for_by_driver(void **state)
{
	struct rte_eth_dev_info info = { .rx_offload_capa = UINT64_MAX,
		.tx_offload_capa = UINT64_MAX };
	const uint64_t rx = RTE_ETH_RX_OFFLOAD_TCP_LRO | RTE_ETH_RX_OFFLOAD_TCP_CKSUM |
			    RTE_ETH_RX_OFFLOAD_UDP_CKSUM;
	const uint64_t tx = RTE_ETH_TX_OFFLOAD_TCP_TSO | RTE_ETH_TX_OFFLOAD_UDP_TSO |
			    RTE_ETH_TX_OFFLOAD_TCP_CKSUM;
	struct rte_eth_conf conf;

	(void)state;
	info.driver_name = "net_vduse";
	memset(&conf, 0, sizeof(conf));
	port_offloads(&info, &conf);
	assert_true((conf.rxmode.offloads & rx) == rx);
	assert_true((conf.txmode.offloads & tx) == tx);
	info.driver_name = "net_ixgbe";
	memset(&conf, 0, sizeof(conf));
	port_offloads(&info, &conf);
	assert_int_equal(conf.rxmode.offloads, RTE_ETH_RX_OFFLOAD_SCATTER);
	assert_true((conf.txmode.offloads & tx) == tx);
	assert_true((conf.txmode.offloads & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE) == 0);
	info.driver_name = "net_tap";
	memset(&conf, 0, sizeof(conf));
	port_offloads(&info, &conf);
	assert_int_equal(conf.txmode.offloads, RTE_ETH_TX_OFFLOAD_MULTI_SEGS);
	info.tx_offload_capa = 0;
	info.rx_offload_capa = 0;
	memset(&conf, 0, sizeof(conf));
	port_offloads(&info, &conf);
	assert_int_equal(conf.txmode.offloads | conf.rxmode.offloads, 0);
}

static void
a_pool_too_big_is_refused_whole(void **state)
{
	struct pool_set pools = { 0 };

	(void)state;
	pool_need(&pools, 0, 1024, 2000);
	assert_int_not_equal(pool_create(&pools, 1 << 26, 1), 0);
	assert_null(pools.sockets[0].pool);
}

int
main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
#define WITH_PORTS(f) cmocka_unit_test_setup_teardown(f, fwd_rig_setup, fwd_rig_teardown)
		WITH_PORTS(a_plan_keeps_to_what_the_driver_has),
		WITH_PORTS(a_port_is_found_by_name_and_number),
		cmocka_unit_test(offloads_are_asked_for_by_driver),
		cmocka_unit_test(a_pool_too_big_is_refused_whole),
	};

	(void)argc;
	return FWD_RIG_RUN("app_port", tests, argv);
}
