/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VEB_PRIV_H
#define VEB_PRIV_H

/* What the rooms of the bridge share. */

#include <rte_spinlock.h>

#include "fdb.h"
#include "rate.h"
#include "veb.h"

/* What a frame is to become, beside the numbers of members. */
#define VEB_VERDICT_DROP  UINT16_C(0x8000) /* or-ed with the reason */
#define VEB_VERDICT_WIRE  UINT16_C(0x7fff) /* every uplink */
#define VEB_VERDICT_GROUP UINT16_C(0x7ffe) /* the members of its VLAN, and every uplink */

/* Not the usual: what a frame is looked at for, beside its lengths, tag and source. */
#define POLICY_GUARD 0x1
#define POLICY_TX    0x2
#define POLICY_BUM   0x4
#define POLICY_TRUST 0x8
#define POLICY_MAC   0x10 /* spoofchk */
#define POLICY_TAGS  0x20 /* its frames have tags: a trunk, an uplink */
#define POLICY_GRO   0x40 /* frames to it from uplinks are put together */
#define POLICY_SLOW  (POLICY_GUARD | POLICY_TX)

/* The rules of a member as lcores read them; replaced as a whole, but for the meters. */
struct policy {
	uint64_t mac;   /* as in a key */
	uint64_t key;   /* of its VLAN; access */
	uint32_t flags; /* POLICY_* */
	uint16_t vlan;  /* access */
	uint16_t tci;   /* of tags put on its frames (802.1Q, 9.6); 0: none */
	bool isolated;
	enum veb_link link;
	uint16_t max_macs;
	uint16_t nb_prefixes;
	struct veb_member *mirror; /* atomic */
	struct rte_ether_addr addr;
	struct veb_vlans trunk;
	struct rate tx, rx, bum;
	struct veb_prefix prefixes[];
};

/*
 * What became of a frame that was looked at for its length and these bytes only: the first 8 and
 * the last 8 of its header's 14. For as many peers as a container speaks with at a time.
 */
#define VEB_SEEN 16

struct veb_seen {
	uint64_t head, tail;
	uint32_t gen; /* state of the table and of the rules */
	uint16_t vlan;
	uint16_t verdict;
};

/* One queue that frames come from: written by the lcore that polls it. */
struct __rte_cache_aligned veb_queue_in {
	uint64_t last_key; /* of the last frame, */
	uint32_t last_gen; /* at this state of the table, */
	uint16_t verdict;  /* went there */
	struct veb_seen seen[VEB_SEEN];
	uint64_t in, in_bytes, more, learn_full, moves;
	uint64_t drops[VEB_DROPS];
};

/* One queue that frames go to: written under its lock, where lcores share it. */
struct __rte_cache_aligned veb_queue_out {
	rte_spinlock_t lock;
	uint64_t out, out_bytes, merged, merged_bytes;
	uint64_t drops[VEB_DROPS];
};

struct veb_member {
	/* what every frame to it needs */
	const struct veb_ops *ops;
	void *priv;
	const struct policy *policy; /* atomic; replaced by the owner */
	struct veb_queue_out *out;
	uint16_t nb_out;
	uint16_t index;
	bool uplink;
	bool shared;             /* lcores share its queues to send to */
	bool up;                 /* atomic */
	struct veb_tap *tap;     /* atomic; who watches it, or NULL */
	struct veb_timer *timer; /* atomic; who times its frames, or NULL */
	struct veb_queue_in *in;
	uint16_t nb_in;
	uint32_t nb_macs; /* learned; the table's lock */
	struct veb *veb;
	bool carrier; /* of an uplink; owner */
	char name[VEB_NAME_SIZE];
};

/*
 * Members of a VLAN, that frames to a group go to; or the trunks, or the uplinks. Who leaves
 * leaves a gap, and who comes has it, or a place behind the others; it is replaced where there is
 * none.
 */
struct veb_group {
	uint16_t n; /* atomic */
	uint16_t room;
	struct veb_member *members[]; /* atomic; NULL: a gap */
};

struct veb {
	struct fdb *fdb;           /* atomic; replaced by the owner */
	uint32_t gen;              /* atomic; changes with the table and with rules */
	uint32_t frame_max;        /* bytes of the longest frame, without tags; atomic */
	uint16_t nb_trunks;        /* atomic */
	uint16_t nb_uplinks;       /* owner, as nb_carriers: */
	uint16_t nb_carriers;      /* uplinks whose link is up */
	struct veb_group *uplinks; /* atomic, as the groups */
	struct veb_group *trunks;  /* members of several VLANs */
	struct veb_group *groups[VEB_VLAN_MAX + 1];
	struct veb_conf conf;
	rte_spinlock_t lock;          /* writers of the table */
	uint32_t nb_keys;             /* that the table has to have room for: static and max_macs */
	struct veb_member *members[]; /* max_members of them; atomic */
};

/* Frames that go the same way, and their bytes. */
struct frames {
	struct rte_mbuf **pkts;
	uint64_t bytes;
	uint16_t n;
};

struct veb_vector {
	uint16_t member;
	uint16_t n;
	uint32_t bytes;
	struct rte_mbuf *pkts[VEB_BURST];
};

struct veb_lcore {
	uint64_t now;       /* cycles */
	uint64_t taken;     /* cycles: when the burst was taken, if it is timed; 0: it is not */
	uint64_t hz;        /* of these */
	uint64_t second_at; /* when the next second begins */
	uint32_t second;
	uint16_t index;
	uint16_t given; /* frames of this delivery, if it is timed */
	uint16_t verdicts[VEB_BURST];
	uint16_t vlans[VEB_BURST];
	uint16_t nb_vectors;
	struct veb_vector vectors[VEB_BURST];
	struct rte_mbuf *done[VEB_BURST]; /* frames that nobody has taken, to be freed */
	uint16_t nb_done;
	uint16_t slots[VEB_MEMBERS_MAX]; /* by member: its vector and 1, or 0 */
};

/* A burst on its way. */
struct burst {
	struct veb *veb;
	struct veb_member *src;
	const struct policy *policy;
	struct veb_queue_in *q;
	struct veb_lcore *lcore;
	struct veb_tap *tap; /* who watches its sender, or NULL */
	struct veb_sight sight;
	uint32_t gen;
	uint32_t frame_max;
};

/* One writer at a time; readers see no half of it. */
static __rte_always_inline void
veb_count(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

static inline struct veb_tap *
veb_tap(const struct veb_member *m)
{
	/* acquire: pairs with the release in veb_member_watch() */
	return __atomic_load_n(&m->tap, __ATOMIC_ACQUIRE);
}

static inline struct veb_timer *
veb_timer(const struct veb_member *m)
{
	/* acquire: pairs with the release in veb_member_time() */
	return __atomic_load_n(&m->timer, __ATOMIC_ACQUIRE);
}

static inline const struct policy *
veb_policy(const struct veb_member *m)
{
	/* acquire: pairs with the release of who replaces it */
	return __atomic_load_n(&m->policy, __ATOMIC_ACQUIRE);
}

static inline uint16_t
group_size(const struct veb_group *group)
{
	return group != NULL ? __atomic_load_n(&group->n, __ATOMIC_RELAXED) : 0;
}

static inline struct veb_member *
group_member(const struct veb_group *group, uint16_t i)
{
	return __atomic_load_n(&group->members[i], __ATOMIC_ACQUIRE);
}

static inline bool
policy_is_trunk(const struct policy *p)
{
	return (p->flags & POLICY_TAGS) != 0;
}

static inline bool
policy_has_vlan(const struct policy *p, uint16_t vlan)
{
	if (policy_is_trunk(p))
		return (p->trunk.bits[vlan / 64] >> vlan % 64 & 1) != 0;
	return p->vlan == vlan;
}

/* For whoever begins a burst: what was looked up before is not to be relied on. */
static inline void
veb_changed(struct veb *veb)
{
	/* release: pairs with the acquire of who begins a burst */
	__atomic_fetch_add(&veb->gen, 1, __ATOMIC_RELEASE);
}

/* One address more, or less, that the member has learned. The table's lock is held. */
static inline void
veb_count_macs(struct veb_member *m, int more)
{
	__atomic_store_n(&m->nb_macs, m->nb_macs + more, __ATOMIC_RELAXED);
}

/* Owner: every lcore that is online has left the burst that it may be in. */
void veb_wait(const struct veb *veb);

/*
 * Owner: the table has room for one key more, of so many altogether. *old: the one before, to be
 * freed after veb_wait(); NULL: it stayed. Return: 0 or -ENOMEM.
 */
int veb_reserve(struct veb *veb, uint32_t keys, struct fdb **old);

/* Make rules of the owner's ones lcores read. NULL: no memory. */
struct policy *policy_create(const struct veb_member_conf *conf, int socket);
/* Return: 0 or -EINVAL. */
int policy_check(const struct veb_rules *rules);

#endif /* VEB_PRIV_H */
