/* SPDX-License-Identifier: BSD-3-Clause */

/* Ports and pools of dpdk-vduse-net. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rte_bus.h>
#include <rte_dev.h>
#include <rte_devargs.h>
#include <rte_eal.h>

#include "fwd_rig.h"
#include "plug.h"
#include "vdev.h"

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

/* The kernel's driver of a virtual device, which has none, and the number of its binding. */
static const char *driver;
static ino_t binding;

#define DRIVER "/sys/bus/vdev/devices/net_null7/driver"

ssize_t __real_readlink(const char *path, char *target, size_t size);
ssize_t __wrap_readlink(const char *path, char *target, size_t size);
int __real_lstat64(const char *path, struct stat *st);
int __wrap_lstat64(const char *path, struct stat *st);

ssize_t
__wrap_readlink(const char *path, char *target, size_t size)
{
	if (strcmp(path, DRIVER) != 0)
		return __real_readlink(path, target, size);
	if (driver == NULL) {
		errno = ENOENT;
		return -1;
	}
	return snprintf(target, size, "../../drivers/%s", driver);
}

int
__wrap_lstat64(const char *path, struct stat *st)
{
	if (strcmp(path, DRIVER) != 0)
		return __real_lstat64(path, st);
	*st = (struct stat){ .st_ino = binding };
	return 0;
}

static uint16_t
null_port(void)
{
	uint16_t id = UINT16_MAX;

	return rte_eth_dev_get_port_by_name("net_null7", &id) == 0 ? id : UINT16_MAX;
}

/* It is let go, and taken when the kernel's driver has it anew; with the same arguments. */
static void
a_device_goes_and_comes(void **state)
{
	struct rte_eth_dev_info info;
	struct plug plug;
	uint16_t id;

	(void)state;
	driver = "vfio-pci";
	binding = 5;
	assert_int_equal(rte_eal_hotplug_add("vdev", "net_null7", "size=100"), 0);
	plug_note(&plug, null_port());
	assert_string_equal(plug.driver, "vfio-pci");
	assert_int_equal(plug_pull(&plug), 0);
	assert_true(plug.out);
	assert_int_equal(null_port(), UINT16_MAX);
	/* the kernel has not taken it away yet; it is away; another driver has it */
	assert_false(plug_is_back(&plug));
	driver = NULL;
	assert_false(plug_is_back(&plug));
	driver = "e1000e";
	binding = 6;
	assert_false(plug_is_back(&plug));
	driver = "vfio-pci";
	binding = 7;
	assert_true(plug_is_back(&plug));
	assert_int_equal(plug_in(&plug, &id), 0);
	assert_false(plug.out);
	assert_int_equal(id, null_port());
	assert_int_equal(rte_eth_dev_info_get(id, &info), 0);
	assert_string_equal(rte_dev_devargs(info.device)->args, "size=100");
	/* the same once more, and without a port to it a second time nothing is wrong */
	assert_int_equal(plug_pull(&plug), 0);
	assert_false(plug_is_back(&plug));
	assert_int_equal(plug_pull(&plug), 0);
	binding = 8;
	assert_true(plug_is_back(&plug));
}

/* EAL would plug in another device, or none, of what was cut. */
static void
one_of_too_many_arguments_stays_out(void **state)
{
	struct plug plug;
	char args[PLUG_DEVARGS_MAX];

	(void)state;
	driver = "vfio-pci";
	binding = 1;
	snprintf(args, sizeof(args), "size=%0*d", (int)sizeof(args) - 6, 100);
	assert_int_equal(vdev_plug("net_null7", args), 0);
	plug_note(&plug, null_port());
	assert_int_equal(plug_pull(&plug), 0);
	binding = 2;
	assert_false(plug_is_back(&plug));
}

static void
one_that_does_not_start_is_tried_less_often(void **state)
{
	struct plug plug;
	unsigned int i, n;
	uint16_t id;

	(void)state;
	driver = "vfio-pci";
	binding = 5;
	assert_int_equal(rte_eal_hotplug_add("vdev", "net_null7", ""), 0);
	plug_note(&plug, null_port());
	assert_int_equal(plug_pull(&plug), 0);
	snprintf(plug.devargs, sizeof(plug.devargs), "vdev:no_such_driver");
	binding = 6;
	for (n = 1; n <= 64; n *= 2) {
		assert_true(plug_is_back(&plug));
		assert_true(plug_in(&plug, &id) < 0);
		assert_true(plug.out);
		for (i = 0; i < n; i++)
			assert_false(plug_is_back(&plug));
	}
	assert_true(plug_is_back(&plug));
	assert_true(plug_in(&plug, &id) < 0);
	assert_false(plug_is_back(&plug));
	/* bound anew it is tried at once */
	driver = NULL;
	assert_false(plug_is_back(&plug));
	driver = "vfio-pci";
	assert_true(plug_is_back(&plug));
	/* what the kernel has no driver for does not come back */
	driver = NULL;
	assert_int_equal(rte_eal_hotplug_add("vdev", "net_null7", ""), 0);
	plug_note(&plug, null_port());
	assert_int_equal(plug_pull(&plug), 0);
	assert_false(plug_is_back(&plug));
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
		cmocka_unit_test(a_device_goes_and_comes),
		cmocka_unit_test(one_of_too_many_arguments_stays_out),
		cmocka_unit_test(one_that_does_not_start_is_tried_less_often),
	};

	(void)argc;
	return FWD_RIG_RUN("app_port", tests, argv);
}
