/* SPDX-License-Identifier: BSD-3-Clause */

/* An lcore's side of a capture: it looks, copies and counts, and waits for nobody. */

#ifndef CAPTURE_LANE_H
#define CAPTURE_LANE_H

#include "capture.h"
#include "ring.h"

/* Frames of a burst of which it may still be told that they were dropped. */
#define LANE_PENDING (2 * VEB_BURST)

/* A frame in the ring. */
struct record {
	uint64_t when; /* cycles */
	uint32_t caplen;
	uint32_t len;
	uint16_t queue;
	uint16_t gso_size; /* 0: it is not to be cut */
	uint8_t way;       /* enum veb_way */
	uint8_t why;       /* enum veb_drop; VEB_DROPS: it was not dropped */
	bool partial;      /* its checksum is still to be made */
	uint8_t bytes[];
};

struct pending {
	const struct rte_mbuf *pkt;
	struct record *record; /* NULL: the filter did not take it, or it was left out */
};

struct __rte_cache_aligned lane {
	struct capture_ring ring;
	uint64_t received, accepted, dropped; /* atomic */
	uint16_t nb_pending;
	struct pending pending[LANE_PENDING];
	uint8_t look[CAPTURE_LOOK]; /* the beginning of a frame in several buffers */
};

/* What all lanes of a capture go by. */
struct lane_rules {
	const struct program *filter;
	uint32_t snaplen;
	bool ways[2]; /* by enum veb_way */
	bool drops;
};

/** As those of struct veb_tap. */
void lane_frames(struct lane *lane, const struct lane_rules *rules, const struct veb_sight *sight,
		struct rte_mbuf **pkts, uint16_t n);
void lane_dropped(struct lane *lane, const struct lane_rules *rules, const struct veb_sight *sight,
		const struct rte_mbuf *pkt, enum veb_drop why);
void lane_done(struct lane *lane);

#endif /* CAPTURE_LANE_H */
