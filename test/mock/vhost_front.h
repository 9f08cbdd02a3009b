/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VHOST_FRONT_H
#define VHOST_FRONT_H

#include <stdbool.h>
#include <stdint.h>

/*
 * What a front end asks of /dev/vhost-vdpa-N (drivers/vhost/vdpa.c), for drivers of the tests that
 * lay out rings and memory themselves. All return 0 or -errno, where nothing else is said.
 */

struct vhost_front_queue {
	unsigned int index, size; /* descriptors */
	bool packed;
	uint64_t desc, driver, device; /* IOVA of the ring's areas */
	int kick, call;                /* eventfd; -1: the driver is not to be called */
};

/* The device's descriptor, owned by this process: IOTLB messages of version 2, in batches or not.
 */
int vhost_front_open(const char *path);

/* An IOTLB message (VHOST_IOTLB_*). `va` is in this process. */
int vhost_front_iotlb(int fd, uint8_t type, uint64_t iova, uint64_t size, void *va);

/* Take away what is mapped there, as a batch of its own. */
int vhost_front_unmap(int fd, uint64_t iova, uint64_t size);

/* -EPERM: the device did not keep the status. */
int vhost_front_status(int fd, uint8_t status);

/* Status from 0 to FEATURES_OK (virtio 1.2, 3.1.1) with VERSION_1, ACCESS_PLATFORM and `bits`. */
int vhost_front_features(int fd, uint64_t bits);

/* A queue from its beginning: size, place, addresses, eventfds; enabled. */
int vhost_front_queue(int fd, const struct vhost_front_queue *queue);

/* Status DRIVER_OK. */
int vhost_front_ready(int fd);

#endif /* VHOST_FRONT_H */
