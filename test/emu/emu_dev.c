/* SPDX-License-Identifier: BSD-3-Clause */
/* /dev/vduse/NAME: vduse_dev_ioctl() and what it leads to. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "emu_broker.h"

int
fd_is_eventfd(int fd)
{
	char link[64], what[64];
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, what, sizeof(what) - 1);
	if (len < 0)
		return 0;
	what[len] = '\0';
	return strcmp(what, "anon_inode:[eventfd]") == 0;
}

static void
signal_fd(int fd)
{
	uint64_t one = 1;

	if (write(fd, &one, sizeof(one)) != sizeof(one))
		emu_warn("eventfd: %m");
}

static void
drop_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Show the back end what its data path asks about without a call. */
void
dev_publish(struct emu_dev *dev)
{
	atomic_store_explicit(&dev->shm->status, dev->status, memory_order_release);
	for (uint32_t i = 0; i < dev->vq_num; i++)
		atomic_store_explicit(
				&dev->shm->vq[i].ready, dev->vq[i].ready, memory_order_release);
}

/* vduse_dev_reset() */
void
dev_reset(struct emu_dev *dev)
{
	dev->status = 0;
	dev->driver_features = 0;
	dev->generation++;
	dev->suspended = false;
	drop_fd(&dev->config_call);
	for (uint32_t i = 0; i < dev->ngroups; i++)
		dev->group_as[i] = 0;
	for (uint32_t i = 0; i < dev->vq_num; i++) {
		struct emu_vq *vq = &dev->vq[i];

		vq->ready = vq->kicked = false;
		vq->desc = vq->driver = vq->device = 0;
		vq->num = 0;
		vq->split = 0;
		memset(&vq->packed, 0, sizeof(vq->packed));
		drop_fd(&vq->kickfd);
		if (vq->call >= 0) {
			drop_fd(&vq->call);
			atomic_fetch_add_explicit(
					&dev->shm->vq[i].call_gen, 1, memory_order_release);
		}
	}
	dev_publish(dev);
}

/* vduse_vq_kick(): a kick of the front end reaches the back end, or waits for its eventfd. */
void
dev_kick(struct emu_dev *dev, uint32_t index)
{
	struct emu_vq *vq = &dev->vq[index];

	if (!vq->ready)
		return;
	if (vq->kickfd >= 0)
		signal_fd(vq->kickfd);
	else
		vq->kicked = true;
}

void
dev_config_irq(struct emu_dev *dev)
{
	if (dev->config_call >= 0)
		signal_fd(dev->config_call);
}

static int
setup_kickfd(struct emu_dev *dev, struct emu_call *call)
{
	struct vduse_abi_kickfd arg;
	struct emu_vq *vq;

	memcpy(&arg, call->req->data, sizeof(arg));
	if (arg.index >= dev->vq_num)
		return emu_deny(EINVAL, "kickfd for queue %u of %u", arg.index, dev->vq_num);
	vq = &dev->vq[arg.index];
	if (arg.fd >= 0) {
		if (call->in->count == 0)
			return emu_deny(EBADF, "kickfd %d is not open", arg.fd);
		if (!fd_is_eventfd(call->in->fd[0]))
			return emu_deny(EINVAL, "kickfd %d is not an eventfd", arg.fd);
	} else if (arg.fd != VDUSE_ABI_NO_FD) {
		return 0;
	}
	drop_fd(&vq->kickfd);
	if (arg.fd < 0)
		return 0;
	vq->kickfd = call->in->fd[0];
	call->in->count = 0; /* ours now */
	if (vq->ready && vq->kicked) {
		signal_fd(vq->kickfd);
		vq->kicked = false;
	}
	return 0;
}

static int
setup_vq(struct emu_dev *dev, struct emu_call *call)
{
	struct vduse_abi_vq_setup arg;
	uint32_t bad = 0;

	memcpy(&arg, call->req->data, sizeof(arg));
	if (arg.index >= dev->vq_num)
		return emu_deny(EINVAL, "VQ_SETUP of queue %u of %u", arg.index, dev->vq_num);
	if (dev->api < VDUSE_ABI_VERSION_1 && arg.group != 0)
		return emu_deny(EINVAL, "VQ_SETUP: group %u with API version 0", arg.group);
	if (dev->api >= VDUSE_ABI_VERSION_1) {
		if (arg.group >= dev->ngroups)
			return emu_deny(EINVAL, "VQ_SETUP: group %u of %u", arg.group,
					dev->ngroups);
		if (dev->status & EMU_S_DRIVER_OK)
			return emu_deny(EINVAL, "VQ_SETUP after DRIVER_OK");
	}
	for (unsigned int i = 0; i < 10; i++)
		bad |= arg.reserved2[i];
	if (arg.reserved1 != 0 || bad != 0)
		return emu_deny(EINVAL, "VQ_SETUP: reserved fields not zero");
	if (dev->minor >= 0)
		emu_warn("%s: VQ_SETUP after the device was attached", dev->name);
	dev->vq[arg.index].num_max = arg.max_size;
	dev->vq[arg.index].group = arg.group;
	return 0;
}

static int
get_info(struct emu_dev *dev, struct emu_call *call)
{
	struct vduse_abi_vq info;
	const struct emu_vq *vq;

	memcpy(&info, call->req->data, sizeof(info));
	if (info.index >= dev->vq_num)
		return emu_deny(EINVAL, "VQ_GET_INFO of queue %u of %u", info.index, dev->vq_num);
	vq = &dev->vq[info.index];
	info.num = vq->num;
	info.desc_addr = vq->desc;
	info.driver_addr = vq->driver;
	info.device_addr = vq->device;
	if (dev->driver_features & EMU_F_RING_PACKED)
		info.packed = vq->packed;
	else
		info.split.avail_index = vq->split;
	info.ready = vq->ready;
	memcpy(call->rsp->data, &info, sizeof(info));
	call->rsp->len = sizeof(info);
	return 0;
}

static int
set_config(struct emu_dev *dev, struct emu_call *call)
{
	const struct vduse_abi_config *arg = (const void *)call->req->data;

	if (arg->offset > dev->config_size || arg->length == 0 ||
			arg->length > dev->config_size - arg->offset)
		return emu_deny(EINVAL, "SET_CONFIG of %u + %u bytes, the space has %u",
				arg->offset, arg->length, dev->config_size);
	if (call->req->len < sizeof(*arg) + arg->length)
		return emu_deny(EFAULT, "SET_CONFIG: buffer not readable");
	memcpy(dev->config + arg->offset, arg->buffer, arg->length);
	return 0;
}

/* vduse_vq_signal_irqfd(), else the work item that finds nobody to call. */
static int
inject_irq(struct emu_dev *dev, struct emu_call *call)
{
	uint32_t index;

	memcpy(&index, call->req->data, sizeof(index));
	if (index >= dev->vq_num)
		return emu_deny(EINVAL, "VQ_INJECT_IRQ of queue %u of %u", index, dev->vq_num);
	if (dev->vq[index].ready && dev->vq[index].call >= 0) {
		signal_fd(dev->vq[index].call);
		return 0;
	}
	if (!(dev->status & EMU_S_DRIVER_OK))
		return emu_deny(EINVAL, "VQ_INJECT_IRQ of queue %u before DRIVER_OK", index);
	return 0;
}

/* Give the region that `entry` names first; the fd keeps the access the front end opened it with.
 */
static int
get_fd(struct emu_dev *dev, struct emu_call *call, struct vduse_abi_region_v2 *entry)
{
	const struct emu_region *region;
	uint64_t shrink = emu.conf.shrink;

	if (entry->start > entry->last)
		return emu_deny(EINVAL, "IOTLB_GET_FD: start %#llx after last %#llx",
				(unsigned long long)entry->start, (unsigned long long)entry->last);
	if (entry->asid >= dev->nas)
		return emu_deny(EINVAL, "IOTLB_GET_FD: ASID %u of %u", entry->asid, dev->nas);
	if (!dev->has_domain)
		return emu_deny(EINVAL, "IOTLB_GET_FD: the device was never attached");
	region = map_first(&dev->domain[entry->asid], entry->start, entry->last);
	if (region == NULL)
		return -EINVAL; /* no such region: an answer, not a mistake */
	entry->offset = region->offset;
	entry->start = region->start;
	entry->last = region->last;
	entry->perm = region->perm;
	if (shrink > 0 && shrink <= region->last - region->start)
		entry->last -= shrink;
	call->out.fd[0] = region->fd;
	call->out.count = 1;
	call->keep = true;
	return 0;
}

static int
iotlb_get_fd(struct emu_dev *dev, struct emu_call *call)
{
	bool v2 = call->req->cmd == VDUSE_IOC_REGION_V2;
	size_t size = v2 ? sizeof(struct vduse_abi_region_v2) : sizeof(struct vduse_abi_region);
	struct vduse_abi_region_v2 entry = { 0 };
	int ret;

	if (v2 && dev->api < VDUSE_ABI_VERSION_1)
		return -ENOTTY;
	memcpy(&entry, call->req->data, size);
	for (unsigned int i = 0; v2 && i < 11; i++)
		if (entry.reserved[i] != 0)
			return emu_deny(EINVAL, "IOTLB_GET_FD2: reserved not zero");
	ret = get_fd(dev, call, &entry);
	if (ret < 0)
		return ret;
	memcpy(call->rsp->data, &entry, size);
	call->rsp->len = size;
	return 0;
}

static int
iotlb_get_info(struct emu_dev *dev, struct emu_call *call)
{
	struct vduse_abi_iova info;
	const struct emu_region *region;
	uint32_t bad = 0;

	memcpy(&info, call->req->data, sizeof(info));
	for (unsigned int i = 0; i < 5; i++)
		bad |= info.reserved[i];
	if (info.start > info.last || bad != 0)
		return emu_deny(EINVAL, "IOTLB_GET_INFO: start after last, or reserved not zero");
	if (info.asid >= dev->nas)
		return emu_deny(EINVAL, "IOTLB_GET_INFO: ASID %u of %u", info.asid, dev->nas);
	if (!dev->has_domain)
		return emu_deny(EINVAL, "IOTLB_GET_INFO: the device was never attached");
	region = map_first(&dev->domain[info.asid], info.start, info.last);
	if (region == NULL)
		return -EINVAL;
	info.start = region->start;
	info.last = region->last;
	info.capability = 0; /* no bounce region behind vhost-vdpa */
	memcpy(call->rsp->data, &info, sizeof(info));
	call->rsp->len = sizeof(info);
	return 0;
}

/* Registered memory replaces the bounce region, which only a driver in the kernel has. */
static int
umem(struct emu_dev *dev, struct emu_call *call)
{
	struct vduse_abi_umem arg;
	uint32_t bad = 0;

	memcpy(&arg, call->req->data, sizeof(arg));
	for (unsigned int i = 0; i < 5; i++)
		bad |= arg.reserved[i];
	if (bad != 0 || arg.asid >= dev->nas)
		return emu_deny(EINVAL, "UMEM: reserved not zero, or ASID %u of %u", arg.asid,
				dev->nas);
	if (call->req->cmd == VDUSE_IOC_DEREG_UMEM)
		return -ENOENT;
	return -EINVAL;
}

static int
config_irq(struct emu_dev *dev)
{
	if (!(dev->status & EMU_S_DRIVER_OK))
		return emu_deny(EINVAL, "INJECT_CONFIG_IRQ before DRIVER_OK");
	dev_config_irq(dev);
	return 0;
}

/* The eventfd behind VQ_INJECT_IRQ, so that the back end's process can signal it itself. */
int
dev_callfd(struct emu_dev *dev, struct emu_call *call)
{
	if (call->req->arg >= dev->vq_num || dev->vq[call->req->arg].call < 0)
		return -ENOENT;
	call->out.fd[0] = dev->vq[call->req->arg].call;
	call->out.count = 1;
	call->keep = true;
	return 0;
}

int
dev_ioctl(struct emu_dev *dev, struct emu_call *call)
{
	if (dev->broken)
		return emu_deny(EPERM, "%s is broken", dev->name);
	switch (call->req->cmd) {
	case VDUSE_IOC_REGION:
	case VDUSE_IOC_REGION_V2:
		return iotlb_get_fd(dev, call);
	case VDUSE_IOC_DRIVER_FEATURES:
		memcpy(call->rsp->data, &dev->driver_features, sizeof(dev->driver_features));
		call->rsp->len = sizeof(dev->driver_features);
		return 0;
	case VDUSE_IOC_SET_CONFIG:
		return set_config(dev, call);
	case VDUSE_IOC_CONFIG_IRQ:
		return config_irq(dev);
	case VDUSE_IOC_VQ_SETUP:
		return setup_vq(dev, call);
	case VDUSE_IOC_VQ_INFO:
		return get_info(dev, call);
	case VDUSE_IOC_VQ_KICKFD:
		return setup_kickfd(dev, call);
	case VDUSE_IOC_VQ_IRQ:
		return inject_irq(dev, call);
	case VDUSE_IOC_REG_UMEM:
	case VDUSE_IOC_DEREG_UMEM:
		return umem(dev, call);
	case VDUSE_IOC_IOVA:
		return iotlb_get_info(dev, call);
	default:
		emu_warn("%s: unknown ioctl %#llx", dev->name, (unsigned long long)call->req->cmd);
		return -ENOTTY;
	}
}
