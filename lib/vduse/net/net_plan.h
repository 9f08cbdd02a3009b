/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NET_PLAN_H
#define NET_PLAN_H

#include "rte_vduse_net.h"

struct rte_vduse_net;

/*
 * What is on. The owner's options say what is offered when a device is made;
 * what holds for a driver is what it negotiated, perhaps with a process before
 * this one that had other options. So everything that both decide is decided
 * here, at each DRIVER_OK, and where an option cannot be had with what was
 * negotiated it is off and one line says so.
 */

/** What the owner asks for, as far as a driver has a say in it. */
struct net_wish {
	bool zero_copy;
	bool packed_only;     /**< no driver without packed rings */
	uint64_t features;    /**< that a device made now would offer */
	uint16_t queue_pairs; /**< that it would have */
	bool fewer_pairs;     /**< one will do where the kernel refuses more */
	uint16_t queue_size;  /**< and theirs */
};

/** What holds for the driver that is there. */
struct net_plan {
	uint64_t features; /**< negotiated */
	uint16_t hdr_len;  /**< bytes of the virtio_net_hdr */
	bool zero_copy;    /**< frames towards the host may stay in the driver's memory */
};

/** A device that was made with other options keeps those: one line says which. At creation. */
void net_plan_made(const struct rte_vduse_net *net);

/** Whether a driver with these features can be served. @return 0, or -EINVAL with a line of log */
int net_plan_check(const struct rte_vduse_net *net, uint64_t features);

/** DRIVER_OK. @return what is on from here on */
struct net_plan net_plan(const struct rte_vduse_net *net, uint64_t features);

#endif /* NET_PLAN_H */
