/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "mem/region.h"
#include "trace.h"

static int
region_prot(uint8_t perm)
{
	return (perm & VDUSE_ABI_RO ? PROT_READ : 0) | (perm & VDUSE_ABI_WO ? PROT_WRITE : 0);
}

void
vduse_region_unmap(const struct vduse_iotlb *tlb, const struct vduse_region *region)
{
	vduse_trace_unmap(tlb->fd, region->start, region->last);
	if (region->mapping != NULL && !vduse_deferred_unmap(&tlb->hold, region->mapping))
		vduse_mapping_unmap(region->mapping);
}

/* Memory of ours is the region from here on; nothing is mapped. */
static bool
region_take(const struct vduse_iotlb *tlb, const struct vduse_abi_region *entry,
		struct vduse_region *region)
{
	void *addr = NULL;

	if (tlb->umem != NULL)
		addr = vduse_umem_take(tlb->umem, entry->start, entry->last);
	if (addr == NULL)
		return false;
	region->start = entry->start;
	region->last = entry->last;
	region->perm = entry->perm;
	region->mapping = NULL;
	region->addr = addr;
	return true;
}

int
vduse_region_ask(const struct vduse_iotlb *tlb, uint64_t start, uint64_t last,
		struct vduse_abi_region *entry, int *fd)
{
	struct vduse_abi_region_v2 v2 = { .start = start, .last = last };

	memset(entry, 0, sizeof(*entry));
	entry->start = start;
	entry->last = last;
	if (tlb->asid != VDUSE_SPACE_ONLY) {
		v2.asid = tlb->asid;
		*fd = tlb->sys->ioctl(tlb->fd, VDUSE_IOC_REGION_V2, &v2);
		entry->offset = v2.offset;
		entry->start = v2.start;
		entry->last = v2.last;
		entry->perm = v2.perm;
	} else {
		*fd = tlb->sys->ioctl(tlb->fd, VDUSE_IOC_REGION, entry);
	}
	if (*fd == -EINVAL) /* "Return -EINVAL means the IOVA region doesn't exist" */
		return 0;
	return *fd < 0 ? *fd : 1;
}

/* The descriptor of a region that was found before. -ESTALE: the kernel has another there now. */
REQUIRES(vduse_map_mutex)
static int
region_open(const struct vduse_iotlb *tlb, const struct vduse_abi_region *entry)
{
	struct vduse_abi_region now;
	int ret, fd;

	ret = vduse_region_ask(tlb, entry->start, entry->start, &now, &fd);
	if (ret <= 0)
		return ret == 0 ? -ESTALE : ret;
	if (now.start == entry->start && now.last == entry->last && now.offset == entry->offset &&
			now.perm == entry->perm)
		return fd;
	tlb->sys->close(fd);
	return -ESTALE;
}

/*
 * Map one region, over `at` where given. mmap wants offset and length in the
 * file's pages; a region may begin inside of one.
 */
REQUIRES(vduse_map_mutex)
static int
region_map(struct vduse_iotlb *tlb, const struct vduse_region_found *found, uint8_t *at,
		struct vduse_region *region)
{
	const struct vduse_abi_region *entry = &found->entry;
	const uint64_t lead = entry->offset & (found->page - 1);
	struct vduse_mapping_want want = {
		.sys = tlb->sys,
		.share = tlb->share,
		.offset = entry->offset - lead,
		.len = RTE_ALIGN_CEIL(lead + (entry->last - entry->start + 1), found->page),
		.prot = region_prot(entry->perm),
		.at = at,
		.lost = &tlb->lost,
		.lost_fd = tlb->lost_fd,
	};
	int ret;

	if (region_take(tlb, entry, region))
		return 0;
	want.fd = region_open(tlb, entry);
	if (want.fd < 0)
		return want.fd;
	region->mapping = vduse_mapping_map(&want, &ret);
	tlb->sys->close(want.fd);
	if (region->mapping == NULL)
		return ret;
	region->start = entry->start;
	region->last = entry->last;
	region->perm = entry->perm;
	region->addr = vduse_mapping_base(region->mapping) + lead;
	return 0;
}

/* Whether the region fills whole pages, so that a neighbour can follow in memory. */
static bool
found_is_whole(const struct vduse_region_found *found)
{
	uint64_t size = found->entry.last - found->entry.start + 1;

	return ((found->entry.offset | size) & (found->page - 1)) == 0;
}

uint32_t
vduse_region_count(const struct vduse_region_found *found, uint32_t nb)
{
	uint32_t n;

	for (n = 1; n < nb; n++) {
		const struct vduse_region_found *prev = &found[n - 1];

		if (prev->entry.last + 1 != found[n].entry.start ||
				prev->entry.perm != found[n].entry.perm ||
				prev->page != found[0].page || !found_is_whole(prev) ||
				(found[n].entry.offset & (found[n].page - 1)) != 0)
			break;
	}
	return n;
}

/* Reserve address space for a window, aligned to its pages; NULL: map one by one. */
static uint8_t *
window_reserve(uint64_t size, uint64_t page, uint64_t *reserved)
{
	uint8_t *base, *start;
	uint64_t lead;

	*reserved = RTE_ALIGN_CEIL(size, page) + page;
	/* cppcheck-suppress invalidFunctionArg ; -1 is right for an anonymous mapping */
	base = mmap(NULL, *reserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (base == MAP_FAILED)
		return NULL;
	start = (uint8_t *)RTE_ALIGN_CEIL((uintptr_t)base, page);
	lead = (uintptr_t)start - (uintptr_t)base;
	if (lead != 0)
		munmap(base, lead);
	*reserved -= lead;
	return start;
}

/* What the regions do not cover of the reservation, its tail, is given back. */
int
vduse_region_map(struct vduse_iotlb *tlb, const struct vduse_region_found *found, uint32_t nb,
		struct vduse_region *regions)
{
	uint64_t size = found[nb - 1].entry.last - found[0].entry.start + 1;
	uint64_t page = found[0].page;
	uint64_t reserved = 0, used;
	uint8_t *window;
	uint32_t i;
	int ret = 0;

	window = nb > 1 ? window_reserve(size, page, &reserved) : NULL;
	for (i = 0; i < nb; i++) {
		uint64_t at = found[i].entry.start - found[0].entry.start;

		ret = region_map(tlb, &found[i], window != NULL ? window + at : NULL, &regions[i]);
		if (ret < 0)
			break;
		vduse_trace_map(tlb->fd, regions[i].start, regions[i].last, regions[i].perm);
	}
	if (window != NULL) {
		used = i == 0 ? 0 : found[i - 1].entry.last + 1 - found[0].entry.start;
		used = RTE_ALIGN_CEIL(used, page);
		if (used < reserved)
			munmap(window + used, reserved - used);
	}
	if (ret == 0)
		return 0;
	while (i-- > 0)
		vduse_region_unmap(tlb, &regions[i]);
	return ret;
}
