/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <stdlib.h>

#include <rte_malloc.h>

#include "log.h"
#include "net/config.h"
#include "net/pairs.h"
#include "net/zc.h"
#include "ring/notify.h"

static int
net_alloc_pending(struct net_queue *q)
{
	q->nb_pending = RTE_MIN(q->vq->ctl.max_size, VDUSE_SEGS_MAX);
	q->pending = rte_malloc("vduse_net_pending", q->nb_pending * sizeof(q->pending[0]),
			RTE_CACHE_LINE_SIZE);
	return q->pending != NULL ? 0 : -ENOMEM;
}

void
net_pairs_free(struct rte_vduse_net *net)
{
	uint16_t i;

	for (i = 0; net->queues != NULL && i < 2 * net->queue_pairs; i += 2)
		rte_free(net->queues[i].pending);
	rte_free(net->queues);
	free(net->steerers);
}

/* Of the device that there is, which may not be quite the one that was asked for. */
static int
net_alloc_zc(struct rte_vduse_net *net)
{
	uint16_t i;

	if (net->zc == NULL)
		return 0;
	for (i = 0; i < net->queue_pairs; i++) {
		struct net_queue *q = &net->queues[2 * i + 1];

		q->zc = net_zc_set_add(net->zc, q->vq->ctl.max_size);
		if (q->zc == NULL)
			return -ENOMEM;
	}
	return 0;
}

static int
net_alloc_steerers(struct rte_vduse_net *net)
{
	struct vduse_readers *steerers;
	uint16_t i;

	steerers = calloc(1, sizeof(*steerers) + net->queue_pairs * sizeof(steerers->readers[0]));
	if (steerers == NULL)
		return -ENOMEM;
	for (i = 0; i < net->queue_pairs; i++)
		steerers->readers[steerers->nb++] = &net->queues[2 * i].steerer;
	net->steerers = steerers;
	net_set_rss(net, &(struct net_rss){ 0 });
	return 0;
}

/* Mirror: net_pairs_free(). */
int
net_pairs_alloc(struct rte_vduse_net *net, bool call_thread)
{
	struct net_queue *q;
	uint16_t i;

	net->queues = rte_zmalloc("vduse_net_queues", 2 * net->queue_pairs * sizeof(net->queues[0]),
			RTE_CACHE_LINE_SIZE);
	for (i = 0; net->queues != NULL && i < 2 * net->queue_pairs; i++) {
		q = &net->queues[i];
		q->vq = vduse_dev_vq(net->dev, i);
		q->vq->ring.read_only = i % 2 == 1;
		if (vduse_notify_set_thread(q->vq, call_thread) < 0)
			goto fail;
		if (i % 2 == 1) {
			q->port = RTE_MBUF_PORT_INVALID;
			continue;
		}
		if (net_alloc_pending(q) < 0)
			goto fail;
		q->filter = &net->filter;
		net_queue_spin_init(&q->lock);
	}
	if (net->queues != NULL && net_alloc_steerers(net) == 0 && net_alloc_zc(net) == 0)
		return 0;

fail:
	VDUSE_LOG(ERR, "%s: no memory for %u queue pairs; give DPDK more (-m, hugepages)",
			net->dev->name, net->queue_pairs);
	net_pairs_free(net);
	return -ENOMEM;
}
