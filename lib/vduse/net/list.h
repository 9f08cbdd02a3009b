/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NET_LIST_H
#define NET_LIST_H

#include "net/net.h"

/* The network devices of the process, for those who look at them from other threads. */

void net_list_add(struct rte_vduse_net *net);

/** When this returns nobody looks at the device any more. */
void net_list_del(struct rte_vduse_net *net);

/** Called with the list locked; must not create or destroy a device. */
typedef void (*net_list_cb)(const struct rte_vduse_net *net, void *arg);

/**
 * Visit a device by name.
 *
 * @return 0, or -ENODEV
 */
int net_list_visit(const char *name, net_list_cb visit, void *arg);

/** Visit every device. */
void net_list_walk(net_list_cb visit, void *arg);

#endif /* NET_LIST_H */
