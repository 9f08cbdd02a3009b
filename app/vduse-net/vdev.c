/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <string.h>

#include <rte_bus_vdev.h>
#include <rte_dev.h>

#include "vdev.h"

#define BUS "vdev"

/* One of which too much is to be said is this process's alone. */
int
vdev_plug(const char *name, const char *devargs)
{
	int ret;

	if (strlen(BUS ":,") + strlen(name) + strlen(devargs) < VDEV_TOLD_MAX)
		return rte_eal_hotplug_add(BUS, name, devargs);
	ret = rte_vdev_init(name, devargs);
	return ret > 0 ? -ENODEV : ret;
}

int
vdev_unplug(const char *name)
{
	return rte_eal_hotplug_remove(BUS, name);
}
