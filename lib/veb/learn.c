/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What is learned, on the lcore that sees it: the next frame may be the answer. A burst's
 * usual frame finds its source in the table, seen in this second, and writes nothing.
 */

#include "learn.h"

/* An address moves once in so many seconds: who fights over one does not flap the table. */
#define MOVE_S 1

static uint16_t
refuse(enum veb_drop why)
{
	return VEB_VERDICT_DROP | why;
}

static uint16_t
no_room(const struct burst *b)
{
	veb_count(&b->q->learn_full, 1);
	return (b->policy->flags & POLICY_MAC) != 0 ? refuse(VEB_DROP_SPOOF_MAC) : 0;
}

/* A member's entry becomes the frame's sender's. The lock is held. */
static uint16_t
move(const struct burst *b, struct fdb *fdb, struct fdb_slot *slot)
{
	struct veb_member *from = b->veb->members[slot->port];
	uint32_t *moved = &fdb->moved[slot - fdb->slots];

	if (*moved != 0 && b->lcore->second - *moved <= MOVE_S)
		return refuse(VEB_DROP_MOVE);
	if (b->src->nb_macs >= b->policy->max_macs)
		return no_room(b);
	if (from != NULL)
		veb_count_macs(from, -1);
	veb_count_macs(b->src, 1);
	*moved = b->lcore->second;
	__atomic_store_n(&slot->seen, b->lcore->second, __ATOMIC_RELAXED);
	__atomic_store_n(&slot->port, b->src->index, __ATOMIC_RELEASE);
	veb_count(&b->q->moves, 1);
	veb_changed(b->veb);
	return 0;
}

/* The lock is held. */
static uint16_t
learn(const struct burst *b, uint64_t key)
{
	struct fdb *fdb = b->veb->fdb;
	struct fdb_slot *slot = fdb_find(fdb, key);

	if (slot != NULL && slot->port == b->src->index)
		return 0;
	if (slot != NULL && (slot->port & FDB_STATIC) != 0)
		return refuse(VEB_DROP_SPOOF_MAC);
	if (slot != NULL)
		return move(b, fdb, slot);
	if (b->src->nb_macs >= b->policy->max_macs ||
			!fdb_add(fdb, key, b->src->index, b->lcore->second))
		return no_room(b);
	veb_count_macs(b->src, 1);
	veb_changed(b->veb);
	return 0;
}

/* Whether a static address, in this VLAN or of a trunk, is another's. */
static bool
is_somebodys(const struct burst *b, uint64_t mac, uint64_t key)
{
	const struct fdb *fdb = __atomic_load_n(&b->veb->fdb, __ATOMIC_ACQUIRE);
	uint32_t port = fdb_lookup(fdb, key | mac);

	if (port == FDB_NONE)
		port = fdb_lookup(fdb, fdb_key(FDB_VLAN_ANY, mac));
	return port != FDB_NONE && (port & FDB_STATIC) != 0;
}

/* Return: whether the source is known as this member's, and that it was seen is written down. */
static bool
is_known(const struct burst *b, uint64_t key)
{
	struct fdb *fdb = __atomic_load_n(&b->veb->fdb, __ATOMIC_ACQUIRE);
	struct fdb_slot *slot;
	uint32_t at;
	uint64_t found;

	for (at = fdb_hash(fdb, key);; at = (at + 1) & fdb->mask) {
		slot = &fdb->slots[at];
		found = __atomic_load_n(&slot->key, __ATOMIC_ACQUIRE);
		if (found == 0)
			return false;
		if (found == key)
			break;
	}
	if (__atomic_load_n(&slot->port, __ATOMIC_ACQUIRE) != b->src->index)
		return false;
	/* a line that other lcores read is written once a second, not once a frame */
	if (__atomic_load_n(&slot->seen, __ATOMIC_RELAXED) != b->lcore->second)
		__atomic_store_n(&slot->seen, b->lcore->second, __ATOMIC_RELAXED);
	return true;
}

uint16_t
learn_source(const struct burst *b, uint64_t mac, uint64_t key)
{
	uint16_t verdict;

	if ((b->policy->flags & POLICY_TRUST) == 0)
		return (b->policy->flags & POLICY_MAC) != 0 ? refuse(VEB_DROP_SPOOF_MAC) : 0;
	/* a group's address, or none, sends nothing (802.3, 3.2.3) */
	if ((mac & 1) != 0 || mac == 0)
		return refuse(VEB_DROP_SPOOF_MAC);
	key |= mac;
	if (is_known(b, key))
		return 0;
	if (is_somebodys(b, mac, key))
		return refuse(VEB_DROP_SPOOF_MAC);
	rte_spinlock_lock(&b->veb->lock);
	verdict = learn(b, key);
	rte_spinlock_unlock(&b->veb->lock);
	return verdict;
}

void
learn_forget(struct veb_member *member, uint16_t most)
{
	struct veb *veb = member->veb;
	struct fdb *fdb = veb->fdb;
	const struct policy *policy = member->policy;
	struct fdb_slot *slot;

	rte_spinlock_lock(&veb->lock);
	for (slot = fdb->slots; slot <= &fdb->slots[fdb->mask]; slot++) {
		if (slot->key <= FDB_GONE || slot->port != member->index)
			continue;
		if (member->nb_macs <= most && policy_has_vlan(policy, slot->key >> 48 & 0xfff))
			continue;
		fdb_del(fdb, slot);
		veb_count_macs(member, -1);
	}
	veb_changed(veb);
	rte_spinlock_unlock(&veb->lock);
}
