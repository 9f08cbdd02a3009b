/* SPDX-License-Identifier: BSD-3-Clause */
/* /dev/vduse/NAME, where the rules (test/kernel) leave it open. */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "emu_broker.h"

int
call_eventfd(const struct emu_call *call, int fd)
{
	int ret = call->in->count == 0 ? -EBADF : kernel_is_eventfd(call->in->fd[0]);

	return ret == 0 ? 0 : emu_deny(-ret, "descriptor %d is not an open eventfd", fd);
}

void
dev_signal(int fd)
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
	atomic_store_explicit(&dev->shm->status, dev->k.status, memory_order_release);
	for (uint32_t i = 0; i < dev->k.vq_num; i++)
		atomic_store_explicit(&dev->shm->vq[i].ready, dev->k.vqs[i].info.ready,
				memory_order_release);
}

/* vduse_dev_reset() */
void
dev_reset(struct emu_dev *dev)
{
	kernel_dev_reset(&dev->k);
	dev->suspended = false;
	drop_fd(&dev->config_call);
	for (uint32_t i = 0; i < dev->k.ngroups; i++)
		dev->group_as[i] = 0;
	for (uint32_t i = 0; i < dev->k.vq_num; i++) {
		if (dev->vq[i].call < 0)
			continue;
		drop_fd(&dev->vq[i].call);
		atomic_fetch_add_explicit(&dev->shm->vq[i].call_gen, 1, memory_order_release);
	}
	dev_publish(dev);
}

/* A kick of the front end reaches the back end, or waits for its eventfd. */
void
dev_kick(struct emu_dev *dev, uint32_t index)
{
	int ret = kernel_vq_kick(&dev->k.vqs[index]);

	if (ret < 0)
		emu_warn("kick: %s", strerror(-ret));
}

static struct emu_dev *
dev_of(struct kernel_dev *dev)
{
	return (struct emu_dev *)((char *)dev - offsetof(struct emu_dev, k));
}

/* The fd keeps the access the front end opened it with. */
static int
give(struct kernel_dev *dev, void *ctx, const struct kernel_region *region)
{
	struct emu_call *call = ctx;

	(void)dev;
	call->out.fd[0] = region->fd;
	call->out.count = 1;
	call->keep = true;
	return 0;
}

static bool
signal_front(struct kernel_dev *dev, uint32_t index)
{
	int fd = dev_of(dev)->vq[index].call;

	if (fd >= 0)
		dev_signal(fd);
	return fd >= 0;
}

/* The work item of a queue that has no eventfd finds nobody to call. */
static void
call_front(struct kernel_dev *dev, uint32_t index)
{
	int fd = dev_of(dev)->config_call;

	if (index == UINT32_MAX && fd >= 0)
		dev_signal(fd);
}

/* Registered memory replaces the bounce region, which only a driver in the kernel has. */
static int
umem(struct kernel_dev *dev, const struct vduse_abi_umem *arg)
{
	(void)dev;
	(void)arg;
	return -EINVAL;
}

const struct kernel_ops emu_ops = {
	.deny = emu_deny,
	.give = give,
	.signal = signal_front,
	.call = call_front,
	.umem = umem,
};

/* The eventfd behind VQ_INJECT_IRQ, so that the back end's process can signal it itself. */
int
dev_callfd(struct emu_dev *dev, struct emu_call *call)
{
	if (call->req->arg >= dev->k.vq_num || dev->vq[call->req->arg].call < 0)
		return -ENOENT;
	call->out.fd[0] = dev->vq[call->req->arg].call;
	call->out.count = 1;
	call->keep = true;
	return 0;
}

/* Take bytes off the end of a region, as `vduse-emu set shrink=` asks. */
static void
shrink(void *arg)
{
	struct vduse_abi_region *region = arg;

	if (emu.conf.shrink > 0 && emu.conf.shrink <= region->last - region->start)
		region->last -= emu.conf.shrink;
}

int
dev_ioctl(struct emu_dev *dev, struct emu_call *call)
{
	const unsigned long cmd = call->req->cmd;
	uint64_t arg[EMU_DATA_MAX / sizeof(uint64_t)];
	int ret;

	memcpy(arg, call->req->data, sizeof(arg));
	ret = kernel_dev_ioctl(&dev->k, cmd, arg, call->in->count > 0 ? call->in->fd[0] : -1, call);
	if (ret < 0)
		return ret;
	if (cmd == VDUSE_IOC_REGION || cmd == VDUSE_IOC_REGION_V2)
		shrink(arg);
	if (cmd == VDUSE_IOC_VQ_SETUP && dev->minor >= 0)
		emu_warn("%s: VQ_SETUP after the device was attached", dev->k.name);
	if (_IOC_DIR(cmd) & _IOC_READ) {
		call->rsp->len = _IOC_SIZE(cmd);
		memcpy(call->rsp->data, arg, call->rsp->len);
	}
	return ret;
}
