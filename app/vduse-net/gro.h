/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * TCP segments that belong together become one frame, which its receiver takes as if it had come
 * in one piece (GRO). Nothing is lost by it: cut again, the frame is the segments that it was made
 * of, and no frame overtakes another of its connection. One whose checksum is not known to be right
 * stays as it is, for its receiver to see.
 */

#ifndef GRO_H
#define GRO_H

#include <stdint.h>

#include <rte_bitops.h>
#include <rte_mbuf.h>

/* What the receiver takes. */
#define GRO_TCP4 RTE_BIT32(0)
#define GRO_TCP6 RTE_BIT32(1)

/*
 * Put together what belongs together, of frames that are nobody else's; the first one's mbuf is
 * that of the whole, marked as to be cut (RTE_MBUF_F_RX_LRO, tso_segsz) and with what a port is
 * asked to do then (REQUEST_FLAGS).
 *
 * types: GRO_TCP4 and so on. bytes: of payload that was put behind another frame's are added.
 * Return: frames that are left, first in pkts, in the order in which they, or their first
 * segments, came
 */
uint16_t gro_burst(struct rte_mbuf **pkts, uint16_t n, uint32_t types, uint64_t *bytes);

#endif /* GRO_H */
