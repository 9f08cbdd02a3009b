/* SPDX-License-Identifier: BSD-3-Clause */

/* Frames to one member: rate, mirror, what it gets as one, and what it does not take. */

#include <string.h>

#include "forward.h"

void
egress_done(const struct burst *b, struct rte_mbuf **pkts, uint16_t n)
{
	uint16_t i;

	for (i = 0; i < n; i++)
		b->lcore->done[b->lcore->nb_done++] = pkts[i];
}

void
egress_free(struct veb_lcore *lcore)
{
	if (lcore->nb_done != 0)
		rte_pktmbuf_free_bulk(lcore->done, lcore->nb_done);
	lcore->nb_done = 0;
}

bool
egress_own(struct rte_mbuf **m, struct rte_mempool *pool)
{
	struct rte_mbuf *copy = rte_pktmbuf_copy(*m, pool, 0, UINT32_MAX);

	if (copy == NULL)
		return false;
	rte_pktmbuf_free(*m);
	*m = copy;
	return true;
}

uint16_t
egress_own_all(const struct burst *b, struct rte_mbuf **pkts, uint16_t n)
{
	uint16_t i, kept = 0;

	for (i = 0; i < n; i++) {
		/* of the sender's buffers: it has as many as it lends */
		if (!egress_is_lent(b, pkts[i]) || egress_own(&pkts[i], pkts[i]->pool)) {
			pkts[kept++] = pkts[i];
			continue;
		}
		veb_count(&b->q->drops[VEB_DROP_NO_BUFFER], 1);
		rte_pktmbuf_free(pkts[i]);
	}
	return kept;
}

static void
count_out(struct veb_queue_out *out, struct rte_mbuf **pkts, uint16_t n)
{
	uint64_t bytes = 0;
	uint16_t i;

	for (i = 0; i < n; i++)
		bytes += pkts[i]->pkt_len;
	veb_count(&out->out, n);
	veb_count(&out->out_bytes, bytes);
}

/* The member's queue gets them, as many as it takes. Locked. */
static void
push(const struct veb_member *to, struct veb_queue_out *out, uint16_t queue, struct rte_mbuf **pkts,
		uint16_t n)
{
	uint16_t sent;

	/* whoever takes them may free them at once */
	count_out(out, pkts, n);
	sent = to->ops->send(to->priv, queue, pkts, n);
	if (likely(sent == n))
		return;
	veb_count(&out->out, -(uint64_t)(n - sent));
	for (; sent < n; sent++) {
		veb_count(&out->out_bytes, -(uint64_t)pkts[sent]->pkt_len);
		veb_count(&out->drops[VEB_DROP_FULL], 1);
		if (!to->ops->copies)
			rte_pktmbuf_free(pkts[sent]);
	}
}

/* None of them goes there. */
static void
lose(const struct veb_member *to, struct veb_queue_out *out, struct rte_mbuf **pkts, uint16_t n,
		enum veb_drop why)
{
	veb_count(&out->drops[why], n);
	if (!to->ops->copies)
		rte_pktmbuf_free_bulk(pkts, n);
}

/* Those beyond its rate are lost, and last. Locked. Return: how many are not. */
static uint16_t
within_rate(const struct burst *b, const struct veb_member *to, struct veb_queue_out *out,
		struct rte_mbuf **pkts, uint16_t n)
{
	struct rate *rx = (struct rate *)(uintptr_t)&veb_policy(to)->rx;
	struct rte_mbuf *beyond[VEB_BURST];
	uint16_t i, kept = 0;

	for (i = 0; i < n; i++) {
		if (rate_take(rx, b->lcore->now, pkts[i]->pkt_len))
			pkts[kept++] = pkts[i];
		else
			beyond[i - kept] = pkts[i];
	}
	if (kept == n)
		return n;
	memcpy(&pkts[kept], beyond, (n - kept) * sizeof(struct rte_mbuf *));
	lose(to, out, beyond, n - kept, VEB_DROP_RX_RATE);
	return kept;
}

static bool
is_up(const struct veb_member *to)
{
	return __atomic_load_n(&to->up, __ATOMIC_RELAXED);
}

static uint16_t
queue_of(const struct burst *b, const struct veb_member *to)
{
	return to->nb_out == 1 ? 0 : b->lcore->index % to->nb_out;
}

static void
lock(const struct veb_member *to, struct veb_queue_out *out)
{
	if (to->shared)
		rte_spinlock_lock(&out->lock);
}

static void
unlock(const struct veb_member *to, struct veb_queue_out *out)
{
	if (to->shared)
		rte_spinlock_unlock(&out->lock);
}

/* Without a look at who mirrors it. */
static void
deliver(const struct burst *b, const struct veb_member *to, struct rte_mbuf **pkts, uint16_t n)
{
	const uint16_t queue = queue_of(b, to);
	struct veb_queue_out *out = &to->out[queue];
	struct rte_mbuf *sorted[VEB_BURST];

	lock(to, out);
	if (unlikely(!is_up(to))) {
		lose(to, out, pkts, n, VEB_DROP_LINK);
	} else if (unlikely(veb_policy(to)->rx.on)) {
		memcpy(sorted, pkts, n * sizeof(struct rte_mbuf *));
		n = within_rate(b, to, out, sorted, n);
		if (n != 0)
			push(to, out, queue, sorted, n);
	} else {
		push(to, out, queue, pkts, n);
	}
	unlock(to, out);
}

/* The same, put together where they belong together. Return: how many are left. */
static uint16_t
deliver_merged(const struct burst *b, const struct veb_member *to, struct rte_mbuf **pkts,
		uint16_t n)
{
	const uint16_t queue = queue_of(b, to);
	struct veb_queue_out *out = &to->out[queue];
	uint16_t left = n;
	uint64_t bytes = 0;

	if (unlikely(veb_policy(to)->rx.on)) {
		lock(to, out);
		n = within_rate(b, to, out, pkts, n);
		unlock(to, out);
		egress_done(b, &pkts[n], left - n);
	}
	left = n > 1 ? to->ops->gro(to->priv, pkts, n, &bytes) : n;
	lock(to, out);
	veb_count(&out->merged, n - left);
	veb_count(&out->merged_bytes, bytes);
	if (left != 0)
		push(to, out, queue, pkts, left);
	unlock(to, out);
	return left;
}

void
egress_copy(const struct burst *b, const struct veb_member *to, struct rte_mbuf **pkts, uint16_t n)
{
	struct rte_mbuf *copies[VEB_BURST];
	uint16_t i, made = 0;

	if (to->ops->copies) {
		deliver(b, to, pkts, n);
		return;
	}
	for (i = 0; i < n; i++) {
		copies[made] = rte_pktmbuf_copy(pkts[i], b->veb->conf.pool, 0, UINT32_MAX);
		made += copies[made] != NULL;
	}
	veb_count(&b->q->drops[VEB_DROP_NO_BUFFER], n - made);
	if (made != 0)
		deliver(b, to, copies, made);
}

void
egress_mirror(const struct burst *b, const struct veb_member *of, const struct veb_member *except,
		struct rte_mbuf **pkts, uint16_t n)
{
	const struct veb_member *to = __atomic_load_n(&veb_policy(of)->mirror, __ATOMIC_ACQUIRE);

	if (likely(to == NULL) || to == except)
		return;
	veb_count(&b->q->more, n);
	egress_copy(b, to, pkts, n);
}

/* Whether frames to it are put together: those of an uplink, for one who copies what it is given.
 */
static bool
merges(const struct burst *b, const struct veb_member *to)
{
	return b->src->uplink && to->ops->gro != NULL && to->ops->copies &&
	       (veb_policy(to)->flags & POLICY_GRO) != 0 && is_up(to);
}

uint16_t
egress_send(const struct burst *b, const struct veb_member *to, struct rte_mbuf **pkts, uint16_t n)
{
	egress_mirror(b, to, b->src, pkts, n);
	if (n > 1 && merges(b, to))
		return deliver_merged(b, to, pkts, n);
	deliver(b, to, pkts, n);
	return to->ops->copies ? n : 0;
}
