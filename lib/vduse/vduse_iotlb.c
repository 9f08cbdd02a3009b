/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vduse_iotlb.h"
#include "vduse_log.h"

/* Regions accepted of one device; Linux's vhost keeps 2048 (max_iotlb_entries). */
#define IOTLB_REGIONS_MAX 65536

/* One region as the kernel gave it. */
struct vduse_region {
	uint64_t start;
	uint64_t last;
	uint8_t *addr; /* where start is */
	uint8_t perm;
	struct vduse_mapping *mapping; /* that it is in; NULL: memory of ours */
};

/* A region found but not mapped yet. */
struct found_region {
	struct vduse_iotlb_entry entry;
	int fd;
	uint64_t page; /* of the file, bytes */
};

static const struct vduse_iotlb_map map_empty = { .nb = 1, .extents = { { .size = 0 } } };

static int
region_prot(uint8_t perm)
{
	return (perm & VDUSE_ACCESS_RO ? PROT_READ : 0) | (perm & VDUSE_ACCESS_WO ? PROT_WRITE : 0);
}

/* Two neighbours that readers may take for one. */
static bool
regions_join(const struct vduse_region *a, const struct vduse_region *b)
{
	return a->last + 1 == b->start && a->perm == b->perm && a->mapping != NULL &&
	       b->mapping != NULL && a->addr + (a->last - a->start + 1) == b->addr;
}

static struct vduse_iotlb_map *
map_build(struct vduse_iotlb *tlb, uint32_t nb)
{
	const struct vduse_region *regions = tlb->regions;
	struct vduse_iotlb_map *map;
	struct vduse_extent *ext = NULL;
	uint32_t i;

	map = malloc(sizeof(*map) + RTE_MAX(nb, 1u) * sizeof(map->extents[0]));
	if (map == NULL)
		return NULL;
	map->generation = ++tlb->generation;
	map->nb = 0;
	for (i = 0; i < nb; i++) {
		uint64_t size = regions[i].last - regions[i].start + 1;

		if (i > 0 && regions_join(&regions[i - 1], &regions[i])) {
			ext->size += size;
			continue;
		}
		ext = &map->extents[map->nb++];
		ext->start = regions[i].start;
		ext->size = size;
		ext->addr = regions[i].addr;
		ext->perm = regions[i].perm;
		ext->dma = regions[i].mapping == NULL;
	}
	if (map->nb == 0) {
		map->extents[0] = map_empty.extents[0];
		map->nb = 1;
	}
	return map;
}

/* Publish and wait; the old map is gone for every burst when this returns. */
static void
map_swap(struct vduse_iotlb *tlb, const struct vduse_iotlb_map *map)
{
	const struct vduse_iotlb_map *old = tlb->map;

	/* release: pairs with the acquire in vduse_vq_burst_begin() */
	__atomic_store_n(&tlb->map, map, __ATOMIC_RELEASE);
	vduse_readers_wait(tlb->readers, VDUSE_READER_NONE);
	if (old != &map_empty)
		free((void *)(uintptr_t)old);
}

static void
region_unmap(const struct vduse_iotlb *tlb, const struct vduse_region *region)
{
	if (region->mapping != NULL && !vduse_grave_bury(&tlb->hold, region->mapping))
		vduse_mapping_unmap(region->mapping);
}

/* Memory of ours is the region from here on; nothing is mapped. */
static bool
region_take(const struct vduse_iotlb *tlb, const struct vduse_iotlb_entry *entry,
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

/*
 * Map one region, over `at` where given. mmap wants offset and length in the
 * file's pages; a region may begin inside of one.
 */
static int
region_map(struct vduse_iotlb *tlb, const struct found_region *found, uint8_t *at,
		struct vduse_region *region)
{
	const struct vduse_iotlb_entry *entry = &found->entry;
	const uint64_t lead = entry->offset & (found->page - 1);
	const struct vduse_mapping_want want = {
		.sys = tlb->sys,
		.fd = found->fd,
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
	region->mapping = vduse_mapping_map(&want, &ret);
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
found_is_whole(const struct found_region *found)
{
	uint64_t size = found->entry.last - found->entry.start + 1;

	return ((found->entry.offset | size) & (found->page - 1)) == 0;
}

/* How many regions from the first on can share one linear window. */
static uint32_t
window_count(const struct found_region *found, uint32_t nb)
{
	uint32_t n;

	for (n = 1; n < nb; n++) {
		const struct found_region *prev = &found[n - 1];

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

	*reserved = RTE_ALIGN_CEIL(size, page) + page;
	/* cppcheck-suppress invalidFunctionArg ; -1 is right for an anonymous mapping */
	base = mmap(NULL, *reserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (base == MAP_FAILED)
		return NULL;
	start = (uint8_t *)RTE_ALIGN_CEIL((uintptr_t)base, page);
	if (start != base)
		munmap(base, start - base);
	*reserved -= start - base;
	return start;
}

/*
 * Map a run of regions into one window. What the regions do not cover of the
 * reservation (its tail) is given back.
 */
static int
window_map(struct vduse_iotlb *tlb, const struct found_region *found, uint32_t nb,
		struct vduse_region *regions)
{
	uint64_t size = found[nb - 1].entry.last - found[0].entry.start + 1;
	uint64_t page = found[0].page;
	uint64_t reserved, used;
	uint8_t *window;
	uint32_t i;
	int ret = 0;

	window = nb > 1 ? window_reserve(size, page, &reserved) : NULL;
	for (i = 0; i < nb; i++) {
		uint64_t at = found[i].entry.start - found[0].entry.start;

		ret = region_map(tlb, &found[i], window != NULL ? window + at : NULL, &regions[i]);
		if (ret < 0)
			break;
	}
	if (window != NULL) {
		used = i == 0 ? 0 : found[i - 1].entry.last + 1 - found[0].entry.start;
		used = RTE_ALIGN_CEIL(used, page);
		if (used < reserved)
			munmap(window + used, reserved - used);
	}
	if (ret == 0)
		return 0;
	VDUSE_LOG(ERR, "cannot map IOVA 0x%" PRIx64 "-0x%" PRIx64 ": %s",
			(uint64_t)found[i].entry.start, (uint64_t)found[i].entry.last,
			strerror(-ret));
	while (i-- > 0)
		region_unmap(tlb, &regions[i]);
	return ret;
}

static bool
region_known(const struct vduse_iotlb *tlb, const struct vduse_iotlb_entry *entry)
{
	uint32_t i;

	for (i = 0; i < tlb->nb_regions; i++)
		if (tlb->regions[i].start <= entry->last && entry->start <= tlb->regions[i].last)
			return true;
	return false;
}

/*
 * The first region from `start` on. Its descriptor is returned open.
 * Returns 0 when there is none.
 */
static int
found_next(const struct vduse_iotlb *tlb, uint64_t start, struct found_region *found)
{
	struct vduse_iotlb_entry_v2 v2 = { .start = start, .last = UINT64_MAX };
	struct vduse_iotlb_entry *entry = &found->entry;
	ssize_t page;
	int fd;

	memset(entry, 0, sizeof(*entry));
	entry->start = start;
	entry->last = UINT64_MAX;
	if (tlb->asid >= 0) {
		v2.asid = tlb->asid;
		fd = tlb->sys->ioctl(tlb->fd, VDUSE_IOTLB_GET_FD2, &v2);
		entry->offset = v2.offset;
		entry->start = v2.start;
		entry->last = v2.last;
		entry->perm = v2.perm;
	} else {
		fd = tlb->sys->ioctl(tlb->fd, VDUSE_IOTLB_GET_FD, entry);
	}
	if (fd == -EINVAL) /* "Return -EINVAL means the IOVA region doesn't exist" */
		return 0;
	if (fd < 0)
		return fd;
	page = tlb->sys->page_size(fd);
	if (page <= 0 || entry->last < start || entry->last < entry->start ||
			(entry->start == 0 && entry->last == UINT64_MAX)) {
		tlb->sys->close(fd);
		return page < 0 ? (int)page : -EPROTO;
	}
	found->fd = fd;
	found->page = page;
	return 1;
}

/* List what the kernel has and we have not; *out is to be freed, its files to be closed. */
static int
found_list(const struct vduse_iotlb *tlb, struct found_region **out, uint32_t *nb_out)
{
	struct found_region *list = NULL, *more, found;
	uint64_t start = 0;
	uint32_t nb = 0;
	int ret;

	while ((ret = found_next(tlb, start, &found)) > 0) {
		if (region_known(tlb, &found.entry)) {
			tlb->sys->close(found.fd);
		} else {
			more = nb < IOTLB_REGIONS_MAX ? realloc(list, (nb + 1) * sizeof(*list))
						      : NULL;
			if (more == NULL) {
				tlb->sys->close(found.fd);
				ret = -ENOMEM;
				break;
			}
			list = more;
			list[nb++] = found;
		}
		if (found.entry.last == UINT64_MAX) {
			ret = 0;
			break;
		}
		start = found.entry.last + 1;
	}
	*out = list;
	*nb_out = nb;
	return ret;
}

static int
region_compare(const void *a, const void *b)
{
	const struct vduse_region *ra = a, *rb = b;

	return ra->start < rb->start ? -1 : ra->start > rb->start;
}

/* Map all of the list behind the regions there are. */
static int
regions_add(struct vduse_iotlb *tlb, const struct found_region *list, uint32_t nb)
{
	struct vduse_region *regions;
	uint32_t done, n;
	int ret;

	regions = realloc(tlb->regions, (tlb->nb_regions + nb) * sizeof(*regions));
	if (regions == NULL)
		return -ENOMEM;
	tlb->regions = regions;
	for (done = 0; done < nb; done += n) {
		/* the bounce region, which begins at 0, is by itself: it may be memory of ours */
		n = tlb->umem != NULL && list[done].entry.start == 0
				    ? 1
				    : window_count(&list[done], nb - done);
		ret = window_map(tlb, &list[done], n, &regions[tlb->nb_regions + done]);
		if (ret < 0)
			goto undo;
	}
	tlb->nb_regions += nb;
	qsort(regions, tlb->nb_regions, sizeof(*regions), region_compare);
	return 0;
undo:
	while (done-- > 0)
		region_unmap(tlb, &regions[tlb->nb_regions + done]);
	return ret;
}

int
vduse_iotlb_load(struct vduse_iotlb *tlb)
{
	const struct vduse_iotlb_map *map;
	struct found_region *list = NULL;
	uint32_t i, nb = 0;
	int ret;

	pthread_mutex_lock(&tlb->lock);
	if (tlb->fd < 0)
		ret = -ENODEV;
	else
		ret = tlb->open ? found_list(tlb, &list, &nb) : -ESHUTDOWN;
	if (ret == 0 && nb > 0)
		ret = regions_add(tlb, list, nb);
	for (i = 0; i < nb; i++)
		tlb->sys->close(list[i].fd);
	free(list);
	if (ret == 0 && (nb > 0 || tlb->hidden)) {
		map = map_build(tlb, tlb->nb_regions);
		tlb->hidden = map == NULL; /* then the next load or remove builds it */
		if (map != NULL)
			map_swap(tlb, map);
		else
			ret = -ENOMEM;
	}
	pthread_mutex_unlock(&tlb->lock);
	return ret < 0 ? ret : (int)nb;
}

/* Move the regions that overlap [start, last] behind the others; how many stay. */
static uint32_t
regions_part(struct vduse_iotlb *tlb, uint64_t start, uint64_t last)
{
	struct vduse_region tmp;
	uint32_t kept = 0, i;

	for (i = 0; i < tlb->nb_regions; i++) {
		if (tlb->regions[i].start <= last && start <= tlb->regions[i].last)
			continue;
		tmp = tlb->regions[kept];
		tlb->regions[kept++] = tlb->regions[i];
		tlb->regions[i] = tmp;
	}
	return kept;
}

int
vduse_iotlb_remove(struct vduse_iotlb *tlb, uint64_t start, uint64_t last)
{
	const struct vduse_iotlb_map *map;
	uint32_t kept;
	int ret = 0;

	pthread_mutex_lock(&tlb->lock);
	kept = regions_part(tlb, start, last);
	if (kept == tlb->nb_regions)
		goto unlock;
	map = kept > 0 ? map_build(tlb, kept) : &map_empty;
	if (map == NULL) {
		/* no memory for a smaller map: nothing may stay visible */
		map = &map_empty;
		kept = 0;
		ret = -ENOMEM;
	}
	tlb->hidden = false;
	map_swap(tlb, map);
	while (tlb->nb_regions > kept)
		region_unmap(tlb, &tlb->regions[--tlb->nb_regions]);
	vduse_grave_reap();
	if (kept == 0)
		__atomic_store_n(&tlb->lost, false, __ATOMIC_RELAXED);
unlock:
	pthread_mutex_unlock(&tlb->lock);
	return ret;
}

static void
iotlb_set_open(struct vduse_iotlb *tlb, bool open)
{
	pthread_mutex_lock(&tlb->lock);
	tlb->open = open;
	pthread_mutex_unlock(&tlb->lock);
}

void
vduse_iotlb_open(struct vduse_iotlb *tlb)
{
	iotlb_set_open(tlb, true);
}

void
vduse_iotlb_close(struct vduse_iotlb *tlb)
{
	/* a load that is under way is waited for, and what it has mapped is dropped */
	iotlb_set_open(tlb, false);
	vduse_iotlb_remove(tlb, 0, UINT64_MAX);
}

void *
vduse_iotlb_linear_locked(const struct vduse_iotlb *tlb, uint64_t iova, uint64_t len, uint8_t perm)
{
	uint32_t hint = 0;
	uint64_t avail;
	void *addr;

	addr = vduse_iotlb_find(tlb->map, &hint, iova, perm, &avail);
	return addr != NULL && avail >= len ? addr : NULL;
}

void *
vduse_iotlb_linear(struct vduse_iotlb *tlb, uint64_t iova, uint64_t len, uint8_t perm)
{
	void *addr;

	/* another thread's load may replace the map, and free this one, but for the lock */
	pthread_mutex_lock(&tlb->lock);
	addr = vduse_iotlb_linear_locked(tlb, iova, len, perm);
	pthread_mutex_unlock(&tlb->lock);
	return addr;
}

uint32_t
vduse_iotlb_search(const struct vduse_iotlb_map *map, uint64_t iova)
{
	uint32_t low = 0, high = map->nb;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		const struct vduse_extent *ext = &map->extents[mid];

		if (iova < ext->start)
			high = mid;
		else if (iova - ext->start < ext->size)
			return mid;
		else
			low = mid + 1;
	}
	return map->nb;
}

int
vduse_iotlb_init(struct vduse_iotlb *tlb, const struct vduse_sys *sys, int fd,
		const struct vduse_readers *readers, int asid)
{
	memset(tlb, 0, sizeof(*tlb));
	tlb->asid = asid;
	tlb->sys = sys;
	tlb->fd = fd;
	tlb->readers = readers;
	tlb->map = &map_empty;
	tlb->lost_fd = -1;
	tlb->open = true;
	return -pthread_mutex_init(&tlb->lock, NULL);
}

void
vduse_iotlb_set_fd(struct vduse_iotlb *tlb, int fd)
{
	pthread_mutex_lock(&tlb->lock);
	tlb->fd = fd;
	pthread_mutex_unlock(&tlb->lock);
}

void
vduse_iotlb_fini(struct vduse_iotlb *tlb)
{
	vduse_iotlb_remove(tlb, 0, UINT64_MAX);
	if (tlb->map != &map_empty)
		map_swap(tlb, &map_empty);
	free(tlb->regions);
	pthread_mutex_destroy(&tlb->lock);
}
