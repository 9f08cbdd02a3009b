/* SPDX-License-Identifier: BSD-3-Clause */

/* The bridge itself, its table, and what is told of them. */

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_malloc.h>

#include "priv.h"

#define AGE_S 300

int
veb_create(const struct veb_conf *conf, struct veb **veb)
{
	struct veb *v;

	*veb = NULL;
	if (conf->mtu < RTE_ETHER_MIN_MTU || conf->mtu > UINT16_MAX || conf->max_members == 0 ||
			conf->max_members > VEB_MEMBERS_MAX || conf->nb_lcores == 0 ||
			conf->qsbr == NULL || conf->pool == NULL)
		return -EINVAL;
	v = rte_zmalloc_socket("veb", sizeof(*v) + conf->max_members * sizeof(struct veb_member *),
			RTE_CACHE_LINE_SIZE, conf->socket);
	if (v == NULL)
		return -ENOMEM;
	v->fdb = fdb_create(0, conf->socket);
	if (v->fdb == NULL) {
		rte_free(v);
		return -ENOMEM;
	}
	rte_spinlock_init(&v->lock);
	v->conf = *conf;
	if (v->conf.age_s == 0)
		v->conf.age_s = AGE_S;
	v->gen = 1;
	veb_set_mtu(v, conf->mtu);
	*veb = v;
	return 0;
}

void
veb_destroy(struct veb *veb)
{
	unsigned int i;

	if (veb == NULL)
		return;
	for (i = 0; i < RTE_DIM(veb->groups); i++)
		rte_free(veb->groups[i]);
	rte_free(veb->trunks);
	rte_free(veb->uplinks);
	fdb_destroy(veb->fdb);
	rte_free(veb);
}

void
veb_set_mtu(struct veb *veb, uint32_t mtu)
{
	__atomic_store_n(&veb->frame_max, mtu + RTE_ETHER_HDR_LEN, __ATOMIC_RELAXED);
}

struct veb_lcore *
veb_lcore_create(uint16_t index, int socket)
{
	struct veb_lcore *lcore;

	lcore = rte_zmalloc_socket("veb_lcore", sizeof(*lcore), RTE_CACHE_LINE_SIZE, socket);
	if (lcore == NULL)
		return NULL;
	lcore->index = index;
	lcore->hz = rte_get_tsc_hz();
	return lcore;
}

void
veb_lcore_destroy(struct veb_lcore *lcore)
{
	rte_free(lcore);
}

void
veb_lcore_tick(struct veb_lcore *lcore, uint64_t now)
{
	lcore->now = now;
	if (likely(now < lcore->second_at))
		return;
	lcore->second = now / lcore->hz;
	lcore->second_at = (lcore->second + UINT64_C(1)) * lcore->hz;
}

void
veb_lcore_taken(struct veb_lcore *lcore, uint64_t taken)
{
	lcore->taken = taken;
}

void
veb_wait(const struct veb *veb)
{
	const uint64_t token = rte_rcu_qsbr_start(veb->conf.qsbr);

	while (!rte_rcu_qsbr_check(veb->conf.qsbr, token, false))
		sched_yield();
}

int
veb_reserve(struct veb *veb, uint32_t keys, struct fdb **old)
{
	struct fdb *fdb;
	bool has_room;

	*old = NULL;
	rte_spinlock_lock(&veb->lock);
	has_room = fdb_has_room(veb->fdb, keys);
	rte_spinlock_unlock(&veb->lock);
	if (has_room)
		return 0;
	fdb = fdb_create(2 * keys, veb->conf.socket);
	if (fdb == NULL)
		return -ENOMEM;
	rte_spinlock_lock(&veb->lock);
	*old = veb->fdb;
	fdb_copy(fdb, veb->fdb);
	__atomic_store_n(&veb->fdb, fdb, __ATOMIC_RELEASE);
	rte_spinlock_unlock(&veb->lock);
	return 0;
}

/* Return: how many were forgotten. */
static unsigned int
forget_old(struct veb *veb, uint32_t second)
{
	struct fdb *fdb = veb->fdb;
	struct fdb_slot *slot;
	unsigned int n = 0;
	uint32_t seen;

	for (slot = fdb->slots; slot <= &fdb->slots[fdb->mask]; slot++) {
		seen = __atomic_load_n(&slot->seen, __ATOMIC_RELAXED);
		if (slot->key <= FDB_GONE || (slot->port & FDB_STATIC) != 0 || second <= seen ||
				second - seen < veb->conf.age_s)
			continue;
		if (veb->members[slot->port] != NULL)
			veb_count_macs(veb->members[slot->port], -1);
		fdb_del(fdb, slot);
		n++;
	}
	return n;
}

unsigned int
veb_age(struct veb *veb, uint64_t now)
{
	struct fdb *old;
	unsigned int n;

	rte_spinlock_lock(&veb->lock);
	n = forget_old(veb, now / rte_get_tsc_hz());
	rte_spinlock_unlock(&veb->lock);
	if (n != 0)
		veb_changed(veb);
	/* places of addresses that are gone; without memory for it they stay until the next time */
	if (veb_reserve(veb, veb->nb_keys, &old) == 0 && old != NULL) {
		veb_wait(veb);
		fdb_destroy(old);
	}
	return n;
}

static uint64_t
read_count(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

void
veb_member_stats(const struct veb_member *member, struct veb_stats *stats)
{
	const struct veb_queue_out *out;
	const struct veb_queue_in *in;
	unsigned int why;

	memset(stats, 0, sizeof(*stats));
	for (in = member->in; in < member->in + member->nb_in; in++) {
		stats->in += read_count(&in->in);
		stats->in_bytes += read_count(&in->in_bytes);
		stats->more += read_count(&in->more);
		stats->learn_full += read_count(&in->learn_full);
		stats->moves += read_count(&in->moves);
		for (why = 0; why < VEB_DROPS; why++)
			stats->drops[why] += read_count(&in->drops[why]);
	}
	for (out = member->out; out < member->out + member->nb_out; out++) {
		stats->out += read_count(&out->out);
		stats->out_bytes += read_count(&out->out_bytes);
		stats->merged += read_count(&out->merged);
		stats->merged_bytes += read_count(&out->merged_bytes);
		for (why = 0; why < VEB_DROPS; why++)
			stats->drops[why] += read_count(&out->drops[why]);
	}
	stats->macs = __atomic_load_n(&member->nb_macs, __ATOMIC_RELAXED);
}

const char *
veb_drop_name(enum veb_drop why)
{
	static const char *const names[] = {
		[VEB_DROP_SHORT] = "too short",
		[VEB_DROP_LONG] = "too long",
		[VEB_DROP_VLAN] = "wrong VLAN",
		[VEB_DROP_RESERVED] = "reserved address",
		[VEB_DROP_SPOOF_MAC] = "spoofed MAC",
		[VEB_DROP_SPOOF_IP] = "spoofed IP",
		[VEB_DROP_MOVE] = "moved too soon",
		[VEB_DROP_TX_RATE] = "tx rate",
		[VEB_DROP_BUM_RATE] = "bum rate",
		[VEB_DROP_UNKNOWN] = "unknown address",
		[VEB_DROP_BACK] = "back to sender",
		[VEB_DROP_ISOLATED] = "isolated",
		[VEB_DROP_LINK] = "link down",
		[VEB_DROP_RX_RATE] = "rx rate",
		[VEB_DROP_FULL] = "queue full",
		[VEB_DROP_NO_BUFFER] = "no buffer",
	};

	return names[why];
}

static void
make_entry(const struct veb *veb, const struct fdb_slot *slot, uint32_t second,
		struct veb_fdb_entry *entry)
{
	const uint32_t port = __atomic_load_n(&slot->port, __ATOMIC_ACQUIRE);
	const uint32_t seen = __atomic_load_n(&slot->seen, __ATOMIC_RELAXED);
	const uint64_t key = __atomic_load_n(&slot->key, __ATOMIC_RELAXED);
	const uint64_t mac = rte_cpu_to_le_64(key);
	const uint16_t vlan = key >> 48 & 0xfff;

	memset(entry, 0, sizeof(*entry));
	memcpy(&entry->mac, &mac, sizeof(entry->mac));
	entry->vlan = vlan == FDB_VLAN_ANY ? UINT16_MAX : vlan;
	entry->is_static = (port & FDB_STATIC) != 0;
	entry->age_s = entry->is_static || second < seen ? 0 : second - seen;
	entry->member = veb->members[port & ~FDB_STATIC];
	entry->name = entry->member != NULL ? entry->member->name : "";
}

void
veb_fdb_walk(const struct veb *veb, uint64_t now, veb_fdb_cb cb, void *arg)
{
	const uint32_t second = now / rte_get_tsc_hz();
	const struct fdb *fdb = veb->fdb;
	const struct fdb_slot *slot;
	struct veb_fdb_entry entry;
	uint64_t key;

	for (slot = fdb->slots; slot <= &fdb->slots[fdb->mask]; slot++) {
		key = __atomic_load_n(&slot->key, __ATOMIC_ACQUIRE);
		if (key <= FDB_GONE)
			continue;
		make_entry(veb, slot, second, &entry);
		/* else it was given to another meanwhile, by an lcore that learns */
		if (__atomic_load_n(&slot->key, __ATOMIC_RELAXED) == key && !cb(arg, &entry))
			return;
	}
}
