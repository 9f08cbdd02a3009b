/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Checksums in software. All want the frame's headers contiguous in the first
 * segment (frame_linear()) and the lengths in its IP headers to be right.
 */

#ifndef CKSUM_H
#define CKSUM_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "frame.h"

/*
 * Write the whole checksum of the innermost TCP, UDP or SCTP; what stands in the
 * field does not matter.
 * Return: 0, or -EINVAL when the IP header's length is not true of the frame.
 */
int cksum_l4(struct rte_mbuf *m, const struct rte_vduse_net_headers *f);

/* Write the IPv4 header's checksum; nothing for IPv6. */
void cksum_ip(struct rte_mbuf *m, const struct rte_vduse_net_l3 *ip);

/* Whether the IPv4 header's checksum is right; IPv6 has none. */
bool cksum_ip_is_good(const struct rte_mbuf *m, const struct rte_vduse_net_l3 *ip);

/* Whether the whole checksum of TCP or UDP at offset l4 is right. */
bool cksum_l4_is_good(const struct rte_mbuf *m, const struct rte_vduse_net_l3 *ip, uint16_t l4);

/*
 * Write the checksum of the UDP header below a tunnel, when there was one: 0 is
 * none (RFC 768). After cksum_l4() and cksum_ip(), which it covers.
 * Return: 0 or -EINVAL, as cksum_l4().
 */
int cksum_outer_udp(struct rte_mbuf *m, const struct rte_vduse_net_headers *f);

/* Whether there is such a checksum. */
bool cksum_has_outer_udp(const struct rte_mbuf *m, const struct rte_vduse_net_headers *f);

#endif /* CKSUM_H */
