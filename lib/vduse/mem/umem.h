/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VDUSE_UMEM_H
#define VDUSE_UMEM_H

#include <stdbool.h>
#include <stdint.h>

#include "lock.h"
#include "mem/deferred.h"
#include "os/sys.h"

/** Taken inside of the map's. */
MUTEX_KIND(vduse_umem_mutex);

/*
 * Hugepage memory of DPDK's in the place of the bounce region, through which
 * the virtio-vdpa case copies every buffer (VDUSE_IOTLB_REG_UMEM). One linear
 * translation in large pages, at addresses that a NIC can be given.
 *
 * The kernel takes the memory only once its driver has mapped a buffer, which
 * is after DRIVER_OK, and from then on its own file of the region has no pages
 * (SIGBUS). So the region is registered at the moment when it would be mapped:
 * nothing of its file is in our memory then. Who finds the region first maps
 * the file, and the control thread then maps the region again (life/remap.c). The memory is there
 * from the device's creation on: a process that has given up its privileges since then may get none
 * (IOVA as PA wants CAP_SYS_ADMIN to learn where a page is).
 */
struct vduse_umem {
	const char *name; /**< of the device, for the log */
	const struct vduse_sys *sys;
	int fd;                 /**< of the device */
	struct vduse_hold hold; /**< frames handed on without a copy; held NULL: never */
	bool wanted;            /**< by the owner, and there was memory */
	bool settled;           /**< tried for this driver, with success or not; control thread */
	struct vduse_umem_mutex lock;
	uint8_t *addr GUARDED_BY(vduse_umem_mutex);   /**< NULL: none */
	uint64_t size GUARDED_BY(vduse_umem_mutex);   /**< bytes, the region's */
	bool open GUARDED_BY(vduse_umem_mutex);       /**< may be taken */
	bool registered GUARDED_BY(vduse_umem_mutex); /**< the kernel has it */
};

/**
 * @param name as long as the umem
 * @param fd the device's descriptor; closed between vduse_umem_release() and vduse_umem_fini()
 * @return 0 or -ENOMEM
 */
int vduse_umem_init(struct vduse_umem *umem, const char *name, const struct vduse_sys *sys, int fd);

/** Mirror. What the kernel did not give back is free as well: the descriptor is closed. */
void vduse_umem_fini(struct vduse_umem *umem);

/** The device was recreated: the kernel has nothing of it. No queue runs. */
void vduse_umem_set_fd(struct vduse_umem *umem, int fd);

/** Take back what a process before registered with the same descriptor. */
void vduse_umem_reclaim(const struct vduse_umem *umem);

/**
 * Get the memory; one line of log where it cannot be had, and none is wanted then.
 * On the NUMA node of the calling thread, before the control thread knows the device.
 *
 * @param size of the bounce region in bytes, 0: the kernel's default
 */
void vduse_umem_want(struct vduse_umem *umem, uint64_t size);

/**
 * Let the memory be taken, where the region is there and it was not tried yet
 * for this driver. Control thread.
 *
 * @return true: the region is to be mapped again, then vduse_umem_settle()
 */
bool vduse_umem_prepare(struct vduse_umem *umem);

/** Give the memory up where the kernel did not take it. Control thread. */
void vduse_umem_settle(struct vduse_umem *umem);

/**
 * Have the memory for a region that is about to be mapped. By a thread that
 * holds the map's lock, and nothing of the region's file is mapped.
 *
 * @return NULL: it is not for this region, or the kernel refused it: map the file
 */
void *vduse_umem_take(struct vduse_umem *umem, uint64_t start, uint64_t last);

/** Nobody takes it from here on; before its region is removed. Mirror: vduse_umem_prepare(). */
void vduse_umem_close(struct vduse_umem *umem);

/**
 * Deregister; the region was removed. Memory that frames are in keeps them
 * until they were freed, and the next driver gets other memory.
 * Control thread, or after it has ended.
 */
void vduse_umem_release(struct vduse_umem *umem);

#endif /* VDUSE_UMEM_H */
