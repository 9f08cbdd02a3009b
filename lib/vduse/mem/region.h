/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VDUSE_REGION_H
#define VDUSE_REGION_H

#include "mem/map.h"
#include "mem/mapping.h"

/*
 * Regions of the kernel's IOVA map: ask for them, map them, alone or behind each
 * other. By the map (mem/iotlb.c), with its lock.
 */

/** One region as the kernel gave it. */
struct vduse_region {
	uint64_t start;
	uint64_t last;
	uint8_t *addr; /**< where start is */
	uint8_t perm;
	struct vduse_mapping *mapping; /**< that it is in; NULL: memory of ours */
};

/** A region found but not mapped yet. */
struct vduse_region_found {
	struct vduse_abi_region entry;
	uint64_t page; /**< of the file, bytes */
};

/**
 * The first region that overlaps [start, last]; its descriptor is open.
 *
 * @return 1; 0: there is none; -errno
 */
int vduse_region_ask(const struct vduse_iotlb *tlb, uint64_t start, uint64_t last,
		struct vduse_abi_region *entry, int *fd) REQUIRES(vduse_map_mutex);

/** How many regions from the first on can share one linear window; 1 to nb. */
uint32_t vduse_region_count(const struct vduse_region_found *found, uint32_t nb);

/**
 * Map a run of regions, as many as vduse_region_count() says, into one window;
 * all or none. Each descriptor is opened and closed in its turn.
 *
 * @return 0; -ESTALE: the kernel has others there now; as vduse_mapping_map()
 */
int vduse_region_map(struct vduse_iotlb *tlb, const struct vduse_region_found *found, uint32_t nb,
		struct vduse_region *regions) REQUIRES(vduse_map_mutex);

/** Mirror, of one. What frames under way are in goes later. */
REQUIRES(vduse_map_mutex)
void vduse_region_unmap(const struct vduse_iotlb *tlb, const struct vduse_region *region);

#endif /* VDUSE_REGION_H */
