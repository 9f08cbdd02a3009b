/* SPDX-License-Identifier: BSD-3-Clause */

/* /dev/vduse/NAME: vduse_dev_ioctl() and what it leads to. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <linux/virtio_config.h>

#include "rules.h"

#define PAGE 4096u

/* -err, and the reason to whoever plays the kernel. */
#define DENY(dev, ...) ((dev)->conf->ops->deny(__VA_ARGS__))

int
kernel_dev_init(struct kernel_dev *dev, const struct kernel_conf *conf,
		const struct kernel_control *control, const struct vduse_abi_create *config)
{
	const bool old = control->api < VDUSE_ABI_VERSION_1;
	uint32_t i;

	memset(dev, 0, sizeof(*dev));
	TAILQ_INIT(&dev->msgs);
	dev->conf = conf;
	memcpy(dev->name, config->name, sizeof(dev->name) - 1);
	dev->api = control->api;
	dev->vduse_features = control->features;
	dev->features = config->features;
	dev->device_id = config->device_id;
	dev->vendor_id = config->vendor_id;
	dev->vq_num = config->vq_num;
	dev->vq_align = config->vq_align;
	dev->ngroups = old ? 1 : config->ngroups;
	dev->nas = old ? 1 : config->nas;
	dev->config_size = config->config_size;
	dev->config = calloc(config->config_size + 1, 1);
	dev->vqs = calloc(dev->vq_num + 1, sizeof(dev->vqs[0]));
	dev->maps = calloc(dev->nas, sizeof(dev->maps[0]));
	for (i = 0; dev->vqs != NULL && i < dev->vq_num; i++)
		dev->vqs[i].kickfd = -1;
	if (dev->config == NULL || dev->vqs == NULL || dev->maps == NULL) {
		kernel_dev_fini(dev);
		return -ENOMEM;
	}
	memcpy(dev->config, config->config, config->config_size);
	return 0;
}

static void
drop_kickfd(struct kernel_vq *vq)
{
	if (vq->kickfd >= 0)
		close(vq->kickfd);
	vq->kickfd = -1;
}

void
kernel_dev_fini(struct kernel_dev *dev)
{
	uint32_t i;

	kernel_dev_break(dev);
	for (i = 0; dev->vqs != NULL && i < dev->vq_num; i++)
		drop_kickfd(&dev->vqs[i]);
	for (i = 0; dev->maps != NULL && i < dev->nas; i++)
		kernel_map_clear(&dev->maps[i]);
	free(dev->maps);
	free(dev->vqs);
	free(dev->config);
	dev->maps = NULL;
	dev->vqs = NULL;
	dev->config = NULL;
}

void
kernel_dev_reset(struct kernel_dev *dev)
{
	uint32_t i;

	dev->status = 0;
	dev->driver_features = 0;
	dev->generation++;
	for (i = 0; i < dev->vq_num; i++) {
		struct kernel_vq *vq = &dev->vqs[i];

		memset(&vq->info, 0, sizeof(vq->info));
		vq->kicked = false;
		drop_kickfd(vq);
	}
}

int
kernel_vq_kick(struct kernel_vq *vq)
{
	if (vq->info.ready && vq->kickfd < 0)
		vq->kicked = true;
	else if (vq->info.ready && eventfd_write(vq->kickfd, 1) < 0)
		return -errno;
	return 0;
}

int
kernel_is_eventfd(int fd)
{
	char link[64], what[64];
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, what, sizeof(what) - 1);
	if (len < 0)
		return -EBADF;
	what[len] = '\0';
	return strcmp(what, "anon_inode:[eventfd]") == 0 ? 0 : -EINVAL;
}

/* vduse_kickfd_setup() */
static int
setup_kickfd(struct kernel_dev *dev, const struct vduse_abi_kickfd *arg, int fd)
{
	struct kernel_vq *vq;
	int ret, own = -1;

	if (arg->index >= dev->vq_num)
		return DENY(dev, EINVAL, "kickfd for queue %u of %u", arg->index, dev->vq_num);
	vq = &dev->vqs[arg->index];
	if (arg->fd >= 0) {
		ret = kernel_is_eventfd(fd);
		if (ret < 0)
			return DENY(dev, -ret, "kickfd %d is not an open eventfd", arg->fd);
		own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		if (own < 0)
			return -errno;
	} else if (arg->fd != VDUSE_ABI_NO_FD) {
		return 0;
	}
	drop_kickfd(vq);
	vq->kickfd = own;
	if (!vq->info.ready || !vq->kicked || own < 0)
		return 0;
	vq->kicked = false;
	return kernel_vq_kick(vq);
}

static bool
is_zero(const void *buf, size_t len)
{
	const uint8_t *byte = buf;
	size_t i;

	for (i = 0; i < len; i++)
		if (byte[i] != 0)
			return false;
	return true;
}

static int
setup_vq(struct kernel_dev *dev, const struct vduse_abi_vq_setup *arg)
{
	if (arg->index >= dev->vq_num)
		return DENY(dev, EINVAL, "VQ_SETUP of queue %u of %u", arg->index, dev->vq_num);
	if (dev->api < VDUSE_ABI_VERSION_1 && arg->group != 0)
		return DENY(dev, EINVAL, "VQ_SETUP: group %u with API version 0", arg->group);
	if (arg->group >= dev->ngroups)
		return DENY(dev, EINVAL, "VQ_SETUP: group %u of %u", arg->group, dev->ngroups);
	if (dev->api >= VDUSE_ABI_VERSION_1 && (dev->status & KERNEL_S_DRIVER_OK))
		return DENY(dev, EINVAL, "VQ_SETUP after DRIVER_OK");
	if (arg->reserved1 != 0 || !is_zero(arg->reserved2, sizeof(arg->reserved2)))
		return DENY(dev, EINVAL, "VQ_SETUP: reserved fields not zero");
	dev->vqs[arg->index].num_max = arg->max_size;
	dev->vqs[arg->index].group = arg->group;
	return 0;
}

static int
get_vq(const struct kernel_dev *dev, struct vduse_abi_vq *arg)
{
	const struct vduse_abi_vq *info;

	if (arg->index >= dev->vq_num)
		return DENY(dev, EINVAL, "VQ_GET_INFO of queue %u of %u", arg->index, dev->vq_num);
	info = &dev->vqs[arg->index].info;
	arg->num = info->num;
	arg->desc_addr = info->desc_addr;
	arg->driver_addr = info->driver_addr;
	arg->device_addr = info->device_addr;
	if (dev->driver_features & 1ULL << VIRTIO_F_RING_PACKED)
		arg->packed = info->packed;
	else
		arg->split = info->split;
	arg->ready = info->ready;
	return 0;
}

int
kernel_config_range(const struct kernel_dev *dev, uint32_t offset, uint32_t len)
{
	if (offset <= dev->config_size && len != 0 && len <= dev->config_size - offset)
		return 0;
	return DENY(dev, EINVAL, "configuration: %u + %u bytes, the space has %u", offset, len,
			dev->config_size);
}

static int
set_config(struct kernel_dev *dev, const struct vduse_abi_config *arg)
{
	int ret = kernel_config_range(dev, arg->offset, arg->length);

	if (ret == 0)
		memcpy(dev->config + arg->offset, arg->buffer, arg->length);
	return ret;
}

/* vduse_dev_queue_irq_work() */
static int
call_driver(struct kernel_dev *dev, uint32_t index)
{
	if (!(dev->status & KERNEL_S_DRIVER_OK))
		return DENY(dev, EINVAL, "%s: an interrupt before DRIVER_OK", dev->name);
	dev->conf->ops->call(dev, index);
	return 0;
}

/* vduse_vq_signal_irqfd(), else the work item. */
static int
vq_irq(struct kernel_dev *dev, uint32_t index)
{
	if (index >= dev->vq_num)
		return DENY(dev, EINVAL, "VQ_INJECT_IRQ of queue %u of %u", index, dev->vq_num);
	if (dev->vqs[index].info.ready && dev->conf->ops->signal(dev, index))
		return 0;
	return call_driver(dev, index);
}

/* vduse_dev_iotlb_entry(): the region is `entry`'s from here on. */
static int
find_region(const struct kernel_dev *dev, struct vduse_abi_region_v2 *entry,
		const struct kernel_region **region)
{
	if (entry->start > entry->last)
		return DENY(dev, EINVAL, "IOTLB: start %#llx after last %#llx",
				(unsigned long long)entry->start, (unsigned long long)entry->last);
	if (entry->asid >= dev->nas)
		return DENY(dev, EINVAL, "IOTLB: ASID %u of %u", entry->asid, dev->nas);
	if (!dev->has_domain)
		return DENY(dev, EINVAL, "IOTLB: the device was never attached");
	*region = kernel_map_first(&dev->maps[entry->asid], entry->start, entry->last);
	if (*region == NULL)
		return -EINVAL; /* no such region: an answer, not a mistake */
	entry->offset = (*region)->offset;
	entry->start = (*region)->start;
	entry->last = (*region)->last;
	entry->perm = (*region)->perm;
	return 0;
}

static int
get_region(struct kernel_dev *dev, unsigned long request, void *arg, void *ctx)
{
	const bool v2 = request == VDUSE_IOC_REGION_V2;
	const size_t size =
			v2 ? sizeof(struct vduse_abi_region_v2) : sizeof(struct vduse_abi_region);
	struct vduse_abi_region_v2 entry = { 0 };
	const struct kernel_region *region;
	int ret;

	if (v2 && dev->api < VDUSE_ABI_VERSION_1)
		return DENY(dev, ENOTTY, "IOTLB_GET_FD2 with API version 0");
	memcpy(&entry, arg, size);
	if (!is_zero(entry.reserved, sizeof(entry.reserved)))
		return DENY(dev, EINVAL, "IOTLB_GET_FD2: reserved not zero");
	ret = find_region(dev, &entry, &region);
	if (ret < 0)
		return ret;
	memcpy(arg, &entry, size);
	return dev->conf->ops->give(dev, ctx, region);
}

static int
get_iova(const struct kernel_dev *dev, struct vduse_abi_iova *arg)
{
	/* since API 1 the kernel looks at the two before it has an errno of its own for them */
	const int err = dev->conf->api_newest < VDUSE_ABI_VERSION_1 ? EINVAL : EFAULT;
	struct vduse_abi_region_v2 entry = {
		.start = arg->start, .last = arg->last, .asid = arg->asid
	};
	const struct kernel_region *region;
	int ret;

	if (!is_zero(arg->reserved, sizeof(arg->reserved)))
		return DENY(dev, err, "IOTLB_GET_INFO: reserved not zero");
	if (arg->asid >= dev->nas)
		return DENY(dev, err, "IOTLB_GET_INFO: ASID %u of %u", arg->asid, dev->nas);
	ret = find_region(dev, &entry, &region);
	if (ret < 0)
		return ret;
	arg->start = entry.start;
	arg->last = entry.last;
	arg->capability = region->bounce ? VDUSE_ABI_CAP_UMEM : 0;
	return 0;
}

const struct kernel_region *
kernel_bounce(const struct kernel_dev *dev, uint32_t asid)
{
	const struct kernel_map *map = &dev->maps[asid];
	unsigned int i;

	for (i = 0; i < map->count; i++)
		if (map->region[i].bounce)
			return &map->region[i];
	return NULL;
}

static int
check_umem(const struct kernel_dev *dev, const struct vduse_abi_umem *arg)
{
	if (is_zero(arg->reserved, sizeof(arg->reserved)) && arg->asid < dev->nas)
		return 0;
	return DENY(dev, EINVAL, "UMEM: reserved not zero, or ASID %u of %u", arg->asid, dev->nas);
}

/* vduse_dev_reg_umem() */
static int
reg_umem(struct kernel_dev *dev, const struct vduse_abi_umem *arg)
{
	const struct kernel_region *bounce;
	int ret = check_umem(dev, arg);

	if (ret < 0)
		return ret;
	bounce = kernel_bounce(dev, arg->asid);
	if (bounce == NULL || arg->size != kernel_region_size(bounce) || arg->iova != 0 ||
			arg->uaddr % PAGE != 0)
		return -EINVAL;
	if (dev->umem.size != 0)
		return DENY(dev, EEXIST, "IOTLB_REG_UMEM: there is one");
	return dev->conf->ops->umem(dev, arg);
}

/* vduse_dev_dereg_umem() */
static int
dereg_umem(struct kernel_dev *dev, const struct vduse_abi_umem *arg)
{
	int ret = check_umem(dev, arg);

	if (ret < 0)
		return ret;
	if (dev->umem.size == 0 || arg->asid != dev->umem.asid)
		return -ENOENT;
	if (arg->iova != dev->umem.iova || arg->size != dev->umem.size)
		return DENY(dev, EINVAL, "IOTLB_DEREG_UMEM: not what was registered");
	return dev->conf->ops->umem(dev, NULL);
}

static int
iova_ioctl(struct kernel_dev *dev, unsigned long request, void *arg)
{
	if (dev->conf->no_umem)
		return -ENOTTY;
	if (request == VDUSE_IOC_IOVA)
		return get_iova(dev, arg);
	return request == VDUSE_IOC_REG_UMEM ? reg_umem(dev, arg) : dereg_umem(dev, arg);
}

int
kernel_dev_ioctl(struct kernel_dev *dev, unsigned long request, void *arg, int fd, void *ctx)
{
	if (dev->broken)
		return DENY(dev, EPERM, "%s is broken", dev->name);
	switch (request) {
	case VDUSE_IOC_REGION:
	case VDUSE_IOC_REGION_V2:
		return get_region(dev, request, arg, ctx);
	case VDUSE_IOC_IOVA:
	case VDUSE_IOC_REG_UMEM:
	case VDUSE_IOC_DEREG_UMEM:
		return iova_ioctl(dev, request, arg);
	case VDUSE_IOC_DRIVER_FEATURES:
		*(uint64_t *)arg = dev->driver_features;
		return 0;
	case VDUSE_IOC_SET_CONFIG:
		return set_config(dev, arg);
	case VDUSE_IOC_CONFIG_IRQ:
		return call_driver(dev, UINT32_MAX);
	case VDUSE_IOC_VQ_SETUP:
		return setup_vq(dev, arg);
	case VDUSE_IOC_VQ_INFO:
		return get_vq(dev, arg);
	case VDUSE_IOC_VQ_KICKFD:
		return setup_kickfd(dev, arg, fd);
	case VDUSE_IOC_VQ_IRQ:
		return vq_irq(dev, *(const uint32_t *)arg);
	default:
		return DENY(dev, ENOTTY, "%s: unknown ioctl %#lx", dev->name, request);
	}
}
