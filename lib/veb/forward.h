/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VEB_FORWARD_H
#define VEB_FORWARD_H

/* From a burst that was looked at to members: one, several, all of a VLAN. */

#include "priv.h"

/*
 * Give frames that are nobody else's to a member. Return: how many, first in pkts, stay the
 * caller's: all, or those that others were put behind, where it copies; else none.
 */
uint16_t egress_send(
		const struct burst *b, const struct veb_member *to, const struct frames *frames);

/* The same; they stay the caller's in any case. */
void egress_copy(const struct burst *b, const struct veb_member *to, const struct frames *frames);

/* Copies for who mirrors `of`, unless that is `except`. */
void egress_mirror(const struct burst *b, const struct veb_member *of,
		const struct veb_member *except, const struct frames *frames);

/* The bytes of n frames. */
static inline uint64_t
egress_bytes(struct rte_mbuf *const *pkts, uint16_t n)
{
	uint64_t bytes = 0;
	uint16_t i;

	for (i = 0; i < n; i++)
		bytes += pkts[i]->pkt_len;
	return bytes;
}

/* One of the burst's frames is lost, by its sender's fault or for lack of buffers. It stays. */
void egress_lost(const struct burst *b, const struct rte_mbuf *m, enum veb_drop why);

/* Nobody needs these any more; they are freed with the burst. */
void egress_done(const struct burst *b, struct rte_mbuf **pkts, uint16_t n);

/* Free what is done. */
void egress_free(struct veb_lcore *lcore);

/* Whether others may write to the frame, and it is to go back with the burst. */
static inline bool
egress_is_lent(const struct burst *b, const struct rte_mbuf *m)
{
	return b->src->ops->lends && m->next != NULL && RTE_MBUF_HAS_EXTBUF(m->next);
}

/* A frame in a buffer of its own, in the place of the one that it was in. Return: false: none is
 * left */
bool egress_own(struct rte_mbuf **m, struct rte_mempool *pool);

/* The same of those that are lent; some are dropped where buffers are short. */
void egress_own_all(const struct burst *b, struct frames *frames);

/* Whether somebody gets the member's frames beside it. */
static inline bool
egress_is_mirrored(const struct veb_member *m)
{
	return __atomic_load_n(&veb_policy(m)->mirror, __ATOMIC_ACQUIRE) != NULL;
}

/* Whether the member sees another tag than its sender. */
static inline bool
flood_retags(const struct burst *b, const struct veb_member *to)
{
	if (policy_is_trunk(b->policy))
		return !policy_is_trunk(veb_policy(to));
	return b->policy->tci != 0 && policy_is_trunk(veb_policy(to));
}

/* Frames with the tag that the member is to see; some are dropped where buffers are short. */
void flood_retag(const struct burst *b, const struct veb_member *to, struct frames *frames);

/* Frames for every uplink. They are consumed. */
void flood_to_wire(const struct burst *b, struct rte_mbuf **pkts, uint16_t n);

/* Frames of one VLAN for all of its members, and for every uplink. They are consumed. */
void flood_to_group(const struct burst *b, struct rte_mbuf **pkts, uint16_t n, uint16_t vlan);

#endif /* VEB_FORWARD_H */
