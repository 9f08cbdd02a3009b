/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What an application that is not ours may rely on when it receives from the
 * ethdev: lengths, mbufs, checksums; and what it is refused, with the reason.
 */

#include <errno.h>
#include <string.h>

#include <rte_bus_vdev.h>
#include <rte_ethdev.h>

#include "bench.h"
#include "pmd.h"

#define VDEV "net_vduse_unit"
#define ARGS "name=unit,queue-size=256,mac=02:00:00:00:00:05"

#define CKSUM                                                           \
	(RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM | \
			RTE_ETH_RX_OFFLOAD_TCP_CKSUM)
#define LRO     (CKSUM | RTE_ETH_RX_OFFLOAD_TCP_LRO)
#define SCATTER RTE_ETH_RX_OFFLOAD_SCATTER

#define OVERHEAD 22 /* Ethernet and two tags */

static uint16_t
port_probe(const char *args)
{
	uint16_t port;

	assert_int_equal(rte_vdev_init(VDEV, args), 0);
	assert_int_equal(rte_eth_dev_get_port_by_name(VDEV, &port), 0);
	return port;
}

static int
port_configure(uint16_t port, uint64_t offloads, uint16_t mtu)
{
	const struct rte_eth_conf conf = { .rxmode = { .offloads = offloads, .mtu = mtu } };

	return rte_eth_dev_configure(port, 1, 1, &conf);
}

static int
port_queues(uint16_t port, struct rte_mempool *pool)
{
	const int ret = rte_eth_rx_queue_setup(port, 0, 256, 0, NULL, pool);

	return ret == 0 ? rte_eth_tx_queue_setup(port, 0, 256, 0, NULL) : ret;
}

static uint16_t
config_mtu(void)
{
	struct virtio_net_config config;

	fk_config(fk_find("unit"), 0, &config, sizeof(config));
	return config.mtu;
}

/* The port's MTU is what the application configures, and the driver is shown it. */
static void
test_mtu_configure(void **state)
{
	struct rte_eth_dev_info info;
	uint16_t port, mtu;

	(void)state;
	port = port_probe(ARGS ",mtu=4000");
	assert_int_equal(rte_eth_dev_get_mtu(port, &mtu), 0);
	assert_int_equal(mtu, 4000);
	assert_int_equal(port_configure(port, SCATTER, 9000), 0);
	assert_int_equal(config_mtu(), 9000);
	unit_assert_logged_once("MTU 9000, as the application configures; it was 4000");
	assert_int_equal(rte_eth_dev_get_mtu(port, &mtu), 0);
	assert_int_equal(mtu, 9000);
	assert_int_equal(port_configure(port, SCATTER, 1500), 0);
	assert_int_equal(config_mtu(), 1500);
	assert_int_not_equal(port_configure(port, SCATTER, 67), 0);
	assert_int_equal(config_mtu(), 1500);
	assert_int_equal(rte_vdev_uninit(VDEV), 0);
	/* an application that says nothing, and what it asks of ethdev between */
	port = port_probe(ARGS ",mtu=4000");
	assert_int_equal(port_configure(port, SCATTER, 0), 0);
	assert_int_equal(config_mtu(), 4000);
	assert_int_equal(rte_eth_dev_info_get(port, &info), 0);
	assert_int_equal(port_configure(port, SCATTER, 0), 0);
	assert_int_equal(config_mtu(), 4000);
	assert_int_equal(rte_eth_dev_get_mtu(port, &mtu), 0);
	assert_int_equal(mtu, 4000);
	assert_int_equal(rte_vdev_uninit(VDEV), 0);
}

/* Limits that ethdev checks by agree with each other. */
static void
test_info(void **state)
{
	struct rte_eth_dev_info info;
	uint16_t port;

	(void)state;
	port = port_probe(ARGS);
	assert_int_equal(rte_eth_dev_info_get(port, &info), 0);
	assert_int_equal(info.min_mtu, 68);
	assert_int_equal(info.max_mtu, 65535);
	assert_int_equal(info.max_rx_pktlen, 65535 + OVERHEAD);
	assert_in_range(info.min_rx_bufsize, 1, UNIT_DATA_ROOM);
	assert_int_equal(info.rx_offload_capa, CKSUM | SCATTER);
	assert_int_equal(info.rx_queue_offload_capa, 0);
	assert_true((info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_IPV4_CKSUM) != 0);
	assert_true((*info.dev_flags & RTE_ETH_DEV_INTR_RMV) != 0);
	assert_int_equal(rte_vdev_uninit(VDEV), 0);
}

/* Profiles that the application does not serve are refused at once, with the cure. */
static void
test_profiles(void **state)
{
	static const struct {
		const char *args;
		uint64_t offloads;
		int ret;
		const char *text;
	} cases[] = {
		{ ARGS, 0, 0, NULL },
		{ ARGS ",profile=none", 0, 0, NULL },
		{ ARGS ",profile=tx", 0, 0, NULL },
		{ ARGS ",profile=tx", CKSUM, 0, NULL },
		{ ARGS ",profile=bulk", LRO | SCATTER, 0, NULL },
		{ ARGS ",profile=xdp", LRO | SCATTER, 0, NULL },
		{ ARGS ",profile=bulk", CKSUM | SCATTER, -EINVAL, "profile=bulk receives frames" },
		{ ARGS ",profile=bulk", CKSUM, -EINVAL, "TCP_LRO" },
		{ ARGS ",profile=xdp", 0, -EINVAL, "or use profile=tx or profile=latency" },
		{ ARGS ",zero-copy=1", CKSUM, -EINVAL, "enable the RX offload SCATTER" },
		{ ARGS ",zero-copy=1", SCATTER, 0, NULL },
	};
	unsigned int i;
	uint16_t port;

	(void)state;
	for (i = 0; i < RTE_DIM(cases); i++) {
		unit_log_clear();
		port = port_probe(cases[i].args);
		assert_int_equal(port_configure(port, cases[i].offloads, 0), cases[i].ret);
		if (cases[i].text != NULL)
			unit_assert_logged_once(cases[i].text);
		assert_int_equal(rte_vdev_uninit(VDEV), 0);
	}
}

/* Segmentation towards the driver, and none from it. */
static void
test_profile_tx(void **state)
{
	const uint64_t tso = RTE_ETH_TX_OFFLOAD_TCP_TSO | RTE_ETH_TX_OFFLOAD_UDP_TSO;
	struct rte_eth_dev_info info;
	uint16_t port;

	(void)state;
	port = port_probe(ARGS ",profile=tx");
	assert_int_equal(rte_eth_dev_info_get(port, &info), 0);
	assert_int_equal(info.tx_offload_capa & tso, tso);
	assert_int_equal(info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_TCP_LRO, 0);
	assert_int_equal(rte_vdev_uninit(VDEV), 0);
}

/* Mbufs that do not hold the longest frame, and no SCATTER. */
static void
test_room(void **state)
{
	struct rte_mempool *large, *tiny;
	uint16_t port;

	(void)state;
	large = rte_pktmbuf_pool_create(
			"large", 63, 0, 0, RTE_PKTMBUF_HEADROOM + 9000 + OVERHEAD, SOCKET_ID_ANY);
	tiny = rte_pktmbuf_pool_create("tiny", 63, 0, 0, RTE_PKTMBUF_HEADROOM, SOCKET_ID_ANY);
	assert_non_null(large);
	assert_non_null(tiny);
	port = port_probe(ARGS);
	assert_int_equal(port_configure(port, 0, 9000), 0);
	assert_int_equal(port_queues(port, unit_pool), -EINVAL);
	unit_assert_logged_once("frames of up to 9022 bytes (MTU 9000) do not fit");
	assert_int_equal(port_queues(port, large), 0);
	assert_int_equal(rte_eth_dev_start(port), 0);
	assert_int_equal(rte_eth_devices[port].data->scattered_rx, 0);
	/* larger than the mbufs, while it runs */
	unit_log_clear();
	assert_int_equal(rte_eth_dev_set_mtu(port, 9001), -EINVAL);
	unit_assert_logged_once("MTU 9001");
	assert_int_equal(config_mtu(), 9000);
	assert_int_equal(rte_eth_dev_set_mtu(port, 1500), 0);
	assert_int_equal(config_mtu(), 1500);
	/* set while it is stopped, as OVS does: the queues' mbufs are looked at when it starts */
	assert_int_equal(rte_eth_dev_stop(port), 0);
	assert_int_equal(rte_eth_dev_set_mtu(port, 9001), 0);
	assert_int_equal(rte_eth_dev_start(port), -EINVAL);
	assert_int_equal(port_configure(port, SCATTER, 9001), 0);
	assert_int_equal(port_queues(port, unit_pool), 0);
	assert_int_equal(rte_eth_dev_start(port), 0);
	assert_int_equal(rte_eth_devices[port].data->scattered_rx, 1);
	assert_int_equal(rte_eth_dev_stop(port), 0);
	/* no room at all */
	assert_int_equal(port_configure(port, SCATTER, 1500), 0);
	assert_int_not_equal(port_queues(port, tiny), 0);
	assert_int_equal(rte_vdev_uninit(VDEV), 0);
	rte_mempool_free(large);
	rte_mempool_free(tiny);
}

/* 64 KiB never fit one mbuf; less is what the application may limit them to. */
static void
test_room_lro(void **state)
{
	struct rte_eth_conf conf = { .rxmode = { .offloads = LRO } };
	struct rte_mempool *large;
	uint16_t port;

	(void)state;
	large = rte_pktmbuf_pool_create(
			"large", 63, 0, 0, RTE_PKTMBUF_HEADROOM + 40000, SOCKET_ID_ANY);
	assert_non_null(large);
	port = port_probe(ARGS ",profile=bulk");
	assert_int_equal(port_configure(port, LRO, 1500), 0);
	assert_int_equal(port_queues(port, large), -EINVAL);
	unit_assert_logged_once("frames of up to 65557 bytes (MTU 1500, TCP_LRO)");
	conf.rxmode.max_lro_pkt_size = 40000;
	assert_int_equal(rte_eth_dev_configure(port, 1, 1, &conf), 0);
	assert_int_equal(port_queues(port, large), 0);
	assert_int_equal(rte_eth_dev_start(port), 0);
	assert_int_equal(rte_vdev_uninit(VDEV), 0);
	rte_mempool_free(large);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(test_mtu_configure),
		UNIT_TEST(test_info),
		UNIT_TEST(test_profiles),
		UNIT_TEST(test_profile_tx),
		UNIT_TEST(test_room),
		UNIT_TEST(test_room_lro),
	};

	return UNIT_RUN("pmd_rx", tests);
}
