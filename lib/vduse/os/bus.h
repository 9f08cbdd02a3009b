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
 * @return 0, with a line of log that has the interface or the file, as soon as there
 *   is one; or a negative errno, with a line of log: the device is on the bus then
 *   only if it was before
 */
int vduse_bus_attach(const char *name, enum rte_vduse_attach how, bool again);

/**
 * Take the device off the bus.
 *
 * @return 0, also where it was not on it; -EBUSY while a front end has
 *   /dev/vhost-vdpa-N open (the kernel would wait for it without end);
 *   -EPROTONOSUPPORT, with a line of log, where this network namespace has no
 *   vDPA; else what the kernel says
 */
int vduse_bus_detach(const char *name);

/** Whether the device is on the bus, whoever put it there. */
bool vduse_bus_has(const char *name);

/** Name of the driver that has the device; empty: none, or it is not on the bus. */
void vduse_bus_bound_driver(const char *name, char *driver, size_t size);

/**
 * Whether a front end has the device's /dev/vhost-vdpa-N open.
 *
 * @param[out] path of that file, where it has
 */
bool vduse_bus_front_end(const char *name, char *path, size_t size);

/**
 * Give whoever keeps a device busy a moment.
 *
 * @param waited_ms how long in all; 0 at first
 * @return false, at once, where that was as long as rte_vduse_set_busy_wait() allows
 */
bool vduse_bus_wait(uint32_t *waited_ms);

#endif /* VDUSE_BUS_H */
