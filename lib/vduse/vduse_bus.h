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
 * @param again it may be on the bus already, put there by a process before
 * @return 0 or a negative errno, with a line of log; the device is not on
 *   the bus then
 */
int vduse_bus_attach(const char *name, enum rte_vduse_attach how, bool again);

/**
 * Take the device off the bus.
 *
 * @return 0, also where it was not on it; -EBUSY while a front end has
 *   /dev/vhost-vdpa-N open (the kernel would wait for it without end); else
 *   what the kernel says
 */
int vduse_bus_detach(const char *name);

/** Whether the device is on the bus, whoever put it there. */
bool vduse_bus_has(const char *name);

/**
 * Give whoever keeps a device busy a moment.
 *
 * @param waited_ms how long in all; 0 at first
 * @return false, at once, where that was as long as rte_vduse_set_busy_wait() allows
 */
bool vduse_bus_wait(uint32_t *waited_ms);

#endif /* VDUSE_BUS_H */
