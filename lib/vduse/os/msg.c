/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include <rte_common.h>

#include "count.h"
#include "len.h"
#include "log.h"
#include "os/msg.h"
#include "trace.h"

/* Requests answered a wake-up. The kernel keeps one in flight a device, rarely two. */
#define MSG_BATCH 64

typedef int (*msg_handler_t)(const struct vduse_msg_port *port, const struct vduse_abi_request *req,
		struct vduse_abi_response *resp);

static int
msg_get_vq_state(const struct vduse_msg_port *port, const struct vduse_abi_request *req,
		struct vduse_abi_response *resp)
{
	uint16_t index;

	if (!vduse_len16(req->vq_state.index, &index) || index >= port->nb_queues)
		return -EPROTO;
	resp->vq_state.index = index;
	return port->ops->get_vq_state(port->ctx, index, &resp->vq_state);
}

static void
msg_vq_state_told(const struct vduse_msg_port *port, const struct vduse_abi_request *req)
{
	uint16_t index;

	if (port->ops->vq_state_told != NULL && vduse_len16(req->vq_state.index, &index))
		port->ops->vq_state_told(port->ctx, index);
}

static int
msg_set_status(const struct vduse_msg_port *port, const struct vduse_abi_request *req,
		__rte_unused struct vduse_abi_response *resp)
{
	return port->ops->set_status(port->ctx, req->s.status);
}

static int
msg_update_iotlb(const struct vduse_msg_port *port, const struct vduse_abi_request *req,
		__rte_unused struct vduse_abi_response *resp)
{
	/* API 0 has one address space, and its request no field for it */
	const uint32_t asid = port->nb_spaces > 0 ? req->iova_v2.asid : 0;

	if (req->iova.start > req->iova.last || (asid > 0 && asid >= port->nb_spaces))
		return -EPROTO;
	return port->ops->update_iotlb(port->ctx, asid, req->iova.start, req->iova.last);
}

static int
msg_set_group_asid(const struct vduse_msg_port *port, const struct vduse_abi_request *req,
		__rte_unused struct vduse_abi_response *resp)
{
	const uint32_t group = req->vq_group_asid.group, asid = req->vq_group_asid.asid;

	if (group >= port->nb_spaces || asid >= port->nb_spaces)
		return -EPROTO;
	return port->ops->set_group_asid(port->ctx, group, asid);
}

static int
msg_set_vq_ready(const struct vduse_msg_port *port, const struct vduse_abi_request *req,
		__rte_unused struct vduse_abi_response *resp)
{
	uint16_t index;

	if (!vduse_len16(req->vq_ready.num, &index) || index >= port->nb_queues)
		return -EPROTO;
	return port->ops->set_vq_ready(port->ctx, index, req->vq_ready.ready != 0);
}

static int
msg_suspend(const struct vduse_msg_port *port, __rte_unused const struct vduse_abi_request *req,
		__rte_unused struct vduse_abi_response *resp)
{
	return port->ops->suspend(port->ctx);
}

static const msg_handler_t msg_handlers[] = {
	[VDUSE_MSG_GET_VQ_STATE] = msg_get_vq_state,
	[VDUSE_MSG_SET_STATUS] = msg_set_status,
	[VDUSE_MSG_UPDATE_IOTLB] = msg_update_iotlb,
	[VDUSE_MSG_SET_VQ_GROUP_ASID] = msg_set_group_asid,
	[VDUSE_MSG_SET_VQ_READY] = msg_set_vq_ready,
	[VDUSE_MSG_SUSPEND] = msg_suspend,
};

static uint64_t
msg_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static void
msg_count(struct vduse_msg_stats *stats, uint32_t type, bool refused, uint64_t ns)
{
	if (stats == NULL)
		return;
	type = vduse_len_min32(type, VDUSE_MSG_TYPES - 1);
	vduse_count(&stats->answered[type], 1);
	vduse_count(&stats->refused[type], refused);
	vduse_count(&stats->ns_total, ns);
	if (ns > stats->ns_max)
		vduse_count(&stats->ns_max, ns - stats->ns_max);
}

static int
msg_serve_one(const struct vduse_msg_port *port)
{
	struct vduse_abi_response resp;
	struct vduse_abi_request req;
	msg_handler_t handler = NULL;
	uint64_t begin, ns;
	ssize_t n;
	int ret;

	n = port->sys->read(port->fd, &req, sizeof(req));
	if (n < 0)
		return (int)n; /* -errno */
	if (n != sizeof(req)) {
		VDUSE_LOG(ERR, "%s: a request of %zd bytes where the kernel's have %zu", port->name,
				n, sizeof(req));
		return -EPROTO;
	}

	begin = msg_now_ns();
	memset(&resp, 0, sizeof(resp));
	resp.request_id = req.request_id;
	if (req.type < RTE_DIM(msg_handlers))
		handler = msg_handlers[req.type];
	ret = handler != NULL ? handler(port, &req, &resp) : -EOPNOTSUPP;
	if (ret < 0) {
		VDUSE_LOG(NOTICE, "%s: request type %u refused: %s", port->name, req.type,
				strerror(-ret));
		memset(&resp.vq_state, 0, sizeof(resp.vq_state));
	}
	resp.result = VDUSE_MSG_OK;
	if (ret < 0)
		resp.result = VDUSE_MSG_FAILED;

	n = port->sys->write(port->fd, &resp, sizeof(resp));
	if (req.type == VDUSE_MSG_GET_VQ_STATE && ret != -EPROTO)
		msg_vq_state_told(port, &req);
	ns = msg_now_ns() - begin;
	msg_count(port->stats, req.type, ret < 0, ns);
	vduse_trace_message(port->name, req.type, ret, ns);
	/* the kernel gave up waiting for this one (msg_timeout, killed caller) */
	if (n == -ENOENT)
		return 0;
	if (n < 0)
		return (int)n;
	return ret == -EPROTO ? -EPROTO : 0;
}

int
vduse_msg_serve(const struct vduse_msg_port *port)
{
	int served;
	int ret;

	for (served = 0; served < MSG_BATCH; served++) {
		ret = msg_serve_one(port);
		if (ret == -EAGAIN)
			break;
		if (ret < 0)
			return ret;
	}
	return served;
}
