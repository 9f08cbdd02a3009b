/* SPDX-License-Identifier: BSD-3-Clause */

/* Every devarg of the PMD: what it becomes, and what is refused. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <rte_bus_vdev.h>
#include <rte_ethdev.h>

#include "pmd.h"
#include "rig.h"

#define VDEV "net_vduse_unit"

static struct pmd_conf
parse(const char *args)
{
	struct pmd_conf conf;

	unit_log_clear();
	if (pmd_conf_parse(&conf, VDEV, args) != 0)
		fail_msg("%s is refused", args);
	assert_int_equal(unit_log_count("\n"), 0);
	return conf;
}

static void
test_defaults(void **state)
{
	const struct pmd_conf conf = parse("");

	(void)state;
	assert_int_equal(conf.net.ring, RTE_VDUSE_NET_RING_ANY);
	assert_int_equal(conf.net.profile, RTE_VDUSE_NET_PROFILE_LATENCY);
	assert_int_equal(conf.net.dev.queue_size, 1024);
	assert_int_equal(conf.net.speed, RTE_ETH_SPEED_NUM_10G);
	assert_false(conf.net.standby || conf.net.dev.adopt || conf.net.mq_fallback);
	assert_int_equal(conf.net.dev.adopt_fd, -1);
	assert_int_equal(conf.net.dev.tuning.msg_timeout, -1);
	assert_int_equal(conf.net.dev.tuning.bounce_size, 0);
	assert_string_equal(conf.affinity, "");
	assert_int_equal(conf.attach, RTE_VDUSE_ATTACH_NONE);
}

static void
test_choices(void **state)
{
	(void)state;
	assert_int_equal(parse("ring=any").net.ring, RTE_VDUSE_NET_RING_ANY);
	assert_int_equal(parse("ring=split").net.ring, RTE_VDUSE_NET_RING_SPLIT);
	assert_int_equal(parse("ring=packed").net.ring, RTE_VDUSE_NET_RING_PACKED);
	assert_int_equal(parse("profile=latency").net.profile, RTE_VDUSE_NET_PROFILE_LATENCY);
	assert_int_equal(parse("profile=bulk").net.profile, RTE_VDUSE_NET_PROFILE_BULK);
	assert_int_equal(parse("profile=xdp").net.profile, RTE_VDUSE_NET_PROFILE_XDP);
	assert_int_equal(parse("profile=none").net.profile, RTE_VDUSE_NET_PROFILE_NONE);
	assert_int_equal(parse("profile=tx").net.profile, RTE_VDUSE_NET_PROFILE_TX);
	assert_false(parse("profile=tx").partial_csum);
	assert_false(parse("csum=whole").partial_csum);
	assert_true(parse("csum=partial").partial_csum);
	assert_int_equal(parse("attach=none").attach, RTE_VDUSE_ATTACH_NONE);
	assert_int_equal(parse("attach=virtio").attach, RTE_VDUSE_ATTACH_VIRTIO);
	assert_int_equal(parse("attach=vhost").attach, RTE_VDUSE_ATTACH_VHOST);
	assert_true(parse("standby=1").net.standby);
	assert_false(parse("standby=0").net.standby);
	assert_true(parse("adopt=1").net.dev.adopt);
	assert_false(parse("adopt=0").net.dev.adopt);
	assert_true(parse("mq-fallback=1").net.mq_fallback);
	assert_false(parse("attach=none").zero_copy);
	assert_true(parse("zero-copy=1").zero_copy);
	assert_int_equal(parse("zero-copy=1").zero_copy_min, 1024);
	assert_int_equal(parse("zero-copy-min=256").zero_copy_min, 256);
	assert_int_equal(parse("zero-copy-min=65553").zero_copy_min, 65553);
}

static void
test_numbers(void **state)
{
	struct pmd_conf conf;

	(void)state;
	assert_int_equal(parse("speed=0").net.speed, 0);
	assert_int_equal(parse("speed=100000").net.speed, 100000);
	assert_int_equal(parse("speed=2147483647").net.speed, INT32_MAX);
	/* in whatever order */
	assert_int_equal(parse("speed=25000,attach=none").net.speed, 25000);
	assert_int_equal(parse("attach=vhost").net.speed, RTE_ETH_SPEED_NUM_10G);
	assert_int_equal(parse("msg-timeout=0").net.dev.tuning.msg_timeout, 0);
	assert_int_equal(parse("msg-timeout=30").net.dev.tuning.msg_timeout, 30);
	assert_int_equal(parse("msg-timeout=2147483647").net.dev.tuning.msg_timeout, INT32_MAX);
	assert_int_equal(parse("queue-size=64,bounce-size=1048576").net.dev.tuning.bounce_size,
			1 << 20);
	assert_int_equal(parse("bounce-size=0x40000000").net.dev.tuning.bounce_size, 1 << 30);
	assert_false(parse("umem=0").net.dev.umem);
	assert_true(parse("umem=1").net.dev.umem);
	assert_int_equal(parse("max-regions=4096").net.dev.max_regions, 4096);
	assert_int_equal(parse("max-memory=3").net.dev.max_memory, 3 << 20);
	/* no power of two, with packed rings only; in whatever order */
	assert_int_equal(parse("queue-size=1000,ring=packed").net.dev.queue_size, 1000);
	assert_int_equal(parse("ring=packed,queue-size=65").net.dev.queue_size, 65);
	conf = parse("fd=0");
	assert_true(conf.net.dev.adopt);
	assert_int_equal(conf.net.dev.adopt_fd, 0);
}

/* The address of a device that is there is not made up. */
static void
test_unknown_mac(void **state)
{
	struct pmd_conf conf = parse("adopt=1");

	(void)state;
	assert_true(rte_is_zero_ether_addr(&conf.net.mac));
	conf = parse("fd=0,name=x");
	assert_true(rte_is_zero_ether_addr(&conf.net.mac));
	conf = parse("mac=02:00:00:00:00:09,adopt=1");
	assert_int_equal(conf.net.mac.addr_bytes[5], 9);
	conf = parse("adopt=0");
	assert_true(rte_is_valid_assigned_ether_addr(&conf.net.mac));
}

/* sysfs wants words of 32 bits with commas between, which devargs cannot have. */
static void
test_affinity(void **state)
{
	static const struct {
		const char *arg, *mask;
	} cases[] = {
		{ "1", "1" },
		{ "ff", "ff" },
		{ "fFaB0012", "fFaB0012" },
		{ "1ffffffff", "1,ffffffff" },
		{ "123456789abcdef0", "12345678,9abcdef0" },
		{ "0123456789abcdef00", "01,23456789,abcdef00" },
		{ "30000000000000000", "3,00000000,00000000" },
	};
	char args[400] = "irq-affinity=";
	struct pmd_conf conf;
	size_t i;

	(void)state;
	for (i = 0; i < RTE_DIM(cases); i++) {
		snprintf(args, sizeof(args), "irq-affinity=%s", cases[i].arg);
		assert_string_equal(parse(args).affinity, cases[i].mask);
	}
	strcpy(args, "irq-affinity=");
	memset(args + 13, '8', PMD_AFFINITY_DIGITS);
	args[13 + PMD_AFFINITY_DIGITS] = '\0';
	conf = parse(args);
	assert_int_equal(strlen(conf.affinity), PMD_AFFINITY_DIGITS * 9 / 8 - 1);
	for (i = 0; i < strlen(conf.affinity); i++)
		assert_int_equal(conf.affinity[i], i % 9 == 8 ? ',' : '8');
	args[13 + PMD_AFFINITY_DIGITS] = '8';
	args[14 + PMD_AFFINITY_DIGITS] = '\0';
	assert_int_equal(pmd_conf_parse(&conf, VDEV, args), -EINVAL);
}

static const struct {
	const char *args;
	const char *text;
} bad_args[] = {
	{ "ring=both", "ring=both: not one of any, split, packed" },
	{ "ring=Packed", "not one of any, split, packed" },
	{ "csum=half", "csum=half: not one of whole, partial" },
	{ "profile=fast", "profile=fast: not one of latency, bulk, xdp, none, tx, migrate" },
	{ "speed=-1", "speed=-1: not a number" },
	{ "speed=2147483648", "not a number from 0 to 2147483647" },
	{ "speed=10G", "speed=10G: not a number" },
	{ "standby=2", "standby=2: not a number from 0 to 1" },
	{ "standby=yes", "standby=yes: not a number" },
	{ "adopt=2", "adopt=2: not a number from 0 to 1" },
	{ "msg-timeout=-1", "msg-timeout=-1: not a number" },
	{ "msg-timeout=2147483648", "not a number from 0 to 2147483647" },
	{ "umem=2", "not a number from 0 to 1" },
	{ "max-regions=0", "not a number from 1 to 4294967295" },
	{ "max-memory=134217729", "not a number from 1 to 134217728" },
	{ "bounce-size=1048575", "not a number from 1048576 to 1073741824" },
	{ "bounce-size=1073741825", "not a number from 1048576 to 1073741824" },
	{ "bounce-size=4194304", "bounce-size=4194304: 4096 KiB of it are taken by the buffers of "
				 "a queue to receive" },
	{ "bounce-size=4194304,attach=virtio",
			"give more, better twice that, or a smaller queue-size" },
	{ "bounce-size=2097152,queue-size=512", "bounce-size=2097152: 2048 KiB of it are taken" },
	{ "irq-affinity=0", "not a mask of CPUs" },
	{ "irq-affinity=0000", "not a mask of CPUs" },
	{ "irq-affinity=0x1", "not a mask of CPUs" },
	{ "irq-affinity=xyz", "irq-affinity=xyz: not a mask of CPUs" },
	{ "irq-affinity=1-3", "not a mask of CPUs" },
	{ "fd=-1", "fd=-1: not a number" },
	{ "fd=123456", "fd=123456: not an open file descriptor" },
	{ "fd=2147483648", "not a number from 0 to 2147483647" },
	{ "fd=0,adopt=0", "contradict" },
	{ "adopt=0,fd=0", "contradict" },
	{ "queue-size=1000", "not a power of two, which only ring=packed allows" },
	{ "queue-size=1000,ring=split", "not a power of two" },
	{ "ring=packed,queue-size=63", "not a number from 64 to 32768" },
	{ "ring=packed,ring=packed", "ring is given twice" },
	{ "fd", "fd has no value" },
	{ "speed=", "speed has no value" },
};

static void
test_bad(void **state)
{
	struct pmd_conf conf;
	size_t i;

	(void)state;
	for (i = 0; i < RTE_DIM(bad_args); i++) {
		unit_log_clear();
		if (pmd_conf_parse(&conf, VDEV, bad_args[i].args) != -EINVAL)
			fail_msg("%s is not refused", bad_args[i].args);
		unit_assert_logged_once(bad_args[i].text);
		unit_assert_logged_once("\n");
	}
}

/* A region that cannot do for all of the queues is said, as Linux may use fewer of them. */
static void
test_bounce(void **state)
{
	static const struct {
		const char *args;
		const char *text; /* NULL: nothing is said */
	} said[] = {
		{ "bounce-size=4198400,attach=virtio", NULL },
		{ "bounce-size=4194304,attach=vhost", NULL },
		{ "bounce-size=1048576,queue-size=128", NULL },
		{ "bounce-size=8388608,queues=2,attach=virtio,name=c1",
				"c1: buffers to receive take up to 8192 KiB" },
		{ "bounce-size=8388608,queues=2", NULL },
		{ "queues=15,attach=virtio", NULL },
		{ "queues=16,attach=virtio", "give a bounce-size of more than 65536 KiB" },
		{ "queue-size=32768,attach=virtio", "take up to 131072 KiB" },
		{ "queue-size=32768", NULL },
	};
	struct pmd_conf conf;
	size_t i;

	(void)state;
	for (i = 0; i < RTE_DIM(said); i++) {
		unit_log_clear();
		assert_int_equal(pmd_conf_parse(&conf, VDEV, said[i].args), 0);
		if (said[i].text != NULL)
			unit_assert_logged_once(said[i].text);
		assert_int_equal(unit_log_count("\n"), said[i].text != NULL);
	}
}

/* All of them reach the kernel. */
static void
test_probe(void **state)
{
	struct virtio_net_config config;
	struct rte_eth_link link;
	char value[64];
	struct fk_dev *dev;
	uint16_t port;

	(void)state;
	assert_int_equal(rte_vdev_init(VDEV,
					 "name=unit,ring=packed,queue-size=1000,profile=xdp,"
					 "speed=25000,standby=1,msg-timeout=9,bounce-size=8388608,"
					 "irq-affinity=1ffffffff"),
			0);
	assert_int_equal(rte_eth_dev_get_port_by_name(VDEV, &port), 0);
	dev = fk_find("unit");
	assert_non_null(dev);
	assert_int_equal(fk_vq_max(dev, 1), 1000);
	assert_true(fk_offered(dev) >> VIRTIO_NET_F_STANDBY & 1);
	assert_true(fk_offered(dev) >> VIRTIO_NET_F_HOST_TSO4 & 1);
	assert_false(fk_offered(dev) >> VIRTIO_NET_F_GUEST_TSO4 & 1);
	fk_config(dev, 0, &config, sizeof(config));
	assert_int_equal(config.speed, 25000);
	fk_attr(dev, "msg_timeout", value, sizeof(value));
	assert_string_equal(value, "9");
	fk_attr(dev, "bounce_size", value, sizeof(value));
	assert_string_equal(value, "8388608");
	fk_attr(dev, "vq1/irq_cb_affinity", value, sizeof(value));
	assert_string_equal(value, "1,ffffffff");
	assert_int_equal(rte_eth_link_get_nowait(port, &link), 0);
	assert_int_equal(link.link_status, RTE_ETH_LINK_DOWN);
	assert_int_equal(rte_vdev_uninit(VDEV), 0);
}

/* A device that is there, by its descriptor, stays when the port is gone. */
static void
test_fd(void **state)
{
	struct rte_vduse_net_conf conf = {
		.dev.adopt_fd = -1,
		.dev.tuning.msg_timeout = -1,
		.dev.name = "unit",
		.queue_pairs = 1,
		.dev.queue_size = 256,
		.mac = { { 2, 0, 0, 0, 0, 1 } },
		.mtu = 1500,
	};
	char args[64], name[VDUSE_ABI_NAME_MAX] = "unit";
	struct rte_vduse_net *net;
	int fd, control;

	(void)state;
	/* on the bus: its process cannot destroy it */
	assert_int_equal(rte_vduse_net_create(&conf, &net), 0);
	fk_attach(fk_find("unit"), true);
	assert_int_equal(rte_vduse_net_destroy(net), -EBUSY);
	fd = fk_sys.open_device("unit");
	snprintf(args, sizeof(args), "name=unit,queue-size=256,fd=%d,mac=02:00:00:00:00:01", fd);
	assert_int_equal(rte_vdev_init(VDEV, args), 0);
	/* closed by the port, which has a copy; the kernel is told */
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	fk_sys.close(fd);
	assert_int_equal(rte_vdev_uninit(VDEV), 0);
	assert_non_null(fk_find("unit"));
	/* and so is that one */
	fd = fk_sys.open_device("unit");
	assert_true(fd >= 0);
	fk_sys.close(fd);
	fk_attach(fk_find("unit"), false);
	control = fk_sys.open_control();
	assert_int_equal(fk_sys.ioctl(control, VDUSE_IOC_DESTROY, name), 0);
	fk_sys.close(control);
}

/* Values of rx-coalesce and tx-coalesce: the driver's view. */
static void
test_coalesce(void **state)
{
	static const char *const bad[] = { "5", "5:", ":5", "5:5:", "5:5:adaptiv", "5:5:adaptives",
		"5:5:5", "-5:5", "5:-5", " 5:5", "32769:5", "5:1000001", "123456:5", "0x5:5",
		"5:+5", "5: 5", "5:5adaptive", "adaptive", "5:5::adaptive" };
	struct pmd_conf conf;
	char args[64];
	size_t i;

	(void)state;
	for (i = 0; i < RTE_DIM(bad); i++) {
		snprintf(args, sizeof(args), "rx-coalesce=%s", bad[i]);
		if (pmd_conf_parse(&conf, "v", args) != -EINVAL)
			fail_msg("%s is taken", args);
	}
	assert_int_equal(pmd_conf_parse(&conf, "v",
					 "rx-coalesce=32768:1000000:adaptive,tx-coalesce=7:0,"
					 "inject=thread"),
			0);
	assert_int_equal(conf.coalesce[0].frames, 32768);
	assert_int_equal(conf.coalesce[0].usecs, 1000000);
	assert_true(conf.coalesce[0].adaptive);
	assert_int_equal(conf.coalesce[1].frames, 7);
	assert_int_equal(conf.coalesce[1].usecs, 0);
	assert_false(conf.coalesce[1].adaptive);
	assert_true(conf.net.call_thread);
	assert_int_equal(pmd_conf_parse(&conf, "v", "inject=lcore"), 0);
	assert_false(conf.net.call_thread);
	assert_int_equal(pmd_conf_parse(&conf, "v", "inject=me"), -EINVAL);
}

/* irq-affinity=auto: every CPU but the lcores', in words of 32 bits. */
static void
test_auto_affinity(void **state)
{
	char mask[PMD_AFFINITY_DIGITS * 9 / 8 + 1];
	rte_cpuset_t lcores;
	struct pmd_conf conf;
	unsigned int cpu;

	(void)state;
	CPU_ZERO(&lcores);
	CPU_SET(1, &lcores);
	assert_true(pmd_irq_mask(&lcores, 2, mask));
	assert_string_equal(mask, "1");
	assert_true(pmd_irq_mask(&lcores, 32, mask));
	assert_string_equal(mask, "fffffffd");
	CPU_SET(32, &lcores);
	CPU_SET(70, &lcores);
	assert_true(pmd_irq_mask(&lcores, 72, mask));
	assert_string_equal(mask, "bf,fffffffe,fffffffd");
	assert_true(pmd_irq_mask(&lcores, 1024, mask));
	assert_true(strlen(mask) < sizeof(mask));
	for (cpu = 0; cpu < 1024; cpu++)
		CPU_SET(cpu, &lcores);
	assert_false(pmd_irq_mask(&lcores, 1024, mask));
	assert_int_equal(pmd_conf_parse(&conf, "v", "irq-affinity=auto"), 0);
	assert_true(conf.affinity_auto);
	assert_string_equal(conf.affinity, "");
}

/* What the devargs say reaches the kernel and the queues. */
static void
test_applied(void **state)
{
	const struct pmd_dev *pmd;
	char value[512], want[512];
	struct pmd_conf conf;
	uint16_t port;

	(void)state;
	assert_int_equal(rte_vdev_init("net_vduse_i", "name=unit,irq-affinity=auto,"
						      "rx-coalesce=8:100:adaptive,"
						      "tx-coalesce=9:200,inject=thread"),
			0);
	assert_int_equal(rte_eth_dev_get_port_by_name("net_vduse_i", &port), 0);
	pmd = rte_eth_devices[port].data->dev_private;
	/* the CPUs that EAL has no lcore on; none here, where every one has */
	memset(&conf, 0, sizeof(conf));
	conf.affinity_auto = true;
	pmd_irq_affinity(&conf);
	snprintf(want, sizeof(want), "%s", conf.affinity);
	fk_attr(fk_find("unit"), "vq0/irq_cb_affinity", value, sizeof(value));
	assert_string_equal(value, want);
	if (want[0] == '\0')
		assert_true(unit_log_count("every CPU is an lcore's") >= 1);
	assert_int_equal(pmd->net->queues[0].vq->notify.frames, 8);
	assert_int_equal(pmd->net->queues[0].vq->notify.usecs, 100);
	assert_true(pmd->net->queues[0].vq->notify.adaptive);
	assert_int_equal(pmd->net->queues[1].vq->notify.frames, 9);
	assert_int_equal(pmd->net->queues[1].vq->notify.usecs, 200);
	assert_false(pmd->net->queues[1].vq->notify.adaptive);
	assert_true(pmd->net->queues[0].vq->notify.by_thread);
	assert_true(pmd->net->queues[1].vq->notify.by_thread);
	assert_int_equal(rte_vdev_uninit("net_vduse_i"), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(test_defaults),
		UNIT_TEST(test_choices),
		UNIT_TEST(test_numbers),
		UNIT_TEST(test_unknown_mac),
		UNIT_TEST(test_affinity),
		UNIT_TEST(test_bad),
		UNIT_TEST(test_bounce),
		UNIT_TEST(test_probe),
		UNIT_TEST(test_fd),
		UNIT_TEST(test_coalesce),
		UNIT_TEST(test_auto_affinity),
		UNIT_TEST(test_applied),
	};

	return UNIT_RUN("pmd_args", tests);
}
