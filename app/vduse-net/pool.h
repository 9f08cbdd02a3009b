/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * One pool of packet buffers for each NUMA socket that has a port. First every
 * port says what it needs, then the pools are made. Main lcore only.
 */

#ifndef POOL_H
#define POOL_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_config.h>
#include <rte_mempool.h>

/*
 * Buffers of the longest chain, a frame of 64 KiB: they hold RTE_MBUF_DEFAULT_DATAROOM or
 * more; headers and tags are the last one.
 */
#define POOL_CHAIN ((UINT16_MAX + 1) / RTE_MBUF_DEFAULT_DATAROOM + 1)

struct pool_set {
	struct {
		struct rte_mempool *pool; /* owned; NULL: none made */
		/* owned; buffers without room, that refer to others; NULL: none made */
		struct rte_mempool *indirect;
		bool segments;  /* a port here is given segments made in software */
		uint16_t chain; /* buffers of the longest frame received; 0 counts as 1 */
		uint32_t descs; /* ring entries of the ports here, each can hold a buffer */
		uint32_t frame; /* bytes of the longest frame */
	} sockets[RTE_MAX_NUMA_NODES];
};

/* A port on this socket has so many descriptors, and frames of so many bytes. */
void pool_need(struct pool_set *set, int socket, uint32_t descs, uint32_t frame);

/* A port on this socket may receive frames of up to 64 KiB, in chains. */
void pool_need_chains(struct pool_set *set, int socket);

/* Segments are cut in software for a port of this socket that takes chains. */
void pool_need_segments(struct pool_set *set, int socket);

/*
 * Buffers that keep every descriptor filled while each of nb_lcores has a full
 * cache and two bursts, of frames of `chain` buffers, in its hands. Pure.
 */
uint32_t pool_default_size(uint32_t descs, unsigned int nb_lcores, uint16_t chain);

/* Size of the cache of each lcore for a pool of n buffers. Pure. */
uint32_t pool_cache_size(uint32_t n);

/*
 * Bytes of a buffer, headroom included, in which a frame of the given length
 * fits in one piece, as far as 16 bits can say it. Pure.
 */
uint16_t pool_room(uint32_t frame);

/*
 * Make the pools asked for; mbufs is the size of each, 0: the default.
 * Return: 0, or -errno after saying what could not be had.
 */
int pool_create(struct pool_set *set, uint32_t mbufs, unsigned int nb_lcores);
void pool_destroy(struct pool_set *set);

/*
 * Buffers that are in no pool and in no lcore's cache, and buffers altogether.
 * Exact while nothing is forwarded, else a snapshot. Descriptor rings of NICs
 * hold buffers all the time: compare two numbers, not one with 0.
 */
void pool_usage(const struct pool_set *set, uint32_t *in_use, uint32_t *total);

#endif /* POOL_H */
