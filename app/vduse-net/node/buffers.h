/* SPDX-License-Identifier: BSD-3-Clause */

/* Packet buffers of a node: what everybody needs is taken of pools, which grow in number. */

#ifndef BUFFERS_H
#define BUFFERS_H

#include <stdint.h>

#include <rte_mempool.h>

#define BUFFERS_POOLS_MAX 64

struct buffers {
	struct {
		struct rte_mempool *pool;
		uint32_t free; /* buffers that nobody has taken */
		uint16_t room; /* bytes of each, with headroom */
	} of[BUFFERS_POOLS_MAX];
	unsigned int nb;
	uint32_t size;     /* of a pool that is made */
	uint32_t overhead; /* of each: what lcores keep in their caches */
	unsigned int id;   /* in names */
};

/* size: buffers of a pool; nb_lcores that use them. */
void buffers_init(struct buffers *buffers, uint32_t size, unsigned int nb_lcores);
void buffers_fini(struct buffers *buffers);

/*
 * A pool of which n buffers of that room are the caller's. Return: 0; -ENOMEM: there are not, and
 * no memory for so many more.
 */
int buffers_take(struct buffers *buffers, uint32_t n, uint16_t room, struct rte_mempool **pool);
void buffers_give(struct buffers *buffers, struct rte_mempool *pool, uint32_t n);

#endif /* BUFFERS_H */
