/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>

#include "life/place.h"
#include "life/remove.h"
#include "os/bus.h"

void
vduse_place_init(struct vduse_place *place)
{
	pthread_mutex_init(&place->lock, NULL);
	place->attached = false;
	place->how = RTE_VDUSE_ATTACH_NONE;
}

void
vduse_place_fini(struct vduse_place *place)
{
	pthread_mutex_destroy(&place->lock);
}

/* The lock is held. */
static int
place_attach(struct rte_vduse_dev *dev, enum rte_vduse_attach how, bool again)
{
	int ret = vduse_bus_attach(dev->name, how, again);

	dev->place.attached = ret == 0;
	return ret;
}

/* The lock is held. Where the owner never was ready, what the driver asks as it leaves is not its.
 */
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

	pthread_mutex_lock(&place->lock);
	if (!place->attached) {
		ret = place_attach(dev, how, dev->resumed);
		place->how = ret == 0 ? how : RTE_VDUSE_ATTACH_NONE;
	}
	pthread_mutex_unlock(&place->lock);
	return ret;
}

int
vduse_place_detach(struct rte_vduse_dev *dev)
{
	struct vduse_place *place = &dev->place;
	int ret;

	pthread_mutex_lock(&place->lock);
	ret = place_detach(dev);
	if (ret == 0)
		place->how = RTE_VDUSE_ATTACH_NONE;
	pthread_mutex_unlock(&place->lock);
	return ret;
}

int
vduse_place_leave(struct rte_vduse_dev *dev)
{
	int ret;

	pthread_mutex_lock(&dev->place.lock);
	ret = place_detach(dev);
	/* what the bus says besides "busy" is final */
	dev->place.attached = ret == -EBUSY;
	pthread_mutex_unlock(&dev->place.lock);
	return ret;
}

int
vduse_place_back(struct rte_vduse_dev *dev)
{
	struct vduse_place *place = &dev->place;
	int ret = 0;

	pthread_mutex_lock(&place->lock);
	if (!place->attached && place->how != RTE_VDUSE_ATTACH_NONE)
		ret = place_attach(dev, place->how, false);
	pthread_mutex_unlock(&place->lock);
	return ret;
}

bool
vduse_place_look(struct rte_vduse_dev *dev)
{
	bool attached;

	pthread_mutex_lock(&dev->place.lock);
	if (!dev->place.attached)
		dev->place.attached = vduse_bus_has(dev->name);
	attached = dev->place.attached;
	pthread_mutex_unlock(&dev->place.lock);
	return attached;
}

bool
vduse_place_is_attached(struct rte_vduse_dev *dev)
{
	bool attached;

	pthread_mutex_lock(&dev->place.lock);
	attached = dev->place.attached;
	pthread_mutex_unlock(&dev->place.lock);
	return attached;
}
