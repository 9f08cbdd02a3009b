/* SPDX-License-Identifier: BSD-3-Clause */

/* What an open device answers to ioctl(2). */

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <linux/virtio_config.h>

#include <rte_common.h>

#include "fake_kernel_priv.h"

const struct fk_region *
fk_region_find(const struct fk_dev *dev, uint64_t start, uint64_t last, uint32_t asid)
{
	const struct fk_region *first = NULL;
	unsigned int i;

	for (i = 0; start <= last && i < dev->nb_regions; i++) {
		const struct fk_region *r = &dev->regions[i];

		if (r->asid != asid || r->iova > last || r->iova + (r->size - 1) < start)
			continue;
		if (first == NULL || r->iova < first->iova)
			first = r;
	}
	return first;
}

static int
device_iotlb_get_fd(struct fk_dev *dev, struct vduse_abi_region *entry, uint32_t asid)
{
	const struct fk_region *first = fk_region_find(dev, entry->start, entry->last, asid);
	int fd;

	if (first == NULL)
		return -EINVAL;
	entry->offset = first->offset;
	entry->start = first->iova;
	entry->last = first->iova + (first->size - 1);
	entry->perm = first->perm;
	fd = fcntl(first->file, F_DUPFD_CLOEXEC, 0);
	return fd < 0 ? -errno : fk_ledger_open(fd);
}

static int
device_iotlb_get_fd2(struct fk_dev *dev, struct vduse_abi_region_v2 *v2)
{
	static const uint32_t zero[RTE_DIM(v2->reserved)];
	struct vduse_abi_region entry = { .start = v2->start, .last = v2->last };
	int fd;

	if (v2->asid >= dev->nas || memcmp(v2->reserved, zero, sizeof(zero)) != 0)
		return -EINVAL;
	fd = device_iotlb_get_fd(dev, &entry, v2->asid);
	v2->offset = entry.offset;
	v2->start = entry.start;
	v2->last = entry.last;
	v2->perm = entry.perm;
	return fd;
}

static int
device_set_config(struct fk_dev *dev, const struct vduse_abi_config *config)
{
	if (config->offset > dev->config_size || config->length == 0 ||
			config->length > dev->config_size - config->offset)
		return -EINVAL;
	memcpy(dev->config + config->offset, config->buffer, config->length);
	return 0;
}

static int
device_vq_setup(struct fk_dev *dev, const struct vduse_abi_vq_setup *config)
{
	static const uint16_t zero[RTE_DIM(config->reserved2)];

	if (config->index >= dev->nb_vqs || config->reserved1 != 0 ||
			memcmp(config->reserved2, zero, sizeof(zero)) != 0)
		return -EINVAL;
	if (dev->api_version == 0 ? config->group != 0
				  : config->group >= dev->ngroups ||
							(dev->status & VIRTIO_CONFIG_S_DRIVER_OK))
		return -EINVAL;
	dev->vqs[config->index].num_max = config->max_size;
	dev->vqs[config->index].group = config->group;
	return 0;
}

static int
device_vq_get_info(struct fk_dev *dev, struct vduse_abi_vq *info)
{
	const uint32_t index = info->index;

	if (index >= dev->nb_vqs)
		return -EINVAL;
	*info = dev->vqs[index].info;
	info->index = index;
	return 0;
}

static int
device_kickfd(struct fk_dev *dev, const struct vduse_abi_kickfd *kick)
{
	struct fk_vq *vq;
	int fd = -1;

	if (kick->index >= dev->nb_vqs)
		return -EINVAL;
	vq = &dev->vqs[kick->index];
	if (kick->fd >= 0) {
		fd = fcntl(kick->fd, F_DUPFD_CLOEXEC, 0);
		if (fd < 0)
			return -errno;
	} else if (kick->fd != VDUSE_ABI_NO_FD) {
		return 0;
	}
	if (vq->kickfd >= 0)
		close(vq->kickfd);
	vq->kickfd = fd;
	if (vq->info.ready && vq->kicked && fd >= 0) {
		eventfd_write(fd, 1);
		vq->kicked = false;
	}
	return 0;
}

int
fk_dev_ioctl(struct fk_dev *dev, unsigned long request, void *arg)
{
	uint32_t index;

	if (dev->broken)
		return -EPERM;
	switch (request) {
	case VDUSE_IOC_REGION:
		dev->map_reads[0]++;
		return device_iotlb_get_fd(dev, arg, 0);
	case VDUSE_IOC_REGION_V2:
		dev->map_reads[1]++;
		return device_iotlb_get_fd2(dev, arg);
	case VDUSE_IOC_IOVA:
		return fk_umem_info(dev, arg);
	case VDUSE_IOC_REG_UMEM:
		return fk_umem_reg(dev, arg);
	case VDUSE_IOC_DEREG_UMEM:
		return fk_umem_dereg(dev, arg);
	case VDUSE_IOC_DRIVER_FEATURES:
		*(uint64_t *)arg = dev->features;
		return 0;
	case VDUSE_IOC_SET_CONFIG:
		return device_set_config(dev, arg);
	case VDUSE_IOC_CONFIG_IRQ:
		if (!(dev->status & VIRTIO_CONFIG_S_DRIVER_OK))
			return -EINVAL;
		dev->config_irqs++;
		return 0;
	case VDUSE_IOC_VQ_SETUP:
		return device_vq_setup(dev, arg);
	case VDUSE_IOC_VQ_INFO:
		return device_vq_get_info(dev, arg);
	case VDUSE_IOC_VQ_KICKFD:
		return device_kickfd(dev, arg);
	case VDUSE_IOC_VQ_IRQ:
		index = *(const uint32_t *)arg;
		if (index >= dev->nb_vqs || !(dev->status & VIRTIO_CONFIG_S_DRIVER_OK))
			return -EINVAL;
		dev->vqs[index].irqs++;
		return 0;
	default:
		return -ENOTTY;
	}
}
