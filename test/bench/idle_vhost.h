/* SPDX-License-Identifier: BSD-3-Clause */
/* What idle.c polls: devices of DPDK's vhost library, without ethdev and its limit on ports. */
#ifndef IDLE_VHOST_H
#define IDLE_VHOST_H

#include <rte_vhost.h>

#define IDLE_PATH (IDLE_NAME + sizeof("/dev/vduse/"))

/* The queue that the driver sends on. */
#define IDLE_QUEUE 1

/* Vhost's number of each device, plus 1; 0: no driver yet. Written by its control thread. */
static volatile int device_vid[IDLE_MAX];
static char device_path[IDLE_MAX][IDLE_PATH];
static struct rte_mempool *device_pool;

/* Which of ours it is; IDLE_MAX: none. */
static unsigned int
device_index(int vid)
{
	char path[IDLE_PATH];
	unsigned int i;

	if (rte_vhost_get_ifname(vid, path, sizeof(path)) != 0)
		return IDLE_MAX;
	for (i = 0; i < IDLE_MAX; i++) {
		if (strcmp(path, device_path[i]) == 0)
			return i;
	}
	return IDLE_MAX;
}

static int
device_new(int vid)
{
	unsigned int i = device_index(vid);

	if (i == IDLE_MAX)
		return -1;
	/* as its PMD does: the lcore polls */
	rte_vhost_enable_guest_notification(vid, IDLE_QUEUE, 0);
	device_vid[i] = vid + 1;
	return 0;
}

static void
device_gone(int vid)
{
	unsigned int i = device_index(vid);

	if (i < IDLE_MAX)
		device_vid[i] = 0;
}

/* Returns 0, or -1 with a line that says why. */
static int
devices_start(struct rte_mempool *pool, unsigned int wanted, const char *name)
{
	static const struct rte_vhost_device_ops ops = {
		.new_device = device_new,
		.destroy_device = device_gone,
	};
	unsigned int i;

	device_pool = pool;
	for (i = 0; i < wanted; i++) {
		const char *path = device_path[i];

		snprintf(device_path[i], sizeof(device_path[i]), "/dev/vduse/%s.%u", name, i);
		if (rte_vhost_driver_register(path, 0) != 0 ||
				rte_vhost_driver_set_max_queue_num(path, 1) != 0 ||
				rte_vhost_driver_callback_register(path, &ops) != 0 ||
				rte_vhost_driver_start(path) != 0) {
			fprintf(stderr, "idle: %s does not start\n", path);
			return -1;
		}
	}
	return 0;
}

static bool
device_up(unsigned int i)
{
	return device_vid[i] != 0;
}

static inline uint16_t
device_poll(unsigned int i, struct rte_mbuf **pkts, uint16_t n)
{
	return rte_vhost_dequeue_burst(device_vid[i] - 1, IDLE_QUEUE, device_pool, pkts, n);
}

static int
device_stop(unsigned int i)
{
	return rte_vhost_driver_unregister(device_path[i]);
}

#endif
