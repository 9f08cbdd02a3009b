/* SPDX-License-Identifier: BSD-3-Clause */
/* Per-queue ioctls of vhost-vdpa: vhost_vdpa_vring_ioctl() and vhost_vring_ioctl(). */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <linux/vhost_types.h>
#include <linux/virtio_config.h>

#include "emu_broker.h"

#define F_RING_PACKED (1ULL << VIRTIO_F_RING_PACKED)
#define RING_NUM_MAX  0xffff
#define AVAIL_ALIGN   2 /* VRING_AVAIL_ALIGN_SIZE */
#define USED_ALIGN    4 /* VRING_USED_ALIGN_SIZE */

static bool
is_packed(const struct emu_dev *dev)
{
	return dev->acked_features & F_RING_PACKED;
}

static int
set_addr(struct vduse_abi_vq *info, const struct vhost_vring_addr *addr)
{
	if (addr->flags & ~(1U << VHOST_VRING_F_LOG))
		return emu_deny(EOPNOTSUPP, "SET_VRING_ADDR: flags %#x", addr->flags);
	if (addr->avail_user_addr & (AVAIL_ALIGN - 1) || addr->used_user_addr & (USED_ALIGN - 1))
		return emu_deny(EINVAL, "SET_VRING_ADDR of queue %u: not aligned", addr->index);
	info->desc_addr = addr->desc_user_addr;
	info->driver_addr = addr->avail_user_addr;
	info->device_addr = addr->used_user_addr;
	return 0;
}

static int
set_num(struct kernel_vq *vq, const struct vhost_vring_state *state)
{
	if (state->num == 0 || state->num > RING_NUM_MAX || (state->num & (state->num - 1)))
		return emu_deny(EINVAL, "SET_VRING_NUM: %u is no power of two up to %u", state->num,
				RING_NUM_MAX);
	if (state->num > vq->num_max)
		emu_warn("SET_VRING_NUM: %u above the back end's %u", state->num, vq->num_max);
	vq->info.num = state->num;
	return 0;
}

static int
set_base(struct emu_dev *dev, const struct vhost_vring_state *state)
{
	struct vduse_abi_vq *info = &dev->k.vqs[state->index].info;
	struct emu_vq *vq = &dev->vq[state->index];

	if (is_packed(dev)) {
		vq->base_avail = state->num & 0xffff;
		vq->base_used = state->num >> 16;
	} else {
		if (state->num > 0xffff)
			return emu_deny(EINVAL, "SET_VRING_BASE: %#x on a split ring", state->num);
		vq->base_avail = state->num;
	}
	/* vduse_vdpa_set_vq_state() looks at what the device was told, not vhost */
	if (dev->k.driver_features & F_RING_PACKED) {
		info->packed.last_avail_idx = vq->base_avail & 0x7fff;
		info->packed.last_avail_counter = !!(vq->base_avail & 0x8000);
		info->packed.last_used_idx = vq->base_used & 0x7fff;
		info->packed.last_used_counter = !!(vq->base_used & 0x8000);
	} else {
		info->split.avail_index = vq->base_avail;
	}
	return 0;
}

static int
get_base(struct emu_dev *dev, struct emu_call *call, uint32_t index)
{
	struct kernel_msg msg = { .req.type = VDUSE_MSG_GET_VQ_STATE };
	struct vhost_vring_state state = { .index = index };
	struct emu_vq *vq = &dev->vq[index];
	int ret;

	msg.req.vq_state.index = index;
	ret = msg_sync(dev, &msg);
	if (ret < 0)
		return ret;
	if (dev->k.driver_features & F_RING_PACKED) {
		const struct vduse_abi_pos_packed *packed = &msg.rsp.vq_state.packed;

		vq->base_avail = (packed->last_avail_idx & 0x7fff) |
				 (packed->last_avail_counter & 1) << 15;
		vq->base_used = (packed->last_used_idx & 0x7fff) | (packed->last_used_counter & 1)
										   << 15;
		state.num = vq->base_avail | vq->base_used << 16;
	} else {
		vq->base_avail = msg.rsp.vq_state.split.avail_index;
		state.num = vq->base_avail;
	}
	memcpy(call->rsp->data, &state, sizeof(state));
	call->rsp->len = sizeof(state);
	return 0;
}

static void
drop_call(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Take over an eventfd of the front end; the old one goes. */
static int
take_eventfd(int *slot, struct emu_call *call, int fd, void (*drop)(int *))
{
	int ret = fd == VHOST_FILE_UNBIND ? 0 : call_eventfd(call, fd);

	if (ret < 0)
		return ret;
	drop(slot);
	if (fd == VHOST_FILE_UNBIND)
		return 0;
	*slot = call->in->fd[0];
	call->in->count = 0;
	return 0;
}

static int
set_kick(struct emu_dev *dev, struct emu_call *call, const struct vhost_vring_file *file)
{
	struct emu_vq *vq = &dev->vq[file->index];
	int ret;

	ret = take_eventfd(&vq->front_kick, call, file->fd, kick_forget);
	if (ret < 0 || vq->front_kick < 0)
		return ret;
	return kick_watch(vq->front_kick, (uint64_t)(dev - emu.dev) << 32 | file->index);
}

static int
set_call(struct emu_dev *dev, struct emu_call *call, const struct vhost_vring_file *file)
{
	struct emu_vq *vq = &dev->vq[file->index];
	bool had = vq->call >= 0;
	int ret;

	ret = take_eventfd(&vq->call, call, file->fd, drop_call);
	if (ret < 0)
		return ret;
	/* odd: there is one; two steps tell a new one from the old */
	atomic_fetch_add_explicit(&dev->shm->vq[file->index].call_gen,
			had == (vq->call >= 0) ? 2 * had : 1, memory_order_release);
	return 0;
}

static int
set_enable(struct emu_dev *dev, const struct vhost_vring_state *state)
{
	struct kernel_msg msg = { .req.type = VDUSE_MSG_SET_VQ_READY };
	int ret;

	if (dev->k.vduse_features & (1ULL << VDUSE_ABI_F_QUEUE_READY)) {
		msg.req.vq_ready.num = state->index;
		msg.req.vq_ready.ready = state->num != 0;
		ret = msg_sync(dev, &msg);
		if (ret < 0)
			return 0; /* set_vq_ready() returns nothing; the queue stays as it was */
	}
	dev->k.vqs[state->index].info.ready = state->num != 0;
	dev_publish(dev);
	return 0;
}

static int
group_ioctl(struct emu_dev *dev, struct emu_call *call, struct vhost_vring_state *state)
{
	struct kernel_msg msg = { .req.type = VDUSE_MSG_SET_VQ_GROUP_ASID };
	int ret;

	if (call->req->cmd == VHOST_VDPA_GET_VRING_GROUP) {
		state->num = dev->k.api < VDUSE_ABI_VERSION_1 ? 0 : dev->k.vqs[state->index].group;
		memcpy(call->rsp->data, state, sizeof(*state));
		call->rsp->len = sizeof(*state);
		return 0;
	}
	if (state->index >= dev->k.ngroups || state->num >= dev->k.nas)
		return emu_deny(EINVAL, "SET_GROUP_ASID: group %u of %u, ASID %u of %u",
				state->index, dev->k.ngroups, state->num, dev->k.nas);
	if (dev->k.api < VDUSE_ABI_VERSION_1)
		return emu_deny(EINVAL, "SET_GROUP_ASID with API version 0");
	if (dev->k.status & KERNEL_S_DRIVER_OK)
		return emu_deny(EBUSY, "SET_GROUP_ASID after DRIVER_OK");
	msg.req.vq_group_asid.group = state->index;
	msg.req.vq_group_asid.asid = state->num;
	ret = msg_sync(dev, &msg);
	if (ret == 0)
		dev->group_as[state->index] = state->num;
	return ret;
}

/* Address and position must not move under a running device. */
static int
check_running(struct emu_dev *dev, uint64_t cmd)
{
	if ((cmd != VHOST_SET_VRING_ADDR && cmd != VHOST_SET_VRING_BASE) ||
			!(dev->k.status & KERNEL_S_DRIVER_OK) || dev->suspended)
		return 0;
	return emu_deny(EINVAL, "ring address or base set after DRIVER_OK");
}

static int
dispatch(struct emu_dev *dev, struct emu_call *call, uint32_t index)
{
	struct vhost_vring_state state;
	struct vhost_vring_addr addr;
	struct vhost_vring_file file;

	memcpy(&state, call->req->data, sizeof(state));
	memcpy(&addr, call->req->data, sizeof(addr));
	memcpy(&file, call->req->data, sizeof(file));
	switch (call->req->cmd) {
	case VHOST_VDPA_SET_VRING_ENABLE:
		return set_enable(dev, &state);
	case VHOST_VDPA_GET_VRING_GROUP:
		return group_ioctl(dev, call, &state);
	case VHOST_GET_VRING_BASE:
		return get_base(dev, call, index);
	case VHOST_SET_VRING_BASE:
		return set_base(dev, &state);
	case VHOST_SET_VRING_NUM:
		return set_num(&dev->k.vqs[index], &state);
	case VHOST_SET_VRING_ADDR:
		return set_addr(&dev->k.vqs[index].info, &addr);
	case VHOST_SET_VRING_KICK:
		return set_kick(dev, call, &file);
	case VHOST_SET_VRING_CALL:
		return set_call(dev, call, &file);
	case VHOST_SET_VRING_ERR:
		return 0; /* vduse has no errors to report on it */
	default:
		emu_warn("%s: vhost-vdpa: unknown ioctl %#llx", dev->k.name,
				(unsigned long long)call->req->cmd);
		return -ENOTTY;
	}
}

int
vring_ioctl(struct emu_dev *dev, struct emu_call *call)
{
	struct vhost_vring_state state;
	int ret;

	memcpy(&state, call->req->data, sizeof(state));
	if (call->req->cmd == VHOST_VDPA_SET_GROUP_ASID)
		return group_ioctl(dev, call, &state);
	if (state.index >= dev->k.vq_num)
		return emu_deny(ENOBUFS, "vring ioctl for queue %u of %u", state.index,
				dev->k.vq_num);
	ret = check_running(dev, call->req->cmd);
	return ret < 0 ? ret : dispatch(dev, call, state.index);
}
