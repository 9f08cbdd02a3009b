/* SPDX-License-Identifier: BSD-3-Clause */

/* A burst: where each frame goes, sorted into a vector a member, and sent. */

#include <rte_cycles.h>
#include <rte_prefetch.h>

#include "forward.h"
#include "guard.h"
#include "learn.h"
#include "vlan.h"

/* Where the last 8 bytes of an Ethernet header begin. */
#define HEADER_END (RTE_ETHER_HDR_LEN - 8)

/* Frames whose bytes are asked for ahead of their turn. */
#define PREFETCH 4

/* The group addresses that no bridge forwards, 01:80:c2:00:00:00 to :0f (802.1Q, table 8-1). */
#define RESERVED_GROUP UINT64_C(0x0000c28001)
#define RESERVED_LAST  UINT64_C(0x0f0000000000)

static __rte_always_inline uint64_t
load_8(const struct rte_mbuf *m, unsigned int at)
{
	uint64_t bits;

	/* two bytes more than the address, of the header too */
	memcpy(&bits, rte_pktmbuf_mtod_offset(m, const void *, at), sizeof(bits));
	return rte_le_to_cpu_64(bits);
}

static __rte_always_inline uint64_t
destination(const struct rte_mbuf *m)
{
	return load_8(m, 0) & FDB_MAC_MASK;
}

static __rte_always_inline uint64_t
source(const struct rte_mbuf *m)
{
	return load_8(m, RTE_ETHER_ADDR_LEN - 2) >> 16;
}

static inline uint16_t
refuse(enum veb_drop why)
{
	return VEB_VERDICT_DROP | why;
}

/* Some kind of tag: customer's, provider's (802.1Q, table 9-1), or what vendors used for it. */
static inline bool
is_tag(rte_be16_t type)
{
	return type == RTE_BE16(RTE_ETHER_TYPE_VLAN) || type == RTE_BE16(RTE_ETHER_TYPE_QINQ) ||
	       type == RTE_BE16(RTE_ETHER_TYPE_QINQ1) || type == RTE_BE16(RTE_ETHER_TYPE_QINQ2) ||
	       type == RTE_BE16(RTE_ETHER_TYPE_QINQ3);
}

/* The VLAN of a frame that has a tag, or may have; a priority tag (VLAN 0) does not stay. */
static int
tagged_vlan(const struct burst *b, struct rte_mbuf *m)
{
	const rte_be16_t type = vlan_type(m);
	int vlan = 0;

	if (is_tag(type)) {
		if (!vlan_is_tagged(m))
			return -1;
		vlan = vlan_tci(m) & RTE_VLAN_ID_MASK;
	}
	if (policy_is_trunk(b->policy))
		return policy_has_vlan(b->policy, vlan) ? vlan : -1;
	if (vlan != 0 || !vlan_may_strip(m))
		return -1;
	vlan_strip(m);
	return is_tag(vlan_type(m)) ? -1 : b->policy->vlan;
}

/* A frame that is longer than an untagged one may be. */
static bool
is_too_long(const struct burst *b, const struct rte_mbuf *m)
{
	const uint32_t tag = vlan_is_tagged(m) ? RTE_VLAN_HLEN : 0;
	uint32_t len = m->pkt_len - tag;

	/* its segments are what leaves the bridge */
	if ((m->ol_flags & RTE_MBUF_F_RX_LRO) != 0)
		len = m->tso_segsz + m->l3_len + m->l4_len + RTE_ETHER_HDR_LEN;
	return len > b->frame_max;
}

/* Whether the two may speak with each other. */
static bool
may_meet(const struct veb_member *a, const struct veb_member *b)
{
	return a->uplink || b->uplink || (!veb_policy(a)->isolated && !veb_policy(b)->isolated);
}

/* What becomes of frames with this key: all of them, until the table or a rule changes. */
static uint16_t
look_up(const struct burst *b, uint64_t key, uint16_t vlan)
{
	const struct fdb *fdb = __atomic_load_n(&b->veb->fdb, __ATOMIC_ACQUIRE);
	const struct veb_member *to = NULL;
	uint32_t port;

	port = fdb_lookup(fdb, key);
	if (port == FDB_NONE && __atomic_load_n(&b->veb->nb_trunks, __ATOMIC_RELAXED) != 0)
		port = fdb_lookup(fdb, fdb_key(FDB_VLAN_ANY, key & FDB_MAC_MASK));
	if (port != FDB_NONE)
		to = __atomic_load_n(&b->veb->members[port & ~FDB_STATIC], __ATOMIC_ACQUIRE);
	if (to == NULL || !policy_has_vlan(veb_policy(to), vlan))
		return b->src->uplink ? refuse(VEB_DROP_UNKNOWN) : VEB_VERDICT_WIRE;
	if (to == b->src)
		return refuse(VEB_DROP_BACK);
	return may_meet(b->src, to) ? to->index : refuse(VEB_DROP_ISOLATED);
}

static uint16_t
to_group(const struct burst *b, uint64_t mac)
{
	struct rate *bum = (struct rate *)(uintptr_t)&b->policy->bum;

	if ((mac & UINT64_C(0xffffffffff)) == RESERVED_GROUP && (mac & ~FDB_MAC_MASK) == 0 &&
			mac >> 40 <= RESERVED_LAST >> 40)
		return refuse(VEB_DROP_RESERVED);
	if ((b->policy->flags & POLICY_BUM) != 0 && !rate_take(bum, b->lcore->now, 1))
		return refuse(VEB_DROP_BUM_RATE);
	return VEB_VERDICT_GROUP;
}

/* What the guard sees is what is sent: of a lent frame it looks at no more than what is ours. */
static uint16_t
check_guard(const struct burst *b, struct rte_mbuf **m)
{
	uint32_t seen = 0;
	bool passes = guard_passes(b->policy, *m, &seen);

	if (unlikely(seen > (*m)->data_len) && egress_is_lent(b, *m)) {
		if (!egress_own(m, (*m)->pool))
			return refuse(VEB_DROP_NO_BUFFER);
		passes = guard_passes(b->policy, *m, &seen);
	}
	return passes ? 0 : refuse(VEB_DROP_SPOOF_IP);
}

/* The frame is the member's own, or one that it may send. Return: a verdict, or 0. */
static uint16_t
check_slow(const struct burst *b, struct rte_mbuf **pkt, uint64_t key)
{
	const struct rte_mbuf *m = *pkt;
	struct rate *tx = (struct rate *)(uintptr_t)&b->policy->tx;
	uint16_t verdict = 0;

	if (!b->src->uplink && source(m) != b->policy->mac)
		verdict = learn_source(b, source(m), key);
	if (verdict == 0 && (b->policy->flags & POLICY_GUARD) != 0)
		verdict = check_guard(b, pkt);
	if (verdict == 0 && (b->policy->flags & POLICY_TX) != 0 &&
			!rate_take(tx, b->lcore->now, (*pkt)->pkt_len))
		verdict = refuse(VEB_DROP_TX_RATE);
	return verdict;
}

/* Where a header like this one's is remembered: by the last bytes of the address it goes to. */
static __rte_always_inline struct veb_seen *
seen_of(const struct burst *b, uint64_t head)
{
	return &b->q->seen[(head >> 32 ^ head >> 40) % VEB_SEEN];
}

/*
 * The header is that of a frame before, at the same state of the table and of the rules, which
 * looked at nothing else of it. Return: what became of that one, or NULL.
 */
static __rte_always_inline const struct veb_seen *
look_back(const struct burst *b, const struct rte_mbuf *m)
{
	const struct veb_seen *seen;
	uint64_t head;

	if (m->data_len < RTE_ETHER_HDR_LEN || m->pkt_len > b->frame_max)
		return NULL;
	head = load_8(m, 0);
	seen = seen_of(b, head);
	return seen->head == head && seen->tail == load_8(m, HEADER_END) && seen->gen == b->gen
			       ? seen
			       : NULL;
}

/* Nothing but its header and length had a part in the verdict: look_back() may find it. */
static void
remember(const struct burst *b, const struct rte_mbuf *m, uint16_t vlan)
{
	const uint64_t head = load_8(m, 0);

	if ((b->policy->flags & POLICY_SLOW) != 0 || is_tag(vlan_type(m)) ||
			(!b->src->uplink && source(m) != b->policy->mac))
		return;
	*seen_of(b, head) = (struct veb_seen){ .head = head,
		.tail = load_8(m, HEADER_END),
		.gen = b->gen,
		.vlan = vlan,
		.verdict = b->q->verdict };
}

/* Where the frame goes; *vlan is its VLAN where that is a group. */
static uint16_t
judge(const struct burst *b, struct rte_mbuf **pkt, uint16_t *vlan)
{
	struct rte_mbuf *m = *pkt;
	uint64_t mac, key = b->policy->key;
	uint16_t verdict;
	int found;

	*vlan = b->policy->vlan;
	if (unlikely(m->data_len < RTE_ETHER_HDR_LEN))
		return refuse(VEB_DROP_SHORT);
	if (unlikely(m->pkt_len > b->frame_max) && is_too_long(b, m))
		return refuse(VEB_DROP_LONG);
	if (policy_is_trunk(b->policy) || unlikely(is_tag(vlan_type(m)))) {
		found = tagged_vlan(b, m);
		if (found < 0)
			return refuse(VEB_DROP_VLAN);
		*vlan = found;
		key = fdb_key(found, 0);
	}
	mac = destination(m);
	if (!b->src->uplink && (unlikely(source(m) != b->policy->mac) ||
					       (b->policy->flags & POLICY_SLOW) != 0)) {
		verdict = check_slow(b, pkt, key);
		if (verdict != 0)
			return verdict;
	}
	if (unlikely((mac & 1) != 0))
		return to_group(b, mac);
	key |= mac;
	if (key != b->q->last_key || b->gen != b->q->last_gen) {
		b->q->verdict = look_up(b, key, *vlan);
		b->q->last_key = key;
		b->q->last_gen = b->gen;
	}
	remember(b, m, *vlan);
	return b->q->verdict;
}

/* Return: whether all frames have the same verdict. Their bytes may be fewer then: of tags. */
static __rte_always_inline bool
judge_all(const struct burst *b, struct frames *f)
{
	struct veb_lcore *lcore = b->lcore;
	struct rte_mbuf **pkts = f->pkts;
	const struct veb_seen *seen;
	uint16_t n = f->n, i, same = 0;
	uint64_t bytes = 0;

	for (i = 0; i < PREFETCH && i < n; i++)
		rte_prefetch0(rte_pktmbuf_mtod(pkts[i], void *));
	for (i = 0; i < n; i++) {
		if (i + PREFETCH < n)
			rte_prefetch0(rte_pktmbuf_mtod(pkts[i + PREFETCH], void *));
		seen = look_back(b, pkts[i]);
		if (likely(seen != NULL)) {
			lcore->vlans[i] = seen->vlan;
			lcore->verdicts[i] = seen->verdict;
		} else {
			lcore->verdicts[i] = judge(b, &pkts[i], &lcore->vlans[i]);
		}
		same += lcore->verdicts[i] == lcore->verdicts[0];
		bytes += pkts[i]->pkt_len;
	}
	f->bytes = bytes;
	return same == n;
}

static void
drop(const struct burst *b, struct rte_mbuf *m, enum veb_drop why)
{
	egress_lost(b, m, why);
	b->lcore->done[b->lcore->nb_done++] = m;
}

/* To the wire, but what the member may not send there so fast. */
static void
to_wire(const struct burst *b, struct rte_mbuf **pkts, uint16_t n)
{
	struct rate *bum = (struct rate *)(uintptr_t)&b->policy->bum;
	struct rte_mbuf *pass[VEB_BURST];
	uint16_t i, out = 0;

	for (i = 0; i < n; i++) {
		if ((b->policy->flags & POLICY_BUM) != 0 && !rate_take(bum, b->lcore->now, 1))
			drop(b, pkts[i], VEB_DROP_BUM_RATE);
		else
			pass[out++] = pkts[i];
	}
	if (out != 0)
		flood_to_wire(b, pass, out);
}

static void
to_member(const struct burst *b, uint16_t index, struct frames *f)
{
	struct veb_member *to = __atomic_load_n(&b->veb->members[index], __ATOMIC_ACQUIRE);
	uint16_t i;

	if (unlikely(to == NULL)) {
		/* it left since the burst began */
		for (i = 0; i < f->n; i++)
			drop(b, f->pkts[i], VEB_DROP_UNKNOWN);
		return;
	}
	if (b->src->ops->lends && (!to->ops->copies || egress_is_mirrored(to)))
		egress_own_all(b, f);
	if (flood_retags(b, to))
		flood_retag(b, to, f);
	if (f->n != 0)
		egress_done(b, f->pkts, egress_send(b, to, f));
}

/* Sort the frames that go to one member each. Return: frames that go to many, first in pkts. */
static uint16_t
sort(struct veb_lcore *lcore, struct rte_mbuf **pkts, uint16_t n, const struct burst *b)
{
	struct veb_vector *v;
	uint16_t i, many = 0, verdict;

	lcore->nb_vectors = 0;
	for (i = 0; i < n; i++) {
		verdict = lcore->verdicts[i];
		if (unlikely((verdict & VEB_VERDICT_DROP) != 0)) {
			drop(b, pkts[i], verdict & ~VEB_VERDICT_DROP);
		} else if (unlikely(verdict >= VEB_VERDICT_GROUP)) {
			lcore->verdicts[many] = verdict;
			lcore->vlans[many] = lcore->vlans[i];
			pkts[many++] = pkts[i];
		} else {
			if (lcore->slots[verdict] == 0) {
				v = &lcore->vectors[lcore->nb_vectors++];
				v->member = verdict;
				v->n = 0;
				v->bytes = 0;
				lcore->slots[verdict] = lcore->nb_vectors;
			}
			v = &lcore->vectors[lcore->slots[verdict] - 1];
			v->bytes += pkts[i]->pkt_len;
			v->pkts[v->n++] = pkts[i];
		}
	}
	return many;
}

/* Frames to many: the wire's, and those of each VLAN's group, apart. */
static void
send_many(const struct burst *b, struct rte_mbuf **pkts, uint16_t n)
{
	struct rte_mbuf *same[VEB_BURST];
	struct veb_lcore *lcore = b->lcore;
	uint16_t i, k, left, verdict, vlan;

	while (n != 0) {
		verdict = lcore->verdicts[0];
		vlan = lcore->vlans[0];
		for (i = k = left = 0; i < n; i++) {
			if (lcore->verdicts[i] == verdict && lcore->vlans[i] == vlan) {
				same[k++] = pkts[i];
				continue;
			}
			lcore->verdicts[left] = lcore->verdicts[i];
			lcore->vlans[left] = lcore->vlans[i];
			pkts[left++] = pkts[i];
		}
		if (verdict == VEB_VERDICT_WIRE)
			to_wire(b, same, k);
		else
			flood_to_group(b, same, k, vlan);
		n = left;
	}
}

static void
send_all(const struct burst *b, struct rte_mbuf **pkts, uint16_t n)
{
	struct veb_lcore *lcore = b->lcore;
	const uint16_t many = sort(lcore, pkts, n, b);
	struct veb_vector *v;
	struct frames f;

	for (v = lcore->vectors; v < &lcore->vectors[lcore->nb_vectors]; v++) {
		lcore->slots[v->member] = 0;
		f = (struct frames){ .pkts = v->pkts, .n = v->n, .bytes = v->bytes };
		to_member(b, v->member, &f);
	}
	if (many != 0)
		send_many(b, pkts, many);
}

void
veb_forward(struct veb_lcore *lcore, struct veb_member *member, uint16_t queue,
		struct rte_mbuf **pkts, uint16_t n)
{
	struct veb *veb = member->veb;
	/*
	 * acquire: pairs with the release of who changed the table, or rules, before it. First:
	 * what is remembered with it has seen these.
	 */
	const uint32_t gen = __atomic_load_n(&veb->gen, __ATOMIC_ACQUIRE);
	const struct burst b = {
		.veb = veb,
		.src = member,
		.policy = veb_policy(member),
		.q = &member->in[queue],
		.lcore = lcore,
		.tap = veb_tap(member),
		.sight = { lcore->now, lcore->index, queue, VEB_WAY_OUT },
		.gen = gen,
		.frame_max = __atomic_load_n(&veb->frame_max, __ATOMIC_RELAXED),
	};
	struct frames f = { .pkts = pkts, .n = n, .bytes = egress_bytes(pkts, n) };
	uint16_t i;

	veb_count(&b.q->in, n);
	veb_count(&b.q->in_bytes, f.bytes);
	if (unlikely(b.tap != NULL))
		b.tap->frames(b.tap, &b.sight, pkts, n);
	if (member->ops->lends && egress_is_mirrored(member))
		egress_own_all(&b, &f);
	egress_mirror(&b, member, NULL, &f);
	if (unlikely(!__atomic_load_n(&member->up, __ATOMIC_RELAXED))) {
		for (i = 0; i < f.n; i++)
			drop(&b, pkts[i], VEB_DROP_LINK);
	} else if (judge_all(&b, &f) && f.n != 0 && lcore->verdicts[0] < VEB_VERDICT_GROUP) {
		/* most bursts are of one flow */
		to_member(&b, lcore->verdicts[0], &f);
	} else {
		send_all(&b, pkts, f.n);
	}
	if (unlikely(b.tap != NULL))
		b.tap->done(b.tap, &b.sight);
	egress_free(lcore);
}

uint16_t
veb_poll(struct veb_lcore *lcore, struct veb_member *member, uint16_t queue)
{
	struct rte_mbuf *pkts[VEB_BURST];
	uint16_t n;

	n = member->ops->receive(member->priv, queue, pkts, VEB_BURST);
	if (n != 0)
		veb_forward(lcore, member, queue, pkts, n);
	return n;
}
