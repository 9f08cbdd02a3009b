/* SPDX-License-Identifier: BSD-3-Clause */

/* Frames to many members, each with the tag, or without, that the member is to see. */

#include "forward.h"
#include "vlan.h"

/* Frames on their way to many, and the tags that were taken off them. */
struct flood {
	const struct burst *b;
	struct frames f;
	bool tagged;       /* they are as trunks and the wire see them */
	uint32_t outcomes; /* deliveries and drops so far */
	uint16_t tcis[VEB_BURST];
};

/* Put on the tag that was taken off, or the sender's. */
static bool
tag_one(const struct burst *b, struct rte_mbuf **m, uint16_t tci)
{
	if (tci == 0)
		return true;
	if (!vlan_may_insert(*m) && !egress_own(m, b->veb->conf.pool))
		return false;
	vlan_insert(*m, tci);
	return true;
}

static bool
untag_one(const struct burst *b, struct rte_mbuf **m, uint16_t *tci)
{
	*tci = 0;
	if (!vlan_is_tagged(*m))
		return true;
	if (!vlan_may_strip(*m) && !egress_own(m, b->veb->conf.pool))
		return false;
	*tci = vlan_tci(*m);
	vlan_strip(*m);
	return true;
}

/* All frames as trunks see them, or as access members do. */
static void
retag(struct flood *f, bool tagged)
{
	const uint16_t n = f->f.n;
	uint16_t i, kept = 0;
	bool made;

	if (f->tagged == tagged)
		return;
	f->tagged = tagged;
	for (i = 0; i < n; i++) {
		f->f.pkts[kept] = f->f.pkts[i];
		f->tcis[kept] = f->tcis[i];
		made = tagged ? tag_one(f->b, &f->f.pkts[kept], f->tcis[kept])
			      : untag_one(f->b, &f->f.pkts[kept], &f->tcis[kept]);
		kept += made;
		if (made)
			continue;
		egress_lost(f->b, f->f.pkts[kept], VEB_DROP_NO_BUFFER);
		rte_pktmbuf_free(f->f.pkts[kept]);
	}
	f->outcomes += n - kept;
	f->f.n = kept;
	f->f.bytes = egress_bytes(f->f.pkts, kept);
}

static void
begin(struct flood *f, const struct burst *b, const struct frames *frames)
{
	uint16_t i;

	f->b = b;
	f->f = *frames;
	f->outcomes = 0;
	f->tagged = policy_is_trunk(b->policy);
	for (i = 0; i < frames->n; i++)
		f->tcis[i] = b->policy->tci;
}

/* The same for many: whoever gets a frame gets the same bytes. */
static void
begin_owned(struct flood *f, const struct burst *b, struct rte_mbuf **pkts, uint16_t n)
{
	struct frames own = { .pkts = pkts, .n = n, .bytes = egress_bytes(pkts, n) };

	egress_own_all(b, &own);
	begin(f, b, &own);
	f->outcomes = n - own.n;
}

void
flood_retag(const struct burst *b, const struct veb_member *to, struct frames *frames)
{
	struct flood f;

	begin(&f, b, frames);
	retag(&f, policy_is_trunk(veb_policy(to)));
	*frames = f.f;
}

/* Whether frames to a group go there. */
static bool
wants(const struct flood *f, const struct veb_member *to, uint16_t vlan)
{
	const struct policy *policy = veb_policy(to);

	if (to == f->b->src || !policy_has_vlan(policy, vlan))
		return false;
	return f->b->src->uplink || (!f->b->policy->isolated && !policy->isolated);
}

static void
to_members(struct flood *f, const struct veb_group *group, bool tagged, uint16_t vlan)
{
	const uint16_t n = group_size(group);
	const struct veb_member *to;
	uint16_t i;

	for (i = 0; i < n && f->f.n != 0; i++) {
		to = group_member(group, i);
		if (to == NULL || !wants(f, to, vlan))
			continue;
		retag(f, tagged);
		egress_mirror(f->b, to, f->b->src, &f->f);
		egress_copy(f->b, to, &f->f);
		f->outcomes += f->f.n;
	}
}

/* Every uplink; the last one gets the frames themselves. */
static void
to_uplinks(struct flood *f)
{
	const struct veb_group *uplinks = __atomic_load_n(&f->b->veb->uplinks, __ATOMIC_ACQUIRE);
	const uint16_t n = group_size(uplinks);
	const struct veb_member *to;
	uint16_t i;

	for (i = 0; i < n && f->f.n != 0 && !f->b->src->uplink; i++) {
		to = group_member(uplinks, i);
		if (to == NULL)
			continue;
		retag(f, true);
		f->outcomes += f->f.n;
		if (i + 1 == n && !to->ops->copies) {
			egress_send(f->b, to, &f->f);
			f->f.n = 0;
		} else {
			egress_mirror(f->b, to, f->b->src, &f->f);
			egress_copy(f->b, to, &f->f);
		}
	}
}

/* Of n frames each had its outcome, or nobody was there. */
static void
end(struct flood *f, uint16_t n)
{
	uint16_t i;

	/* then all of them are left */
	for (i = 0; i < n && f->outcomes == 0; i++)
		egress_lost(f->b, f->f.pkts[i], VEB_DROP_UNKNOWN);
	if (f->outcomes != 0)
		veb_count(&f->b->q->more, f->outcomes - n);
	egress_done(f->b, f->f.pkts, f->f.n);
}

void
flood_to_wire(const struct burst *b, struct rte_mbuf **pkts, uint16_t n)
{
	struct flood f;

	begin_owned(&f, b, pkts, n);
	to_uplinks(&f);
	end(&f, n);
}

void
flood_to_group(const struct burst *b, struct rte_mbuf **pkts, uint16_t n, uint16_t vlan)
{
	const struct veb_group *access = __atomic_load_n(&b->veb->groups[vlan], __ATOMIC_ACQUIRE);
	const struct veb_group *trunks = __atomic_load_n(&b->veb->trunks, __ATOMIC_ACQUIRE);
	struct flood f;

	begin_owned(&f, b, pkts, n);
	/* as they came first: fewer are rewritten */
	if (f.tagged) {
		to_members(&f, trunks, true, vlan);
		to_members(&f, access, false, vlan);
	} else {
		to_members(&f, access, false, vlan);
		to_members(&f, trunks, true, vlan);
	}
	to_uplinks(&f);
	end(&f, n);
}
