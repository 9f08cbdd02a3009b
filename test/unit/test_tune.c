/* SPDX-License-Identifier: BSD-3-Clause */

/* The kernel's knobs of a device in sysfs. */

#include <errno.h>
#include <string.h>

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

static void
assert_attr(const char *attr, const char *want)
{
	char value[512];

	fk_attr(fk_find("unit"), attr, value, sizeof(value));
	assert_string_equal(value, want);
}

static struct rte_vduse_net *
create(const struct rte_vduse_tuning *tuning, uint16_t pairs)
{
	struct rte_vduse_net_conf conf = good_conf;
	struct rte_vduse_net *net;

	conf.dev.tuning = *tuning;
	conf.queue_pairs = pairs;
	unit_log_clear();
	assert_int_equal(rte_vduse_net_create(&conf, &net), 0);
	return net;
}

/* As rte_vduse_net_conf_init() leaves it: the kernel's own choice, nothing is written. */
static void
test_none(void **state)
{
	struct rte_vduse_net_conf conf;
	struct rte_vduse_net *net;

	(void)state;
	rte_vduse_net_conf_init(&conf);
	net = create(&conf.dev.tuning, 1);
	assert_int_equal(fk_attr_writes(fk_find("unit")), 0);
	assert_int_equal(rte_vduse_net_destroy(net), 0);
}

static void
test_values(void **state)
{
	static const struct {
		int32_t seconds;
		const char *text;
	} timeouts[] = { { 0, "0" }, { 1, "1" }, { 30, "30" }, { INT32_MAX, "2147483647" } };
	static const struct {
		uint32_t bytes;
		const char *text;
	} sizes[] = { { 1 << 20, "1048576" }, { 64 << 20, "67108864" }, { 1 << 30, "1073741824" } };
	struct rte_vduse_net *net;
	size_t i;

	(void)state;
	for (i = 0; i < RTE_DIM(timeouts); i++) {
		net = create(&(struct rte_vduse_tuning){ .msg_timeout = timeouts[i].seconds }, 1);
		assert_int_equal(fk_attr_writes(fk_find("unit")), 1);
		assert_attr("msg_timeout", timeouts[i].text);
		assert_int_equal(rte_vduse_net_destroy(net), 0);
	}
	for (i = 0; i < RTE_DIM(sizes); i++) {
		net = create(&(struct rte_vduse_tuning){ -1, .bounce_size = sizes[i].bytes }, 1);
		assert_int_equal(fk_attr_writes(fk_find("unit")), 1);
		assert_attr("bounce_size", sizes[i].text);
		assert_int_equal(rte_vduse_net_destroy(net), 0);
	}
}

/* Of every queue, the control queue too. */
static void
test_affinity(void **state)
{
	const struct rte_vduse_tuning tuning = {
		.msg_timeout = 5, .bounce_size = 2 << 20, .irq_affinity = "3,ffffffff"
	};
	struct rte_vduse_net *net;
	char attr[32];
	unsigned int i;

	(void)state;
	unit_kernel(&(struct fk_conf){ .allow_ctrl_vq = true });
	net = create(&tuning, 4);
	assert_int_equal(fk_attr_writes(fk_find("unit")), 2 + 9);
	for (i = 0; i < 9; i++) {
		snprintf(attr, sizeof(attr), "vq%u/irq_cb_affinity", i);
		assert_attr(attr, "3,ffffffff");
	}
	assert_attr("vq9/irq_cb_affinity", "");
	assert_attr("msg_timeout", "5");
	assert_attr("bounce_size", "2097152");
	assert_int_equal(unit_log_count("\n"), 0);
	assert_int_equal(rte_vduse_net_destroy(net), 0);
}

/* An attribute that this kernel lacks, or a value that it refuses: a warning each, no more. */
static void
test_refused(void **state)
{
	const struct rte_vduse_tuning tuning = {
		.msg_timeout = 5, .bounce_size = 2 << 20, .irq_affinity = "1"
	};
	static const char *const lines[] = {
		"msg_timeout stays as it is: cannot write 5 to it: No such file or directory",
		"bounce_size stays as it is: cannot write 2097152 to it: No such file or directory",
		"vq0/irq_cb_affinity stays as it is: cannot write 1",
		"vq1/irq_cb_affinity stays as it is: cannot write 1",
	};
	const struct rig_conf rig_conf = { 0 };
	struct rte_vduse_net *net;
	struct rig b;
	size_t i, k;

	(void)state;
	for (i = 0; i < RTE_DIM(lines); i++) {
		fk_fail(FK_SET_ATTR, i, 1, -ENOENT);
		net = create(&tuning, 1);
		assert_true(fk_fail_done());
		unit_assert_logged_once(lines[i]);
		unit_assert_logged_once("\n");
		assert_int_equal(fk_attr_writes(fk_find("unit")), RTE_DIM(lines) - 1);
		assert_int_equal(rte_vduse_net_destroy(net), 0);
	}
	fk_fail(FK_SET_ATTR, 0, RTE_DIM(lines), -ENOENT);
	net = create(&tuning, 1);
	for (k = 0; k < RTE_DIM(lines); k++)
		unit_assert_logged_once(lines[k]);
	/* it is a device like any other */
	rig_take(&b, &rig_conf, net);
	rig_drive(&b);
	rig_assert_traffic(&b);
	rig_down(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(test_none),
		UNIT_TEST(test_values),
		UNIT_TEST(test_affinity),
		UNIT_TEST(test_refused),
	};

	return UNIT_RUN("tune", tests);
}
