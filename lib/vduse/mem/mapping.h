/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VDUSE_MAPPING_H
#define VDUSE_MAPPING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mem/sigbus.h"
#include "os/sys.h"

/**
 * What a device may take of the process's address space, and what it has. It is
 * there until the last of its mappings is gone, which may be later than the device.
 */
struct vduse_share {
	uint32_t refs;        /**< the device and its mappings; atomic, as all below */
	uint32_t max_regions; /**< that are mapped */
	uint64_t max_bytes;   /**< of address space */
	uint32_t regions;
	uint64_t bytes;
	uint64_t waiting; /**< bytes of mappings that frames handed on without a copy are in */
};

/** @return NULL: no memory. Mirror: vduse_share_put() */
struct vduse_share *vduse_share_new(uint32_t max_regions, uint64_t max_bytes);

/** The device is gone. Any thread. NULL is nothing. */
void vduse_share_put(struct vduse_share *share);

/**
 * Memory of a front end that is mapped here. The guard against its loss
 * (mem/sigbus.h) comes with it and goes with it: it can be read from
 * vduse_mapping_map() to vduse_mapping_unmap(), whatever the front end does.
 */
struct vduse_mapping {
	struct vduse_sigbus_range guard; /**< base, length and protection, too */
	const struct vduse_sys *sys;
	struct vduse_share *share; /**< that it is of; NULL: of none */
	bool waits;
};

/** What to map, and who is told when it is lost. */
struct vduse_mapping_want {
	const struct vduse_sys *sys;
	struct vduse_share *share; /**< NULL: without limits */
	int fd;
	uint64_t offset; /**< in the file; a multiple of its page size */
	size_t len;      /**< bytes, the same */
	int prot;        /**< PROT_READ, PROT_WRITE */
	void *at;        /**< where to, over what is there; NULL: anywhere */
	bool *lost;      /**< set, atomically, when the memory is lost */
	int lost_fd;     /**< eventfd that is written then; negative: none */
};

/**
 * Any thread. Mirror: vduse_mapping_unmap().
 *
 * @param[out] err where there is none: -E2BIG, more than the share; -EAGAIN, as much
 *   is kept by frames under way, for a while; an errno of mmap(2), sigaction(2)
 * @return the mapping, or NULL
 */
struct vduse_mapping *vduse_mapping_map(const struct vduse_mapping_want *want, int *err);

/** Nobody reads it any more. Any thread. */
void vduse_mapping_unmap(struct vduse_mapping *mapping);

/**
 * It is not served any more, and stays until frames under way were freed. Its
 * loss is told to nobody. Any thread.
 */
void vduse_mapping_wait(struct vduse_mapping *mapping);

/** Where it is. */
static inline uint8_t *
vduse_mapping_base(const struct vduse_mapping *mapping)
{
	return mapping->guard.base;
}

/** Bytes. */
static inline size_t
vduse_mapping_len(const struct vduse_mapping *mapping)
{
	return mapping->guard.len;
}

#endif /* VDUSE_MAPPING_H */
