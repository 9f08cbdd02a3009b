/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "len.h"
#include "log.h"
#include "mem/iotlb.h"
#include "mem/region.h"

/* Times that a load begins again because the kernel's map has changed meanwhile. */
#define LOAD_TRIES 4

struct found_list {
	struct vduse_region_found *regions; /* sorted */
	uint32_t nb;
	uint32_t room;
};

static const struct vduse_iotlb_map map_empty = { .nb = 1, .extents = { { .size = 0 } } };

/* Two neighbours that readers may take for one. */
static bool
regions_join(const struct vduse_region *a, const struct vduse_region *b)
{
	return a->last + 1 == b->start && a->perm == b->perm && a->mapping != NULL &&
	       b->mapping != NULL && a->addr + (a->last - a->start + 1) == b->addr;
}

REQUIRES(vduse_map_mutex)
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
REQUIRES(vduse_map_mutex)
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

/*
 * The first region that overlaps [start, last], without its descriptor.
 * Returns 0 when there is none, 1, or -errno.
 */
REQUIRES(vduse_map_mutex)
static int
found_next(const struct vduse_iotlb *tlb, uint64_t start, uint64_t last,
		struct vduse_region_found *found)
{
	const struct vduse_abi_region *entry = &found->entry;
	ssize_t page;
	int ret, fd;

	ret = vduse_region_ask(tlb, start, last, &found->entry, &fd);
	if (ret <= 0)
		return ret;
	page = tlb->sys->page_size(fd);
	tlb->sys->close(fd);
	if (!vduse_len_returned(page, &found->page))
		return (int)page;
	if (page == 0 || entry->last < start || entry->last < entry->start ||
			(entry->start == 0 && entry->last == UINT64_MAX))
		return -EPROTO;
	return 1;
}

/* Whether the region is, or would be, within the device's number of them. */
REQUIRES(vduse_map_mutex)
static int
found_add(const struct vduse_iotlb *tlb, struct found_list *list,
		const struct vduse_region_found *found)
{
	const uint32_t room = RTE_MAX(2 * list->room, 16u);
	struct vduse_region_found *more;

	if (tlb->share != NULL && list->nb >= tlb->share->max_regions)
		return -E2BIG;
	if (list->nb == list->room) {
		more = realloc(list->regions, room * sizeof(*more));
		if (more == NULL)
			return -ENOMEM;
		list->regions = more;
		list->room = room;
	}
	list->regions[list->nb++] = *found;
	return 0;
}

/* A gap between the known regions: where it begins, and which one is behind it. */
struct gap {
	uint64_t start;
	uint64_t last;
	uint32_t next;
};

/* The first gap from `start` on, which is behind all before; false: there is none. */
REQUIRES(vduse_map_mutex)
static bool
gap_next(const struct vduse_iotlb *tlb, uint64_t start, struct gap *gap)
{
	const struct vduse_region *regions = tlb->regions;
	uint32_t i = gap->next;

	for (; i < tlb->nb_regions && regions[i].start <= start; i++) {
		if (regions[i].last < start)
			continue;
		if (regions[i].last == UINT64_MAX)
			return false;
		start = regions[i].last + 1;
	}
	gap->next = i;
	gap->start = start;
	gap->last = i < tlb->nb_regions ? regions[i].start - 1 : UINT64_MAX;
	return true;
}

/* List what the kernel has and we have not: gap by gap, as both are sorted. */
REQUIRES(vduse_map_mutex)
static int
found_fill(const struct vduse_iotlb *tlb, struct found_list *list)
{
	struct vduse_region_found found;
	struct gap gap = { 0 };
	uint64_t start = 0;
	int ret;

	while (gap_next(tlb, start, &gap)) {
		uint64_t last = gap.last;

		ret = found_next(tlb, gap.start, gap.last, &found);
		if (ret < 0)
			return ret;
		if (ret > 0 && found.entry.start <= gap.last) {
			last = found.entry.last;
			/* what reaches into a known region is about to be told as a change */
			if (found.entry.start >= gap.start && last <= gap.last)
				ret = found_add(tlb, list, &found);
			if (ret < 0)
				return ret;
		}
		if (last == UINT64_MAX)
			break;
		start = last + 1;
	}
	return 0;
}

/* Into the regions there are, for which there is room behind. Both are sorted. */
REQUIRES(vduse_map_mutex)
static void
regions_merge(struct vduse_iotlb *tlb, const struct vduse_region *fresh, uint32_t nb)
{
	struct vduse_region *regions = tlb->regions;
	uint32_t old = tlb->nb_regions, at = old + nb;

	tlb->nb_regions = at;
	while (nb > 0) {
		if (old > 0 && regions[old - 1].start > fresh[nb - 1].start)
			regions[--at] = regions[--old];
		else
			regions[--at] = fresh[--nb];
	}
}

/* Map all of the list. */
REQUIRES(vduse_map_mutex)
static int
regions_add(struct vduse_iotlb *tlb, const struct found_list *list)
{
	const struct vduse_region_found *found = list->regions;
	struct vduse_region *fresh, *regions;
	uint32_t done, n;
	int ret = -ENOMEM;

	fresh = calloc(list->nb, sizeof(*fresh));
	regions = realloc(tlb->regions, (tlb->nb_regions + list->nb) * sizeof(*regions));
	if (regions != NULL)
		tlb->regions = regions;
	if (fresh == NULL || regions == NULL) {
		free(fresh);
		return -ENOMEM;
	}
	for (done = 0; done < list->nb; done += n) {
		/* the bounce region, which begins at 0, is by itself: it may be memory of ours */
		n = tlb->umem != NULL && found[done].entry.start == 0
				    ? 1
				    : vduse_region_count(&found[done], list->nb - done);
		ret = vduse_region_map(tlb, &found[done], n, &fresh[done]);
		if (ret < 0)
			goto undo;
	}
	regions_merge(tlb, fresh, list->nb);
	free(fresh);
	return 0;
undo:
	while (done-- > 0)
		vduse_region_unmap(tlb, &fresh[done]);
	free(fresh);
	return ret;
}

/* Returns regions added, or -errno. */
REQUIRES(vduse_map_mutex)
static int
iotlb_map_new(struct vduse_iotlb *tlb)
{
	struct found_list list;
	unsigned int tries = 0;
	int ret;

	do {
		list = (struct found_list){ 0 };
		ret = found_fill(tlb, &list);
		if (ret == 0 && list.nb > 0)
			ret = regions_add(tlb, &list);
		free(list.regions);
	} while (ret == -ESTALE && ++tries < LOAD_TRIES);
	if (ret == -ESTALE)
		return -EAGAIN; /* a driver that changes its map all the while */
	return ret < 0 ? ret : (int)list.nb;
}

/* As vduse_iotlb_load(). */
REQUIRES(vduse_map_mutex)
static int
iotlb_load(struct vduse_iotlb *tlb)
{
	const struct vduse_iotlb_map *map;
	int ret;

	ret = iotlb_map_new(tlb);
	if (ret == -E2BIG)
		VDUSE_LOG(ERR,
				"%s: its driver has more than %u regions of memory, or more than "
				"%" PRIu64 " MiB; allow more (max-regions, max-memory)",
				tlb->name != NULL ? tlb->name : "a device", tlb->share->max_regions,
				tlb->share->max_bytes >> 20);
	if (ret < 0 || (ret == 0 && !tlb->hidden))
		return ret;
	map = map_build(tlb, tlb->nb_regions);
	tlb->hidden = map == NULL; /* then the next load or remove builds it */
	if (map == NULL)
		return -ENOMEM;
	map_swap(tlb, map);
	return ret;
}

/* Whether regions may be asked for. */
REQUIRES(vduse_map_mutex)
static int
iotlb_check(const struct vduse_iotlb *tlb)
{
	if (tlb->fd < 0)
		return -ENODEV;
	return tlb->open ? 0 : -ESHUTDOWN;
}

/* Whoever asked for all is refused. -E2BIG was said. */
static void
load_failed(const struct vduse_iotlb *tlb, int err)
{
	if (err == -E2BIG)
		return;
	VDUSE_LOG(ERR, "%s: the memory of its driver cannot be mapped: %s%s",
			tlb->name != NULL ? tlb->name : "a device", strerror(-err),
			err == -EMFILE || err == -ENFILE || err == -ENOMEM
					? "; allow more open files, mappings or address space "
					  "(ulimit -n, vm.max_map_count, ulimit -v)"
					: "");
}

int
vduse_iotlb_load(struct vduse_iotlb *tlb)
{
	int ret;

	vduse_map_mutex_lock(&tlb->lock);
	ret = iotlb_check(tlb);
	if (ret == 0) {
		ret = iotlb_load(tlb);
		if (ret < 0)
			load_failed(tlb, ret);
	}
	vduse_map_mutex_unlock(&tlb->lock);
	return ret;
}

/* By binary search. */
REQUIRES(vduse_map_mutex)
static bool
region_is_known(const struct vduse_iotlb *tlb, uint64_t iova)
{
	uint32_t low = 0, high = tlb->nb_regions, mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (iova < tlb->regions[mid].start)
			high = mid;
		else if (iova > tlb->regions[mid].last)
			low = mid + 1;
		else
			return true;
	}
	return false;
}

int
vduse_iotlb_load_at(struct vduse_iotlb *tlb, uint64_t iova)
{
	struct vduse_abi_region entry;
	int ret, fd;

	vduse_map_mutex_lock(&tlb->lock);
	ret = iotlb_check(tlb);
	if (ret < 0)
		goto unlock;
	if (!tlb->hidden) {
		ret = region_is_known(tlb, iova) ? 0
						 : vduse_region_ask(tlb, iova, iova, &entry, &fd);
		if (ret <= 0)
			goto unlock;
		tlb->sys->close(fd);
	}
	ret = iotlb_load(tlb);
unlock:
	vduse_map_mutex_unlock(&tlb->lock);
	return ret;
}

/* Move the regions that overlap [start, last] behind the others; how many stay. */
REQUIRES(vduse_map_mutex)
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

	vduse_map_mutex_lock(&tlb->lock);
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
		vduse_region_unmap(tlb, &tlb->regions[--tlb->nb_regions]);
	vduse_deferred_reap();
	if (kept == 0)
		__atomic_store_n(&tlb->lost, false, __ATOMIC_RELAXED);
unlock:
	vduse_map_mutex_unlock(&tlb->lock);
	return ret;
}

static void
iotlb_set_open(struct vduse_iotlb *tlb, bool open)
{
	vduse_map_mutex_lock(&tlb->lock);
	tlb->open = open;
	vduse_map_mutex_unlock(&tlb->lock);
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
	vduse_map_mutex_lock(&tlb->lock);
	addr = vduse_iotlb_linear_locked(tlb, iova, len, perm);
	vduse_map_mutex_unlock(&tlb->lock);
	return addr;
}

uint64_t
vduse_iotlb_generation(struct vduse_iotlb *tlb)
{
	uint64_t generation;

	vduse_map_mutex_lock(&tlb->lock);
	generation = tlb->map->generation;
	vduse_map_mutex_unlock(&tlb->lock);
	return generation;
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
		const struct vduse_readers *readers, uint32_t asid)
{
	memset(tlb, 0, sizeof(*tlb));
	vduse_map_mutex_alone(&tlb->lock);
	tlb->asid = asid;
	tlb->sys = sys;
	tlb->fd = fd;
	tlb->readers = readers;
	tlb->map = &map_empty;
	tlb->lost_fd = -1;
	tlb->open = true;
	return vduse_map_mutex_init(&tlb->lock);
}

void
vduse_iotlb_set_fd(struct vduse_iotlb *tlb, int fd)
{
	vduse_map_mutex_lock(&tlb->lock);
	tlb->fd = fd;
	vduse_map_mutex_unlock(&tlb->lock);
}

void
vduse_iotlb_fini(struct vduse_iotlb *tlb)
{
	vduse_iotlb_remove(tlb, 0, UINT64_MAX);
	vduse_map_mutex_alone(&tlb->lock);
	if (tlb->map != &map_empty)
		map_swap(tlb, &map_empty);
	free(tlb->regions);
	vduse_map_mutex_destroy(&tlb->lock);
}
