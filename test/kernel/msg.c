/* SPDX-License-Identifier: BSD-3-Clause */

/* Requests to the process: vduse_dev_msg_sync() and its neighbours, without the wait. */

#include <errno.h>
#include <string.h>

#include "rules.h"

static void
msg_done(struct kernel_dev *dev, struct kernel_msg *msg)
{
	TAILQ_REMOVE(&dev->msgs, msg, next);
	msg->state = KERNEL_MSG_DONE;
}

void
kernel_msg_send(struct kernel_dev *dev, struct kernel_msg *msg)
{
	if (dev->broken) {
		msg->state = KERNEL_MSG_DONE;
		msg->rsp.result = VDUSE_MSG_FAILED;
		return;
	}
	msg->req.request_id = dev->next_request++;
	msg->state = KERNEL_MSG_QUEUED;
	TAILQ_INSERT_TAIL(&dev->msgs, msg, next);
}

void
kernel_msg_drop(struct kernel_dev *dev, struct kernel_msg *msg)
{
	if (msg->state == KERNEL_MSG_DONE)
		return;
	msg_done(dev, msg);
	msg->rsp.result = VDUSE_MSG_FAILED;
}

int
kernel_msg_reply(struct kernel_dev *dev, const void *buf, size_t len)
{
	static const uint32_t zero[4];
	struct vduse_abi_response rsp;
	struct kernel_msg *msg;

	if (len < sizeof(rsp))
		return dev->conf->ops->deny(EINVAL, "%s: a reply of %zu bytes, needed %zu",
				dev->name, len, sizeof(rsp));
	memcpy(&rsp, buf, sizeof(rsp));
	if (memcmp(rsp.reserved, zero, sizeof(zero)) != 0)
		return dev->conf->ops->deny(EINVAL,
				"%s: reply to request %u with reserved not zero", dev->name,
				rsp.request_id);
	TAILQ_FOREACH (msg, &dev->msgs, next)
		if (msg->state == KERNEL_MSG_READ && msg->req.request_id == rsp.request_id)
			break;
	if (msg == NULL)
		return dev->conf->ops->deny(ENOENT,
				"%s: reply to request %u, which nobody waits for", dev->name,
				rsp.request_id);
	msg_done(dev, msg);
	msg->rsp = rsp;
	return sizeof(rsp);
}

void
kernel_msg_requeue(struct kernel_dev *dev)
{
	struct kernel_msg *msg;

	TAILQ_FOREACH (msg, &dev->msgs, next)
		msg->state = KERNEL_MSG_QUEUED;
}

void
kernel_dev_break(struct kernel_dev *dev)
{
	struct kernel_msg *msg;

	dev->broken = true;
	while ((msg = TAILQ_FIRST(&dev->msgs)) != NULL)
		kernel_msg_drop(dev, msg);
}
