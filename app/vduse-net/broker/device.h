/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BROKER_DEVICE_H
#define BROKER_DEVICE_H

#include <limits.h>

#include "broker/netif.h"
#include "words.h"

/*
 * What is done in the kernel for a container, as a table so that a test can stand in. Each
 * returns a negative errno where it fails, and has said why. Each may block.
 */
struct device_ops {
	/** Create it in /dev/vduse. @param conf queues: as many as there are. @return descriptor */
	int (*make)(struct control_container *conf, uint32_t mtu);
	/** Open one that is there. @return descriptor; -ENOENT, -EBUSY: somebody serves it */
	int (*open)(const char *name);
	/** To the vDPA bus; its server answers meanwhile. @param how "virtio", "vhost" */
	int (*attach)(const char *name, const char *how);
	/** Off the bus; its server answers meanwhile. @return 0 also where it is not on it */
	int (*detach)(const char *name);
	/** One that nobody serves: off the bus, and destroyed. @return -ENODEV: there is none */
	int (*remove)(const char *name);
	/** The interface that it is, in this network namespace. */
	int (*interface)(const char *name, char ifname[IFNAMSIZ]);
	/** One that is attached as "vhost": the name of its file in /dev. */
	int (*node)(const char *name, char node[NAME_MAX + 1]);
	/** As netif_place(). */
	int (*place)(const char *ifname, const struct netif_conf *conf, struct netif_error *error);
	/** As netif_readdress(). */
	int (*readdress)(const char *ifname, const struct netif_conf *from,
			const struct netif_conf *to, struct netif_error *error);
};

/** Of the running kernel. */
extern const struct device_ops device_kernel;

#endif /* BROKER_DEVICE_H */
