/* SPDX-License-Identifier: BSD-3-Clause */

/* Creating and removing devices: what is refused, with which line of log, and what is left:
 * nothing. */

#include <errno.h>
#include <string.h>

#include <linux/virtio_net.h>

#include "rig.h"

static const struct rte_vduse_net_conf good_conf = {
	.dev.adopt_fd = -1,
	.dev.tuning.msg_timeout = -1,
	.dev.name = "unit",
	.queue_pairs = 1,
	.dev.queue_size = 256,
	.mac = { { 2, 0, 0, 0, 0, 1 } },
	.mtu = 1500,
};

/* Refused, with one line of log that has the text. */
static void
assert_refused(const struct rte_vduse_net_conf *conf, int err, const char *text)
{
	struct rte_vduse_net *net = NULL;

	unit_log_clear();
	assert_int_equal(rte_vduse_net_create(conf, &net), err);
	assert_null(net);
	unit_assert_logged_once(text);
	unit_assert_logged_once("\n");
	unit_assert_clean();
}

static void
test_names(void **state)
{
	static char long_name[RTE_VDUSE_NAME_MAX + 2];
	const char *bad[] = { NULL, "", ".", "..", "a/b", "/", "control", long_name };
	struct rte_vduse_net_conf conf = good_conf;
	struct rte_vduse_net *net;
	size_t i;

	(void)state;
	memset(long_name, 'x', RTE_VDUSE_NAME_MAX + 1);
	for (i = 0; i < RTE_DIM(bad); i++) {
		conf.dev.name = bad[i];
		assert_refused(&conf, -EINVAL, "cannot be a file in /dev/vduse");
	}
	long_name[RTE_VDUSE_NAME_MAX] = '\0';
	conf.dev.name = long_name;
	assert_int_equal(rte_vduse_net_create(&conf, &net), 0);
	assert_non_null(fk_find(long_name));
	assert_int_equal(rte_vduse_net_destroy(net), 0);
}

static void
test_ranges(void **state)
{
	static const uint16_t bad_sizes[] = { 0, 1, 32, 63, 65, 100, 32769, 65535 };
	static const uint16_t bad_mtus[] = { 0, 1, 67 };
	static const uint16_t bad_pairs[] = { 0, RTE_VDUSE_NET_PAIRS_MAX + 1, 65535 };
	static const struct rte_ether_addr bad_macs[] = {
		{ { 0, 0, 0, 0, 0, 0 } },
		{ { 1, 0, 0, 0, 0, 1 } },
		{ { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } },
	};
	struct rte_vduse_net_conf conf;
	size_t i;

	(void)state;
	for (i = 0; i < RTE_DIM(bad_sizes); i++) {
		conf = good_conf;
		conf.dev.queue_size = bad_sizes[i];
		assert_refused(&conf, -EINVAL, "queue size");
	}
	for (i = 0; i < RTE_DIM(bad_mtus); i++) {
		conf = good_conf;
		conf.mtu = bad_mtus[i];
		assert_refused(&conf, -EINVAL, "MTU");
	}
	for (i = 0; i < RTE_DIM(bad_pairs); i++) {
		conf = good_conf;
		conf.queue_pairs = bad_pairs[i];
		assert_refused(&conf, -EINVAL, "queue pairs");
	}
	for (i = 0; i < RTE_DIM(bad_macs); i++) {
		conf = good_conf;
		conf.mac = bad_macs[i];
		assert_refused(&conf, -EINVAL, "is no unicast MAC address");
	}
}

static void
test_kernels(void **state)
{
	struct rte_vduse_net_conf conf = good_conf;
	struct rte_vduse_net *net;

	(void)state;
	unit_kernel(&(struct fk_conf){ .no_module = true });
	assert_refused(&good_conf, -ENOENT, "modprobe vduse");
	unit_kernel(&(struct fk_conf){ .no_permission = true });
	assert_refused(&good_conf, -EPERM, "CAP_NET_ADMIN");
	unit_kernel(&(struct fk_conf){ .no_net = true });
	assert_refused(&good_conf, -ENOTSUP, "6.10");
	conf.queue_pairs = 4;
	assert_refused(&conf, -ENOTSUP, "6.10");
	unit_kernel(&(struct fk_conf){ 0 });
	fk_fail(FK_OPEN_CONTROL, 0, 1, -EACCES);
	assert_refused(&good_conf, -EACCES, "run as root");
	fk_fail(FK_OPEN_DEVICE, 0, 1, -EMFILE);
	assert_refused(&good_conf, -EMFILE, "limits of the process");
	fk_fail(VDUSE_IOC_CREATE, 0, 1, -ENOMEM);
	assert_refused(&good_conf, -ENOMEM, "cannot create it");

	assert_int_equal(rte_vduse_net_create(&good_conf, &net), 0);
	unit_log_clear();
	conf = good_conf;
	assert_int_equal(rte_vduse_net_create(&conf, &(struct rte_vduse_net *){ NULL }), -EEXIST);
	unit_assert_logged_once("the name is in use");
	unit_assert_logged_once("\n");
	assert_int_equal(rte_vduse_net_destroy(net), 0);
}

/* What the kernel is told, for each version of its API. */
static void
test_created(void **state)
{
	struct rte_vduse_net_info info;
	struct virtio_net_config config;
	struct rte_vduse_net *net;
	struct fk_conf kernel = { 0 };
	struct fk_dev *dev;

	(void)state;
	for (kernel.api_newest = 0; kernel.api_newest < 4; kernel.api_newest++) {
		unit_kernel(&kernel);
		assert_int_equal(rte_vduse_net_create(&good_conf, &net), 0);
		dev = fk_find("unit");
		assert_int_equal(fk_api_version(dev), RTE_MIN(kernel.api_newest, 1u));
		assert_int_equal(fk_nb_vqs(dev), 2);
		assert_int_equal(fk_vq_max(dev, 0), 256);
		assert_int_equal(fk_vq_max(dev, 1), 256);
		assert_false(fk_offered(dev) & (1ULL << VIRTIO_NET_F_CTRL_VQ));
		assert_false(fk_offered(dev) & (1ULL << VIRTIO_NET_F_MQ));
		fk_config(dev, 0, &config, sizeof(config));
		assert_memory_equal(config.mac, &good_conf.mac, 6);
		assert_int_equal(config.mtu, 1500);
		assert_int_equal(config.status, 0);
		rte_vduse_net_info(net, &info);
		assert_int_equal(info.dev.api_version, RTE_MIN(kernel.api_newest, 1u));
		assert_int_equal(info.queue_pairs, 1);
		assert_false(info.link_up || info.dev.started || info.dev.broken);
		assert_int_equal(rte_vduse_net_destroy(net), 0);
	}
}

/* Setters reach the driver's view; it is told once there is a driver. */
static void
test_set_config(void **state)
{
	const struct rte_ether_addr mac = { { 2, 1, 2, 3, 4, 5 } };
	const struct rig_conf conf = { 0 };
	struct virtio_net_config config;
	struct rig b;

	(void)state;
	rig_create(&b, &conf);
	assert_int_equal(rte_vduse_net_set_mac(b.net, &mac), 0);
	assert_int_equal(rte_vduse_net_set_mtu(b.net, 9000), 0);
	assert_int_equal(rte_vduse_net_set_mtu(b.net, 67), -EINVAL);
	assert_int_equal(rte_vduse_net_set_link(b.net, true), 0);
	fk_config(b.dev, 0, &config, sizeof(config));
	assert_memory_equal(config.mac, &mac, 6);
	assert_int_equal(config.mtu, 9000);
	assert_int_equal(config.status, VIRTIO_NET_S_LINK_UP);
	assert_int_equal(fk_config_irqs(b.dev), 0);
	rig_drive(&b);
	assert_int_equal(rte_vduse_net_set_link(b.net, false), 0);
	assert_int_equal(fk_config_irqs(b.dev), 1);
	assert_false(rig_info(&b).link_up);
	fk_fail(VDUSE_IOC_SET_CONFIG, 0, 1, -EPERM);
	assert_int_equal(rte_vduse_net_set_mtu(b.net, 1400), -EPERM);
	rig_down(&b);
}

static uint16_t
shown_mtu(const struct rig *b)
{
	uint16_t mtu;

	fk_config(b->dev, offsetof(struct virtio_net_config, mtu), &mtu, sizeof(mtu));
	return mtu;
}

/* A driver that has negotiated an MTU keeps it until it resets the device (virtio 1.2, 5.1.4.1). */
static void
test_mtu_stays(void **state)
{
	const struct rig_conf conf = { .features = 1ULL << VIRTIO_NET_F_MTU };
	struct rig b;

	(void)state;
	rig_up(&b, &conf);
	assert_int_equal(rte_vduse_net_set_mtu(b.net, 9000), 0);
	assert_int_equal(shown_mtu(&b), 1500);
	assert_int_equal(rig_info(&b).mtu, 9000);
	assert_int_equal(b.net->driver_mtu, 1500);
	assert_int_equal(fk_reset(b.dev), 0);
	assert_int_equal(shown_mtu(&b), 9000);
	/* until the features are agreed on nobody goes by it */
	assert_int_equal(fk_set_status(b.dev, RIG_DRIVER), 0);
	assert_int_equal(rte_vduse_net_set_mtu(b.net, 8000), 0);
	assert_int_equal(shown_mtu(&b), 8000);
	rig_negotiate(&b);
	assert_int_equal(rte_vduse_net_set_mtu(b.net, 7000), 0);
	assert_int_equal(shown_mtu(&b), 8000);
	rig_rings(&b, true);
	assert_int_equal(fk_set_status(b.dev, RIG_DRIVER_OK), 0);
	assert_int_equal(b.net->driver_mtu, 8000);
	/* the last one counts, and nothing has called the driver */
	assert_int_equal(rte_vduse_net_set_mtu(b.net, 8000), 0);
	assert_int_equal(fk_config_irqs(b.dev), 0);
	assert_int_equal(fk_reset(b.dev), 0);
	assert_int_equal(shown_mtu(&b), 8000);
	rig_down(&b);
}

static void
test_multi_queue(void **state)
{
	struct rte_vduse_net_conf conf = good_conf;
	struct rte_vduse_net_info info;
	struct virtio_net_config config;
	struct rte_vduse_net *net;

	(void)state;
	conf.queue_pairs = 4;
	assert_refused(&conf, -ENOTSUP, "refuses VIRTIO_NET_F_CTRL_VQ");
	conf.mq_fallback = true;
	assert_int_equal(rte_vduse_net_create(&conf, &net), 0);
	unit_assert_logged_once("one pair instead of 4");
	rte_vduse_net_info(net, &info);
	assert_int_equal(info.queue_pairs, 1);
	assert_int_equal(fk_nb_vqs(fk_find("unit")), 2);
	assert_int_equal(rte_vduse_net_destroy(net), 0);

	unit_kernel(&(struct fk_conf){ .allow_ctrl_vq = true });
	conf.queue_pairs = RTE_VDUSE_NET_PAIRS_MAX;
	assert_int_equal(rte_vduse_net_create(&conf, &net), 0);
	rte_vduse_net_info(net, &info);
	assert_int_equal(info.queue_pairs, RTE_VDUSE_NET_PAIRS_MAX);
	assert_int_equal(fk_nb_vqs(fk_find("unit")), 2 * RTE_VDUSE_NET_PAIRS_MAX + 1);
	assert_true(fk_offered(fk_find("unit")) & (1ULL << VIRTIO_NET_F_CTRL_VQ));
	fk_config(fk_find("unit"), 0, &config, sizeof(config));
	assert_int_equal(config.max_virtqueue_pairs, RTE_VDUSE_NET_PAIRS_MAX);
	assert_int_equal(rte_vduse_net_destroy(net), 0);
}

/* The defaults, a name and an address are enough; whatever the memory held before. */
static void
test_defaults(void **state)
{
	struct rte_vduse_net_conf conf;
	struct rte_vduse_net_info info;
	struct virtio_net_config shown;
	struct rte_vduse_net *net;

	(void)state;
	memset(&conf, 0xa5, sizeof(conf));
	rte_vduse_net_conf_init(&conf);
	conf.dev.name = "unit";
	conf.mac = good_conf.mac;
	assert_int_equal(rte_vduse_net_create(&conf, &net), 0);
	rte_vduse_net_info(net, &info);
	assert_int_equal(info.queue_pairs, 1);
	assert_int_equal(info.mtu, 1500);
	assert_false(info.dev.resumed);
	assert_int_equal(fk_nb_vqs(fk_find("unit")), 2);
	assert_int_equal(fk_attr_writes(fk_find("unit")), 0);
	fk_config(fk_find("unit"), 0, &shown, sizeof(shown));
	assert_int_equal(shown.speed, UINT32_MAX);
	assert_int_equal(rte_vduse_net_destroy(net), 0);
}

/* Whatever call fails, nothing is left, and the next attempt succeeds. */
static void
failures_run(const struct rte_vduse_net_conf *conf, unsigned int least)
{
	const unsigned int fds = unit_count_fds();
	struct rte_vduse_net *net;
	unsigned int n, failed = 0;
	int ret;

	for (n = 0;; n++) {
		fk_fail_nth(n, -EIO);
		ret = rte_vduse_net_create(conf, &net);
		if (!fk_fail_done()) {
			assert_int_equal(ret, 0);
			assert_int_equal(rte_vduse_net_destroy(net), 0);
			break;
		}
		/* two calls only ask what is optional */
		if (ret == 0)
			assert_int_equal(rte_vduse_net_destroy(net), 0);
		else
			failed++;
		unit_assert_clean();
		assert_int_equal(unit_count_fds(), fds);
	}
	assert_true(failed >= least);
	unit_assert_clean();
	assert_int_equal(unit_count_fds(), fds);
}

static void
test_every_failure(void **state)
{
	struct rte_vduse_net_conf conf = good_conf;

	(void)state;
	/* open, version, create, open, two queues */
	failures_run(&conf, 6);
	unit_kernel(&(struct fk_conf){ .allow_ctrl_vq = true, .api_newest = 1 });
	conf.queue_pairs = 8;
	/* the newer version is optional as well */
	failures_run(&conf, 3 + 17);
	unit_kernel(&(struct fk_conf){ .api_newest = 1, .vduse_features = 1 });
	conf.mq_fallback = true;
	/* the attempt with eight pairs, and the one with one */
	failures_run(&conf, 2 + 5);
}

/* More than DPDK's memory holds: refused, not half made. */
static void
test_no_memory(void **state)
{
	struct rte_vduse_net_conf conf = good_conf;
	struct rte_vduse_net *nets[FK_DEVS_MAX];
	char names[FK_DEVS_MAX][8];
	unsigned int n, i;
	int ret = 0;

	(void)state;
	unit_kernel(&(struct fk_conf){ .allow_ctrl_vq = true });
	conf.queue_pairs = RTE_VDUSE_NET_PAIRS_MAX;
	conf.dev.queue_size = 32768;
	for (n = 0; n < FK_DEVS_MAX && ret == 0; n++) {
		snprintf(names[n], sizeof(names[n]), "d%u", n);
		conf.dev.name = names[n];
		unit_log_clear();
		ret = rte_vduse_net_create(&conf, &nets[n]);
	}
	assert_int_equal(ret, -ENOMEM);
	unit_assert_logged_once("give DPDK more");
	assert_null(fk_find(names[--n]));
	for (i = 0; i < n; i++)
		assert_int_equal(rte_vduse_net_destroy(nets[i]), 0);
}

/* It is on the bus still: said so, and the process's side is gone. */
static void
test_destroy_busy(void **state)
{
	char name[VDUSE_ABI_NAME_MAX] = "unit";
	struct rte_vduse_net *net;
	struct fk_ledger left;
	int control;

	(void)state;
	assert_int_equal(rte_vduse_net_create(&good_conf, &net), 0);
	fk_attach(fk_find("unit"), true);
	unit_log_clear();
	assert_int_equal(rte_vduse_net_destroy(net), -EBUSY);
	unit_assert_logged_once("stays in /dev/vduse");
	unit_assert_logged_once("dpdk-vduse-net --destroy unit");
	fk_ledger(&left);
	assert_int_equal(left.fds + left.maps, 0);
	assert_int_equal(left.devices, 1);
	fk_attach(fk_find("unit"), false);
	control = fk_sys.open_control();
	assert_int_equal(fk_sys.ioctl(control, VDUSE_IOC_DESTROY, name), 0);
	fk_sys.close(control);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(test_names),
		UNIT_TEST(test_ranges),
		UNIT_TEST(test_kernels),
		UNIT_TEST(test_created),
		UNIT_TEST(test_set_config),
		UNIT_TEST(test_mtu_stays),
		UNIT_TEST(test_multi_queue),
		UNIT_TEST(test_defaults),
		UNIT_TEST(test_every_failure),
		UNIT_TEST(test_no_memory),
		UNIT_TEST(test_destroy_busy),
	};

	return UNIT_RUN("create", tests);
}
