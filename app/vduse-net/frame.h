/* SPDX-License-Identifier: BSD-3-Clause */

/* The bytes of a frame's headers; where they are, rte_vduse_net_headers_read() tells. */

#ifndef FRAME_H
#define FRAME_H

#include <stdint.h>

#include <rte_mbuf.h>
#include <rte_vduse_net_headers.h>

/*
 * Make the first len bytes of *m contiguous and ours to write to, in a copy from pool
 * where they are not; then the original is freed.
 *
 * Return: 0, or -ENOMEM, *m untouched.
 */
int frame_linear(struct rte_mbuf **m, uint32_t len, struct rte_mempool *pool);

/*
 * The frame, its owner's still, for one more who frees it. Where somebody else may write to it,
 * behind its first segment in external buffers, that is a copy: who looks at it twice sees the
 * same. Return: NULL: no buffer for that.
 */
struct rte_mbuf *frame_beside(struct rte_mbuf *m);

/* A header in the contiguous part of a frame. */
static inline void *
frame_at(const struct rte_mbuf *m, uint32_t offset)
{
	return rte_pktmbuf_mtod_offset(m, void *, offset);
}

#endif /* FRAME_H */
