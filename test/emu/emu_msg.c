/* SPDX-License-Identifier: BSD-3-Clause */
/* Control messages to the back end: vduse_dev_msg_sync() and its neighbours. */
#include <errno.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "emu_broker.h"

/* Put what is still to be sent into the socket, in order, as far as there is room. */
void
msg_flush(struct emu_dev *dev)
{
	struct kernel_msg *msg;

	if (dev->sock < 0 || dev->k.broken)
		return;
	TAILQ_FOREACH (msg, &dev->k.msgs, next) {
		if (msg->state != KERNEL_MSG_QUEUED)
			continue;
		if (send(dev->sock, &msg->req, sizeof(msg->req), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
			return;
		msg->state = KERNEL_MSG_READ;
	}
}

/*
 * vduse_dev_broken(). Closing the broker's end while the packet nobody reads is still in it makes
 * the back end's socket report EPOLLERR.
 */
void
msg_break(struct emu_dev *dev)
{
	if (dev->k.broken)
		return;
	kernel_dev_break(&dev->k);
	atomic_store_explicit(&dev->shm->broken, 1, memory_order_release);
	if (dev->sock >= 0)
		close(dev->sock);
	dev->sock = -1;
	pthread_cond_broadcast(&dev->cond);
	emu_warn("%s: marked broken; every later ioctl fails with EPERM", dev->k.name);
}

static void
deadline(struct timespec *at, uint32_t seconds)
{
	clock_gettime(CLOCK_MONOTONIC, at);
	at->tv_sec += seconds;
}

int
msg_sync(struct emu_dev *dev, struct kernel_msg *msg)
{
	uint32_t seconds = bus_msg_timeout(dev);
	struct timespec at;
	int ret = 0;

	kernel_msg_send(&dev->k, msg);
	msg_flush(dev);
	deadline(&at, seconds);
	while (msg->state != KERNEL_MSG_DONE && ret != ETIMEDOUT)
		ret = seconds == 0 ? pthread_cond_wait(&dev->cond, &emu.lock)
				   : pthread_cond_timedwait(&dev->cond, &emu.lock, &at);
	if (msg->state != KERNEL_MSG_DONE) {
		kernel_msg_drop(&dev->k, msg);
		emu_warn("%s: request %u of type %u not answered within %u s", dev->k.name,
				msg->req.request_id, msg->req.type, seconds);
		msg_break(dev);
	}
	return msg->rsp.result == VDUSE_MSG_OK ? 0 : -EIO;
}

/* write(2) on the device. Return: bytes taken, or -errno. */
int
msg_reply(struct emu_dev *dev, const void *buf, size_t len)
{
	const struct vduse_abi_response *rsp = buf;
	int ret = kernel_msg_reply(&dev->k, buf, len);

	if (ret < 0)
		return ret;
	if (rsp->result > VDUSE_MSG_FAILED)
		emu_warn("%s: reply to request %u with result %u, neither OK nor FAILED",
				dev->k.name, rsp->request_id, rsp->result);
	pthread_cond_broadcast(&dev->cond);
	msg_flush(dev);
	return ret;
}

int
msg_status(struct emu_dev *dev, uint8_t status)
{
	struct kernel_msg msg = { .req.type = VDUSE_MSG_SET_STATUS };

	msg.req.s.status = status;
	return msg_sync(dev, &msg);
}

int
msg_iotlb(struct emu_dev *dev, uint32_t asid, uint64_t start, uint64_t last)
{
	struct kernel_msg msg = { .req.type = VDUSE_MSG_UPDATE_IOTLB };

	if (last < start)
		return -EINVAL;
	if (dev->k.api < VDUSE_ABI_VERSION_1) {
		msg.req.iova.start = start;
		msg.req.iova.last = last;
	} else {
		msg.req.iova_v2.start = start;
		msg.req.iova_v2.last = last;
		msg.req.iova_v2.asid = asid;
	}
	return msg_sync(dev, &msg);
}
