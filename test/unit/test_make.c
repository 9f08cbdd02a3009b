/* SPDX-License-Identifier: BSD-3-Clause */

/* Devices that a privileged process makes for one that serves them. */

#include <errno.h>
#include <string.h>

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

/* A driver comes to it; afterwards it is still there, and its maker removes it. */
static void
serve_and_remove(struct rte_vduse_net *net)
{
	const struct rig_conf conf = { 0 };
	struct rig b;

	unit_assert_logged_once("unit: adopted");
	fk_attach(fk_find("unit"), true);
	rig_take(&b, &conf, net);
	rig_drive(&b);
	rig_assert_traffic(&b);
	assert_int_equal(fk_reset(b.dev), 0);
	rig_destroy(&b);
	fk_attach(fk_find("unit"), false);
	assert_int_equal(rte_vduse_dev_remove("unit"), 0);
	unit_assert_clean();
}

/* It is off the bus. */
int __wrap_vduse_netlink_del(const char *name);

int
__wrap_vduse_netlink_del(const char *name)
{
	assert_string_equal(name, "unit");
	return -ENODEV;
}

/* What the driver sees of the device. */
static void
look(struct virtio_net_config *config, uint64_t *features, uint16_t *max)
{
	struct fk_dev *dev = fk_find("unit");

	assert_int_equal(fk_nb_vqs(dev), 2);
	assert_int_equal(fk_nb_spaces(dev), 1);
	*features = fk_offered(dev);
	*max = fk_vq_max(dev, 0);
	assert_int_equal(fk_vq_max(dev, 1), *max);
	fk_config(dev, 0, config, sizeof(*config));
}

/* A privileged process makes it, and it is as if its own had. */
static void
make_run(const struct rte_vduse_net_conf *conf)
{
	struct virtio_net_config configs[2];
	struct rte_vduse_net_conf asked;
	struct rte_vduse_net *net;
	uint64_t features[2];
	uint16_t max[2];
	int fd;

	assert_int_equal(rte_vduse_net_create(conf, &net), 0);
	look(&configs[0], &features[0], &max[0]);
	assert_int_equal(rte_vduse_net_destroy(net), 0);
	asked = *conf;
	assert_int_equal(rte_vduse_net_make(&asked, &fd), 0);
	assert_int_equal(asked.queue_pairs, 1);
	look(&configs[1], &features[1], &max[1]);
	assert_memory_equal(&configs[0], &configs[1], sizeof(configs[0]));
	assert_int_equal(features[0], features[1]);
	assert_int_equal(max[0], max[1]);
	unit_log_clear();
	asked.dev.adopt = true;
	asked.dev.adopt_fd = fd;
	assert_int_equal(rte_vduse_net_create(&asked, &net), 0);
	assert_int_equal(unit_log_count("not what was asked for"), 0);
	serve_and_remove(net);
}

static void
test_make(void **state)
{
	static const enum rte_vduse_net_profile profiles[] = { RTE_VDUSE_NET_PROFILE_BULK,
		RTE_VDUSE_NET_PROFILE_LATENCY, RTE_VDUSE_NET_PROFILE_NONE };
	struct rte_vduse_net_conf conf = good_conf;
	unsigned int i;

	(void)state;
	for (i = 0; i < RTE_DIM(profiles); i++) {
		conf.profile = profiles[i];
		conf.zero_copy_min = i == 0 ? 256 : 0;
		conf.ring = i == 1 ? RTE_VDUSE_NET_RING_SPLIT : RTE_VDUSE_NET_RING_ANY;
		make_run(&conf);
		/* a kernel of a newer API, and one that has the framework's features */
		unit_kernel(&(struct fk_conf){ .api_newest = 1, .vduse_features = 2 * i + 1 });
	}
	/* more pairs than the kernel takes */
	conf.queue_pairs = 4;
	conf.mq_fallback = true;
	make_run(&conf);
}

static void
test_make_refused(void **state)
{
	struct rte_vduse_net_conf conf = good_conf;
	struct fk_ledger left;
	unsigned int n, refused = 0;
	int fd, ret;

	(void)state;
	conf.queue_pairs = 2;
	assert_int_equal(rte_vduse_net_make(&conf, &fd), -ENOTSUP);
	unit_assert_logged_once("none with 2 queue pairs: ask for one");
	conf.queue_pairs = 1;
	memset(&conf.mac, 0, sizeof(conf.mac));
	conf.dev.adopt = true;
	assert_int_equal(rte_vduse_net_make(&conf, &fd), -EINVAL);
	unit_assert_logged_once("is no unicast MAC address");
	/* each call that the kernel refuses: nothing is left; some features it can do without */
	for (n = 0; n < 20; n++) {
		conf = good_conf;
		fk_fail_nth(n, -EIO);
		unit_log_clear();
		ret = rte_vduse_net_make(&conf, &fd);
		fk_fail_done();
		if (ret == 0) {
			fk_sys.close(fd);
			fk_ledger(&left);
			assert_int_equal(left.devices, 1);
			assert_int_equal(rte_vduse_dev_remove("unit"), 0);
			continue;
		}
		refused++;
		assert_int_equal(ret, -EIO);
		unit_assert_logged_once("unit: ");
		unit_assert_clean();
	}
	assert_true(refused >= 6);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(test_make),
		UNIT_TEST(test_make_refused),
	};

	return UNIT_RUN("make", tests);
}
