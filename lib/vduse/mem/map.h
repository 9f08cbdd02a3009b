/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VDUSE_MAP_H
#define VDUSE_MAP_H

#include <stdbool.h>
#include <stdint.h>

#include "lock.h"
#include "mem/deferred.h"
#include "mem/quiesce.h"
#include "mem/umem.h"
#include "os/sys.h"

/* What the driver's memory is to this process; mem/iotlb.h has the verbs. */

/**
 * A range of IOVA that is linear in the process's memory and has one
 * permission. Regions of the kernel that follow each other without a gap are
 * mapped into one window where their page sizes allow it, so that a buffer
 * or ring across their border is linear and a front end with hundreds of
 * pages still makes a handful of extents.
 */
struct vduse_extent {
	uint64_t start; /**< first IOVA */
	uint64_t size;  /**< bytes; 0 in the unused extent of an empty map */
	uint8_t *addr;  /**< where start is mapped */
	uint8_t perm;   /**< VDUSE_ACCESS_RO, _WO or _RW, seen from the device */
	bool dma;       /**< memory of DPDK's own: rte_mem_virt2iova() knows it (mem/umem.h) */
};

/** What bursts read: sorted by start, immutable once published. */
struct vduse_iotlb_map {
	uint64_t generation; /**< differs between any two maps that differ; an address does not */
	uint32_t nb;         /**< extents, at least 1 */
	struct vduse_extent extents[];
};

struct vduse_region;

/** The address space of a device of API 0, which has no number. */
#define VDUSE_SPACE_ONLY UINT32_MAX

/** Held by who changes a map, and by who looks at it outside of a burst. */
MUTEX_KIND(vduse_map_mutex);

/**
 * The IOVA map of one address space of a device.
 *
 * Readers are bursts. Writers hold the lock, publish a new map, wait for the
 * readers and only then unmap (doc/decisions/0004-unmapping-waits-for-bursts.md).
 */
struct vduse_iotlb {
	/** Published with release; bursts read it with acquire, and without the lock. */
	const struct vduse_iotlb_map *map GUARDED_BY(vduse_map_mutex);
	struct vduse_map_mutex lock;
	/* fixed before the first load */
	const struct vduse_sys *sys;
	const char *name;                    /**< of the device, for the log; NULL: none */
	struct vduse_share *share;           /**< limits, of all maps of the device; NULL: none */
	uint32_t asid;                       /**< address space; or VDUSE_SPACE_ONLY */
	const struct vduse_readers *readers; /**< the bursts */
	struct vduse_hold hold; /**< frames handed on without a copy; held NULL: never */

	int fd GUARDED_BY(vduse_map_mutex);                       /**< of the device */
	struct vduse_region *regions GUARDED_BY(vduse_map_mutex); /**< sorted */
	uint32_t nb_regions GUARDED_BY(vduse_map_mutex);
	/** A driver is there whose memory may be mapped. */
	bool open GUARDED_BY(vduse_map_mutex);
	/** Regions are mapped that the map does not have yet. */
	bool hidden GUARDED_BY(vduse_map_mutex);
	uint64_t generation GUARDED_BY(vduse_map_mutex); /**< of the last map built */
	/** Memory of a region is gone and reads as zeroes (mem/sigbus.h), until all are removed;
	 * atomic. */
	bool lost;
	uint64_t losses; /**< times that this was noticed; of the owner */
	int lost_fd; /**< eventfd that is written then; set by the owner before the first load */
	struct vduse_umem *umem; /**< for its bounce region; the owner's; NULL: none is wanted */
};

#endif /* VDUSE_MAP_H */
