/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VDUSE_KERNEL_H
#define VDUSE_KERNEL_H

#include <linux/virtio_config.h>

#include <rte_bitops.h>

#include "os/sys.h"
#include "rte_vduse.h"

/* What the kernel is asked about a device: API, creation, attributes, destruction. */

/**
 * Features without which the kernel creates no device, and that every driver must
 * take: VDUSE rings are of virtio 1.x and are addressed by IOVA only.
 */
#define VDUSE_FEATURES_REQUIRED \
	(RTE_BIT64(VIRTIO_F_VERSION_1) | RTE_BIT64(VIRTIO_F_ACCESS_PLATFORM))

/** A line of log about name: path cannot be opened, why, and the cure. */
void vduse_kernel_log_open(const char *name, const char *path, int err);

/** Open /dev/vduse/control. @return descriptor, or -errno with a line of log about name */
int vduse_kernel_control(const struct vduse_sys *sys, const char *name);

/** What was agreed on with the kernel. */
struct vduse_kernel_api {
	uint64_t version;
	uint64_t features; /**< VDUSE_F_* that it has */
	uint64_t agreed;   /**< of these, what is on */
};

/**
 * Agree on the API version and, from Linux 7.3 on, on the framework's features.
 *
 * @param name of the device, for the log
 * @return 0 or -errno with a line of log
 */
int vduse_kernel_negotiate(const struct vduse_sys *sys, int control_fd, const char *name,
		struct vduse_kernel_api *api);

/** What of a device follows from what was agreed on. */
struct vduse_kernel_shape {
	uint64_t api_version;
	uint16_t nb_spaces; /**< address spaces, and groups of queues */
};

/**
 * VDUSE_CREATE_DEV. Mirror: vduse_kernel_destroy().
 *
 * @return 0; -ENOTSUP a type or feature that the kernel refuses; -errno with a
 *   line of log
 */
int vduse_kernel_create(const struct vduse_sys *sys, int control_fd,
		const struct vduse_kernel_shape *shape, const struct rte_vduse_conf *conf);

/**
 * Create a device and set it up, as rte_vduse_dev_create() expects one to be that somebody
 * else made: API 0, one address space.
 *
 * @return its descriptor; -ENOTSUP a type or feature that the kernel refuses; -errno with a
 *   line of log: there is none then
 */
int vduse_kernel_make(const struct vduse_sys *sys, const struct rte_vduse_conf *conf);

/** The CPUs where its driver's interrupts arrive, where the configuration has any; a failure is
 * said. */
void vduse_kernel_set_irq_affinity(const struct vduse_sys *sys, const struct rte_vduse_conf *conf);

/** Set up its queues and attributes. @param fd of the device @return 0 or -errno, said */
int vduse_kernel_setup(const struct vduse_sys *sys, int fd, uint16_t nb_spaces,
		const struct rte_vduse_conf *conf);

/** VDUSE_DESTROY_DEV. @return 0; -EBUSY attached or open; -EINVAL no such device */
int vduse_kernel_destroy(const struct vduse_sys *sys, int control_fd, const char *name);

#endif /* VDUSE_KERNEL_H */
