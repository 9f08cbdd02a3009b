/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VDUSE_NETLINK_H
#define VDUSE_NETLINK_H

/*
 * The "vdpa" generic netlink family (linux/vdpa.h). Both calls return when
 * the kernel has finished, for which it needs the control thread's answers:
 * never from that thread.
 */

/**
 * `vdpa dev add name NAME mgmtdev vduse`.
 *
 * @return 0; -EPROTONOSUPPORT without the vdpa module; else what the kernel
 *   says (-EEXIST attached already, -EINVAL no such VDUSE device, -EPERM)
 */
int vduse_netlink_add(const char *name);

/** `vdpa dev del NAME`. @return 0; -ENODEV not attached; else -errno */
int vduse_netlink_del(const char *name);

#endif /* VDUSE_NETLINK_H */
