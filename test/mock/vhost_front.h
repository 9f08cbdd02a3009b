/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VHOST_FRONT_H
#define VHOST_FRONT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mock_driver.h"

/*
 * What a front end asks of /dev/vhost-vdpa-N (drivers/vhost/vdpa.c), for drivers of the tests that
 * lay out rings and memory themselves. All return 0 or -errno, where nothing else is said.
 */

/* The device's descriptor, owned by this process: IOTLB messages of version 2, in batches or not.
 */
int vhost_front_open(const char *path);

/* An IOTLB message (VHOST_IOTLB_*). `va` is in this process. */
int vhost_front_iotlb(int fd, uint8_t type, uint64_t iova, uint64_t size, void *va);

/* Map [iova, iova + size) in pieces, as a batch of its own. */
int vhost_front_map(
		int fd, uint64_t iova, uint64_t size, uint64_t piece, const struct mock_mem *mem);

/* Take away what is mapped there, as a batch of its own. */
int vhost_front_unmap(int fd, uint64_t iova, uint64_t size);

/* -EPERM: the device did not keep the status. */
int vhost_front_status(int fd, uint8_t status);

/* Status from 0 to FEATURES_OK (virtio 1.2, 3.1.1) with VERSION_1, ACCESS_PLATFORM and `bits`. */
int vhost_front_features(int fd, uint64_t bits);

/*
 * A queue from its beginning: size, place, addresses, eventfds; enabled. `call` is -1 where the
 * driver is not to be called.
 */
int vhost_front_queue(int fd, unsigned int index, const struct mock_vq *vq, int kick, int call);

/* The device is to look; and only where it wants to be told. */
void vhost_front_kick(int kick);
void vhost_front_kick_if(struct mock_vq *vq, int kick);

/* An eventfd for each of the two queues. */
int vhost_front_eventfds(int fds[2]);

/* Shared memory for a driver, of a file of its own that stays open in *memfd. NULL: errno. */
void *vhost_front_memory(size_t size, int *memfd);

/* Status DRIVER_OK. */
int vhost_front_ready(int fd);

#endif /* VHOST_FRONT_H */
