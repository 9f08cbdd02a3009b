/* SPDX-License-Identifier: BSD-3-Clause */

/* Frames to one member: rate, mirror, and what it does not take. */

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

/* Send those that are not beyond its rate. Locked. */
static void
push_within_rate(const struct burst *b, const struct veb_member *to, uint16_t queue,
		struct rte_mbuf **pkts, uint16_t n)
{
	struct rate *rx = (struct rate *)(uintptr_t)&veb_policy(to)->rx;
	struct veb_queue_out *out = &to->out[queue];
	struct rte_mbuf *pass[VEB_BURST];
	uint16_t i, kept = 0;

	for (i = 0; i < n; i++) {
		if (rate_take(rx, b->lcore->now, pkts[i]->pkt_len))
			pass[kept++] = pkts[i];
		else
			lose(to, out, &pkts[i], 1, VEB_DROP_RX_RATE);
	}
	if (kept != 0)
		push(to, out, queue, pass, kept);
}

/* Without a look at who mirrors it. */
static void
deliver(const struct burst *b, const struct veb_member *to, struct rte_mbuf **pkts, uint16_t n)
{
	const uint16_t queue = to->nb_out == 1 ? 0 : b->lcore->index % to->nb_out;
	struct veb_queue_out *out = &to->out[queue];

	if (to->shared)
		rte_spinlock_lock(&out->lock);
	if (unlikely(!__atomic_load_n(&to->up, __ATOMIC_RELAXED)))
		lose(to, out, pkts, n, VEB_DROP_LINK);
	else if (unlikely(veb_policy(to)->rx.on))
		push_within_rate(b, to, queue, pkts, n);
	else
		push(to, out, queue, pkts, n);
	if (to->shared)
		rte_spinlock_unlock(&out->lock);
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

void
egress_send(const struct burst *b, const struct veb_member *to, struct rte_mbuf **pkts, uint16_t n)
{
	egress_mirror(b, to, b->src, pkts, n);
	deliver(b, to, pkts, n);
}
