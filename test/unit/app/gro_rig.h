/* SPDX-License-Identifier: BSD-3-Clause */

/* Segments put into gro_burst(), and what comes out. */

#ifndef GRO_RIG_H
#define GRO_RIG_H

#include "gro.h"
#include "offload_rig.h"

#define ACK  0x10
#define BOTH (GRO_TCP4 | GRO_TCP6)
#define MSS  100

enum {
	GRO_IP4,
	GRO_IP4_OPTIONS,
	GRO_IP6,
	GRO_IP4_VLAN,
	GRO_IP6_VLAN,
	GRO_IP4_PSH,
	GRO_IP6_PSH,
	GRO_KINDS
};
extern const struct ref gro_kinds[GRO_KINDS];

/* Payload that was put behind another frame's. */
extern uint64_t gro_joined;

/* Segment i of a frame, as a port without offloads receives it. */
struct rte_mbuf *gro_segment(const struct ref *r, uint32_t i);

/* To be put in, with all before it: one, or all segments of a frame. */
void gro_put(struct rte_mbuf *m);
void gro_put_segments(const struct ref *r);

/* What was put in goes through gro_burst(): rig.frames. */
void gro_merge(uint32_t types);

/* Frame i that came out is segment k of these, as it went in. */
void gro_expect_segment(const struct ref *r, unsigned int i, uint32_t k);

/* Frame i that came out is all of these: cut again, it is its segments. */
void gro_expect_whole(const struct ref *r, unsigned int i);

/* Bytes of a frame. */
uint8_t *gro_at(struct rte_mbuf *m, uint32_t offset);

/* Its checksums are right again: IPv4's is, the port says so of TCP's. */
void gro_seal(struct rte_mbuf *m, const struct ref *r);

#endif /* GRO_RIG_H */
