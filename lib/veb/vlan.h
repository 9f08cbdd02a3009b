/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VEB_VLAN_H
#define VEB_VLAN_H

/* A tag put on or taken off in a frame's bytes (802.1Q, 9.3). */

#include <stdbool.h>
#include <string.h>

#include <rte_ether.h>
#include <rte_mbuf.h>

static inline rte_be16_t
vlan_type(const struct rte_mbuf *m)
{
	return *rte_pktmbuf_mtod_offset(m, const rte_be16_t *, 2 * RTE_ETHER_ADDR_LEN);
}

/* The frame has a customer's tag, and all of it in its first segment. */
static inline bool
vlan_is_tagged(const struct rte_mbuf *m)
{
	return vlan_type(m) == RTE_BE16(RTE_ETHER_TYPE_VLAN) &&
	       m->data_len >= RTE_ETHER_HDR_LEN + RTE_VLAN_HLEN;
}

static inline uint16_t
vlan_tci(const struct rte_mbuf *m)
{
	return rte_be_to_cpu_16(*rte_pktmbuf_mtod_offset(m, const rte_be16_t *, RTE_ETHER_HDR_LEN));
}

/* The lengths that a receiver has told are those of the frame with `more` bytes more. */
static inline void
vlan_lengths(struct rte_mbuf *m, int more)
{
	if (m->outer_l3_len != 0)
		m->outer_l2_len += more;
	else if (m->l3_len != 0)
		m->l2_len += more;
}

/* Whether the bytes are ours to change. */
static inline bool
vlan_may_strip(const struct rte_mbuf *m)
{
	return RTE_MBUF_DIRECT(m) && rte_mbuf_refcnt_read(m) == 1;
}

/* Take the tag off a frame that vlan_is_tagged(). */
static inline void
vlan_strip(struct rte_mbuf *m)
{
	uint8_t *data = rte_pktmbuf_mtod(m, uint8_t *);

	memmove(data + RTE_VLAN_HLEN, data, 2 * RTE_ETHER_ADDR_LEN);
	rte_pktmbuf_adj(m, RTE_VLAN_HLEN);
	vlan_lengths(m, -RTE_VLAN_HLEN);
}

/* Whether there is room for a tag, and the bytes are ours to change. */
static inline bool
vlan_may_insert(const struct rte_mbuf *m)
{
	return rte_pktmbuf_headroom(m) >= RTE_VLAN_HLEN && vlan_may_strip(m);
}

/* Put a tag on a frame that vlan_may_insert(). */
static inline void
vlan_insert(struct rte_mbuf *m, uint16_t tci)
{
	const rte_be16_t tag[2] = { RTE_BE16(RTE_ETHER_TYPE_VLAN), rte_cpu_to_be_16(tci) };
	uint8_t *data;

	m->data_off -= RTE_VLAN_HLEN;
	m->data_len += RTE_VLAN_HLEN;
	m->pkt_len += RTE_VLAN_HLEN;
	data = rte_pktmbuf_mtod(m, uint8_t *);
	memmove(data, data + RTE_VLAN_HLEN, 2 * RTE_ETHER_ADDR_LEN);
	memcpy(data + 2 * RTE_ETHER_ADDR_LEN, tag, sizeof(tag));
	vlan_lengths(m, RTE_VLAN_HLEN);
}

#endif /* VEB_VLAN_H */
