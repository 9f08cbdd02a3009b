/* SPDX-License-Identifier: BSD-3-Clause */

/* Frames in and out: which queue, and the frame around each burst's body. */

#include "len.h"
#include "net/net.h"
#include "ring/backoff.h"
#include "ring/wake.h"

uint16_t
net_burst_none(__rte_unused struct net_queue *q, __rte_unused struct rte_mempool *pool,
		__rte_unused struct rte_mbuf **pkts, __rte_unused uint16_t nb_pkts)
{
	return 0;
}

static __rte_always_inline uint16_t
net_burst(struct net_queue *q, struct rte_mempool *pool, struct rte_mbuf **pkts, uint16_t nb_pkts)
{
	uint16_t n;

	if (!vduse_vq_burst_look(q->vq))
		return 0;
	n = q->burst(q, pool, pkts, nb_pkts);
	vduse_backoff_begin(q->vq);
	vduse_vq_burst_end(q->vq);
	return n;
}

/* Whether nothing is to be done: a poll that touches as little memory as possible. */
static __rte_always_inline bool
net_is_idle(struct vduse_vq *vq)
{
	bool idle;

	if (!vduse_vq_burst_look(vq))
		return true;
	idle = vduse_backoff_lasts(vq) ||
	       (vduse_ring_ready(vq, &vq->pos.avail, vq->ring.is_packed) == 0 &&
			       !vduse_vq_call_pending(vq) && !vq->poll.holds &&
			       !vduse_notify_held(vq));
	vduse_vq_burst_end(vq);
	return idle;
}

uint16_t
rte_vduse_net_dequeue(struct rte_vduse_net *net, uint16_t pair, struct rte_mempool *pool,
		struct rte_mbuf **pkts, uint16_t nb_pkts)
{
	/* nobody enqueues while there is nothing to send: who dequeues looks after the call too */
	if (unlikely(__atomic_load_n(&net->holds_calls, __ATOMIC_RELAXED))) {
		struct vduse_vq *receive = net->queues[2 * pair].vq;

		if (vduse_notify_held(receive))
			vduse_notify_due(receive);
	}
	if (net_is_idle(pair == 0 ? net->first : net->queues[2 * pair + 1].vq))
		return 0;
	return net_burst(&net->queues[2 * pair + 1], pool, pkts, nb_pkts);
}

/*
 * The pair that a frame goes to: the table's, or the caller's among those that
 * the driver uses. The number of those may change at this moment; whatever it
 * gives is a pair that exists.
 */
static uint16_t
net_steer(const struct rte_vduse_net *net, const struct net_rss *rss, uint16_t pair,
		const struct rte_mbuf *m)
{
	uint16_t active;

	if (rss->steer)
		return vduse_len_min16(net_rss_pair(rss, m), (uint16_t)(net->queue_pairs - 1));
	active = __atomic_load_n(&net->active_pairs, __ATOMIC_RELAXED);
	return pair < active ? pair : active == 0 ? 0 : pair % active;
}

/* The first frames that go to the same pair, and which. @return how many */
static uint16_t
net_steer_run(struct rte_vduse_net *net, uint16_t pair, struct rte_mbuf **pkts, uint16_t nb_pkts,
		uint16_t *to)
{
	vduse_reader_t *steerer = &net->queues[2 * pair].steerer;
	const struct net_rss *rss;
	uint16_t run;

	/* no lock is taken in here: the control thread waits for it, perhaps with that lock */
	vduse_reader_enter(steerer);
	/* acquire: pairs with the release in net_set_rss() */
	rss = __atomic_load_n(&net->rss, __ATOMIC_ACQUIRE);
	*to = net_steer(net, rss, pair, pkts[0]);
	for (run = 1; run < nb_pkts; run++)
		if (net_steer(net, rss, pair, pkts[run]) != *to)
			break;
	vduse_reader_leave(steerer);
	return run;
}

/* Runs of frames for the same pair. Another lcore may be at that pair. */
static uint16_t
net_enqueue_steered(
		struct rte_vduse_net *net, uint16_t pair, struct rte_mbuf **pkts, uint16_t nb_pkts)
{
	uint16_t done, run, taken, to;

	for (done = 0; done < nb_pkts; done += run) {
		run = net_steer_run(net, pair, &pkts[done], (uint16_t)(nb_pkts - done), &to);
		net_queue_spin_lock(&net->queues[2 * to].lock);
		taken = net_burst(&net->queues[2 * to], NULL, &pkts[done], run);
		net_queue_spin_unlock(&net->queues[2 * to].lock);
		if (taken < run)
			return done + taken;
	}
	return nb_pkts;
}

uint16_t
rte_vduse_net_enqueue(
		struct rte_vduse_net *net, uint16_t pair, struct rte_mbuf **pkts, uint16_t nb_pkts)
{
	if (net->steers)
		return net_enqueue_steered(net, pair, pkts, nb_pkts);
	return net_burst(&net->queues[2 * pair], NULL, pkts, nb_pkts);
}

int
rte_vduse_net_wake_fd(const struct rte_vduse_net *net, uint16_t pair)
{
	return net->queues[2 * pair + 1].vq->ctl.kickfd;
}

void
rte_vduse_net_wake_enable(struct rte_vduse_net *net, uint16_t pair)
{
	struct vduse_vq *receive = net->queues[2 * pair].vq, *send = net->queues[2 * pair + 1].vq;

	/* who sleeps does not look after calls that are held back */
	vduse_notify_held_now(receive);
	vduse_notify_held_now(send);
	vduse_wake_arm(send);
	/* of this one the enqueuing lcore tries again only when there is another frame */
	if (vduse_vq_call_pending(receive))
		vduse_notify(receive);
	if (vduse_vq_call_pending(receive))
		vduse_wake_signal(send);
}

void
rte_vduse_net_wake_disable(struct rte_vduse_net *net, uint16_t pair)
{
	vduse_wake_disarm(net->queues[2 * pair + 1].vq);
}
