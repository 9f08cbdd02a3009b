/* SPDX-License-Identifier: BSD-3-Clause */

/* Frames to one member: rate, mirror, what it gets as one, and what it does not take. */

#include <string.h>

#include "forward.h"
#include "probe_drop.h"

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

void
egress_lost(const struct burst *b, const struct rte_mbuf *m, enum veb_drop why)
{
	veb_count(&b->q->drops[why], 1);
	veb_probe_drop(why, b->src->name, 1);
	if (unlikely(b->tap != NULL))
		b->tap->dropped(b->tap, &b->sight, m, why);
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
		egress_lost(b, pkts[i], VEB_DROP_NO_BUFFER);
		frames->bytes -= pkts[i]->pkt_len;
		rte_pktmbuf_free(pkts[i]);
	}
	frames->n = kept;
}

/* A member's queue that frames are about to go to. */
struct egress {
	const struct burst *b;
	const struct veb_member *to;
	struct veb_queue_out *out;
	struct veb_tap *tap; /* who watches the member, or NULL */
	bool seen;           /* by these, or the burst is timed */
	uint16_t queue;
};

static inline struct egress
egress_to(const struct burst *b, const struct veb_member *to)
{
	const uint16_t queue = to->nb_out == 1 ? 0 : b->lcore->index % to->nb_out;
	struct veb_tap *tap = veb_tap(to);
	/* one branch for both */
	const bool seen = ((uintptr_t)tap | b->lcore->taken) != 0;

	return (struct egress){ b, to, &to->out[queue], tap, seen, queue };
}

static struct veb_sight
sight_of(const struct egress *e)
{
	return (struct veb_sight){ e->b->lcore->now, e->b->lcore->index, e->queue, VEB_WAY_IN };
}

/* Who watches it is shown them; they are given to it next. */
static __rte_noinline void
show(const struct egress *e, const struct frames *frames)
{
	const struct veb_sight sight = sight_of(e);

	if (e->tap != NULL)
		e->tap->frames(e->tap, &sight, frames->pkts, frames->n);
	e->b->lcore->given = frames->n;
}

/* They were dropped. */
static __rte_noinline void
show_dropped(const struct egress *e, struct rte_mbuf **pkts, uint16_t n, enum veb_drop why)
{
	const struct veb_sight sight = sight_of(e);
	uint16_t i;

	for (i = 0; i < n; i++)
		e->tap->dropped(e->tap, &sight, pkts[i], why);
}

static void
tell(struct veb_timer *timer, const struct veb_lcore *lcore, enum veb_way way)
{
	const struct veb_lap lap = { lcore->taken, lcore->index, lcore->given, way };

	if (timer != NULL)
		timer->given(timer, &lap);
}

/* First the time, while it is that. */
static __rte_noinline void
show_done(const struct egress *e)
{
	const struct veb_sight sight = sight_of(e);
	struct veb_lcore *lcore = e->b->lcore;

	if (lcore->taken != 0 && lcore->given != 0) {
		tell(veb_timer(e->to), lcore, VEB_WAY_IN);
		tell(veb_timer(e->b->src), lcore, VEB_WAY_OUT);
	}
	lcore->given = 0;
	if (e->tap != NULL)
		e->tap->done(e->tap, &sight);
}

/* None of them goes there. */
static void
lose(const struct egress *e, struct rte_mbuf **pkts, uint16_t n, enum veb_drop why)
{
	veb_count(&e->out->drops[why], n);
	veb_probe_drop(why, e->to->name, n);
	if (unlikely(e->tap != NULL))
		show_dropped(e, pkts, n, why);
	if (!e->to->ops->copies)
		rte_pktmbuf_free_bulk(pkts, n);
}

/* The member's queue gets them, as many as it takes. Locked. */
static void
push(const struct egress *e, const struct frames *frames)
{
	struct rte_mbuf **pkts = frames->pkts;
	const uint16_t n = frames->n;
	uint16_t sent;

	/* whoever takes them may free them at once */
	veb_count(&e->out->out, n);
	veb_count(&e->out->out_bytes, frames->bytes);
	if (unlikely(e->seen))
		show(e, frames);
	sent = e->to->ops->send(e->to->priv, e->queue, pkts, n);
	if (likely(sent == n))
		return;
	if (e->seen)
		e->b->lcore->given = sent;
	veb_count(&e->out->out, -(uint64_t)(n - sent));
	veb_count(&e->out->out_bytes, -egress_bytes(&pkts[sent], n - sent));
	lose(e, &pkts[sent], n - sent, VEB_DROP_FULL);
}

/* Those beyond its rate are lost, and last. Locked. Return: how many are not. */
static uint16_t
within_rate(const struct egress *e, struct rte_mbuf **pkts, uint16_t n)
{
	struct rate *rx = (struct rate *)(uintptr_t)&veb_policy(e->to)->rx;
	struct rte_mbuf *beyond[VEB_BURST];
	uint16_t i, kept = 0;

	for (i = 0; i < n; i++) {
		if (rate_take(rx, e->b->lcore->now, pkts[i]->pkt_len))
			pkts[kept++] = pkts[i];
		else
			beyond[i - kept] = pkts[i];
	}
	if (kept == n)
		return n;
	memcpy(&pkts[kept], beyond, (n - kept) * sizeof(struct rte_mbuf *));
	lose(e, beyond, n - kept, VEB_DROP_RX_RATE);
	return kept;
}

static bool
is_up(const struct veb_member *to)
{
	return __atomic_load_n(&to->up, __ATOMIC_RELAXED);
}

static void
lock(const struct egress *e)
{
	if (e->to->shared)
		rte_spinlock_lock(&e->out->lock);
}

static void
unlock(const struct egress *e)
{
	if (e->to->shared)
		rte_spinlock_unlock(&e->out->lock);
}

/* As many as the member's rate and its queue take. Locked. */
static void
push_metered(const struct egress *e, const struct frames *frames)
{
	struct rte_mbuf *sorted[VEB_BURST];
	struct frames kept = { .pkts = sorted };

	memcpy(sorted, frames->pkts, frames->n * sizeof(struct rte_mbuf *));
	kept.n = within_rate(e, sorted, frames->n);
	kept.bytes = egress_bytes(sorted, kept.n);
	if (kept.n != 0)
		push(e, &kept);
}

/* Without a look at who mirrors it. */
static void
deliver(const struct burst *b, const struct veb_member *to, const struct frames *frames)
{
	const struct egress e = egress_to(b, to);

	lock(&e);
	if (unlikely(!is_up(to)))
		lose(&e, frames->pkts, frames->n, VEB_DROP_LINK);
	else if (unlikely(veb_policy(to)->rx.on))
		push_metered(&e, frames);
	else
		push(&e, frames);
	unlock(&e);
	if (unlikely(e.seen))
		show_done(&e);
}

/* The same, put together where they belong together. Return: how many are left. */
static uint16_t
deliver_merged(const struct burst *b, const struct veb_member *to, const struct frames *frames)
{
	const struct egress e = egress_to(b, to);
	struct rte_mbuf **pkts = frames->pkts;
	uint16_t n = frames->n, left = n;
	struct frames merged = { .pkts = pkts };
	uint64_t bytes = 0;

	if (unlikely(veb_policy(to)->rx.on)) {
		lock(&e);
		n = within_rate(&e, pkts, n);
		unlock(&e);
		egress_done(b, &pkts[n], left - n);
	}
	left = n > 1 ? to->ops->gro(to->priv, pkts, n, &bytes) : n;
	merged.n = left;
	merged.bytes = egress_bytes(pkts, left);
	lock(&e);
	veb_count(&e.out->merged, n - left);
	veb_count(&e.out->merged_bytes, bytes);
	if (left != 0)
		push(&e, &merged);
	unlock(&e);
	if (unlikely(e.seen))
		show_done(&e);
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
		if (copies[made.n] == NULL)
			egress_lost(b, frames->pkts[i], VEB_DROP_NO_BUFFER);
		made.n += copies[made.n] != NULL;
	}
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
