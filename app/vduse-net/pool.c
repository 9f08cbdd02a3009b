/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>

#include <rte_errno.h>
#include <rte_mbuf.h>

#include "fwd.h"
#include "pool.h"
#include "say.h"

#define CACHE_SIZE 256

void
pool_need(struct pool_set *set, int socket, uint32_t descs, uint32_t frame)
{
	set->sockets[socket].descs += descs;
	set->sockets[socket].frame = RTE_MAX(set->sockets[socket].frame, frame);
}

void
pool_need_chains(struct pool_set *set, int socket)
{
	set->sockets[socket].chain = POOL_CHAIN;
}

void
pool_need_segments(struct pool_set *set, int socket)
{
	set->sockets[socket].segments = true;
}

uint32_t
pool_default_size(uint32_t descs, unsigned int nb_lcores, uint16_t chain)
{
	/* A cache is flushed at one and a half times its size. */
	return descs + nb_lcores * (CACHE_SIZE * 3 / 2 + 2 * FWD_BURST * RTE_MAX(chain, 1));
}

uint32_t
pool_cache_size(uint32_t n)
{
	/* Small pools would end up in the caches. */
	return n >= 8 * CACHE_SIZE ? CACHE_SIZE : 0;
}

uint16_t
pool_room(uint32_t frame)
{
	const uint32_t most = RTE_ALIGN_FLOOR(UINT16_MAX, RTE_CACHE_LINE_SIZE);
	/* Whole steps of 2 KiB: drivers that count in such (net_af_packet's framesz) fit too. */
	uint32_t room = RTE_ALIGN_CEIL(frame, (uint32_t)RTE_MBUF_DEFAULT_DATAROOM) +
			RTE_PKTMBUF_HEADROOM;

	return RTE_MIN(room, most);
}

static struct rte_mempool *
create_pool(const char *what, int socket, uint32_t n, uint16_t room)
{
	char name[RTE_MEMPOOL_NAMESIZE];
	struct rte_mempool *pool;

	snprintf(name, sizeof(name), "vduse_net_%s%d", what, socket);
	pool = rte_pktmbuf_pool_create(name, n, pool_cache_size(n), 0, room, socket);
	if (pool == NULL)
		SAY("no pool of %u packet buffers of %u bytes on socket %d: %s: give fewer with "
		    "--mbufs, or EAL more memory (hugepages; with --no-huge: -m MEGABYTES)",
				n, room, socket, rte_strerror(rte_errno));
	return pool;
}

/* What was made stays for pool_destroy(). */
static int
create_one(struct pool_set *set, int socket, uint32_t n)
{
	uint16_t room = pool_room(set->sockets[socket].frame);

	set->sockets[socket].pool = create_pool("", socket, n, room);
	if (set->sockets[socket].pool == NULL)
		return rte_errno != 0 ? -rte_errno : -ENOMEM;
	if (!set->sockets[socket].segments)
		return 0;
	set->sockets[socket].indirect = create_pool("ref", socket, n, 0);
	if (set->sockets[socket].indirect == NULL)
		return rte_errno != 0 ? -rte_errno : -ENOMEM;
	return 0;
}

int
pool_create(struct pool_set *set, uint32_t mbufs, unsigned int nb_lcores)
{
	uint32_t n;
	int socket, ret;

	for (socket = 0; socket < RTE_MAX_NUMA_NODES; socket++) {
		if (set->sockets[socket].descs == 0)
			continue;
		n = mbufs != 0 ? mbufs
			       : pool_default_size(set->sockets[socket].descs, nb_lcores,
						 set->sockets[socket].chain);
		ret = create_one(set, socket, n);
		if (ret != 0)
			goto undo;
	}
	return 0;
undo:
	pool_destroy(set);
	return ret;
}

void
pool_destroy(struct pool_set *set)
{
	int socket;

	for (socket = RTE_MAX_NUMA_NODES - 1; socket >= 0; socket--) {
		rte_mempool_free(set->sockets[socket].indirect);
		set->sockets[socket].indirect = NULL;
		rte_mempool_free(set->sockets[socket].pool);
		set->sockets[socket].pool = NULL;
	}
}

void
pool_usage(const struct pool_set *set, uint32_t *in_use, uint32_t *total)
{
	const struct rte_mempool *pool;
	int socket;

	*in_use = 0;
	*total = 0;
	for (socket = 0; socket < RTE_MAX_NUMA_NODES; socket++) {
		pool = set->sockets[socket].pool;
		if (pool == NULL)
			continue;
		*in_use += rte_mempool_in_use_count(pool);
		*total += pool->size;
	}
}
