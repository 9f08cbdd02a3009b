/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VDUSE_BUS_H
#define VDUSE_BUS_H

#include "rte_vduse.h"

/*
 * The vDPA bus: netlink makes the device, sysfs says which driver has it
 * (Linux, Documentation/ABI/testing/sysfs-bus-vdpa). Never from the control
 * thread.
 */

/**
 * Add the device to the bus and see to it that the driver asked for has it.
 *
 * @param how virtio or vhost
 * @return 0 or a negative errno, with a line of log; the device is not on
 *   the bus then
 */
int vduse_bus_attach(const char *name, enum rte_vduse_attach how);

/**
 * Take the device off the bus.
 *
 * @return 0, also where it was not on it; -EBUSY while a front end has
 *   /dev/vhost-vdpa-N open (the kernel would wait for it without end); else
 *   what the kernel says
 */
int vduse_bus_detach(const char *name);

#endif /* VDUSE_BUS_H */
