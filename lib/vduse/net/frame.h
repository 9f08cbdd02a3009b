/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NET_FRAME_H
#define NET_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_branch_prediction.h>
#include <rte_mbuf.h>

/**
 * Whether the pieces of a frame are as long as the frame says, together. What
 * comes from another PMD or application may lie. Of a frame in one piece only the first line is
 * touched, and what hangs behind it is none of it.
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

/**
 * As rte_pktmbuf_read(), which believes pkt_len. The pieces are walked only where the bytes are not
 * in the first: each is a line that nobody has asked for yet.
 */
static __rte_always_inline const void *
net_frame_read(const struct rte_mbuf *m, uint32_t at, uint32_t n, void *copy)
{
	if (likely(at <= m->data_len && n <= m->data_len - at))
		return rte_pktmbuf_mtod_offset(m, const void *, at);
	return net_frame_adds_up(m) ? rte_pktmbuf_read(m, at, n, copy) : NULL;
}

#endif /* NET_FRAME_H */
