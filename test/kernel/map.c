/* SPDX-License-Identifier: BSD-3-Clause */

/* IOVA maps: vhost_iotlb_add_range(), vhost_iotlb_itree_first(), vhost_iotlb_del_range(). */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rules.h"

/* Index of the first region that ends at or after `addr`. */
static unsigned int
map_lower(const struct kernel_map *map, uint64_t addr)
{
	unsigned int low = 0, high = map->count;

	while (low < high) {
		unsigned int mid = low + (high - low) / 2;

		if (map->region[mid].last < addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

const struct kernel_region *
kernel_map_first(const struct kernel_map *map, uint64_t start, uint64_t last)
{
	unsigned int at = map_lower(map, start);

	if (start <= last && at < map->count && map->region[at].start <= last)
		return &map->region[at];
	return NULL;
}

static int
map_grow(struct kernel_map *map)
{
	unsigned int room = map->room ? map->room * 2 : 16;
	struct kernel_region *bigger = realloc(map->region, room * sizeof(*bigger));

	if (bigger == NULL)
		return -ENOMEM;
	map->region = bigger;
	map->room = room;
	return 0;
}

int
kernel_map_insert(struct kernel_map *map, const struct kernel_region *region)
{
	unsigned int at = map_lower(map, region->start);
	int fd = region->fd;

	if (kernel_map_first(map, region->start, region->last) != NULL)
		return -EEXIST;
	if (map->count == map->room && map_grow(map) < 0)
		return -ENOMEM;
	if (map->owns)
		fd = fcntl(region->fd, F_DUPFD_CLOEXEC, 3);
	if (fd < 0)
		return -errno;
	memmove(&map->region[at + 1], &map->region[at], (map->count - at) * sizeof(*region));
	map->region[at] = *region;
	map->region[at].fd = fd;
	map->count++;
	return 0;
}

void
kernel_map_remove(struct kernel_map *map, uint64_t start, uint64_t last)
{
	unsigned int from = map_lower(map, start), to;

	for (to = from; to < map->count && map->region[to].start <= last; to++)
		if (map->owns)
			close(map->region[to].fd);
	if (to == from)
		return;
	memmove(&map->region[from], &map->region[to], (map->count - to) * sizeof(map->region[0]));
	map->count -= to - from;
}

void
kernel_map_clear(struct kernel_map *map)
{
	kernel_map_remove(map, 0, UINT64_MAX);
	free(map->region);
	map->region = NULL;
	map->room = 0;
}

int
kernel_map_copy(struct kernel_map *to, const struct kernel_map *from)
{
	unsigned int i;
	int ret = 0;

	kernel_map_remove(to, 0, UINT64_MAX);
	for (i = 0; i < from->count && ret == 0; i++)
		ret = kernel_map_insert(to, &from->region[i]);
	if (ret < 0)
		kernel_map_remove(to, 0, UINT64_MAX);
	return ret;
}
