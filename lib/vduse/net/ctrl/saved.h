/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NET_SAVED_H
#define NET_SAVED_H

#include "net/net.h"

/* What the control queue has set, in the device's state file. Nothing happens without one. */

/** After a command, before it is acknowledged; and after a reset. */
void net_saved_write(const struct rte_vduse_net *net);

/** A driver that is there goes on: as it had set it. While no burst runs. */
void net_saved_restore(struct rte_vduse_net *net);

/**
 * The device is another process's: pairs and configuration as they were. At creation: neither
 * the pairs nor whether frames are steered among them changes from then on, and lcores read them.
 */
void net_saved_adopt(struct rte_vduse_net *net);

/** The configuration as it is by now: up to a take-over its driver may have set something. */
void net_saved_config(struct rte_vduse_net *net);

#endif /* NET_SAVED_H */
