/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>

#include "life/place.h"
#include "life/remove.h"
#include "os/bus.h"
#include "os/kernel.h"

void
vduse_place_init(struct vduse_place *place)
{
	vduse_place_mutex_init(&place->lock);
	vduse_place_mutex_alone(&place->lock);
	place->attached = false;
	place->how = RTE_VDUSE_ATTACH_NONE;
}

void
vduse_place_fini(struct vduse_place *place)
{
	vduse_place_mutex_destroy(&place->lock);
}

REQUIRES(vduse_place_mutex)
static int
place_attach(struct rte_vduse_dev *dev, enum rte_vduse_attach how, bool again)
{
	int ret = vduse_bus_attach(dev->name, how, again);

	/* its driver has chosen CPUs: drivers/net/virtio_net.c, virtnet_set_affinity() */
	if (ret == 0 && how == RTE_VDUSE_ATTACH_VIRTIO)
		vduse_kernel_set_irq_affinity(dev->sys, &dev->recreation.conf);
	dev->place.attached = ret == 0;
	return ret;
}

/* Where the owner never was ready, what the driver asks as it leaves is not its.
 */
REQUIRES(vduse_place_mutex)
static int
place_detach(struct rte_vduse_dev *dev)
{
	int ret;

	if (!dev->place.attached)
		return 0;
	if (vduse_dev_is_unready(dev))
		ret = vduse_remove_detach(dev->sys, dev->fd, dev->name);
	else
		ret = vduse_bus_detach(dev->name);
	dev->place.attached = ret < 0;
	return ret;
}

int
vduse_place_attach(struct rte_vduse_dev *dev, enum rte_vduse_attach how)
{
	struct vduse_place *place = &dev->place;
	int ret = 0;

	vduse_place_mutex_lock(&place->lock);
	if (!place->attached) {
		ret = place_attach(dev, how, dev->resumed);
		place->how = ret == 0 ? how : RTE_VDUSE_ATTACH_NONE;
	}
	vduse_place_mutex_unlock(&place->lock);
	return ret;
}

int
vduse_place_detach(struct rte_vduse_dev *dev)
{
	struct vduse_place *place = &dev->place;
	int ret;

	vduse_place_mutex_lock(&place->lock);
	ret = place_detach(dev);
	if (ret == 0)
		place->how = RTE_VDUSE_ATTACH_NONE;
	vduse_place_mutex_unlock(&place->lock);
	return ret;
}

int
vduse_place_leave(struct rte_vduse_dev *dev)
{
	int ret;

	vduse_place_mutex_lock(&dev->place.lock);
	ret = place_detach(dev);
	/* what the bus says besides "busy" is final */
	dev->place.attached = ret == -EBUSY;
	vduse_place_mutex_unlock(&dev->place.lock);
	return ret;
}

int
vduse_place_back(struct rte_vduse_dev *dev)
{
	struct vduse_place *place = &dev->place;
	int ret = 0;

	vduse_place_mutex_lock(&place->lock);
	if (!place->attached && place->how != RTE_VDUSE_ATTACH_NONE)
		ret = place_attach(dev, place->how, false);
	vduse_place_mutex_unlock(&place->lock);
	return ret;
}

bool
vduse_place_look(struct rte_vduse_dev *dev)
{
	bool attached;

	vduse_place_mutex_lock(&dev->place.lock);
	if (!dev->place.attached)
		dev->place.attached = vduse_bus_has(dev->name);
	attached = dev->place.attached;
	vduse_place_mutex_unlock(&dev->place.lock);
	return attached;
}

bool
vduse_place_is_attached(struct rte_vduse_dev *dev)
{
	bool attached;

	vduse_place_mutex_lock(&dev->place.lock);
	attached = dev->place.attached;
	vduse_place_mutex_unlock(&dev->place.lock);
	return attached;
}
