/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Members come, change and go while lcores forward. What may fail comes first; then the table,
 * the groups and the rules are exchanged one by one, each whole; what was there before is freed
 * when no lcore looks at it.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_malloc.h>

#include "learn.h"

/* What a change takes: made before, or freed after. */
struct change {
	struct veb_member *m;
	struct policy *from, *to; /* NULL: it was, or is, not there */
	bool joins;               /* it comes into another list, or its first one */
	struct veb_group *group;  /* that list, where it grows, or NULL */
	struct fdb *old_fdb;
	struct veb_group *old_group;
};

static uint64_t
policy_key(const struct policy *p)
{
	return policy_is_trunk(p) ? fdb_key(FDB_VLAN_ANY, p->mac) : p->key | p->mac;
}

/* Which list frames to groups find the member in. */
static struct veb_group **
home(struct veb *veb, const struct veb_member *m, const struct policy *p)
{
	if (m->uplink)
		return &veb->uplinks;
	return policy_is_trunk(p) ? &veb->trunks : &veb->groups[p->vlan];
}

static bool
share_a_vlan(const struct policy *a, const struct policy *b)
{
	unsigned int i;

	if (!policy_is_trunk(a))
		return policy_has_vlan(b, a->vlan);
	if (!policy_is_trunk(b))
		return policy_has_vlan(a, b->vlan);
	for (i = 0; i < RTE_DIM(a->trunk.bits); i++)
		if ((a->trunk.bits[i] & b->trunk.bits[i]) != 0)
			return true;
	return false;
}

static bool
is_taken(const struct veb *veb, const struct veb_member *m, const struct policy *policy)
{
	const struct veb_member *other;
	uint16_t i;

	for (i = 0; i < veb->conf.max_members; i++) {
		other = veb->members[i];
		if (other == NULL || other == m || other->uplink)
			continue;
		/* two trunks share a key, whatever their VLANs */
		if (other->policy->mac == policy->mac &&
				(share_a_vlan(other->policy, policy) ||
						policy_key(other->policy) == policy_key(policy)))
			return true;
	}
	return false;
}

/* Where one more has its place; group_size() of it at most. */
static uint16_t
group_gap(const struct veb_group *group)
{
	const uint16_t n = group_size(group);
	uint16_t i = 0;

	while (i < n && group->members[i] != NULL)
		i++;
	return i;
}

static bool
group_has_room(const struct veb_group *group)
{
	return group != NULL && group_gap(group) < group->room;
}

/* The list with room for as many again. */
static struct veb_group *
group_grown(const struct veb_group *old, int socket)
{
	const uint16_t n = group_size(old);
	const uint16_t room = (uint16_t)(n < UINT16_MAX / 2 ? 2 * n + 1 : UINT16_MAX);
	struct veb_group *group;

	group = rte_zmalloc_socket("veb_group", sizeof(*group) + room * sizeof(struct veb_member *),
			RTE_CACHE_LINE_SIZE, socket);
	if (group == NULL)
		return NULL;
	if (n != 0)
		memcpy(group->members, old->members, n * sizeof(struct veb_member *));
	group->n = n;
	group->room = room;
	return group;
}

/* There is room. */
static void
group_join(struct veb_group *group, struct veb_member *m)
{
	const uint16_t i = group_gap(group);

	/* release: pairs with the acquire in group_member() */
	__atomic_store_n(&group->members[i], m, __ATOMIC_RELEASE);
	if (i == group->n)
		__atomic_store_n(&group->n, (uint16_t)(i + 1), __ATOMIC_RELAXED);
}

static void
group_leave(struct veb_group *group, const struct veb_member *m)
{
	uint16_t i, n = group->n;

	for (i = 0; i < n; i++)
		if (group->members[i] == m)
			__atomic_store_n(&group->members[i], NULL, __ATOMIC_RELEASE);
	while (n > 0 && group->members[n - 1] == NULL)
		n--;
	__atomic_store_n(&group->n, n, __ATOMIC_RELAXED);
}

/* Keys of a member at most. */
static uint32_t
nb_keys(const struct veb_member *m, const struct policy *p)
{
	return p == NULL || m->uplink ? 0 : 1 + p->max_macs;
}

/* All that may fail. Return: 0 or -errno, nothing changed. */
static int
prepare(struct change *c)
{
	struct veb *veb = c->m->veb;
	struct veb_group **to = home(veb, c->m, c->to);
	const uint32_t keys = veb->nb_keys + nb_keys(c->m, c->to) - nb_keys(c->m, c->from);
	int ret;

	if (c->to->mirror != NULL && c->to->mirror->veb != veb)
		return -EINVAL;
	if (!c->m->uplink && is_taken(veb, c->m, c->to))
		return -EEXIST;
	c->joins = c->from == NULL || home(veb, c->m, c->from) != to;
	if (c->joins && !group_has_room(*to)) {
		c->group = group_grown(*to, veb->conf.socket);
		if (c->group == NULL)
			return -ENOMEM;
		c->old_group = *to;
	}
	ret = veb_reserve(veb, keys, &c->old_fdb);
	if (ret != 0) {
		rte_free(c->group);
		return ret;
	}
	veb->nb_keys = keys;
	return 0;
}

/* The member's own address: nobody who learned it keeps it. */
static void
set_key(struct veb *veb, const struct veb_member *m, uint64_t key)
{
	struct fdb_slot *slot;

	rte_spinlock_lock(&veb->lock);
	slot = fdb_find(veb->fdb, key);
	if (slot != NULL) {
		veb_count_macs(veb->members[slot->port & ~FDB_STATIC], -1);
		__atomic_store_n(&slot->port, m->index | FDB_STATIC, __ATOMIC_RELEASE);
	} else {
		/* there is room: veb_reserve() */
		fdb_add(veb->fdb, key, m->index | FDB_STATIC, 0);
	}
	rte_spinlock_unlock(&veb->lock);
}

static void
unset_key(struct veb *veb, uint64_t key)
{
	struct fdb_slot *slot;

	rte_spinlock_lock(&veb->lock);
	slot = fdb_find(veb->fdb, key);
	if (slot != NULL)
		fdb_del(veb->fdb, slot);
	rte_spinlock_unlock(&veb->lock);
}

static void
count_trunks(struct veb *veb, const struct veb_member *m, const struct policy *p, int n)
{
	if (!m->uplink && policy_is_trunk(p))
		__atomic_store_n(&veb->nb_trunks, veb->nb_trunks + n, __ATOMIC_RELAXED);
}

/* Nothing fails from here on. */
static void
commit(struct change *c)
{
	struct veb_member *m = c->m;
	struct veb *veb = m->veb;
	struct veb_group **was = c->from != NULL ? home(veb, m, c->from) : NULL;
	struct veb_group **is = home(veb, m, c->to);
	const bool new_key = c->from == NULL || policy_key(c->from) != policy_key(c->to);

	__atomic_store_n(&m->policy, c->to, __ATOMIC_RELEASE);
	__atomic_store_n(&veb->members[m->index], m, __ATOMIC_RELEASE);
	if (c->from != NULL)
		count_trunks(veb, m, c->from, -1);
	count_trunks(veb, m, c->to, 1);
	if (!m->uplink && new_key)
		set_key(veb, m, policy_key(c->to));
	if (c->group != NULL)
		__atomic_store_n(is, c->group, __ATOMIC_RELEASE);
	if (c->joins)
		group_join(*is, m);
	if (c->joins && c->from != NULL)
		group_leave(*was, m);
	if (c->from != NULL && new_key)
		unset_key(veb, policy_key(c->from));
	veb_changed(veb);
	if (c->from != NULL || c->old_group != NULL || c->old_fdb != NULL)
		veb_wait(veb);
	if (c->from != NULL)
		learn_forget(m, c->to->max_macs);
	rte_free(c->from);
	rte_free(c->old_group);
	fdb_destroy(c->old_fdb);
}

/* As the uplinks are, or the rules say. */
static bool
wants_up(const struct veb_member *m)
{
	if (m->uplink)
		return m->carrier;
	if (m->policy->link != VEB_LINK_AUTO)
		return m->policy->link == VEB_LINK_UP;
	return m->veb->nb_uplinks == 0 || m->veb->nb_carriers != 0;
}

static void
set_link(struct veb_member *m, bool up)
{
	__atomic_store_n(&m->up, up, __ATOMIC_RELAXED);
	if (m->ops->set_link != NULL)
		m->ops->set_link(m->priv, up);
}

static void
follow_links(const struct veb *veb)
{
	struct veb_member *m;
	uint16_t i;

	for (i = 0; i < veb->conf.max_members; i++) {
		m = veb->members[i];
		if (m != NULL && wants_up(m) != m->up)
			set_link(m, wants_up(m));
	}
}

static void
free_member(struct veb_member *m)
{
	rte_free(m->out);
	rte_free(m->in);
	rte_free(m);
}

static struct veb_member *
make_member(struct veb *veb, const struct veb_member_conf *conf)
{
	struct veb_member *m;
	uint16_t i;

	m = rte_zmalloc_socket("veb_member", sizeof(*m), RTE_CACHE_LINE_SIZE, conf->socket);
	if (m == NULL)
		return NULL;
	m->in = rte_zmalloc_socket("veb_in", conf->nb_rxq * sizeof(m->in[0]), RTE_CACHE_LINE_SIZE,
			conf->socket);
	m->out = rte_zmalloc_socket("veb_out", conf->nb_txq * sizeof(m->out[0]),
			RTE_CACHE_LINE_SIZE, conf->socket);
	if (m->in == NULL || m->out == NULL) {
		free_member(m);
		return NULL;
	}
	for (i = 0; i < conf->nb_txq; i++)
		rte_spinlock_init(&m->out[i].lock);
	m->ops = conf->ops;
	m->priv = conf->priv;
	m->nb_in = conf->nb_rxq;
	m->nb_out = conf->nb_txq;
	m->uplink = conf->uplink;
	m->carrier = true;
	m->shared = veb->conf.nb_lcores > conf->nb_txq;
	m->veb = veb;
	snprintf(m->name, sizeof(m->name), "%s", conf->name);
	return m;
}

static int
find_index(const struct veb *veb, const struct veb_member_conf *conf)
{
	uint16_t i;

	if (conf->uplink && veb->nb_uplinks == VEB_UPLINKS_MAX)
		return -ENOSPC;
	for (i = 0; i < veb->conf.max_members; i++)
		if (veb->members[i] == NULL)
			return i;
	return -ENOSPC;
}

static bool
conf_is_valid(const struct veb_member_conf *conf)
{
	return conf->ops != NULL && conf->ops->receive != NULL && conf->ops->send != NULL &&
	       conf->name != NULL && conf->nb_rxq > 0 && conf->nb_rxq <= VEB_QUEUES_MAX &&
	       conf->nb_txq > 0 && conf->nb_txq <= VEB_QUEUES_MAX &&
	       (conf->uplink || policy_check(&conf->rules) == 0);
}

int
veb_member_add(struct veb *veb, const struct veb_member_conf *conf, struct veb_member **member)
{
	struct change c = { 0 };
	int ret, index;

	*member = NULL;
	if (!conf_is_valid(conf))
		return -EINVAL;
	index = find_index(veb, conf);
	if (index < 0)
		return index;
	c.m = make_member(veb, conf);
	c.to = policy_create(conf, conf->socket);
	ret = c.m != NULL && c.to != NULL ? 0 : -ENOMEM;
	if (ret == 0) {
		c.m->index = index;
		ret = prepare(&c);
	}
	if (ret != 0) {
		rte_free(c.to);
		if (c.m != NULL)
			free_member(c.m);
		return ret;
	}
	*member = c.m;
	veb->nb_uplinks += conf->uplink;
	veb->nb_carriers += conf->uplink;
	c.m->policy = c.to;
	set_link(c.m, wants_up(c.m));
	commit(&c);
	follow_links(veb);
	return 0;
}

int
veb_member_set(struct veb_member *member, const struct veb_rules *rules)
{
	const struct veb_member_conf conf = { .uplink = member->uplink, .rules = *rules };
	struct change c = { .m = member, .from = (struct policy *)(uintptr_t)member->policy };
	int ret;

	if ((!member->uplink && policy_check(rules) != 0) || rules->mirror == member)
		return -EINVAL;
	c.to = policy_create(&conf, member->veb->conf.socket);
	if (c.to == NULL)
		return -ENOMEM;
	ret = prepare(&c);
	if (ret != 0) {
		rte_free(c.to);
		return ret;
	}
	commit(&c);
	follow_links(member->veb);
	return 0;
}

/* Nobody mirrors to a member that leaves. */
static void
unmirror(const struct veb *veb, const struct veb_member *gone)
{
	struct policy *p;
	uint16_t i;

	for (i = 0; i < veb->conf.max_members; i++) {
		if (veb->members[i] == NULL)
			continue;
		p = (struct policy *)(uintptr_t)veb->members[i]->policy;
		if (p->mirror == gone)
			__atomic_store_n(&p->mirror, NULL, __ATOMIC_RELEASE);
	}
}

void
veb_member_del(struct veb_member *m, struct veb_stats *last)
{
	struct policy *policy = (struct policy *)(uintptr_t)m->policy;
	struct veb *veb = m->veb;

	unmirror(veb, m);
	group_leave(*home(veb, m, policy), m);
	if (!m->uplink)
		unset_key(veb, policy_key(policy));
	__atomic_store_n(&veb->members[m->index], NULL, __ATOMIC_RELEASE);
	count_trunks(veb, m, policy, -1);
	veb_changed(veb);
	veb_wait(veb);
	/* from a burst of its own that was under way it may have learned until now */
	learn_forget(m, 0);
	veb->nb_keys -= nb_keys(m, policy);
	veb->nb_uplinks -= m->uplink;
	veb->nb_carriers -= m->uplink && m->carrier;
	if (last != NULL)
		veb_member_stats(m, last);
	rte_free(policy);
	free_member(m);
	follow_links(veb);
}

void
veb_set_uplink(struct veb_member *uplink, bool up)
{
	if (!uplink->uplink || uplink->carrier == up)
		return;
	uplink->carrier = up;
	uplink->veb->nb_carriers += up ? 1 : -1;
	follow_links(uplink->veb);
}

void
veb_member_watch(struct veb_member *member, struct veb_tap *tap)
{
	/* release: pairs with the acquire in veb_tap() */
	__atomic_store_n(&member->tap, tap, __ATOMIC_RELEASE);
	if (tap == NULL)
		veb_wait(member->veb);
}

void
veb_member_time(struct veb_member *member, struct veb_timer *timer)
{
	/* release: pairs with the acquire in veb_timer() */
	__atomic_store_n(&member->timer, timer, __ATOMIC_RELEASE);
	if (timer == NULL)
		veb_wait(member->veb);
}

bool
veb_member_is_up(const struct veb_member *member)
{
	return __atomic_load_n(&member->up, __ATOMIC_RELAXED);
}
