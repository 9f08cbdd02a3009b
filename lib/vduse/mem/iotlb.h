/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VDUSE_IOTLB_H
#define VDUSE_IOTLB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_branch_prediction.h>
#include <rte_common.h>

#include "mem/map.h"

/**
 * @param fd the device's descriptor; must outlive the map
 * @param readers one a virtqueue; owned by the caller
 * @param asid address space (VDUSE API 1); VDUSE_SPACE_ONLY: that of API 0
 * @return 0 or -ENOMEM
 */
int vduse_iotlb_init(struct vduse_iotlb *tlb, const struct vduse_sys *sys, int fd,
		const struct vduse_readers *readers, uint32_t asid);

/** Unmap everything. No burst may be running or start again. */
void vduse_iotlb_fini(struct vduse_iotlb *tlb);

/**
 * A driver is there, and its memory may be mapped; so it is after
 * vduse_iotlb_init(). Any thread.
 */
void vduse_iotlb_open(struct vduse_iotlb *tlb);

/**
 * Mirror, at the driver's reset: drop every region, and map none from here on,
 * though the kernel has the old driver's still. A miss that comes late would map
 * them for the next driver, whose own are then taken for known. Any thread
 * outside of a burst; blocks for as long as the longest burst, and for a load.
 */
void vduse_iotlb_close(struct vduse_iotlb *tlb);

/** Another descriptor of the device; -1: none, and loads fail with -ENODEV. */
void vduse_iotlb_set_fd(struct vduse_iotlb *tlb, int fd);

/**
 * Ask the kernel for its regions and map those that are not yet, all of them or
 * none. As many questions as there are gaps between the known regions, and two
 * for each new one; one of its descriptors is open at a time.
 *
 * Any thread outside of a burst; may block.
 *
 * @return regions added, or -errno (what was mapped before stays); -ESHUTDOWN: the map
 *   is closed; -E2BIG: more than the device's share. Why nothing was mapped is said, but for
 *   -ESHUTDOWN and -ENODEV
 */
int vduse_iotlb_load(struct vduse_iotlb *tlb);

/**
 * The same where the kernel has a region at the address that is not mapped yet:
 * one question where it has none, whatever it has elsewhere.
 */
int vduse_iotlb_load_at(struct vduse_iotlb *tlb, uint64_t iova);

/**
 * Drop every region that overlaps [start, last]: publish a map without them,
 * wait until no burst can read the old one, unmap.
 *
 * Any thread outside of a burst; blocks for as long as the longest burst.
 *
 * @return 0 or -ENOMEM (the whole map is dropped then)
 */
int vduse_iotlb_remove(struct vduse_iotlb *tlb, uint64_t start, uint64_t last);

/**
 * Linear address of the range, for rings: control path only.
 *
 * @param perm access needed
 * @return NULL when it is not mapped, not linear or not permitted
 */
void *vduse_iotlb_linear(struct vduse_iotlb *tlb, uint64_t iova, uint64_t len, uint8_t perm);

/** The same, by a thread that holds tlb->lock. */
void *vduse_iotlb_linear_locked(const struct vduse_iotlb *tlb, uint64_t iova, uint64_t len,
		uint8_t perm) REQUIRES(vduse_map_mutex);

/** Of the map that there is: another than a burst had means that what it missed may be there. */
uint64_t vduse_iotlb_generation(struct vduse_iotlb *tlb);

/**
 * The extent that holds iova, by binary search.
 *
 * @return index, or map->nb where there is none.
 */
uint32_t vduse_iotlb_search(const struct vduse_iotlb_map *map, uint64_t iova);

/**
 * Translate, inside of a burst.
 *
 * @param hint in and out: the extent of the last hit, below map->nb
 * @param perm access needed, VDUSE_ACCESS_RO to read, VDUSE_ACCESS_WO to write
 * @param[out] avail bytes that are linear from the result on, 1 or more
 * @return NULL on a miss or a permission that is not given
 */
static __rte_always_inline void *
vduse_iotlb_find(const struct vduse_iotlb_map *map, uint32_t *hint, uint64_t iova, uint8_t perm,
		uint64_t *avail)
{
	const struct vduse_extent *ext = &map->extents[*hint];
	uint64_t offset = iova - ext->start;

	if (unlikely(offset >= ext->size)) {
		uint32_t i = vduse_iotlb_search(map, iova);

		if (i == map->nb)
			return NULL;
		*hint = i;
		ext = &map->extents[i];
		offset = iova - ext->start;
	}
	if (unlikely((ext->perm & perm) != perm))
		return NULL;
	*avail = ext->size - offset;
	return ext->addr + offset;
}

#endif /* VDUSE_IOTLB_H */
