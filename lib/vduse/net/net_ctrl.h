/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NET_CTRL_H
#define NET_CTRL_H

#include "net_dev.h"

/** Serve the control queue (virtio 1.2, 5.1.6.5). Control thread. */
void net_ctrl_serve(struct rte_vduse_net *net, struct vduse_vq *vq);

#endif /* NET_CTRL_H */
