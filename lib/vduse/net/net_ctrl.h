/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NET_CTRL_H
#define NET_CTRL_H

#include <linux/virtio_net.h>

#include <rte_bitops.h>

#include "net_dev.h"

/** Offloads that VIRTIO_NET_CTRL_GUEST_OFFLOADS switches (virtio 1.2, 5.1.6.5.6.1). */
#define NET_CTRL_OFFLOADS                                                                        \
	(RTE_BIT64(VIRTIO_NET_F_GUEST_CSUM) | RTE_BIT64(VIRTIO_NET_F_GUEST_TSO4) |               \
			RTE_BIT64(VIRTIO_NET_F_GUEST_TSO6) | RTE_BIT64(VIRTIO_NET_F_GUEST_ECN) | \
			RTE_BIT64(VIRTIO_NET_F_GUEST_USO4) | RTE_BIT64(VIRTIO_NET_F_GUEST_USO6))

/** Serve the control queue (virtio 1.2, 5.1.6.5). Control thread. */
void net_ctrl_serve(struct rte_vduse_net *net, struct vduse_vq *vq);

/** What the commands change, as it is after FEATURES_OK. Control thread, no queue runs. */
void net_ctrl_reset(struct rte_vduse_net *net, uint64_t features);

#endif /* NET_CTRL_H */
