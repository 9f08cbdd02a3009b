/* SPDX-License-Identifier: BSD-3-Clause */
/* /dev/vduse/control: vduse_ioctl(), vduse_validate_config(), vduse_create_dev(). */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/capability.h>
#include <linux/virtio_ids.h>

#include "emu_broker.h"

#define VQ_ALIGN_MAX 4096 /* PAGE_SIZE */
#define VQ_NUM_MAX   0xffff

struct emu_dev *
dev_find(const char *name)
{
	for (unsigned int i = 0; i < EMU_DEV_MAX; i++)
		if (emu.dev[i].used && strcmp(emu.dev[i].name, name) == 0)
			return &emu.dev[i];
	return NULL;
}

struct emu_dev *
dev_of_minor(int minor)
{
	for (unsigned int i = 0; i < EMU_DEV_MAX; i++)
		if (emu.dev[i].used && emu.dev[i].minor == minor)
			return &emu.dev[i];
	return NULL;
}

static bool
is_zero(const void *buf, size_t len)
{
	const uint8_t *byte = buf;

	for (size_t i = 0; i < len; i++)
		if (byte[i] != 0)
			return false;
	return true;
}

static int
check_features(const struct vduse_abi_create *config)
{
	bool net = config->device_id == VIRTIO_ID_NET;

	if (!(config->features & EMU_F_PLATFORM))
		return emu_deny(EINVAL, "features without VIRTIO_F_ACCESS_PLATFORM");
	if (config->device_id == VIRTIO_ID_BLOCK && (config->features & EMU_BLK_F_WCE))
		return emu_deny(EINVAL, "VIRTIO_BLK_F_CONFIG_WCE offered");
	if (net && (config->features & EMU_NET_F_CTRL_VQ) && !emu.conf.ctrl_vq)
		return emu_deny(EINVAL, "VIRTIO_NET_F_CTRL_VQ offered, which no mainline kernel "
					"allows (set ctrl_vq=1 to try one that does)");
	if (net && !(config->features & EMU_F_VERSION_1))
		return emu_deny(EINVAL, "features without VIRTIO_F_VERSION_1");
	return 0;
}

static int
check_groups(const struct vduse_abi_create *config, uint64_t api)
{
	if (api < VDUSE_ABI_VERSION_1) {
		if (config->ngroups != 0 || config->nas != 0)
			return emu_deny(EINVAL, "ngroups or nas set with API version 0");
		return 0;
	}
	if (config->ngroups == 0 || config->ngroups > 0xffff)
		return emu_deny(EINVAL, "ngroups %u", config->ngroups);
	if (config->nas == 0 || config->nas > 0xffff)
		return emu_deny(EINVAL, "nas %u", config->nas);
	if (config->nas > EMU_AS_MAX)
		return emu_deny(ENOMEM, "nas %u: the emulator holds %u", config->nas, EMU_AS_MAX);
	return 0;
}

static int
check_config(const struct vduse_abi_create *config, uint64_t api)
{
	int ret;

	if (!is_zero(config->reserved, sizeof(config->reserved)))
		return emu_deny(EINVAL, "vduse_dev_config.reserved not zero");
	ret = check_groups(config, api);
	if (ret < 0)
		return ret;
	if (config->vq_align > VQ_ALIGN_MAX)
		return emu_deny(EINVAL, "vq_align %u above a page", config->vq_align);
	if (config->config_size > EMU_CONFIG_MAX)
		return emu_deny(EINVAL, "config_size %u above a page", config->config_size);
	if (config->vq_num > VQ_NUM_MAX)
		return emu_deny(EINVAL, "vq_num %u", config->vq_num);
	if (config->name[0] == '\0')
		return emu_deny(EINVAL, "no name");
	if (config->device_id != VIRTIO_ID_NET && config->device_id != VIRTIO_ID_BLOCK &&
			config->device_id != VIRTIO_ID_FS)
		return emu_deny(EINVAL, "virtio device id %u", config->device_id);
	return check_features(config);
}

/* CapEff of the caller, as the kernel would ask capable(CAP_NET_ADMIN). */
static bool
has_net_admin(uint32_t pid)
{
	unsigned long long mask = 0;
	char path[64], line[128];
	FILE *status;

	snprintf(path, sizeof(path), "/proc/%u/status", pid);
	status = fopen(path, "re");
	if (status == NULL)
		return false;
	while (fgets(line, sizeof(line), status) != NULL)
		if (sscanf(line, "CapEff: %llx", &mask) == 1)
			break;
	fclose(status);
	return mask & (1ULL << CAP_NET_ADMIN);
}

/* The page a back end reads its state from without a call. */
static int
make_shm(struct emu_dev *dev)
{
	size_t len = sizeof(*dev->shm) + dev->vq_num * sizeof(dev->shm->vq[0]);
	void *map;
	int err;

	dev->shm_fd = memfd_create("vduse-emu", MFD_CLOEXEC);
	if (dev->shm_fd < 0)
		return -errno;
	if (ftruncate(dev->shm_fd, len) < 0)
		goto fail;
	map = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, dev->shm_fd, 0);
	if (map == MAP_FAILED)
		goto fail;
	dev->shm = map;
	dev->shm_len = len;
	dev->shm->vq_num = dev->vq_num;
	return 0;

fail:
	err = -errno;
	close(dev->shm_fd);
	return err;
}

static int
init_queues(struct emu_dev *dev)
{
	dev->vq = calloc(dev->vq_num ? dev->vq_num : 1, sizeof(*dev->vq));
	dev->group_as = calloc(dev->ngroups, sizeof(*dev->group_as));
	if (dev->vq == NULL || dev->group_as == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < dev->vq_num; i++) {
		dev->vq[i].kickfd = -1;
		dev->vq[i].front_kick = -1;
		dev->vq[i].call = -1;
	}
	return make_shm(dev);
}

static struct emu_dev *
free_slot(void)
{
	for (unsigned int i = 0; i < EMU_DEV_MAX; i++)
		if (!emu.dev[i].used)
			return &emu.dev[i];
	return NULL;
}

/* Condition and mutex of a slot are made once and live as long as the broker. */
static void
init_slot(struct emu_dev *dev, const struct vduse_abi_create *config, uint64_t api)
{
	size_t keep = offsetof(struct emu_dev, cond);

	memset(dev, 0, keep);
	dev->front_open = dev->has_owner = dev->in_batch = false;
	dev->config_call = dev->sock = dev->minor = dev->shm_fd = -1;
	memcpy(dev->name, config->name, sizeof(dev->name));
	dev->name[VDUSE_ABI_NAME_MAX - 1] = '\0';
	dev->api = api;
	dev->features = config->features;
	dev->device_id = config->device_id;
	dev->vendor_id = config->vendor_id;
	dev->vq_num = config->vq_num;
	dev->vq_align = config->vq_align;
	dev->ngroups = api < VDUSE_ABI_VERSION_1 ? 1 : config->ngroups;
	dev->nas = api < VDUSE_ABI_VERSION_1 ? 1 : config->nas;
	dev->config_size = config->config_size;
}

static int
create(struct emu_file *file, struct emu_call *call)
{
	const struct vduse_abi_create *config = (const void *)call->req->data;
	size_t head = offsetof(struct vduse_abi_create, config);
	struct emu_dev *dev;
	int ret;

	ret = check_config(config, file->api);
	if (ret < 0)
		return ret;
	if (call->req->len < head + config->config_size)
		return emu_deny(EFAULT, "configuration space not readable");
	if (config->device_id == VIRTIO_ID_NET && emu.conf.caps && !has_net_admin(call->req->pid))
		return emu_deny(EPERM, "a net device needs CAP_NET_ADMIN");
	if (dev_find(config->name) != NULL)
		return emu_deny(EEXIST, "a device named %.255s exists", config->name);
	dev = free_slot();
	if (dev == NULL)
		return emu_deny(ENOMEM, "the emulator holds %u devices", EMU_DEV_MAX);
	init_slot(dev, config, file->api);
	memcpy(dev->config, config->config, config->config_size);
	dev->vduse_features = file->vduse_features;
	ret = init_queues(dev);
	if (ret < 0) {
		free(dev->vq);
		free(dev->group_as);
		return ret;
	}
	dev->used = true;
	bus_add_device(dev);
	return 0;
}

static int
destroy(const char *name)
{
	struct emu_dev *dev = dev_find(name);

	if (dev == NULL)
		return emu_deny(EINVAL, "no device named %.255s", name);
	if (dev->minor >= 0)
		return emu_deny(EBUSY, "%s is attached to the vDPA bus", name);
	if (dev->connected)
		return emu_deny(EBUSY, "/dev/vduse/%s is open", name);
	dev_reset(dev);
	bus_del_device(dev);
	for (unsigned int i = 0; i < EMU_AS_MAX; i++)
		map_clear(&dev->domain[i]);
	iotlb_free(dev);
	munmap(dev->shm, dev->shm_len);
	close(dev->shm_fd);
	free(dev->vq);
	free(dev->group_as);
	dev->used = false;
	return 0;
}

static int
set_u64(struct emu_call *call, uint64_t value)
{
	memcpy(call->rsp->data, &value, sizeof(value));
	call->rsp->len = sizeof(value);
	return 0;
}

/* VDUSE_GET_FEATURES and VDUSE_SET_FEATURES, Linux 7.3. */
static int
feature_ioctl(struct emu_file *file, struct emu_call *call, uint64_t value)
{
	if (!emu.conf.feature_ioctls)
		return -EINVAL; /* as an older kernel: a question, not a mistake */
	if (call->req->cmd == VDUSE_IOC_GET_FEATURES)
		return set_u64(call, emu.conf.features);
	if (value & ~emu.conf.features)
		return emu_deny(EINVAL, "VDUSE features %#llx, offered %#llx",
				(unsigned long long)value, (unsigned long long)emu.conf.features);
	file->vduse_features = value;
	return 0;
}

int
ctl_ioctl(struct emu_file *file, struct emu_call *call)
{
	char name[VDUSE_ABI_NAME_MAX];
	uint64_t value = 0;

	if (call->req->len >= sizeof(value))
		memcpy(&value, call->req->data, sizeof(value));
	switch (call->req->cmd) {
	case VDUSE_IOC_GET_API_VERSION:
		return set_u64(call, file->api == EMU_API_NOT_ASKED ? emu.conf.api : file->api);
	case VDUSE_IOC_SET_API_VERSION:
		if (value > emu.conf.api)
			return -EINVAL; /* how a back end finds out */
		file->api = value;
		return 0;
	case VDUSE_IOC_CREATE:
		if (file->api == EMU_API_NOT_ASKED)
			file->api = VDUSE_ABI_VERSION_0;
		return create(file, call);
	case VDUSE_IOC_DESTROY:
		memcpy(name, call->req->data, sizeof(name));
		name[sizeof(name) - 1] = '\0';
		return destroy(name);
	case VDUSE_IOC_GET_FEATURES:
	case VDUSE_IOC_SET_FEATURES:
		return feature_ioctl(file, call, value);
	default:
		return emu_deny(EINVAL, "unknown ioctl %#llx on control",
				(unsigned long long)call->req->cmd);
	}
}
