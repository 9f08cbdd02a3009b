/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_lcore.h>
#include <rte_mbuf.h>

#include "buffers.h"
#include "fwd.h"
#include "pool.h"

void
buffers_init(struct buffers *buffers, uint32_t size, unsigned int nb_lcores)
{
	static unsigned int ids;

	memset(buffers, 0, sizeof(*buffers));
	buffers->size = size;
	buffers->overhead = pool_default_size(0, nb_lcores, 1);
	buffers->id = ids++;
}

void
buffers_fini(struct buffers *buffers)
{
	while (buffers->nb > 0)
		rte_mempool_free(buffers->of[--buffers->nb].pool);
}

/* Return: 0 or -ENOMEM. */
static int
grow(struct buffers *buffers, uint32_t n, uint16_t room)
{
	const uint32_t size = RTE_MAX(buffers->size, n + buffers->overhead);
	char name[RTE_MEMPOOL_NAMESIZE];
	struct rte_mempool *pool;

	if (buffers->nb == BUFFERS_POOLS_MAX)
		return -ENOMEM;
	snprintf(name, sizeof(name), "node%u_%u", buffers->id, buffers->nb);
	pool = rte_pktmbuf_pool_create(
			name, size, pool_cache_size(size), 0, room, (int)rte_socket_id());
	if (pool == NULL)
		return -ENOMEM;
	buffers->of[buffers->nb].pool = pool;
	buffers->of[buffers->nb].room = room;
	buffers->of[buffers->nb++].free = size - buffers->overhead;
	return 0;
}

int
buffers_take(struct buffers *buffers, uint32_t n, uint16_t room, struct rte_mempool **pool)
{
	unsigned int i;
	int ret;

	for (i = 0; i < buffers->nb; i++)
		if (buffers->of[i].room >= room && buffers->of[i].free >= n)
			break;
	if (i == buffers->nb) {
		ret = grow(buffers, n, room);
		if (ret != 0)
			return ret;
	}
	buffers->of[i].free -= n;
	*pool = buffers->of[i].pool;
	return 0;
}

void
buffers_give(struct buffers *buffers, struct rte_mempool *pool, uint32_t n)
{
	unsigned int i;

	for (i = 0; i < buffers->nb; i++)
		if (buffers->of[i].pool == pool)
			buffers->of[i].free += n;
}
