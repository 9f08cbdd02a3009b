/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A pool that ThreadSanitizer sees: DPDK's own hands mbufs from thread to
 * thread by code that is not built with it.
 */

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <rte_mempool.h>

#include "mbuf_pool.h"

struct pool {
	pthread_mutex_t lock;
	unsigned int nb;
	void *objs[];
};

static int
pool_alloc(struct rte_mempool *mp)
{
	struct pool *pool = calloc(1, sizeof(*pool) + mp->size * sizeof(pool->objs[0]));

	if (pool == NULL)
		return -ENOMEM;
	pthread_mutex_init(&pool->lock, NULL);
	mp->pool_data = pool;
	return 0;
}

static void
pool_free(struct rte_mempool *mp)
{
	free(mp->pool_data);
}

static int
pool_enqueue(struct rte_mempool *mp, void *const *objs, unsigned int n)
{
	struct pool *pool = mp->pool_data;

	pthread_mutex_lock(&pool->lock);
	memcpy(&pool->objs[pool->nb], objs, n * sizeof(objs[0]));
	pool->nb += n;
	pthread_mutex_unlock(&pool->lock);
	return 0;
}

static int
pool_dequeue(struct rte_mempool *mp, void **objs, unsigned int n)
{
	struct pool *pool = mp->pool_data;
	int ret = -ENOBUFS;

	pthread_mutex_lock(&pool->lock);
	if (n <= pool->nb) {
		pool->nb -= n;
		memcpy(objs, &pool->objs[pool->nb], n * sizeof(objs[0]));
		ret = 0;
	}
	pthread_mutex_unlock(&pool->lock);
	return ret;
}

static unsigned int
pool_get_count(const struct rte_mempool *mp)
{
	struct pool *pool = mp->pool_data;
	unsigned int nb;

	pthread_mutex_lock(&pool->lock);
	nb = pool->nb;
	pthread_mutex_unlock(&pool->lock);
	return nb;
}

static const struct rte_mempool_ops ops = {
	.name = UNIT_POOL_OPS,
	.alloc = pool_alloc,
	.free = pool_free,
	.enqueue = pool_enqueue,
	.dequeue = pool_dequeue,
	.get_count = pool_get_count,
};

int
unit_pool_register(void)
{
	const int ret = rte_mempool_register_ops(&ops);

	return ret < 0 ? ret : 0;
}
