/* SPDX-License-Identifier: BSD-3-Clause */

/* The rules of the kernel (test/kernel), where kernels differ or it is easy to be wrong. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>

#include <rte_common.h>

#include "rules.h"
#include "unit.h"

#define PLATFORM RTE_BIT64(VIRTIO_F_ACCESS_PLATFORM)
#define VERSION  RTE_BIT64(VIRTIO_F_VERSION_1)
#define QUEUES   2

static unsigned int calls, signals;
static bool has_eventfd;

static int __attribute__((format(printf, 2, 3))) deny(int err, const char *fmt, ...)
{
	(void)fmt;
	return -err;
}

static int
give(struct kernel_dev *dev, void *ctx, const struct kernel_region *region)
{
	(void)dev;
	(void)ctx;
	return region->fd;
}

static bool
signal_driver(struct kernel_dev *dev, uint32_t index)
{
	(void)dev;
	(void)index;
	signals += has_eventfd;
	return has_eventfd;
}

static void
call(struct kernel_dev *dev, uint32_t index)
{
	(void)dev;
	(void)index;
	calls++;
}

static int
umem(struct kernel_dev *dev, const struct vduse_abi_umem *arg)
{
	if (arg != NULL)
		dev->umem = *arg;
	else
		memset(&dev->umem, 0, sizeof(dev->umem));
	return 0;
}

static const struct kernel_ops ops = {
	.deny = deny, .give = give, .signal = signal_driver, .call = call, .umem = umem
};
static const struct kernel_conf kernels[] = { { .ops = &ops }, { .ops = &ops, .api_newest = 1 } };

static void
dev_make(struct kernel_dev *dev, uint64_t api)
{
	const struct kernel_control control = { .api = api };
	const struct vduse_abi_create config = { .name = "rules",
		.device_id = VIRTIO_ID_NET,
		.features = PLATFORM | VERSION,
		.vq_num = QUEUES,
		.ngroups = api,
		.nas = api };

	assert_int_equal(kernel_dev_init(dev, &kernels[api], &control, &config), 0);
	dev->has_domain = true;
}

static int
ask(struct kernel_dev *dev, unsigned long request, void *arg)
{
	return kernel_dev_ioctl(dev, request, arg, -1, NULL);
}

/* Who asks for the newest version has it from then on; who creates at once has the oldest. */
static void
test_version(void **state)
{
	const struct vduse_abi_create config = {
		.name = "rules", .device_id = VIRTIO_ID_NET, .features = PLATFORM | VERSION
	};
	struct kernel_control control;
	uint64_t value = 0;

	(void)state;
	kernel_control_open(&control);
	assert_int_equal(kernel_create(&kernels[1], &control, &config), 0);
	assert_int_equal(control.api, 0);
	kernel_control_open(&control);
	assert_int_equal(kernel_control_ioctl(
					 &kernels[1], &control, VDUSE_IOC_GET_API_VERSION, &value),
			0);
	assert_int_equal(value, 1);
	/* without groups */
	assert_int_equal(kernel_create(&kernels[1], &control, &config), -EINVAL);
	value = 2;
	assert_int_equal(kernel_control_ioctl(
					 &kernels[1], &control, VDUSE_IOC_SET_API_VERSION, &value),
			-EINVAL);
	assert_int_equal(
			kernel_control_ioctl(&kernels[1], &control, VDUSE_IOC_GET_FEATURES, &value),
			-EINVAL);
}

static void
test_types(void **state)
{
	static const struct {
		uint32_t type;
		uint64_t features;
		bool no_net, admin;
		int ret;
	} cases[] = {
		{ VIRTIO_ID_NET, PLATFORM | VERSION, false, true, 0 },
		{ VIRTIO_ID_NET, PLATFORM | VERSION, true, true, -EINVAL },
		{ VIRTIO_ID_NET, PLATFORM, false, true, -EINVAL },
		{ VIRTIO_ID_BLOCK, PLATFORM, true, false, 0 },
		{ VIRTIO_ID_BLOCK, VERSION, false, false, -EINVAL },
		{ VIRTIO_ID_FS, PLATFORM, false, false, 0 },
		{ VIRTIO_ID_CONSOLE, PLATFORM | VERSION, false, false, -EINVAL },
	};
	struct vduse_abi_create config = { .name = "rules" };
	struct kernel_conf conf = kernels[0];
	struct kernel_control control;
	size_t i;

	(void)state;
	kernel_control_open(&control);
	for (i = 0; i < RTE_DIM(cases); i++) {
		conf.no_net = cases[i].no_net;
		config.device_id = cases[i].type;
		config.features = cases[i].features;
		assert_int_equal(kernel_create(&conf, &control, &config), cases[i].ret);
		assert_int_equal(kernel_needs_admin(&config), cases[i].admin);
	}
}

/* A bad field of VDUSE_IOTLB_GET_INFO is EFAULT where the kernel knows address spaces. */
static void
test_iova(void **state)
{
	const struct kernel_region region = { .start = 0x1000, .last = 0x2fff, .fd = 1 };
	struct vduse_abi_region_v2 v2 = { .last = UINT64_MAX };
	struct vduse_abi_region v1 = { .last = UINT64_MAX };
	struct vduse_abi_iova info;
	struct kernel_dev dev;
	uint64_t api;

	(void)state;
	for (api = 0; api < 2; api++) {
		dev_make(&dev, api);
		assert_int_equal(ask(&dev, VDUSE_IOC_REGION, &v1), -EINVAL);
		assert_int_equal(kernel_map_insert(&dev.maps[0], &region), 0);
		assert_int_equal(ask(&dev, VDUSE_IOC_REGION, &v1), region.fd);
		assert_int_equal(v1.last, region.last);
		v1 = (struct vduse_abi_region){ .start = 1 };
		assert_int_equal(ask(&dev, VDUSE_IOC_REGION, &v1), -EINVAL);
		v1 = (struct vduse_abi_region){ .last = UINT64_MAX };
		assert_int_equal(ask(&dev, VDUSE_IOC_REGION_V2, &v2), api ? region.fd : -ENOTTY);
		info = (struct vduse_abi_iova){ .last = UINT64_MAX, .asid = 1 };
		assert_int_equal(ask(&dev, VDUSE_IOC_IOVA, &info), api ? -EFAULT : -EINVAL);
		info = (struct vduse_abi_iova){ .last = UINT64_MAX, .reserved[4] = 1 };
		assert_int_equal(ask(&dev, VDUSE_IOC_IOVA, &info), api ? -EFAULT : -EINVAL);
		info = (struct vduse_abi_iova){ .start = 1 };
		assert_int_equal(ask(&dev, VDUSE_IOC_IOVA, &info), -EINVAL);
		info = (struct vduse_abi_iova){ .start = 0x2000, .last = UINT64_MAX };
		assert_int_equal(ask(&dev, VDUSE_IOC_IOVA, &info), 0);
		assert_int_equal(info.start, region.start);
		kernel_dev_fini(&dev);
	}
}

static void
test_map(void **state)
{
	struct kernel_region region = { .start = 0x1000, .last = 0x1fff };
	struct kernel_map map = { 0 };
	uint64_t at;

	(void)state;
	for (at = 64; at > 0; at--) {
		region.start = at * 0x2000;
		region.last = region.start + 0xfff;
		assert_int_equal(kernel_map_insert(&map, &region), 0);
	}
	region = (struct kernel_region){ .start = 0x3000, .last = 0x4000 };
	assert_int_equal(kernel_map_insert(&map, &region), -EEXIST);
	assert_null(kernel_map_first(&map, 0x3000, 0x3fff));
	assert_int_equal(kernel_map_first(&map, 0x3000, UINT64_MAX)->start, 0x4000);
	/* a byte of it is enough */
	kernel_map_remove(&map, 0x4fff, 0x6000);
	assert_int_equal(map.count, 62);
	assert_int_equal(kernel_map_first(&map, 0x4000, UINT64_MAX)->start, 0x8000);
	kernel_map_clear(&map);
	assert_null(kernel_map_first(&map, 0, UINT64_MAX));
}

static void
test_kick(void **state)
{
	struct vduse_abi_kickfd kick = { .index = QUEUES, .fd = 0 };
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), other = dup(STDERR_FILENO);
	struct kernel_dev dev;
	eventfd_t value = 0;

	(void)state;
	dev_make(&dev, 0);
	assert_int_equal(kernel_dev_ioctl(&dev, VDUSE_IOC_VQ_KICKFD, &kick, fd, NULL), -EINVAL);
	kick.index = 1;
	assert_int_equal(kernel_dev_ioctl(&dev, VDUSE_IOC_VQ_KICKFD, &kick, -1, NULL), -EBADF);
	assert_int_equal(kernel_dev_ioctl(&dev, VDUSE_IOC_VQ_KICKFD, &kick, other, NULL), -EINVAL);
	/* a kick of a queue that is not ready is nobody's */
	assert_int_equal(kernel_vq_kick(&dev.vqs[1]), 0);
	assert_int_equal(kernel_dev_ioctl(&dev, VDUSE_IOC_VQ_KICKFD, &kick, fd, NULL), 0);
	dev.vqs[1].info.ready = true;
	assert_int_equal(eventfd_read(fd, &value), -1);
	kick.fd = VDUSE_ABI_NO_FD;
	assert_int_equal(ask(&dev, VDUSE_IOC_VQ_KICKFD, &kick), 0);
	/* this one waits for its eventfd */
	assert_int_equal(kernel_vq_kick(&dev.vqs[1]), 0);
	kick.fd = -7;
	assert_int_equal(ask(&dev, VDUSE_IOC_VQ_KICKFD, &kick), 0);
	kick.fd = 0;
	assert_int_equal(kernel_dev_ioctl(&dev, VDUSE_IOC_VQ_KICKFD, &kick, fd, NULL), 0);
	assert_int_equal(eventfd_read(fd, &value), 0);
	assert_int_equal(value, 1);
	kernel_dev_fini(&dev);
	close(fd);
	close(other);
}

/* An eventfd of the driver's is signalled before DRIVER_OK too, nothing else is. */
static void
test_interrupt(void **state)
{
	struct kernel_dev dev;
	uint32_t index = 0;

	(void)state;
	dev_make(&dev, 0);
	calls = signals = 0;
	has_eventfd = true;
	assert_int_equal(ask(&dev, VDUSE_IOC_VQ_IRQ, &index), -EINVAL);
	dev.vqs[0].info.ready = true;
	assert_int_equal(ask(&dev, VDUSE_IOC_VQ_IRQ, &index), 0);
	assert_int_equal(signals, 1);
	has_eventfd = false;
	assert_int_equal(ask(&dev, VDUSE_IOC_VQ_IRQ, &index), -EINVAL);
	assert_int_equal(ask(&dev, VDUSE_IOC_CONFIG_IRQ, NULL), -EINVAL);
	assert_int_equal(calls, 0);
	dev.status = KERNEL_S_DRIVER_OK;
	assert_int_equal(ask(&dev, VDUSE_IOC_VQ_IRQ, &index), 0);
	assert_int_equal(ask(&dev, VDUSE_IOC_CONFIG_IRQ, NULL), 0);
	assert_int_equal(calls, 2);
	index = QUEUES;
	assert_int_equal(ask(&dev, VDUSE_IOC_VQ_IRQ, &index), -EINVAL);
	kernel_dev_fini(&dev);
}

static void
test_umem(void **state)
{
	const struct kernel_region bounce = { .last = 0xffff, .fd = 1, .bounce = true };
	struct vduse_abi_umem arg = { .uaddr = 0x10000, .size = 0x10000 };
	struct kernel_dev dev;

	(void)state;
	dev_make(&dev, 1);
	assert_int_equal(ask(&dev, VDUSE_IOC_DEREG_UMEM, &arg), -ENOENT);
	assert_int_equal(ask(&dev, VDUSE_IOC_REG_UMEM, &arg), -EINVAL);
	assert_int_equal(kernel_map_insert(&dev.maps[0], &bounce), 0);
	arg.uaddr++;
	assert_int_equal(ask(&dev, VDUSE_IOC_REG_UMEM, &arg), -EINVAL);
	arg.uaddr--;
	arg.asid = 1;
	assert_int_equal(ask(&dev, VDUSE_IOC_REG_UMEM, &arg), -EINVAL);
	arg.asid = 0;
	assert_int_equal(ask(&dev, VDUSE_IOC_REG_UMEM, &arg), 0);
	assert_int_equal(ask(&dev, VDUSE_IOC_REG_UMEM, &arg), -EEXIST);
	arg.size /= 2;
	assert_int_equal(ask(&dev, VDUSE_IOC_DEREG_UMEM, &arg), -EINVAL);
	arg.size *= 2;
	assert_int_equal(ask(&dev, VDUSE_IOC_DEREG_UMEM, &arg), 0);
	assert_int_equal(ask(&dev, VDUSE_IOC_DEREG_UMEM, &arg), -ENOENT);
	kernel_dev_fini(&dev);
}

/* An answer may be longer than it has to be; one that is not awaited is ENOENT. */
static void
test_message(void **state)
{
	struct vduse_abi_response rsp[2] = { { .request_id = 1 } };
	struct kernel_msg msgs[2] = { 0 };
	struct kernel_dev dev;

	(void)state;
	dev_make(&dev, 0);
	kernel_msg_send(&dev, &msgs[0]);
	kernel_msg_send(&dev, &msgs[1]);
	assert_int_equal(kernel_msg_reply(&dev, rsp, sizeof(rsp[0])), -ENOENT);
	msgs[0].state = msgs[1].state = KERNEL_MSG_READ;
	kernel_msg_requeue(&dev);
	assert_int_equal(kernel_msg_reply(&dev, rsp, sizeof(rsp[0])), -ENOENT);
	msgs[0].state = msgs[1].state = KERNEL_MSG_READ;
	assert_int_equal(kernel_msg_reply(&dev, rsp, sizeof(rsp[0]) - 1), -EINVAL);
	rsp[0].reserved[3] = 1;
	assert_int_equal(kernel_msg_reply(&dev, rsp, sizeof(rsp[0])), -EINVAL);
	rsp[0].reserved[3] = 0;
	assert_int_equal(kernel_msg_reply(&dev, rsp, sizeof(rsp)), sizeof(rsp[0]));
	assert_int_equal(msgs[1].state, KERNEL_MSG_DONE);
	assert_int_equal(kernel_msg_reply(&dev, rsp, sizeof(rsp[0])), -ENOENT);
	kernel_dev_break(&dev);
	assert_int_equal(msgs[0].state, KERNEL_MSG_DONE);
	assert_int_equal(msgs[0].rsp.result, VDUSE_MSG_FAILED);
	assert_int_equal(msgs[1].rsp.result, VDUSE_MSG_OK);
	kernel_msg_send(&dev, &msgs[1]);
	assert_int_equal(msgs[1].rsp.result, VDUSE_MSG_FAILED);
	assert_int_equal(ask(&dev, VDUSE_IOC_CONFIG_IRQ, NULL), -EPERM);
	kernel_dev_fini(&dev);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_version),
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_iova),
		cmocka_unit_test(test_map),
		cmocka_unit_test(test_kick),
		cmocka_unit_test(test_interrupt),
		cmocka_unit_test(test_umem),
		cmocka_unit_test(test_message),
	};

	return FILTER_RUN("kernel", tests, NULL, NULL);
}
