/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NET_FRAME_H
#define NET_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_branch_prediction.h>
#include <rte_mbuf.h>

/**
 * Whether the pieces of a frame are as long as the frame says, together. What
 * comes from another PMD or application may lie; whoever walks the pieces by
 * pkt_len (rte_pktmbuf_read()), or writes them where room for pkt_len was
 * taken, asks first. Of a frame in one piece only the first line is touched.
 */
static inline bool
net_frame_adds_up(const struct rte_mbuf *m)
{
	uint32_t left = m->pkt_len;

	if (likely(m->data_len == left))
		return true;
	for (; m != NULL && m->data_len <= left; m = m->next)
		left -= m->data_len;
	return m == NULL && left == 0;
}

#endif /* NET_FRAME_H */
