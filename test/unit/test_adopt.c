/* SPDX-License-Identifier: BSD-3-Clause */

/* Devices that somebody else made: taken over, looked at, removed. */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <linux/virtio_ids.h>

#include "os/netlink.h"
#include "rig.h"

static const struct rte_vduse_net_conf good_conf = {
	.dev.adopt_fd = -1,
	.dev.tuning.msg_timeout = -1,
	.dev.name = "unit",
	.queue_pairs = 1,
	.dev.queue_size = RIG_QUEUE_SIZE,
	.mac = { { 2, 0, 0, 0, 0, 1 } },
	.mtu = 1500,
};

/* Another process's device: made with the features that ours would have, and left there. */
static struct fk_dev *
foreign_create(bool attached)
{
	struct vduse_abi_vq_setup vq = { .max_size = RIG_QUEUE_SIZE };
	struct vduse_abi_create *config;
	struct rte_vduse_net *net;
	struct fk_dev *dev;
	int control, fd;

	assert_int_equal(rte_vduse_net_create(&good_conf, &net), 0);
	config = calloc(1, sizeof(*config) + sizeof(net->config));
	assert_non_null(config);
	strcpy(config->name, "unit");
	config->device_id = VIRTIO_ID_NET;
	config->features = fk_offered(fk_find("unit"));
	config->vq_num = 2;
	config->vq_align = 4096;
	config->config_size = sizeof(net->config);
	assert_int_equal(rte_vduse_net_destroy(net), 0);
	control = fk_sys.open_control();
	assert_int_equal(fk_sys.ioctl(control, VDUSE_IOC_CREATE, config), 0);
	free(config);
	fd = fk_sys.open_device("unit");
	for (vq.index = 0; vq.index < 2; vq.index++)
		assert_int_equal(fk_sys.ioctl(fd, VDUSE_IOC_VQ_SETUP, &vq), 0);
	fk_sys.close(fd);
	fk_sys.close(control);
	dev = fk_find("unit");
	fk_attach(dev, attached);
	unit_log_clear();
	return dev;
}

static void
foreign_destroy(void)
{
	char name[VDUSE_ABI_NAME_MAX] = "unit";
	int control = fk_sys.open_control();

	fk_attach(fk_find("unit"), false);
	assert_int_equal(fk_sys.ioctl(control, VDUSE_IOC_DESTROY, name), 0);
	fk_sys.close(control);
}

static struct rte_vduse_net *
adopt(int fd)
{
	struct rte_vduse_net_conf conf = good_conf;
	struct rte_vduse_net *net;

	conf.dev.adopt = true;
	conf.dev.adopt_fd = fd;
	assert_int_equal(rte_vduse_net_create(&conf, &net), 0);
	return net;
}

/* A driver comes to the adopted device; afterwards it is still there, and closed. */
static void
adopted_run(struct rte_vduse_net *net)
{
	const struct rig_conf conf = { 0 };
	struct fk_ledger left;
	struct rig b;

	unit_assert_logged_once("unit: adopted");
	rig_take(&b, &conf, net);
	rig_drive(&b);
	rig_assert_traffic(&b);
	assert_int_equal(fk_reset(b.dev), 0);
	rig_destroy(&b);
	fk_ledger(&left);
	assert_int_equal(left.fds + left.maps + left.errors, 0);
	assert_int_equal(left.devices, 1);
}

static void
test_by_name(void **state)
{
	(void)state;
	foreign_create(true);
	adopted_run(adopt(-1));
	/* and again */
	unit_log_clear();
	adopted_run(adopt(-1));
	foreign_destroy();
}

static void
test_by_fd(void **state)
{
	struct rte_vduse_net *net;
	int fd;

	(void)state;
	foreign_create(false);
	fd = fk_sys.open_device("unit");
	/* however its opener had it: the control thread must not wait in a read */
	assert_int_equal(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK), 0);
	net = adopt(fd);
	assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	adopted_run(net);
	foreign_destroy();
}

static void
test_not_there(void **state)
{
	struct rte_vduse_net *net = adopt(-1);

	(void)state;
	assert_int_equal(unit_log_count("adopted"), 0);
	assert_non_null(fk_find("unit"));
	/* it is ours then, and goes */
	assert_int_equal(rte_vduse_net_destroy(net), 0);
	assert_null(fk_find("unit"));
}

static void
test_unknown_mac(void **state)
{
	struct rte_vduse_net_conf conf = good_conf;
	struct rte_vduse_net_info info;
	struct rte_vduse_net *net;
	unsigned int how;
	char dir[] = "/tmp/vduse-adopt-XXXXXX";
	char file[PATH_MAX];

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(file, sizeof(file), "%s/unit.state", dir);
	memset(&conf.mac, 0, sizeof(conf.mac));
	conf.dev.adopt = true;
	foreign_create(true);
	/* by name, by descriptor, with a folder that has no file of it, nor gets one that counts */
	for (how = 0; how < 4; how++) {
		unit_log_clear();
		conf.dev.adopt_fd = how == 1 ? fk_sys.open_device("unit") : -1;
		conf.dev.state_dir = how >= 2 ? dir : NULL;
		assert_int_equal(rte_vduse_net_create(&conf, &net), -EINVAL);
		unit_assert_logged_once("unit: somebody else made it");
		unit_assert_logged_once("mac=ADDRESS");
		unit_assert_logged_once("\n");
		/* and stays the caller's */
		if (how == 1)
			fk_sys.close(conf.dev.adopt_fd);
	}
	/* it was not touched: given the address it is served */
	conf.dev.state_dir = NULL;
	unit_log_clear();
	adopted_run(adopt(-1));
	foreign_destroy();
	/* without a device there is one to be made, with an address of its own */
	assert_int_equal(rte_vduse_net_create(&conf, &net), 0);
	rte_vduse_net_info(net, &info);
	assert_true(rte_is_valid_assigned_ether_addr(&info.mac));
	assert_int_equal(rte_vduse_net_destroy(net), 0);
	/* and without `adopt` no address is a mistake */
	conf.dev.adopt = false;
	assert_int_equal(rte_vduse_net_create(&conf, &net), -EINVAL);
	unit_assert_logged_once("is no unicast MAC address");
	unlink(file);
	assert_int_equal(rmdir(dir), 0);
}

/* Its process before left a file: the address is there. */
static void
test_known_mac(void **state)
{
	struct rte_vduse_net_conf conf = good_conf;
	char dir[] = "/tmp/vduse-adopt-XXXXXX";
	struct rte_vduse_net_info info;
	struct rte_vduse_net *net;
	char file[PATH_MAX];

	(void)state;
	assert_non_null(mkdtemp(dir));
	conf.dev.adopt = true;
	conf.dev.state_dir = dir;
	foreign_create(true);
	assert_int_equal(rte_vduse_net_create(&conf, &net), 0);
	assert_int_equal(rte_vduse_net_destroy(net), 0);
	memset(&conf.mac, 0, sizeof(conf.mac));
	assert_int_equal(rte_vduse_net_create(&conf, &net), 0);
	rte_vduse_net_info(net, &info);
	assert_memory_equal(&info.mac, &good_conf.mac, sizeof(info.mac));
	assert_int_equal(rte_vduse_net_destroy(net), 0);
	foreign_destroy();
	snprintf(file, sizeof(file), "%s/unit.state", dir);
	assert_int_equal(unlink(file), 0); /* it stays with what was adopted */
	assert_int_equal(rmdir(dir), 0);
}

static void
test_in_use(void **state)
{
	struct rte_vduse_net_conf conf = good_conf;
	struct rte_vduse_net *net;
	int fd;

	(void)state;
	foreign_create(false);
	fd = fk_sys.open_device("unit");
	conf.dev.adopt = true;
	assert_int_equal(rte_vduse_net_create(&conf, &net), -EBUSY);
	unit_assert_logged_once("cannot open its file in /dev/vduse");
	unit_assert_logged_once("another process serves it");
	fk_sys.close(fd);
	foreign_destroy();
}

/* The process before: serves the driver that stays. */
static void
before_up(struct rig *b, const struct rig_conf *conf)
{
	foreign_create(true);
	rig_take(b, conf, adopt(-1));
	rig_drive(b);
}

/*
 * It dies: the kernel's side of its descriptors is closed, no reset comes, and
 * the driver's rings are as they were.
 */
static void
before_dies(struct rig *b)
{
	assert_int_equal(rte_vduse_net_destroy(b->net), 0);
	b->net = NULL;
	unit_log_clear();
}

/* Its successor looks at the rings on the control thread. */
static bool
wait_for(struct rig *b, bool (*reached)(struct rig *b))
{
	const time_t until = time(NULL) + UNIT_LIMIT_S;

	while (!reached(b) && time(NULL) < until)
		sched_yield();
	return reached(b);
}

static bool
is_started(struct rig *b)
{
	return rig_info(b).dev.started;
}

/* The device starts first, then its queues. */
static bool
is_served(struct rig *b)
{
	return is_started(b) && rig_is_served(b, 0) && rig_is_served(b, 1);
}

static bool
is_broken(struct rig *b)
{
	return rig_info(b).dev.broken;
}

static void
transmit(struct rig *b, unsigned int from, unsigned int to)
{
	struct mock_used used;
	struct rte_mbuf *m;
	unsigned int i;

	for (i = from; i < to; i++) {
		m = rig_dequeue(b);
		assert_non_null(m);
		rig_mbuf_check(m, i, 60);
		rte_pktmbuf_free(m);
		assert_true(mock_vq_get(rig_tx(b), &used));
	}
}

/* n frames, of which some were taken before and some while nobody was there. */
static void
continue_run(const struct rig_conf *conf, unsigned int n)
{
	struct mock_used used;
	struct rig b;
	unsigned int i, irqs;

	before_up(&b, conf);
	for (i = 0; i < n; i++) {
		rig_send(&b, RIG_BUFFERS + 256 * i, i, 60);
		rig_offer(&b, RIG_BUFFERS + (1ull << 20) + 256 * i, 256);
	}
	transmit(&b, 0, n / 2);
	for (i = 0; i < n / 2; i++) {
		assert_int_equal(rig_enqueue(&b, rig_mbuf(i, 60, 60)), 1);
		assert_true(mock_vq_get(rig_rx(&b), &used));
	}
	before_dies(&b);
	rig_send(&b, RIG_BUFFERS + 256 * n, n, 60);
	irqs = fk_irqs(b.dev, 1);
	b.net = adopt(-1);
	assert_true(wait_for(&b, is_served));
	assert_int_equal(rte_vduse_net_set_link(b.net, true), 0);
	assert_int_equal(rig_info(&b).dev.driver_features, rig_features(conf));
	transmit(&b, n / 2, n + 1);
	assert_null(rig_dequeue(&b));
	/* the driver may have missed a call of the one before */
	assert_true(fk_irqs(b.dev, 1) > irqs);
	for (i = n / 2; i < n; i++) {
		assert_int_equal(rig_enqueue(&b, rig_mbuf(i, 60, 60)), 1);
		assert_true(mock_vq_get(rig_rx(&b), &used));
		assert_int_equal(used.len, RIG_HDR_LEN + 60);
	}
	assert_int_equal(rig_enqueue(&b, rig_mbuf(0, 60, 60)), 0);
	assert_int_equal(unit_log_count("ERR"), 0);
	rig_assert_traffic(&b);
	rig_down(&b);
	foreign_destroy();
}

static void
test_continue_split(void **state)
{
	struct rig_conf conf = { 0 };
	unsigned int v;

	(void)state;
	for (v = 0; v < 8; v++) {
		conf.variant = rig_variants[v];
		conf.start = 0;
		continue_run(&conf, 100);
		/* round the end of the index */
		conf.start = 65500;
		continue_run(&conf, 100);
	}
}

/* Without a state file, and nothing mapped when it comes: found in the ring once that is there. */
static void
test_continue_unmapped(void **state)
{
	const struct rig_conf conf = { 0 };
	struct rig b;

	(void)state;
	before_up(&b, &conf);
	rig_send(&b, RIG_BUFFERS, 0, 60);
	transmit(&b, 0, 1);
	before_dies(&b);
	rig_send(&b, RIG_BUFFERS + 256, 1, 60);
	fk_unmap_all(b.dev);
	b.net = adopt(-1);
	assert_true(wait_for(&b, is_started));
	assert_null(rig_dequeue(&b));
	guest_map(&b.guest, b.dev);
	assert_int_equal(fk_update_iotlb(b.dev, 0, UINT64_MAX), 0);
	transmit(&b, 1, 2);
	assert_null(rig_dequeue(&b));
	rig_down(&b);
	foreign_destroy();
}

/* A packed ring that was never used is as good as new. */
static void
test_continue_packed_unused(void **state)
{
	const struct rig_conf conf = { .variant.packed = true };
	struct rig b;

	(void)state;
	before_up(&b, &conf);
	before_dies(&b);
	rig_send(&b, RIG_BUFFERS, 0, 60);
	b.net = adopt(-1);
	assert_true(wait_for(&b, is_served));
	transmit(&b, 0, 1);
	rig_down(&b);
	foreign_destroy();
}

/* One that was used does not tell: nothing is touched until the driver resets it. */
static void
test_packed_used(void **state)
{
	const struct rig_conf conf = { .variant.packed = true };
	struct rig b;

	(void)state;
	before_up(&b, &conf);
	rig_send(&b, RIG_BUFFERS, 0, 60);
	transmit(&b, 0, 1);
	before_dies(&b);
	rig_send(&b, RIG_BUFFERS, 1, 60);
	b.net = adopt(-1);
	assert_true(wait_for(&b, is_broken));
	assert_null(rig_dequeue(&b));
	/* answered behind what the control thread logs */
	assert_int_equal(fk_reset(b.dev), 0);
	unit_assert_logged_once("adopted");
	unit_assert_logged_once("reset");
	assert_int_equal(unit_log_count("\n"), 2);
	rig_drive(&b);
	rig_assert_traffic(&b);
	rig_down(&b);
	foreign_destroy();
}

/* What kernels can do, and nothing is left behind. */
static void
test_probe(void **state)
{
	static const struct {
		struct fk_conf kernel;
		bool type, ctrl_vq;
	} cases[] = {
		{ { 0 }, true, false },
		{ { .no_net = true }, false, false },
		{ { .allow_ctrl_vq = true }, true, true },
		{ { .api_newest = 1 }, true, false },
		{ { .api_newest = 1, .allow_ctrl_vq = true, .vduse_features = 3 }, true, true },
		{ { .api_newest = 9, .vduse_features = 1 }, true, false },
	};
	struct rte_vduse_net_caps caps;
	size_t i;

	(void)state;
	for (i = 0; i < RTE_DIM(cases); i++) {
		unit_kernel(&cases[i].kernel);
		unit_log_clear();
		memset(&caps, 0xff, sizeof(caps));
		assert_int_equal(rte_vduse_net_probe(&caps), 0);
		assert_int_equal(caps.dev.api_version, RTE_MIN(cases[i].kernel.api_newest, 1u));
		assert_int_equal(caps.dev.vduse_features, cases[i].kernel.vduse_features);
		assert_int_equal(caps.dev.device_type, cases[i].type);
		assert_int_equal(caps.dev.features, cases[i].ctrl_vq);
		assert_int_equal(caps.features >> VIRTIO_NET_F_CTRL_VQ & 1, cases[i].ctrl_vq);
		assert_int_equal(caps.features >> VIRTIO_NET_F_MQ & 1, cases[i].ctrl_vq);
		assert_true(caps.features >> VIRTIO_NET_F_HOST_TSO4 & 1);
		assert_int_equal(unit_log_count("\n"), 0);
		unit_assert_clean();
	}
	unit_kernel(&(struct fk_conf){ 0 });
	assert_int_equal(rte_vduse_probe(VIRTIO_ID_BLOCK, 0, &caps.dev), 0);
	assert_true(caps.dev.device_type && caps.dev.features);
	assert_int_equal(rte_vduse_probe(VIRTIO_ID_CONSOLE, 0, &caps.dev), 0);
	assert_false(caps.dev.device_type || caps.dev.features);
	unit_kernel(&(struct fk_conf){ .no_module = true });
	assert_int_equal(rte_vduse_net_probe(&caps), -ENOENT);
	unit_assert_logged_once("modprobe vduse");
	unit_kernel(&(struct fk_conf){ .no_permission = true });
	unit_log_clear();
	assert_int_equal(rte_vduse_net_probe(&caps), -EPERM);
	unit_assert_logged_once("\n");
}

/* Whatever call of a probe fails: an error, and nothing is left but what destroying left. */
static void
test_probe_failures(void **state)
{
	struct rte_vduse_net_caps caps;
	struct fk_ledger left;
	unsigned int n;
	int ret;

	(void)state;
	for (n = 0;; n++) {
		unit_kernel(&(struct fk_conf){ .allow_ctrl_vq = true });
		fk_fail_nth(n, -EIO);
		ret = rte_vduse_net_probe(&caps);
		if (!fk_fail_done())
			break;
		fk_ledger(&left);
		assert_int_equal(left.fds + left.maps + left.errors, 0);
		assert_true(ret == -EIO || left.devices == 0);
	}
	assert_int_equal(ret, 0);
	assert_true(n >= 6);
}

/* What `vdpa dev del` makes of it: the driver leaves, and waits for answers to that. */
static unsigned int netlink_dels;
static int netlink_ret;

int __wrap_vduse_netlink_del(const char *name);

int
__wrap_vduse_netlink_del(const char *name)
{
	struct fk_dev *dev = fk_find(name);
	struct vduse_abi_vq_state s;

	netlink_dels++;
	if (netlink_ret < 0)
		return netlink_ret;
	assert_int_equal(fk_get_vq_state(dev, 0, &s), 0);
	assert_int_equal(fk_update_iotlb(dev, 0, UINT64_MAX), 0);
	assert_int_equal(fk_reset(dev), 0);
	fk_attach(dev, false);
	return 0;
}

static void
test_remove(void **state)
{
	struct rte_vduse_net *net;
	struct fk_ledger left;

	(void)state;
	assert_int_equal(rte_vduse_dev_remove("unit"), -ENODEV);
	unit_kernel(&(struct fk_conf){ .no_module = true });
	assert_int_equal(rte_vduse_dev_remove("unit"), -ENOENT);
	unit_kernel(&(struct fk_conf){ 0 });
	/* served by somebody */
	assert_int_equal(rte_vduse_net_create(&good_conf, &net), 0);
	assert_int_equal(rte_vduse_dev_remove("unit"), -EBUSY);
	assert_int_equal(rte_vduse_net_destroy(net), 0);
	unit_assert_clean();
	netlink_dels = 0;
	foreign_create(true);
	assert_int_equal(rte_vduse_dev_remove("unit"), 0);
	assert_int_equal(netlink_dels, 1);
	unit_assert_clean();
	/* it cannot leave the bus: it stays, and is closed */
	foreign_create(true);
	netlink_ret = -EPERM;
	assert_int_equal(rte_vduse_dev_remove("unit"), -EPERM);
	netlink_ret = 0;
	fk_ledger(&left);
	assert_int_equal(left.fds + left.maps, 0);
	assert_int_equal(left.devices, 1);
	assert_int_equal(rte_vduse_dev_remove("unit"), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(test_by_name),
		UNIT_TEST(test_by_fd),
		UNIT_TEST(test_not_there),
		UNIT_TEST(test_unknown_mac),
		UNIT_TEST(test_known_mac),
		UNIT_TEST(test_in_use),
		UNIT_TEST(test_continue_split),
		UNIT_TEST(test_continue_unmapped),
		UNIT_TEST(test_continue_packed_unused),
		UNIT_TEST(test_packed_used),
		UNIT_TEST(test_probe),
		UNIT_TEST(test_probe_failures),
		UNIT_TEST(test_remove),
	};

	return UNIT_RUN("adopt", tests);
}
