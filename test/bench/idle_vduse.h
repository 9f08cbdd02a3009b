/* SPDX-License-Identifier: BSD-3-Clause */
/* What idle.c polls: devices of this project's library, without ethdev and its limit on ports. */
#ifndef IDLE_VDUSE_H
#define IDLE_VDUSE_H

#include <rte_vduse_net.h>

static struct rte_vduse_net *devices[IDLE_MAX];
static struct rte_mempool *device_pool;

/* Returns 0, or -1 with a line that says why. */
static int
devices_start(struct rte_mempool *pool, unsigned int wanted, const char *name)
{
	char names[IDLE_MAX][IDLE_NAME];
	struct rte_vduse_net_conf conf;
	unsigned int i;
	int err;

	rte_vduse_net_conf_init(&conf);
	conf.mac.addr_bytes[0] = 2;
	device_pool = pool;
	for (i = 0; i < wanted; i++) {
		snprintf(names[i], sizeof(names[i]), "%s.%u", name, i);
		conf.dev.name = names[i];
		err = rte_vduse_net_create(&conf, &devices[i]);
		if (err == 0)
			err = rte_vduse_net_set_link(devices[i], true);
		if (err != 0) {
			fprintf(stderr, "idle: %s: %s\n", names[i], strerror(-err));
			return -1;
		}
	}
	return 0;
}

static bool
device_up(unsigned int i)
{
	struct rte_vduse_net_info info;

	rte_vduse_net_info(devices[i], &info);
	return info.link_up;
}

static inline uint16_t
device_poll(unsigned int i, struct rte_mbuf **pkts, uint16_t n)
{
	return rte_vduse_net_dequeue(devices[i], 0, device_pool, pkts, n);
}

static int
device_stop(unsigned int i)
{
	return rte_vduse_net_destroy(devices[i]);
}

#endif
