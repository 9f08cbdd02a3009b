/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NET_SAVED_H
#define NET_SAVED_H

#include "net/net.h"

/* What the control queue has set, in the device's state file. Nothing happens without one. */

/** After a command, before it is acknowledged; and after a reset. */
void net_saved_write(const struct rte_vduse_net *net);

/** A driver that is there goes on: as it had set it. While no burst runs. */
void net_saved_restore(struct rte_vduse_net *net);

/** The device is another process's: pairs and configuration as they were. */
void net_saved_adopt(struct rte_vduse_net *net);

#endif /* NET_SAVED_H */
