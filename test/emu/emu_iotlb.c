/* SPDX-License-Identifier: BSD-3-Clause */
/* IOTLB messages of a front end: drivers/vhost/vdpa.c. */
#include <errno.h>

#include <linux/vhost_types.h>

#include "emu_broker.h"

void
iotlb_free(struct emu_dev *dev)
{
	for (unsigned int i = 0; i < EMU_AS_MAX; i++) {
		kernel_map_clear(&dev->iotlb[i]);
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

	ret = kernel_map_copy(&dev->k.maps[asid], &dev->iotlb[asid]);
	if (ret < 0)
		return ret;
	ret = msg_iotlb(dev, asid, 0, UINT64_MAX);
	if (ret < 0)
		kernel_map_remove(&dev->k.maps[asid], 0, UINT64_MAX);
	return ret;
}

/* vhost_vdpa_process_iotlb_msg(): the address space, made on demand by UPDATE and BATCH_BEGIN. */
static int
find_as(struct emu_dev *dev, uint32_t type, uint32_t asid)
{
	if (!dev->has_owner)
		return emu_deny(EPERM, "IOTLB message before VHOST_SET_OWNER");
	if (asid >= dev->k.nas || asid >= EMU_AS_MAX)
		return emu_deny(EINVAL, "IOTLB message: ASID %u, the device has %u", asid,
				dev->k.nas);
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
	kernel_map_remove(&dev->iotlb[asid], iova, iova + size - 1);
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
	if (kernel_map_first(&dev->iotlb[asid], head->iova, head->iova + head->size - 1) != NULL)
		return emu_deny(EEXIST, "IOTLB update: %#llx + %#llx overlaps a mapping",
				(unsigned long long)head->iova, (unsigned long long)head->size);
	return 0;
}

static int
add_piece(struct emu_dev *dev, const struct emu_map_head *head, const struct emu_map_piece *piece,
		int fd)
{
	uint32_t asid = asid_of(dev, head);
	struct kernel_region region = { .start = piece->iova,
		.last = piece->iova + piece->size - 1,
		.offset = piece->offset,
		.perm = head->perm,
		.fd = fd };
	int ret;

	ret = kernel_map_insert(&dev->iotlb[asid], &region);
	if (ret == 0 && !dev->in_batch) {
		ret = set_map(dev, asid);
		if (ret < 0)
			kernel_map_remove(&dev->iotlb[asid], region.start, region.last);
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
