/* SPDX-License-Identifier: BSD-3-Clause */
/* /dev/vduse/control: vduse_create_dev(), vduse_destroy_dev(). */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/capability.h>

#include "emu_broker.h"

struct emu_dev *
dev_find(const char *name)
{
	for (unsigned int i = 0; i < EMU_DEV_MAX; i++)
		if (emu.dev[i].used && strcmp(emu.dev[i].k.name, name) == 0)
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
	size_t len = sizeof(*dev->shm) + dev->k.vq_num * sizeof(dev->shm->vq[0]);
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
	dev->shm->vq_num = dev->k.vq_num;
	return 0;

fail:
	err = -errno;
	close(dev->shm_fd);
	return err;
}

static int
init_queues(struct emu_dev *dev)
{
	dev->vq = calloc(dev->k.vq_num + 1, sizeof(*dev->vq));
	dev->group_as = calloc(dev->k.ngroups, sizeof(*dev->group_as));
	if (dev->vq == NULL || dev->group_as == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < dev->k.vq_num; i++)
		dev->vq[i].front_kick = dev->vq[i].call = -1;
	for (uint32_t i = 0; i < EMU_AS_MAX; i++) {
		dev->iotlb[i].owns = true;
		if (i < dev->k.nas)
			dev->k.maps[i].owns = true;
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

static void
free_queues(struct emu_dev *dev)
{
	kernel_dev_fini(&dev->k);
	free(dev->vq);
	free(dev->group_as);
}

/* Condition and mutex of a slot are made once and live as long as the broker. */
static int
init_slot(struct emu_dev *dev, const struct kernel_control *control,
		const struct vduse_abi_create *config)
{
	int ret;

	memset(dev, 0, offsetof(struct emu_dev, cond));
	dev->front_open = dev->has_owner = dev->in_batch = false;
	dev->config_call = dev->sock = dev->minor = dev->shm_fd = -1;
	ret = kernel_dev_init(&dev->k, &emu.conf.kernel, control, config);
	if (ret == 0)
		ret = init_queues(dev);
	if (ret < 0)
		free_queues(dev);
	return ret;
}

static int
create(struct emu_file *file, struct emu_call *call)
{
	const struct vduse_abi_create *config = (const void *)call->req->data;
	size_t head = offsetof(struct vduse_abi_create, config);
	struct emu_dev *dev;
	int ret;

	ret = kernel_create(&emu.conf.kernel, &file->control, config);
	if (ret < 0)
		return ret;
	if (config->nas > EMU_AS_MAX)
		return emu_deny(ENOMEM, "nas %u: the emulator holds %u", config->nas, EMU_AS_MAX);
	if (call->req->len < head + config->config_size)
		return emu_deny(EFAULT, "configuration space not readable");
	if (kernel_needs_admin(config) && emu.conf.caps && !has_net_admin(call->req->pid))
		return emu_deny(EPERM, "a net device needs CAP_NET_ADMIN");
	if (dev_find(config->name) != NULL)
		return emu_deny(EEXIST, "a device named %.255s exists", config->name);
	dev = free_slot();
	if (dev == NULL)
		return emu_deny(ENOMEM, "the emulator holds %u devices", EMU_DEV_MAX);
	ret = init_slot(dev, &file->control, config);
	if (ret < 0)
		return ret;
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
	iotlb_free(dev);
	munmap(dev->shm, dev->shm_len);
	close(dev->shm_fd);
	free_queues(dev);
	pthread_cond_broadcast(&dev->cond);
	dev->used = false;
	return 0;
}

int
ctl_ioctl(struct emu_file *file, struct emu_call *call)
{
	char name[VDUSE_ABI_NAME_MAX];
	uint64_t value = 0;
	int ret;

	switch (call->req->cmd) {
	case VDUSE_IOC_CREATE:
		return create(file, call);
	case VDUSE_IOC_DESTROY:
		memcpy(name, call->req->data, sizeof(name));
		name[sizeof(name) - 1] = '\0';
		return destroy(name);
	default:
		memcpy(&value, call->req->data, sizeof(value));
		ret = kernel_control_ioctl(
				&emu.conf.kernel, &file->control, call->req->cmd, &value);
		memcpy(call->rsp->data, &value, sizeof(value));
		call->rsp->len = _IOC_DIR(call->req->cmd) & _IOC_READ ? sizeof(value) : 0;
		return ret;
	}
}
