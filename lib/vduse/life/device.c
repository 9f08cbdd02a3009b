/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>

#include "life/device.h"

int
vduse_dev_ioctl(struct rte_vduse_dev *dev, unsigned long request, void *arg)
{
	struct vduse_recreation *r = &dev->recreation;
	int ret;

	pthread_mutex_lock(&r->lock);
	ret = r->gone ? -ENODEV : dev->sys->ioctl(dev->fd, request, arg);
	pthread_mutex_unlock(&r->lock);
	return ret;
}
