/* SPDX-License-Identifier: BSD-3-Clause */
/* /dev/vhost-vdpa-N: vhost_vdpa_unlocked_ioctl(), vhost_chr_write_iter(), open and release. */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <linux/vhost_types.h>

#include "emu_broker.h"

#define ENOIOCTLCMD 515 /* within the kernel only: not one of these ioctls */
#define BIT(nr)     (1ULL << (nr))

/* front_lock comes before emu.lock, which the caller holds. */
void
front_lock(struct emu_dev *dev)
{
	pthread_mutex_unlock(&emu.lock);
	pthread_mutex_lock(&dev->front_lock);
	pthread_mutex_lock(&emu.lock);
}

void
front_unlock(struct emu_dev *dev)
{
	pthread_mutex_unlock(&dev->front_lock);
}

/* vduse_vdpa_reset(): the device is reset here whatever the back end says. */
static int
reset(struct emu_dev *dev)
{
	int ret;

	dev->in_batch = false;
	ret = msg_status(dev, 0);
	dev_reset(dev);
	return ret;
}

static void
forget_front(struct emu_dev *dev)
{
	dev->has_owner = false;
	dev->backend_features = dev->acked_features = 0;
	iotlb_free(dev);
	for (uint32_t i = 0; i < dev->k.vq_num; i++)
		kick_forget(&dev->vq[i].front_kick);
}

int
vhost_open(struct emu_dev *dev)
{
	int ret;

	if (dev->front_open)
		return emu_deny(EBUSY, "vhost-vdpa-%d is open already", dev->minor);
	dev->front_open = true;
	front_lock(dev);
	ret = reset(dev);
	front_unlock(dev);
	if (ret < 0) {
		dev->front_open = false;
		pthread_cond_broadcast(&dev->cond);
		return emu_deny(-ret, "vhost-vdpa-%d: %s did not take the reset", dev->minor,
				dev->k.name);
	}
	return 0;
}

/* What the back end was told to map stays, as in the kernel, until the next front end maps. */
void
vhost_release(struct emu_dev *dev)
{
	front_lock(dev);
	(void)reset(dev);
	forget_front(dev);
	front_unlock(dev);
	dev->front_open = false;
	pthread_cond_broadcast(&dev->cond);
}

static int
give(struct emu_call *call, const void *buf, size_t len)
{
	memcpy(call->rsp->data, buf, len);
	call->rsp->len = len;
	return 0;
}

static int
give_u32(struct emu_call *call, uint32_t value)
{
	return give(call, &value, sizeof(value));
}

/* vduse_vdpa_set_status(): mirrored only after the back end has agreed. */
static int
set_status(struct emu_dev *dev, uint8_t status)
{
	if (status != 0 && (dev->k.status & ~status) != 0)
		return emu_deny(EINVAL, "SET_STATUS %#x takes bits off %#x", status, dev->k.status);
	if (status == 0)
		return reset(dev);
	if (msg_status(dev, status) == 0) {
		dev->k.status = status;
		dev_publish(dev);
	}
	return 0;
}

static int
get_config(struct emu_dev *dev, struct emu_call *call)
{
	struct vhost_vdpa_config config;
	int ret;

	memcpy(&config, call->req->data, sizeof(config));
	ret = kernel_config_range(&dev->k, config.off, config.len);
	return ret < 0 ? ret : give(call, dev->k.config + config.off, config.len);
}

static int
set_config(struct emu_dev *dev, struct emu_call *call)
{
	struct vhost_vdpa_config config;
	int ret;

	memcpy(&config, call->req->data, sizeof(config));
	ret = kernel_config_range(&dev->k, config.off, config.len);
	if (ret == 0)
		emu_warn("%s: the driver writes the read-only configuration space; ignored",
				dev->k.name);
	return ret;
}

static int
set_features(struct emu_dev *dev, uint64_t features)
{
	if (dev->k.status & KERNEL_S_FEATURES_OK)
		return emu_deny(EBUSY, "SET_FEATURES after FEATURES_OK");
	if (features & ~dev->k.features)
		emu_warn("%s: the driver takes features %#llx that were not offered", dev->k.name,
				(unsigned long long)(features & ~dev->k.features));
	dev->k.driver_features = features;
	dev->acked_features = features;
	return 0;
}

static uint64_t
backend_features(const struct emu_dev *dev)
{
	uint64_t features = BIT(VHOST_BACKEND_F_IOTLB_MSG_V2) | BIT(VHOST_BACKEND_F_IOTLB_BATCH) |
			    BIT(VHOST_BACKEND_F_IOTLB_ASID);

	if (dev->k.vduse_features & BIT(VDUSE_ABI_F_SUSPEND))
		features |= BIT(VHOST_BACKEND_F_SUSPEND);
	return features;
}

static int
set_backend_features(struct emu_dev *dev, uint64_t features)
{
	if (features & ~backend_features(dev))
		return emu_deny(EOPNOTSUPP, "SET_BACKEND_FEATURES %#llx, offered %#llx",
				(unsigned long long)features,
				(unsigned long long)backend_features(dev));
	if ((features & BIT(VHOST_BACKEND_F_IOTLB_ASID)) &&
			!(features & BIT(VHOST_BACKEND_F_IOTLB_MSG_V2)))
		emu_warn("%s: backend feature IOTLB_ASID without IOTLB_MSG_V2", dev->k.name);
	dev->backend_features = features;
	return 0;
}

static int
set_config_call(struct emu_dev *dev, struct emu_call *call)
{
	int fd, ret;

	memcpy(&fd, call->req->data, sizeof(fd));
	ret = fd == VHOST_FILE_UNBIND ? 0 : call_eventfd(call, fd);
	if (ret < 0)
		return ret;
	if (dev->config_call >= 0)
		close(dev->config_call);
	dev->config_call = -1;
	if (fd != VHOST_FILE_UNBIND) {
		dev->config_call = call->in->fd[0];
		call->in->count = 0;
	}
	return 0;
}

static int
suspend(struct emu_dev *dev)
{
	struct kernel_msg msg = { .req.type = VDUSE_MSG_SUSPEND };
	int ret;

	if (!(dev->k.status & KERNEL_S_DRIVER_OK))
		return 0;
	if (!(dev->k.vduse_features & BIT(VDUSE_ABI_F_SUSPEND)))
		return emu_deny(EOPNOTSUPP, "VHOST_VDPA_SUSPEND: the back end did not ask for it");
	ret = msg_sync(dev, &msg);
	if (ret == 0)
		dev->suspended = true;
	return ret;
}

static uint16_t
vring_num_max(const struct emu_dev *dev)
{
	uint16_t max = 0;

	for (uint32_t i = 0; i < dev->k.vq_num; i++)
		if (dev->k.vqs[i].num_max > max)
			max = dev->k.vqs[i].num_max;
	return max;
}

/* What a front end may ask before it owns the device. */
static int
query_ioctl(struct emu_dev *dev, struct emu_call *call)
{
	struct vhost_vdpa_iova_range range = { .first = 0, .last = UINT64_MAX };
	uint64_t features = backend_features(dev);
	uint16_t num = vring_num_max(dev);

	switch (call->req->cmd) {
	case VHOST_VDPA_GET_DEVICE_ID:
		return give_u32(call, dev->k.device_id);
	case VHOST_VDPA_GET_STATUS:
		return give(call, &dev->k.status, sizeof(dev->k.status));
	case VHOST_GET_FEATURES:
		return give(call, &dev->k.features, sizeof(dev->k.features));
	case VHOST_GET_BACKEND_FEATURES:
		return give(call, &features, sizeof(features));
	case VHOST_VDPA_GET_VRING_NUM:
		return give(call, &num, sizeof(num));
	case VHOST_VDPA_GET_IOVA_RANGE:
		return give(call, &range, sizeof(range));
	case VHOST_VDPA_GET_CONFIG_SIZE:
		return give_u32(call, dev->k.config_size);
	case VHOST_VDPA_GET_VQS_COUNT:
		return give_u32(call, dev->k.vq_num);
	case VHOST_VDPA_GET_GROUP_NUM:
		return give_u32(call, dev->k.ngroups);
	case VHOST_VDPA_GET_AS_NUM:
		return give_u32(call, dev->k.nas);
	case VHOST_VDPA_GET_CONFIG:
		return get_config(dev, call);
	default:
		return -ENOIOCTLCMD;
	}
}

static int
owner_ioctl(struct emu_dev *dev, struct emu_call *call)
{
	if (call->req->cmd == VHOST_SET_OWNER) {
		if (dev->has_owner)
			return emu_deny(EBUSY, "VHOST_SET_OWNER a second time");
		dev->has_owner = true;
		return 0;
	}
	if (call->req->cmd != VHOST_VDPA_SET_VRING_ENABLE && !dev->has_owner)
		return emu_deny(EPERM, "vhost ioctl %#llx before VHOST_SET_OWNER",
				(unsigned long long)call->req->cmd);
	return vring_ioctl(dev, call);
}

static int
dispatch(struct emu_dev *dev, struct emu_call *call)
{
	uint64_t value = 0;
	int ret = query_ioctl(dev, call);

	if (ret != -ENOIOCTLCMD)
		return ret;
	if (call->req->len >= sizeof(value))
		memcpy(&value, call->req->data, sizeof(value));
	switch (call->req->cmd) {
	case VHOST_VDPA_SET_STATUS:
		return set_status(dev, call->req->data[0]);
	case VHOST_SET_FEATURES:
		return set_features(dev, value);
	case VHOST_SET_BACKEND_FEATURES:
		return set_backend_features(dev, value);
	case VHOST_VDPA_SET_CONFIG:
		return set_config(dev, call);
	case VHOST_VDPA_SET_CONFIG_CALL:
		return set_config_call(dev, call);
	case VHOST_VDPA_SUSPEND:
		return suspend(dev);
	default:
		return owner_ioctl(dev, call);
	}
}

int
vhost_ioctl(struct emu_dev *dev, struct emu_call *call)
{
	int ret;

	front_lock(dev);
	ret = dev->used && dev->front_open ? dispatch(dev, call) : -EBADF;
	front_unlock(dev);
	return ret;
}

/*
 * An IOTLB message other than UPDATE; the library has taken struct vhost_msg(_v2) apart. The kernel
 * gives EFAULT for whatever went wrong (vhost_chr_write_iter()), so the reason is only said.
 */
int
vhost_write(struct emu_dev *dev, struct emu_call *call)
{
	int ret;

	front_lock(dev);
	ret = iotlb_message(dev, call);
	front_unlock(dev);
	return ret < 0 ? -EFAULT : 0;
}

int
vhost_map(struct emu_dev *dev, struct emu_call *call)
{
	int ret;

	front_lock(dev);
	ret = iotlb_update(dev, call);
	front_unlock(dev);
	return ret < 0 ? -EFAULT : 0;
}
