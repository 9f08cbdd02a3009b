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

void
egress_own_all(const struct burst *b, struct frames *frames)
{
	struct rte_mbuf **pkts = frames->pkts;
	uint16_t i, kept = 0;

	for (i = 0; i < frames->n; i++) {
		/* of the sender's buffers: it has as many as it lends */
		if (!egress_is_lent(b, pkts[i]) || egress_own(&pkts[i], pkts[i]->pool)) {
			pkts[kept++] = pkts[i];
			continue;
		}
		veb_count(&b->q->drops[VEB_DROP_NO_BUFFER], 1);
		frames->bytes -= pkts[i]->pkt_len;
		rte_pktmbuf_free(pkts[i]);
	}
	frames->n = kept;
}

/* The member's queue gets them, as many as it takes. Locked. */
static void
push(const struct veb_member *to, struct veb_queue_out *out, uint16_t queue,
		const struct frames *frames)
{
	struct rte_mbuf **pkts = frames->pkts;
	const uint16_t n = frames->n;
	uint16_t sent;

	/* whoever takes them may free them at once */
	veb_count(&out->out, n);
	veb_count(&out->out_bytes, frames->bytes);
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

/* As many as the member's rate and its queue take. Locked. */
static void
push_metered(const struct burst *b, const struct veb_member *to, uint16_t queue,
		const struct frames *frames)
{
	struct veb_queue_out *out = &to->out[queue];
	struct rte_mbuf *sorted[VEB_BURST];
	struct frames kept = { .pkts = sorted };

	memcpy(sorted, frames->pkts, frames->n * sizeof(struct rte_mbuf *));
	kept.n = within_rate(b, to, out, sorted, frames->n);
	kept.bytes = egress_bytes(sorted, kept.n);
	if (kept.n != 0)
		push(to, out, queue, &kept);
}

/* Without a look at who mirrors it. */
static void
deliver(const struct burst *b, const struct veb_member *to, const struct frames *frames)
{
	const uint16_t queue = queue_of(b, to);
	struct veb_queue_out *out = &to->out[queue];

	lock(to, out);
	if (unlikely(!is_up(to)))
		lose(to, out, frames->pkts, frames->n, VEB_DROP_LINK);
	else if (unlikely(veb_policy(to)->rx.on))
		push_metered(b, to, queue, frames);
	else
		push(to, out, queue, frames);
	unlock(to, out);
}

/* The same, put together where they belong together. Return: how many are left. */
static uint16_t
deliver_merged(const struct burst *b, const struct veb_member *to, const struct frames *frames)
{
	const uint16_t queue = queue_of(b, to);
	struct veb_queue_out *out = &to->out[queue];
	struct rte_mbuf **pkts = frames->pkts;
	uint16_t n = frames->n, left = n;
	struct frames merged = { .pkts = pkts };
	uint64_t bytes = 0;

	if (unlikely(veb_policy(to)->rx.on)) {
		lock(to, out);
		n = within_rate(b, to, out, pkts, n);
		unlock(to, out);
		egress_done(b, &pkts[n], left - n);
	}
	left = n > 1 ? to->ops->gro(to->priv, pkts, n, &bytes) : n;
	merged.n = left;
	merged.bytes = egress_bytes(pkts, left);
	lock(to, out);
	veb_count(&out->merged, n - left);
	veb_count(&out->merged_bytes, bytes);
	if (left != 0)
		push(to, out, queue, &merged);
	unlock(to, out);
	return left;
}

void
egress_copy(const struct burst *b, const struct veb_member *to, const struct frames *frames)
{
	struct rte_mbuf *copies[VEB_BURST];
	struct frames made = { .pkts = copies };
	uint16_t i;

	if (to->ops->copies) {
		deliver(b, to, frames);
		return;
	}
	for (i = 0; i < frames->n; i++) {
		copies[made.n] =
				rte_pktmbuf_copy(frames->pkts[i], b->veb->conf.pool, 0, UINT32_MAX);
		made.n += copies[made.n] != NULL;
	}
	veb_count(&b->q->drops[VEB_DROP_NO_BUFFER], frames->n - made.n);
	made.bytes = egress_bytes(copies, made.n);
	if (made.n != 0)
		deliver(b, to, &made);
}

void
egress_mirror(const struct burst *b, const struct veb_member *of, const struct veb_member *except,
		const struct frames *frames)
{
	const struct veb_member *to = __atomic_load_n(&veb_policy(of)->mirror, __ATOMIC_ACQUIRE);

	if (likely(to == NULL) || to == except)
		return;
	veb_count(&b->q->more, frames->n);
	egress_copy(b, to, frames);
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
egress_send(const struct burst *b, const struct veb_member *to, const struct frames *frames)
{
	egress_mirror(b, to, b->src, frames);
	if (frames->n > 1 && merges(b, to))
		return deliver_merged(b, to, frames);
	deliver(b, to, frames);
	return to->ops->copies ? frames->n : 0;
}
