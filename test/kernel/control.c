/* SPDX-License-Identifier: BSD-3-Clause */

/* /dev/vduse/control: vduse_ioctl(), vduse_validate_config(). */

#include <errno.h>

#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_net.h>

#include "rules.h"

#define BIT(nr) (1ULL << (nr))

#define NOT_ASKED   UINT64_MAX
#define ALIGN_MAX   4096 /* PAGE_SIZE */
#define CONFIG_MAX  4096 /* PAGE_SIZE */
#define VQ_NUM_MAX  0xffff
#define GROUPS_MAX  0xffff
#define SPACES_MAX  0xffff
#define NB_RESERVED (sizeof(((struct vduse_abi_create *)0)->reserved) / sizeof(uint32_t))

void
kernel_control_open(struct kernel_control *control)
{
	control->api = NOT_ASKED;
	control->features = 0;
}

static int
get_features(const struct kernel_conf *conf, uint64_t *value)
{
	if (!conf->feature_ioctls)
		return -EINVAL;
	*value = conf->vduse_features;
	return 0;
}

static int
set_features(const struct kernel_conf *conf, struct kernel_control *control, uint64_t value)
{
	if (!conf->feature_ioctls)
		return -EINVAL;
	if (value & ~conf->vduse_features)
		return conf->ops->deny(EINVAL, "VDUSE features %#llx, offered %#llx",
				(unsigned long long)value,
				(unsigned long long)conf->vduse_features);
	control->features = value;
	return 0;
}

int
kernel_control_ioctl(const struct kernel_conf *conf, struct kernel_control *control,
		unsigned long request, uint64_t *value)
{
	switch (request) {
	case VDUSE_IOC_GET_API_VERSION:
		if (control->api == NOT_ASKED)
			control->api = conf->api_newest;
		*value = control->api;
		return 0;
	case VDUSE_IOC_SET_API_VERSION:
		if (*value > conf->api_newest)
			return -EINVAL; /* how a process finds out */
		control->api = *value;
		return 0;
	case VDUSE_IOC_GET_FEATURES:
		return get_features(conf, value);
	case VDUSE_IOC_SET_FEATURES:
		return set_features(conf, control, *value);
	default:
		return conf->ops->deny(EINVAL, "unknown ioctl %#lx on control", request);
	}
}

/* features_is_valid() */
static int
check_features(const struct kernel_conf *conf, const struct vduse_abi_create *config)
{
	const bool net = config->device_id == VIRTIO_ID_NET;

	if (!(config->features & BIT(VIRTIO_F_ACCESS_PLATFORM)))
		return conf->ops->deny(EINVAL, "features without VIRTIO_F_ACCESS_PLATFORM");
	if (config->device_id == VIRTIO_ID_BLOCK &&
			(config->features & BIT(VIRTIO_BLK_F_CONFIG_WCE)))
		return conf->ops->deny(EINVAL, "VIRTIO_BLK_F_CONFIG_WCE offered");
	if (net && (config->features & BIT(VIRTIO_NET_F_CTRL_VQ)) && !conf->allow_ctrl_vq)
		return conf->ops->deny(EINVAL,
				"VIRTIO_NET_F_CTRL_VQ offered, which no mainline kernel allows "
				"(set ctrl_vq=1 to try one that does)");
	if (net && !(config->features & BIT(VIRTIO_F_VERSION_1)))
		return conf->ops->deny(EINVAL, "features without VIRTIO_F_VERSION_1");
	return 0;
}

static int
check_groups(const struct kernel_conf *conf, const struct vduse_abi_create *config, uint64_t api)
{
	if (api < VDUSE_ABI_VERSION_1) {
		if (config->ngroups != 0 || config->nas != 0)
			return conf->ops->deny(EINVAL, "ngroups or nas set with API version 0");
		return 0;
	}
	if (config->ngroups == 0 || config->ngroups > GROUPS_MAX)
		return conf->ops->deny(EINVAL, "ngroups %u", config->ngroups);
	if (config->nas == 0 || config->nas > SPACES_MAX)
		return conf->ops->deny(EINVAL, "nas %u", config->nas);
	return 0;
}

/* device_is_allowed() */
static bool
is_allowed(const struct kernel_conf *conf, uint32_t device_id)
{
	return device_id == VIRTIO_ID_BLOCK || device_id == VIRTIO_ID_FS ||
	       (device_id == VIRTIO_ID_NET && !conf->no_net);
}

int
kernel_create(const struct kernel_conf *conf, struct kernel_control *control,
		const struct vduse_abi_create *config)
{
	uint32_t i, reserved = 0;
	int ret;

	if (control->api == NOT_ASKED)
		control->api = VDUSE_ABI_VERSION_0;
	for (i = 0; i < NB_RESERVED; i++)
		reserved |= config->reserved[i];
	if (reserved != 0)
		return conf->ops->deny(EINVAL, "vduse_dev_config.reserved not zero");
	ret = check_groups(conf, config, control->api);
	if (ret < 0)
		return ret;
	if (config->vq_align > ALIGN_MAX)
		return conf->ops->deny(EINVAL, "vq_align %u above a page", config->vq_align);
	if (config->config_size > CONFIG_MAX)
		return conf->ops->deny(EINVAL, "config_size %u above a page", config->config_size);
	if (config->vq_num > VQ_NUM_MAX)
		return conf->ops->deny(EINVAL, "vq_num %u", config->vq_num);
	if (config->name[0] == '\0')
		return conf->ops->deny(EINVAL, "no name");
	if (!is_allowed(conf, config->device_id))
		return conf->ops->deny(EINVAL, "virtio device id %u", config->device_id);
	return check_features(conf, config);
}

bool
kernel_needs_admin(const struct vduse_abi_create *config)
{
	return config->device_id == VIRTIO_ID_NET;
}
