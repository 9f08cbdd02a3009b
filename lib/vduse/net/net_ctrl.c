/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>

#include <rte_byteorder.h>

#include "net_ctrl.h"
#include "vduse_log.h"

/* Longest command with its data that is looked at, bytes. */
#define CTRL_DATA_MAX 4096

/** A command in a local copy. */
struct ctrl_cmd {
	struct virtio_net_ctrl_hdr hdr;
	uint16_t len; /* of data */
	uint8_t data[CTRL_DATA_MAX];
};

/** Carries out a command; 0: VIRTIO_NET_OK, else VIRTIO_NET_ERR. */
typedef int (*ctrl_handler_t)(struct rte_vduse_net *net, const struct ctrl_cmd *cmd);

/* virtio 1.2, 5.1.6.5.5: 1 to max_virtqueue_pairs */
static int
ctrl_mq_pairs(struct rte_vduse_net *net, const struct ctrl_cmd *cmd)
{
	uint16_t pairs;

	if (cmd->len != sizeof(pairs))
		return -EINVAL;
	memcpy(&pairs, cmd->data, sizeof(pairs));
	pairs = rte_le_to_cpu_16(pairs);
	if (pairs < VIRTIO_NET_CTRL_MQ_VQ_PAIRS_MIN || pairs > net->queue_pairs)
		return -EINVAL;
	__atomic_store_n(&net->active_pairs, pairs, __ATOMIC_RELAXED);
	return 0;
}

static const struct {
	uint8_t class;
	uint8_t cmd;
	uint8_t feature; /* bit that must be negotiated */
	ctrl_handler_t handler;
} ctrl_table[] = {
	{ VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, VIRTIO_NET_F_MQ, ctrl_mq_pairs },
};

static int
ctrl_run(struct rte_vduse_net *net, const struct ctrl_cmd *cmd)
{
	const uint64_t features = net->dev->driver_features;
	size_t i;

	for (i = 0; i < RTE_DIM(ctrl_table); i++) {
		if (ctrl_table[i].class == cmd->hdr.class && ctrl_table[i].cmd == cmd->hdr.cmd &&
				(features & (1ULL << ctrl_table[i].feature)))
			return ctrl_table[i].handler(net, cmd);
	}
	return -EOPNOTSUPP;
}

/* Copy the readable part of the chain. Returns 0 or -EINVAL. */
static int
ctrl_copy(const struct vduse_chain *chain, struct ctrl_cmd *cmd)
{
	uint8_t raw[sizeof(cmd->hdr) + CTRL_DATA_MAX];
	size_t len = 0;
	uint16_t i;

	for (i = 0; i < chain->nr; i++) {
		if (chain->seg[i].len > sizeof(raw) - len)
			return -EINVAL;
		memcpy(raw + len, chain->seg[i].addr, chain->seg[i].len);
		len += chain->seg[i].len;
	}
	if (len < sizeof(cmd->hdr))
		return -EINVAL;
	memcpy(&cmd->hdr, raw, sizeof(cmd->hdr));
	cmd->len = len - sizeof(cmd->hdr);
	memcpy(cmd->data, raw + sizeof(cmd->hdr), cmd->len);
	return 0;
}

/* One command; 1: done, 0: none, or what ended the walk. */
static int
ctrl_serve_one(struct rte_vduse_net *net, struct vduse_vq *vq, const bool packed)
{
	struct vduse_pos pos = vq->avail;
	struct vduse_chain chain;
	struct ctrl_cmd cmd;
	int ret;

	ret = vduse_ring_ready(vq, &pos, packed);
	if (ret <= 0)
		return ret;
	vduse_chain_init(vq, &chain, 0);
	ret = vduse_ring_fetch(vq, &pos, &chain, packed);
	if (ret < 0)
		return ret == -E2BIG ? vduse_chain_bad(vq, "command in too many pieces") : ret;
	if (chain.nw == 0)
		return vduse_chain_bad(vq, "command without room for its acknowledgement");
	ret = ctrl_copy(&chain, &cmd);
	if (ret == 0)
		ret = ctrl_run(net, &cmd);
	chain.seg[chain.nr].addr[0] = ret == 0 ? VIRTIO_NET_OK : VIRTIO_NET_ERR;
	vq->avail = pos;
	vduse_ring_put(vq, chain.id, chain.slots, 1, packed);
	return 1;
}

/* All commands there are; again when one came while kicks were being asked for. */
static int
ctrl_serve_all(struct rte_vduse_net *net, struct vduse_vq *vq, const bool packed)
{
	int ret, served;

	do {
		served = 0;
		while ((ret = ctrl_serve_one(net, vq, packed)) > 0)
			served++;
		vduse_ring_flush(vq, packed);
		vduse_ring_set_kicks(vq, true);
		/* the wish must be visible before the last look at the ring */
		rte_atomic_thread_fence(__ATOMIC_SEQ_CST);
	} while (ret == 0 && served > 0);
	return ret;
}

void
net_ctrl_serve(struct rte_vduse_net *net, struct vduse_vq *vq)
{
	int ret;

	do {
		if (!vduse_vq_burst_begin(vq))
			return;
		ret = vq->ctl.packed_ring ? ctrl_serve_all(net, vq, true)
					  : ctrl_serve_all(net, vq, false);
		if (ret == -EBADMSG)
			vduse_vq_set_fault(vq);
		vduse_vq_burst_end(vq);
		if (ret == -EAGAIN)
			vduse_vq_miss(vq);
	} while (ret == -EAGAIN);
}
