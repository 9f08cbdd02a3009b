/* SPDX-License-Identifier: BSD-3-Clause */
/* Control messages to the back end: vduse_dev_msg_sync() and its neighbours. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "emu_broker.h"

static void
msg_append(struct emu_dev *dev, struct emu_msg *msg)
{
	struct emu_msg **at = &dev->msgs;

	while (*at != NULL)
		at = &(*at)->next;
	*at = msg;
}

static void
msg_unlink(struct emu_dev *dev, struct emu_msg *msg)
{
	for (struct emu_msg **at = &dev->msgs; *at != NULL; at = &(*at)->next) {
		if (*at == msg) {
			*at = msg->next;
			return;
		}
	}
}

/* Put what is still to be sent into the socket, in order, as far as there is room. */
void
msg_flush(struct emu_dev *dev)
{
	if (dev->sock < 0 || dev->broken)
		return;
	for (struct emu_msg *msg = dev->msgs; msg != NULL; msg = msg->next) {
		if (msg->sent)
			continue;
		if (send(dev->sock, &msg->req, sizeof(msg->req), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
			return;
		msg->sent = true;
	}
}

/* On close of the device: what is unanswered waits for whoever opens it next. */
void
msg_requeue(struct emu_dev *dev)
{
	for (struct emu_msg *msg = dev->msgs; msg != NULL; msg = msg->next)
		msg->sent = false;
}

/*
 * vduse_dev_broken(). Closing the broker's end while the packet nobody reads is still in it makes
 * the back end's socket report EPOLLERR.
 */
void
msg_break(struct emu_dev *dev)
{
	if (dev->broken)
		return;
	dev->broken = true;
	atomic_store_explicit(&dev->shm->broken, 1, memory_order_release);
	for (struct emu_msg *msg = dev->msgs; msg != NULL; msg = msg->next) {
		msg->completed = true;
		msg->rsp.result = VDUSE_MSG_FAILED;
	}
	dev->msgs = NULL;
	if (dev->sock >= 0)
		close(dev->sock);
	dev->sock = -1;
	pthread_cond_broadcast(&dev->cond);
	emu_warn("%s: marked broken; every later ioctl fails with EPERM", dev->name);
}

static void
deadline(struct timespec *at, uint32_t seconds)
{
	clock_gettime(CLOCK_MONOTONIC, at);
	at->tv_sec += seconds;
}

int
msg_sync(struct emu_dev *dev, struct emu_msg *msg)
{
	uint32_t seconds = bus_msg_timeout(dev);
	struct timespec at;
	int ret = 0;

	if (dev->broken)
		return -EIO;
	msg->req.request_id = dev->msg_unique++;
	msg_append(dev, msg);
	msg_flush(dev);
	deadline(&at, seconds);
	while (!msg->completed && ret != ETIMEDOUT)
		ret = seconds == 0 ? pthread_cond_wait(&dev->cond, &emu.lock)
				   : pthread_cond_timedwait(&dev->cond, &emu.lock, &at);
	if (!msg->completed) {
		msg_unlink(dev, msg);
		msg->rsp.result = VDUSE_MSG_FAILED;
		emu_warn("%s: request %u of type %u not answered within %u s", dev->name,
				msg->req.request_id, msg->req.type, seconds);
		msg_break(dev);
	}
	return msg->rsp.result == VDUSE_MSG_OK ? 0 : -EIO;
}

/* write(2) on the device. Return: bytes taken, or -errno. */
int
msg_reply(struct emu_dev *dev, const void *buf, size_t len)
{
	static const uint32_t zero[4];
	struct vduse_abi_response rsp;
	struct emu_msg *msg;

	if (len < sizeof(rsp))
		return emu_deny(EINVAL, "%s: a reply of %zu bytes, needed %zu", dev->name, len,
				sizeof(rsp));
	memcpy(&rsp, buf, sizeof(rsp));
	if (memcmp(rsp.reserved, zero, sizeof(zero)) != 0)
		return emu_deny(EINVAL, "%s: reply to request %u with reserved not zero", dev->name,
				rsp.request_id);
	for (msg = dev->msgs; msg != NULL; msg = msg->next)
		if (msg->sent && msg->req.request_id == rsp.request_id)
			break;
	if (msg == NULL)
		return emu_deny(ENOENT, "%s: reply to request %u, which nobody waits for",
				dev->name, rsp.request_id);
	if (rsp.result > VDUSE_MSG_FAILED)
		emu_warn("%s: reply to request %u with result %u, neither OK nor FAILED", dev->name,
				rsp.request_id, rsp.result);
	msg_unlink(dev, msg);
	msg->rsp = rsp;
	msg->completed = true;
	pthread_cond_broadcast(&dev->cond);
	msg_flush(dev);
	return sizeof(rsp);
}

int
msg_status(struct emu_dev *dev, uint8_t status)
{
	struct emu_msg msg = { .req.type = VDUSE_MSG_SET_STATUS };

	msg.req.s.status = status;
	return msg_sync(dev, &msg);
}

int
msg_iotlb(struct emu_dev *dev, uint32_t asid, uint64_t start, uint64_t last)
{
	struct emu_msg msg = { .req.type = VDUSE_MSG_UPDATE_IOTLB };

	if (last < start)
		return -EINVAL;
	if (dev->api < VDUSE_ABI_VERSION_1) {
		msg.req.iova.start = start;
		msg.req.iova.last = last;
	} else {
		msg.req.iova_v2.start = start;
		msg.req.iova_v2.last = last;
		msg.req.iova_v2.asid = asid;
	}
	return msg_sync(dev, &msg);
}
