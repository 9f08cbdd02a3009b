/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NET_DEV_H
#define NET_DEV_H

#include "net/net.h"

/* What becomes of a configuration before there is a device. */

/** Whether it can be. @return 0, or -EINVAL with a line of log */
int net_check_conf(const struct rte_vduse_net_conf *conf);

/** What does not need the device. @return NULL: no memory. Mirror: net_free(). */
struct rte_vduse_net *net_alloc(const struct rte_vduse_net_conf *conf);

/** Mirror of net_alloc(). */
void net_free(struct rte_vduse_net *net);

/** The VDUSE device that it needs, with this number of pairs. */
void net_conf_dev(struct rte_vduse_net *net, const struct rte_vduse_net_conf *conf, uint16_t pairs,
		struct rte_vduse_conf *dev_conf);

#endif /* NET_DEV_H */
