/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>

#include "frame.h"

int
frame_linear(struct rte_mbuf **m, uint32_t len, struct rte_mempool *pool)
{
	struct rte_mbuf *copy;

	if (len <= (*m)->data_len && RTE_MBUF_DIRECT(*m) && rte_mbuf_refcnt_read(*m) == 1)
		return 0;
	copy = rte_pktmbuf_copy(*m, pool, 0, UINT32_MAX);
	if (copy == NULL)
		return -ENOMEM;
	if (len > copy->data_len) {
		rte_pktmbuf_free(copy);
		return -ENOMEM;
	}
	rte_pktmbuf_free(*m);
	*m = copy;
	return 0;
}

struct rte_mbuf *
frame_beside(struct rte_mbuf *m)
{
	if (m->next != NULL && RTE_MBUF_HAS_EXTBUF(m->next))
		return rte_pktmbuf_copy(m, m->pool, 0, UINT32_MAX);
	rte_pktmbuf_refcnt_update(m, 1);
	return m;
}
