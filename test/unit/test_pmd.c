/* SPDX-License-Identifier: BSD-3-Clause */

/* The ethdev on the fake kernel: devargs, and the life of a port through the public API. */

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <rte_bus_vdev.h>
#include <rte_ethdev.h>
#include <rte_interrupts.h>

#include "pmd.h"
#include "rig.h"

#define VDEV "net_vduse_unit"
#define ARGS "name=unit,queue-size=256,mac=02:00:00:00:00:05,mtu=1400"

static const struct {
	const char *args;
	const char *text;
} bad_args[] = {
	{ "nam=c1", "unknown argument nam" },
	{ "name=c1,name=c2", "name is given twice" },
	{ "mtu=1500,queues=1,mtu=1400", "mtu is given twice" },
	{ "name", "name has no value" },
	{ "name=", "name has no value" },
	{ "queues=0", "queues=0: not a number from 1 to 128" },
	{ "queues=129", "queues=129: not a number" },
	{ "queues=-1", "queues=-1: not a number" },
	{ "queues=1x", "queues=1x: not a number" },
	{ "queues=99999999999999999999", "not a number" },
	{ "queue-size=32", "not a number from 64 to 32768" },
	{ "queue-size=65536", "not a number from 64 to 32768" },
	{ "queue-size=100", "queue-size=100: not a power of two" },
	{ "mtu=67", "mtu=67: not a number from 68 to 65535" },
	{ "mtu=65536", "not a number from 68 to 65535" },
	{ "mac=02:00:00:00:00", "not a unicast MAC address" },
	{ "mac=01:00:00:00:00:01", "not a unicast MAC address" },
	{ "mac=00:00:00:00:00:00", "not a unicast MAC address" },
	{ "mac=xx", "not a unicast MAC address" },
	{ "attach=bus", "attach=bus: not one of virtio, vhost, none" },
	{ "mq-fallback=2", "mq-fallback=2: not a number from 0 to 1" },
};

static void
test_bad_args(void **state)
{
	struct pmd_conf conf;
	size_t i;

	(void)state;
	for (i = 0; i < RTE_DIM(bad_args); i++) {
		unit_log_clear();
		assert_int_equal(pmd_conf_parse(&conf, VDEV, bad_args[i].args), -EINVAL);
		unit_assert_logged_once(bad_args[i].text);
		unit_assert_logged_once("\n");
	}
}

static void
test_good_args(void **state)
{
	const struct rte_ether_addr mac = { { 2, 0, 0, 0, 0, 5 } };
	char args[RTE_VDUSE_NAME_MAX + 16] = "name=";
	struct pmd_conf conf;

	(void)state;
	assert_int_equal(pmd_conf_parse(&conf, VDEV, NULL), 0);
	assert_string_equal(conf.name, VDEV);
	assert_int_equal(conf.net.queue_pairs, 1);
	assert_int_equal(conf.net.mtu, 1500);
	assert_int_equal(conf.attach, RTE_VDUSE_ATTACH_NONE);
	assert_true(rte_is_valid_assigned_ether_addr(&conf.net.mac));
	assert_int_equal(pmd_conf_parse(&conf, VDEV, ARGS ",queues=128,attach=vhost,mq-fallback=1"),
			0);
	assert_string_equal(conf.name, "unit");
	assert_int_equal(conf.net.queue_pairs, 128);
	assert_int_equal(conf.net.dev.queue_size, 256);
	assert_memory_equal(&conf.net.mac, &mac, sizeof(mac));
	assert_int_equal(conf.net.mtu, 1400);
	assert_int_equal(conf.attach, RTE_VDUSE_ATTACH_VHOST);
	assert_true(conf.net.mq_fallback);
	memset(args + 5, 'x', RTE_VDUSE_NAME_MAX);
	assert_int_equal(pmd_conf_parse(&conf, VDEV, args), 0);
	args[5 + RTE_VDUSE_NAME_MAX] = 'x';
	assert_int_equal(pmd_conf_parse(&conf, VDEV, args), -EINVAL);
}

/* A refused probe leaves neither port nor device. */
static void
test_probe_fails(void **state)
{
	uint16_t port;
	unsigned int n;

	(void)state;
	assert_int_equal(rte_vdev_init(VDEV, "mtu=1"), -EINVAL);
	unit_kernel(&(struct fk_conf){ .no_module = true });
	assert_int_equal(rte_vdev_init(VDEV, ARGS), -ENOENT);
	unit_kernel(&(struct fk_conf){ 0 });
	assert_int_equal(rte_vdev_init(VDEV, ARGS ",queues=2"), -ENOTSUP);
	for (n = 0; n < 3; n++) {
		fk_fail(VDUSE_IOC_VQ_SETUP, 1, 1, -EIO);
		assert_int_equal(rte_vdev_init(VDEV, ARGS), -EIO);
		unit_assert_clean();
	}
	assert_int_equal(rte_eth_dev_get_port_by_name(VDEV, &port), -ENODEV);
	assert_int_equal(rte_eth_dev_count_avail(), 0);
}

struct events {
	unsigned int lsc;
	unsigned int removed;
};

static int
on_event(uint16_t port, enum rte_eth_event_type type, void *arg, void *ret)
{
	struct events *events = arg;

	(void)port;
	(void)ret;
	if (type == RTE_ETH_EVENT_INTR_LSC)
		__atomic_fetch_add(&events->lsc, 1, __ATOMIC_RELEASE);
	else
		__atomic_fetch_add(&events->removed, 1, __ATOMIC_RELEASE);
	return 0;
}

static uint16_t
port_probe(void)
{
	uint16_t port;

	assert_int_equal(rte_vdev_init(VDEV, ARGS), 0);
	assert_int_equal(rte_eth_dev_get_port_by_name(VDEV, &port), 0);
	return port;
}

static void
port_start(uint16_t port)
{
	const struct rte_eth_conf conf = { .intr_conf.lsc = 1 };

	assert_int_equal(rte_eth_dev_configure(port, 1, 1, &conf), 0);
	assert_int_equal(rte_eth_rx_queue_setup(port, 0, 256, 0, NULL, unit_pool), 0);
	assert_int_equal(rte_eth_tx_queue_setup(port, 0, 256, 0, NULL), 0);
	assert_int_equal(rte_eth_dev_start(port), 0);
}

/* The driver's side of the port. */
static void
driver_up(struct rig *b, uint16_t port)
{
	const struct pmd_dev *pmd = rte_eth_devices[port].data->dev_private;
	const struct rig_conf conf = { 0 };

	rig_take(b, &conf, pmd->net);
	rig_drive(b);
}

static bool
link_is_up(uint16_t port)
{
	struct rte_eth_link link;

	assert_int_equal(rte_eth_link_get_nowait(port, &link), 0);
	return link.link_status == RTE_ETH_LINK_UP;
}

static void
test_link(void **state)
{
	struct virtio_net_config config;
	struct events events = { 0 };
	struct rig b;
	uint16_t port;

	(void)state;
	port = port_probe();
	assert_int_equal(rte_eth_dev_callback_register(
					 port, RTE_ETH_EVENT_INTR_LSC, on_event, &events),
			0);
	port_start(port);
	assert_false(link_is_up(port));
	assert_int_equal(events.lsc, 0);
	driver_up(&b, port);
	assert_int_equal(__atomic_load_n(&events.lsc, __ATOMIC_ACQUIRE), 1);
	assert_true(link_is_up(port));
	assert_int_equal(fk_reset(b.dev), 0);
	assert_int_equal(__atomic_load_n(&events.lsc, __ATOMIC_ACQUIRE), 2);
	assert_false(link_is_up(port));
	rig_drive(&b);
	assert_int_equal(__atomic_load_n(&events.lsc, __ATOMIC_ACQUIRE), 3);
	/* a port that is stopped shows no link to its driver */
	assert_int_equal(rte_eth_dev_stop(port), 0);
	fk_config(b.dev, 0, &config, sizeof(config));
	assert_int_equal(config.status, 0);
	assert_false(link_is_up(port));
	assert_int_equal(rte_eth_dev_start(port), 0);
	fk_config(b.dev, 0, &config, sizeof(config));
	assert_int_equal(config.status, VIRTIO_NET_S_LINK_UP);
	assert_true(link_is_up(port));
	rig_give_back(&b);
	rte_eth_dev_callback_unregister(port, RTE_ETH_EVENT_INTR_LSC, on_event, &events);
	assert_int_equal(rte_vdev_uninit(VDEV), 0);
}

/* A driver that comes on the control thread while the test's looks whether there is one. */
static struct fk_dev *comes;

/* For the linker (--wrap). */
void __real_rte_vduse_net_info(const struct rte_vduse_net *net, struct rte_vduse_net_info *info);
void __wrap_rte_vduse_net_info(const struct rte_vduse_net *net, struct rte_vduse_net_info *info);

void
__wrap_rte_vduse_net_info(const struct rte_vduse_net *net, struct rte_vduse_net_info *info)
{
	struct fk_dev *dev = comes;

	__real_rte_vduse_net_info(net, info);
	if (dev == NULL || !net->admin_up)
		return;
	comes = NULL;
	assert_int_equal(fk_set_status(dev, RIG_DRIVER_OK), 0);
}

/* The port tells of the driver's link as it is, not as it was when the port's start looked. */
static void
test_link_meanwhile(void **state)
{
	const struct rig_conf conf = { 0 };
	const struct pmd_dev *pmd;
	struct rig b;
	uint16_t port;

	(void)state;
	port = port_probe();
	pmd = rte_eth_devices[port].data->dev_private;
	rig_take(&b, &conf, pmd->net);
	rig_negotiate(&b);
	rig_rings(&b, true);
	comes = b.dev;
	port_start(port);
	assert_null(comes);
	assert_true(link_is_up(port));
	rig_give_back(&b);
	assert_int_equal(rte_vdev_uninit(VDEV), 0);
}

/* n frames of 100 bytes each way, through the port's bursts. */
static void
port_traffic(struct rig *b, uint16_t port, unsigned int n)
{
	struct rte_mbuf *m;
	struct mock_used used;
	unsigned int i;

	for (i = 0; i < n; i++) {
		rig_send(b, RIG_BUFFERS, i, 100);
		assert_int_equal(rte_eth_rx_burst(port, 0, &m, 1), 1);
		rig_mbuf_check(m, i, 100);
		assert_int_equal(m->port, port);
		assert_true(mock_vq_get(rig_tx(b), &used));
		rig_offer(b, RIG_BUFFERS, 2000);
		assert_int_equal(rte_eth_tx_burst(port, 0, &m, 1), 1);
		assert_true(mock_vq_get(rig_rx(b), &used));
		assert_int_equal(used.len, RIG_HDR_LEN + 100);
	}
}

static void
test_traffic(void **state)
{
	struct rte_eth_stats stats;
	struct rig b;
	uint16_t port;

	(void)state;
	port = port_probe();
	port_start(port);
	driver_up(&b, port);
	port_traffic(&b, port, 10);
	/* a drop each way */
	rig_send(&b, RIG_BUFFERS, 1, 5);
	assert_int_equal(rte_eth_rx_burst(port, 0, &(struct rte_mbuf *){ NULL }, 1), 0);
	rig_offer(&b, RIG_BUFFERS, 50);
	assert_int_equal(rte_eth_tx_burst(port, 0, &(struct rte_mbuf *){ rig_mbuf(1, 99, 99) }, 1),
			1);
	assert_int_equal(rte_eth_stats_get(port, &stats), 0);
	assert_int_equal(stats.ipackets, 10);
	assert_int_equal(stats.ibytes, 1000);
	assert_int_equal(stats.ierrors, 1);
	assert_int_equal(stats.opackets, 10);
	assert_int_equal(stats.obytes, 1000);
	assert_int_equal(stats.oerrors, 1);
	assert_int_equal(stats.rx_nombuf, 0);
	assert_int_equal(rte_eth_stats_reset(port), 0);
	assert_int_equal(rte_eth_stats_get(port, &stats), 0);
	assert_int_equal(stats.ipackets + stats.ibytes + stats.ierrors, 0);
	assert_int_equal(stats.opackets + stats.obytes + stats.oerrors, 0);
	rig_give_back(&b);
	assert_int_equal(rte_vdev_uninit(VDEV), 0);
}

static void
test_settings(void **state)
{
	struct rte_ether_addr mac = { { 2, 9, 8, 7, 6, 5 } }, got;
	struct virtio_net_config config;
	struct rte_eth_dev_info info;
	struct fk_dev *dev;
	uint16_t port;

	(void)state;
	port = port_probe();
	port_start(port);
	dev = fk_find("unit");
	assert_int_equal(rte_eth_dev_info_get(port, &info), 0);
	assert_int_equal(info.max_rx_queues, 1);
	assert_int_equal(info.max_tx_queues, 1);
	assert_int_equal(info.min_mtu, 68);
	assert_string_equal(info.driver_name, "net_vduse");
	assert_int_equal(rte_eth_dev_set_mtu(port, 2000), 0);
	assert_int_not_equal(rte_eth_dev_set_mtu(port, 67), 0);
	assert_int_equal(rte_eth_dev_default_mac_addr_set(port, &mac), 0);
	fk_config(dev, 0, &config, sizeof(config));
	assert_int_equal(config.mtu, 2000);
	assert_memory_equal(config.mac, &mac, sizeof(mac));
	assert_int_equal(rte_eth_macaddr_get(port, &got), 0);
	assert_memory_equal(&got, &mac, sizeof(mac));
	assert_int_equal(rte_eth_promiscuous_get(port), 1);
	assert_int_equal(rte_eth_promiscuous_disable(port), 0);
	assert_int_equal(rte_eth_promiscuous_get(port), 0);
	assert_int_equal(rte_eth_promiscuous_enable(port), 0);
	assert_int_equal(rte_eth_allmulticast_disable(port), 0);
	assert_int_equal(rte_eth_allmulticast_enable(port), 0);
	assert_int_equal(rte_eth_dev_stop(port), 0);
	assert_int_equal(rte_eth_dev_close(port), 0);
	assert_null(fk_find("unit"));
	assert_int_equal(rte_vdev_uninit(VDEV), 0);
}

/* Taken away with a driver on it, again and again: nothing adds up. */
static void
test_unplug(void **state)
{
	unsigned int fds = 0, i;
	struct rig b;
	uint16_t port;

	(void)state;
	for (i = 0; i < 20; i++) {
		port = port_probe();
		port_start(port);
		driver_up(&b, port);
		port_traffic(&b, port, 3);
		rig_give_back(&b);
		assert_int_equal(rte_vdev_uninit(VDEV), 0);
		unit_assert_clean();
		assert_int_equal(rte_eth_dev_count_avail(), 0);
		if (i == 0)
			fds = unit_count_fds();
		assert_int_equal(unit_count_fds(), fds);
	}
}

/* A port may be asked for its counters as soon as it is configured. */
static void
test_stats_early(void **state)
{
	const struct rte_eth_conf conf = { 0 };
	struct rte_eth_stats stats;
	uint16_t port;

	(void)state;
	port = port_probe();
	assert_int_equal(rte_eth_stats_get(port, &stats), 0);
	assert_int_equal(rte_eth_dev_configure(port, 1, 1, &conf), 0);
	assert_int_equal(rte_eth_stats_get(port, &stats), 0);
	assert_int_equal(stats.ipackets + stats.opackets, 0);
	assert_int_equal(rte_eth_stats_reset(port), 0);
	assert_int_equal(rte_vdev_uninit(VDEV), 0);
}

/* A kick of the driver, as the ring asks for it; whether it came within so many ms. */
static bool
driver_sends(struct rig *b, int epfd, int ms)
{
	struct rte_epoll_event event;

	rig_send(b, RIG_BUFFERS, 1, 100);
	if (mock_vq_need_kick(rig_tx(b)))
		fk_kick(b->dev, 1);
	return rte_epoll_wait(epfd, &event, 1, ms) == 1;
}

static void
port_receives(struct rig *b, uint16_t port)
{
	struct mock_used used;
	struct rte_mbuf *m;

	assert_int_equal(rte_eth_rx_burst(port, 0, &m, 1), 1);
	rte_pktmbuf_free(m);
	assert_true(mock_vq_get(rig_tx(b), &used));
}

/* Through EAL's epoll, as examples/l3fwd-power has it; the port is stopped and started between. */
static void
test_rx_interrupts(void **state)
{
	const struct rte_eth_conf conf = { .intr_conf.rxq = 1 };
	const int epfd = epoll_create1(EPOLL_CLOEXEC);
	struct rte_power_monitor_cond cond;
	struct rte_epoll_event event;
	struct rig b;
	unsigned int i;
	uint16_t port;

	(void)state;
	port = port_probe();
	port_start(port);
	assert_int_equal(rte_eth_dev_rx_intr_enable(port, 0), -ENOTSUP);
	/* rte_power_monitor() would read the ring when it may be unmapped */
	assert_int_equal(rte_eth_get_monitor_addr(port, 0, &cond), -ENOTSUP);
	assert_int_equal(rte_eth_dev_stop(port), 0);
	assert_int_equal(rte_eth_dev_configure(port, 1, 1, &conf), 0);
	assert_int_equal(rte_eth_rx_queue_setup(port, 0, 256, 0, NULL, unit_pool), 0);
	assert_int_equal(rte_eth_tx_queue_setup(port, 0, 256, 0, NULL), 0);
	for (i = 0; i < 3; i++) {
		assert_int_equal(rte_eth_dev_start(port), 0);
		if (i == 0)
			driver_up(&b, port);
		assert_int_equal(rte_eth_dev_rx_intr_ctl_q(port, 0, epfd, RTE_INTR_EVENT_ADD, NULL),
				0);
		assert_int_equal(rte_eth_dev_rx_intr_enable(port, 0), 0);
		assert_int_equal(rte_epoll_wait(epfd, &event, 1, 0), 0);
		assert_true(driver_sends(&b, epfd, 10000));
		assert_int_equal(rte_eth_dev_rx_intr_disable(port, 0), 0);
		port_receives(&b, port);
		assert_false(driver_sends(&b, epfd, 0));
		/* what came while it was off is told of when it is switched on */
		assert_int_equal(rte_eth_dev_rx_intr_enable(port, 0), 0);
		assert_int_equal(rte_epoll_wait(epfd, &event, 1, 10000), 1);
		port_receives(&b, port);
		assert_int_equal(rte_eth_dev_stop(port), 0);
	}
	rig_give_back(&b);
	close(epfd);
	assert_int_equal(rte_vdev_uninit(VDEV), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(test_bad_args),
		UNIT_TEST(test_good_args),
		UNIT_TEST(test_probe_fails),
		UNIT_TEST(test_link),
		UNIT_TEST(test_link_meanwhile),
		UNIT_TEST(test_traffic),
		UNIT_TEST(test_settings),
		UNIT_TEST(test_unplug),
		UNIT_TEST(test_stats_early),
		UNIT_TEST(test_rx_interrupts),
	};

	return UNIT_RUN("pmd", tests);
}
