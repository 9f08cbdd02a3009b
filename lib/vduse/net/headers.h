/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NET_HEADERS_H
#define NET_HEADERS_H

#include "rte_vduse_net_headers.h"

/**
 * The first IP header of a frame, behind the same link layers as
 * rte_vduse_net_headers_read() knows, whatever follows it.
 *
 * @param[out] l3 proto is IPPROTO_FRAGMENT of a fragment of either version
 * @return 0; -EINVAL: there is none, or it is not all there
 */
int net_headers_ip(const struct rte_mbuf *m, struct rte_vduse_net_l3 *l3);

#endif /* NET_HEADERS_H */
