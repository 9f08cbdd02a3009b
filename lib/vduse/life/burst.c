/* SPDX-License-Identifier: BSD-3-Clause */

/* The verbs of a ring for device types outside of the library. */

#include <assert.h>
#include <errno.h>

#include "life/device.h"
#include "ring/ring.h"
#include "ring/wake.h"
#include "rte_vduse_vq.h"

static_assert(RTE_VDUSE_VQ_SEGS_MAX == VDUSE_SEGS_MAX, "no chain is longer");

/* Chains that the work of a burst is for. */
#define BURST_CHAINS 32

static struct rte_vduse_vq_pos
burst_pos(struct vduse_pos pos)
{
	return (struct rte_vduse_vq_pos){ .idx = pos.idx, .wrap = pos.wrap };
}

bool
rte_vduse_vq_burst_begin(
		struct rte_vduse_dev *dev, uint16_t index, struct rte_vduse_vq_burst *burst)
{
	struct vduse_vq *vq = vduse_dev_vq(dev, index);

	if (!vduse_vq_burst_begin(vq))
		return false;
	burst->vq = vq;
	burst->work_end = vduse_vq_work_end(vq, BURST_CHAINS);
	burst->next = burst_pos(vq->pos.avail);
	burst->done = false;
	return true;
}

/* The chain at the position. Returns 0, or as vduse_ring_fetch(). */
static int
burst_fetch(struct vduse_vq *vq, struct vduse_pos *pos, struct rte_vduse_vq_chain *to)
{
	const bool packed = vq->ring.is_packed;
	struct vduse_chain chain;
	uint32_t i, n;
	int ret;

	vduse_chain_init(vq, &chain, 0);
	ret = vduse_ring_fetch(vq, pos, &chain, packed);
	to->id = chain.id;
	to->slots = chain.slots;
	n = (uint32_t)chain.nr + chain.nw;
	if (ret == 0 && n > to->room)
		ret = -E2BIG;
	if (ret < 0)
		return ret;
	for (i = 0; i < n; i++)
		to->iov[i] = (struct iovec){ chain.seg[i].addr, chain.seg[i].len };
	to->nb_read = chain.nr;
	to->nb_write = chain.nw;
	return 0;
}

int
rte_vduse_vq_fetch(struct rte_vduse_vq_burst *burst, struct rte_vduse_vq_chain *chain)
{
	struct vduse_vq *vq = burst->vq;
	struct vduse_pos pos = { burst->next.idx, burst->next.wrap };
	int ret;

	chain->nb_read = 0;
	chain->nb_write = 0;
	if (burst->done || vq->stats.work >= burst->work_end)
		return 0;
	ret = vduse_ring_ready(vq, &pos, vq->ring.is_packed);
	if (ret > 0) {
		ret = burst_fetch(vq, &pos, chain);
		if (ret == 0)
			ret = 1;
	}
	burst->done = vduse_vq_burst_stopped(vq, ret);
	if (burst->done || ret == 0)
		return 0;
	chain->from = burst->next;
	chain->to = burst_pos(pos);
	burst->next = chain->to;
	return ret;
}

int
rte_vduse_vq_put(struct rte_vduse_vq_burst *burst, const struct rte_vduse_vq_chain *chain,
		uint32_t written)
{
	struct vduse_vq *vq = burst->vq;

	if (chain->from.idx != vq->pos.avail.idx || chain->from.wrap != vq->pos.avail.wrap)
		return -EINVAL;
	vduse_vq_set_avail(vq, (struct vduse_pos){ chain->to.idx, chain->to.wrap });
	vduse_ring_put(vq, chain->id, chain->slots, written, vq->ring.is_packed);
	return 0;
}

void
rte_vduse_vq_fail(struct rte_vduse_vq_burst *burst, const char *what)
{
	struct vduse_vq *vq = burst->vq;

	burst->done = vduse_vq_burst_stopped(vq, vduse_chain_bad(vq, what));
}

void
rte_vduse_vq_burst_end(struct rte_vduse_vq_burst *burst)
{
	struct vduse_vq *vq = burst->vq;

	vduse_ring_flush(vq, vq->ring.is_packed);
	vduse_vq_burst_end(vq);
}

int
rte_vduse_vq_wake_fd(const struct rte_vduse_dev *dev, uint16_t index)
{
	return vduse_dev_vq(dev, index)->ctl.kickfd;
}

void
rte_vduse_vq_wake_enable(struct rte_vduse_dev *dev, uint16_t index)
{
	vduse_wake_arm(vduse_dev_vq(dev, index));
}

void
rte_vduse_vq_wake_disable(struct rte_vduse_dev *dev, uint16_t index)
{
	vduse_wake_disarm(vduse_dev_vq(dev, index));
}
