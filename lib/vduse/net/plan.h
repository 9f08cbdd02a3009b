/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NET_PLAN_H
#define NET_PLAN_H

#include "net/net.h"

/*
 * What is on. The owner's options say what is offered when a device is made;
 * what holds for a driver is what it negotiated, perhaps with a process before
 * this one that had other options. So everything that both decide is decided
 * here, at each DRIVER_OK, and where an option cannot be had with what was
 * negotiated it is off and one line says so.
 */

/** A device that was made with other options keeps those: one line says which. At creation. */
void net_plan_made(const struct rte_vduse_net *net);

/** Whether a driver with these features can be served. @return 0, or -EINVAL with a line of log */
int net_plan_check(const struct rte_vduse_net *net, uint64_t features);

/** DRIVER_OK. @return what is on from here on */
struct net_plan net_plan(const struct rte_vduse_net *net, uint64_t features);

#endif /* NET_PLAN_H */
