/* SPDX-License-Identifier: BSD-3-Clause */

/* What an open device answers to ioctl(2), where the rules leave it open. */

#include <errno.h>
#include <fcntl.h>

#include "fake_kernel_priv.h"

/* Who is refused learns it from errno only. */
static int __attribute__((format(printf, 2, 3))) deny(int err, const char *fmt, ...)
{
	(void)fmt;
	return -err;
}

static int
give(struct kernel_dev *dev, void *ctx, const struct kernel_region *region)
{
	int fd = fcntl(region->fd, F_DUPFD_CLOEXEC, 0);

	(void)dev;
	(void)ctx;
	return fd < 0 ? -errno : fk_ledger_open(fd);
}

/* Our drivers have no eventfd. */
static bool
signal_driver(struct kernel_dev *dev, uint32_t index)
{
	(void)dev;
	(void)index;
	return false;
}

static void
call(struct kernel_dev *dev, uint32_t index)
{
	struct fk_dev *fd = fk_dev_of(dev);

	if (index == UINT32_MAX)
		fd->config_irqs++;
	else
		fd->irqs[index]++;
}

const struct kernel_ops fk_ops = {
	.deny = deny,
	.give = give,
	.signal = signal_driver,
	.call = call,
	.umem = fk_umem_set,
};

int
fk_dev_ioctl(struct fk_dev *dev, unsigned long request, void *arg)
{
	const struct vduse_abi_kickfd *kick = arg;

	if (request == VDUSE_IOC_REGION || request == VDUSE_IOC_REGION_V2)
		dev->map_reads[request == VDUSE_IOC_REGION_V2]++;
	return kernel_dev_ioctl(&dev->k, request, arg,
			request == VDUSE_IOC_VQ_KICKFD ? kick->fd : -1, NULL);
}
