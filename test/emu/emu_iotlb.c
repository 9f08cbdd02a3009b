/* SPDX-License-Identifier: BSD-3-Clause */
/* IOVA maps, and the IOTLB messages of a front end: drivers/vhost/vdpa.c, vdpa_user/iova_domain.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/vhost_types.h>

#include "emu_broker.h"

/* Index of the first region that ends at or after `addr`. */
static unsigned int
map_lower(const struct emu_map *map, uint64_t addr)
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

const struct emu_region *
map_first(const struct emu_map *map, uint64_t start, uint64_t last)
{
	unsigned int at = map_lower(map, start);

	if (at < map->count && map->region[at].start <= last)
		return &map->region[at];
	return NULL;
}

/* The map keeps its own duplicate of region->fd. The caller has made sure that nothing overlaps. */
int
map_insert(struct emu_map *map, const struct emu_region *region)
{
	unsigned int at = map_lower(map, region->start);
	int fd;

	if (map->count == map->room) {
		unsigned int room = map->room ? map->room * 2 : 16;
		struct emu_region *bigger = realloc(map->region, room * sizeof(*bigger));

		if (bigger == NULL)
			return -ENOMEM;
		map->region = bigger;
		map->room = room;
	}
	fd = fcntl(region->fd, F_DUPFD_CLOEXEC, 3);
	if (fd < 0)
		return -errno;
	memmove(&map->region[at + 1], &map->region[at], (map->count - at) * sizeof(*region));
	map->region[at] = *region;
	map->region[at].fd = fd;
	map->count++;
	return 0;
}

/* As the kernel: every region that overlaps goes, whole. */
void
map_remove(struct emu_map *map, uint64_t start, uint64_t last)
{
	unsigned int from = map_lower(map, start), to = from;

	while (to < map->count && map->region[to].start <= last)
		close(map->region[to++].fd);
	if (to == from)
		return;
	memmove(&map->region[from], &map->region[to], (map->count - to) * sizeof(map->region[0]));
	map->count -= to - from;
}

void
map_clear(struct emu_map *map)
{
	map_remove(map, 0, UINT64_MAX);
	free(map->region);
	memset(map, 0, sizeof(*map));
}

int
map_copy(struct emu_map *to, const struct emu_map *from)
{
	int ret;

	map_remove(to, 0, UINT64_MAX);
	for (unsigned int i = 0; i < from->count; i++) {
		ret = map_insert(to, &from->region[i]);
		if (ret < 0) {
			map_remove(to, 0, UINT64_MAX);
			return ret;
		}
	}
	return 0;
}

void
iotlb_free(struct emu_dev *dev)
{
	for (unsigned int i = 0; i < EMU_AS_MAX; i++) {
		map_clear(&dev->iotlb[i]);
		dev->as_valid[i] = false;
	}
	dev->in_batch = false;
}

/*
 * vduse_vdpa_set_map(): hand the front end's map to the back end and tell it, always about the
 * whole space. When the back end refuses, the domain is emptied.
 */
static int
set_map(struct emu_dev *dev, uint32_t asid)
{
	int ret;

	ret = map_copy(&dev->domain[asid], &dev->iotlb[asid]);
	if (ret < 0)
		return ret;
	ret = msg_iotlb(dev, asid, 0, UINT64_MAX);
	if (ret < 0)
		map_remove(&dev->domain[asid], 0, UINT64_MAX);
	return ret;
}

/* vhost_vdpa_process_iotlb_msg(): the address space, made on demand by UPDATE and BATCH_BEGIN. */
static int
find_as(struct emu_dev *dev, uint32_t type, uint32_t asid)
{
	if (!dev->has_owner)
		return emu_deny(EPERM, "IOTLB message before VHOST_SET_OWNER");
	if (asid >= dev->nas || asid >= EMU_AS_MAX)
		return emu_deny(EINVAL, "IOTLB message: ASID %u, the device has %u", asid,
				dev->nas);
	if (type == VHOST_IOTLB_UPDATE || type == VHOST_IOTLB_BATCH_BEGIN)
		dev->as_valid[asid] = true;
	else if (!dev->as_valid[asid])
		return emu_deny(EINVAL, "IOTLB message %u: ASID %u has no mapping", type, asid);
	if (dev->in_batch && dev->batch_asid != asid)
		return emu_deny(EINVAL, "IOTLB message for ASID %u within the batch of ASID %u",
				asid, dev->batch_asid);
	return 0;
}

/* vhost_chr_write_iter() reads the field only after VHOST_BACKEND_F_IOTLB_ASID was acknowledged. */
static uint32_t
asid_of(const struct emu_dev *dev, const struct emu_map_head *head)
{
	return dev->backend_features & (1ULL << VHOST_BACKEND_F_IOTLB_ASID) ? head->asid : 0;
}

static int
invalidate(struct emu_dev *dev, uint32_t asid, uint64_t iova, uint64_t size)
{
	map_remove(&dev->iotlb[asid], iova, iova + size - 1);
	if (!dev->in_batch)
		(void)set_map(dev, asid); /* vhost_vdpa_unmap() has nobody to tell either */
	return 0;
}

/* Everything but UPDATE, which comes through iotlb_update(). req->arg is the message's type. */
int
iotlb_message(struct emu_dev *dev, struct emu_call *call)
{
	const struct emu_map_head *head = (const void *)call->req->data;
	uint32_t type = call->req->arg, asid = asid_of(dev, head);
	int ret = find_as(dev, type, asid);

	if (ret < 0)
		return ret;
	switch (type) {
	case VHOST_IOTLB_INVALIDATE:
		return invalidate(dev, asid, head->iova, head->size);
	case VHOST_IOTLB_BATCH_BEGIN:
		dev->batch_asid = asid;
		dev->in_batch = true;
		return 0;
	case VHOST_IOTLB_BATCH_END:
		if (dev->in_batch)
			(void)set_map(dev, asid); /* its result is dropped by the kernel */
		dev->in_batch = false;
		return 0;
	default:
		return emu_deny(EINVAL, "IOTLB message of unknown type %u", type);
	}
}

/* vhost_vdpa_process_iotlb_update(): the range, before anything is mapped. */
static int
check_update(struct emu_dev *dev, uint32_t asid, const struct emu_map_head *head)
{
	if (head->size == 0 || head->iova > UINT64_MAX - head->size + 1)
		return emu_deny(EINVAL, "IOTLB update: %#llx + %#llx is no range",
				(unsigned long long)head->iova, (unsigned long long)head->size);
	if (map_first(&dev->iotlb[asid], head->iova, head->iova + head->size - 1) != NULL)
		return emu_deny(EEXIST, "IOTLB update: %#llx + %#llx overlaps a mapping",
				(unsigned long long)head->iova, (unsigned long long)head->size);
	return 0;
}

static int
add_piece(struct emu_dev *dev, const struct emu_map_head *head, const struct emu_map_piece *piece,
		int fd)
{
	uint32_t asid = asid_of(dev, head);
	struct emu_region region = { .start = piece->iova,
		.last = piece->iova + piece->size - 1,
		.offset = piece->offset,
		.perm = head->perm,
		.fd = fd };
	int ret;

	ret = map_insert(&dev->iotlb[asid], &region);
	if (ret == 0 && !dev->in_batch) {
		ret = set_map(dev, asid);
		if (ret < 0)
			map_remove(&dev->iotlb[asid], region.start, region.last);
	}
	return ret;
}

int
iotlb_update(struct emu_dev *dev, struct emu_call *call)
{
	const struct emu_map_head *head = (const void *)call->req->data;
	const struct emu_map_piece *piece = (const void *)(head + 1);
	uint32_t asid = asid_of(dev, head);
	int ret;

	if (call->req->len < sizeof(*head) ||
			head->count > (call->req->len - sizeof(*head)) / sizeof(*piece))
		return emu_deny(EINVAL, "IOTLB update: short request");
	ret = find_as(dev, VHOST_IOTLB_UPDATE, asid);
	if (ret == 0 && head->first)
		ret = check_update(dev, asid, head);
	if (ret < 0)
		return ret;
	for (uint32_t i = 0; ret == 0 && i < head->count; i++) {
		if (piece[i].fd >= call->in->count)
			ret = emu_deny(EINVAL, "IOTLB update: piece without its file");
		else
			ret = add_piece(dev, head, &piece[i], call->in->fd[piece[i].fd]);
	}
	if (ret < 0)
		(void)invalidate(dev, asid, head->iova, head->size);
	return ret;
}
