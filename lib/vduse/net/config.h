/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NET_CONFIG_H
#define NET_CONFIG_H

#include <stddef.h>

#include "net/net.h"

/* What the owner and the driver set of a network device. */

/** Where a field of the configuration is. */
struct net_field {
	uint32_t offset;
	uint32_t len;
};
#define NET_FIELD(field)                                                \
	((struct net_field){ offsetof(struct virtio_net_config, field), \
			sizeof(((struct virtio_net_config *)NULL)->field) })

/** Give a field this value, in the driver's view of it as well. Any thread. @return 0 or -errno */
int net_config_write(struct rte_vduse_net *net, struct net_field field, const void *value);

/**
 * Whether a driver goes by the MTU that it was shown, which then stays (virtio 1.2,
 * 5.1.4.1). Where none does, the one that was set meanwhile is shown. Control thread,
 * or before that has the device.
 */
void net_config_hold_mtu(struct rte_vduse_net *net, bool hold);

/** Clear bits of the status, then set others; the same. */
int net_config_status(struct rte_vduse_net *net, uint16_t clear, uint16_t set);

/** The configuration at one moment. Any thread. */
void net_config_read(const struct rte_vduse_net *net, struct virtio_net_config *config);

/** Frames are filtered by the address that the driver sees. Any thread. */
void net_config_filter_mac(struct rte_vduse_net *net);

/** A driver came: what is dequeued follows from what it negotiated and what the owner takes. */
void net_start_limits(struct rte_vduse_net *net, uint64_t features);

/** Of one queue, by its driver. @return 0 or -EINVAL, -errno */
int net_set_coalesce(struct rte_vduse_net *net, uint16_t index, const struct net_coalesce *coal);

/** Of one queue, as its owner wants it. @return as net_set_coalesce() */
int net_reset_coalesce(struct rte_vduse_net *net, uint16_t index);

/** The receive queues rest, for a change by a command of the control queue, in its burst. */
void net_pause_receive(struct rte_vduse_net *net);
void net_resume_receive(struct rte_vduse_net *net);

/**
 * Frames are steered and hashed so from now on. Control thread, the receive
 * queues rest; waits until nobody looks at what was before.
 */
void net_set_rss(struct rte_vduse_net *net, const struct net_rss *rss);

#endif /* NET_CONFIG_H */
