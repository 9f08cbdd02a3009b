/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NET_CTRL_H
#define NET_CTRL_H

#include "net/net.h"

/** Serve the control queue (virtio 1.2, 5.1.6.5). Control thread. */
void net_ctrl_serve(struct rte_vduse_net *net, struct vduse_vq *vq);

/** What the commands change, as it is after FEATURES_OK. Control thread, no queue runs. */
void net_ctrl_reset(struct rte_vduse_net *net, uint64_t features);

#endif /* NET_CTRL_H */
