/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VEB_GUARD_H
#define VEB_GUARD_H

/* Whether a frame of a guarded member speaks for that member only. */

#include "priv.h"

/*
 * *seen: bytes of the frame that it was found in.
 *
 * The frame's Ethernet source was checked. Behind up to two tags it has to be ARP, IPv4 or
 * IPv6, from an address of the policy's:
 * ARP (RFC 826): sender's MAC that of the frame, sender's IP listed, or none (RFC 5227, 2.1.1);
 * IPv4: source listed, or none in what a DHCP client sends (RFC 2131, 4.1);
 * IPv6: source listed, or the link-local address made of the member's MAC (RFC 4291, appendix
 * A), or none where that is how neighbour discovery begins (RFC 4862, 5.4.2; RFC 3810, 5.2.13).
 * Neighbour advertisements are for such an address too (RFC 4861, 4.4), and neither router
 * advertisements nor redirects are a container's (RFC 6105). What hides its ICMPv6 header
 * behind a fragment's or too many others does not pass (RFC 6980, RFC 7113).
 */
bool guard_passes(const struct policy *policy, const struct rte_mbuf *m, uint32_t *seen);

#endif /* VEB_GUARD_H */
