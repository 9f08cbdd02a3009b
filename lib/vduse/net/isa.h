/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NET_ISA_H
#define NET_ISA_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

struct net_queue;

/** Body of a burst, between vduse_vq_burst_look() and _end(); takes the map. */
typedef uint16_t (*net_burst_t)(struct net_queue *q, struct rte_mempool *pool,
		struct rte_mbuf **pkts, uint16_t nb_pkts);

/*
 * net/enqueue.c and net/dequeue.c are compiled once for each instruction set,
 * which NET_BODY names; meson.build has the list. The code is the same: the
 * compiler makes of the copies and stores what the set has.
 */
#ifndef NET_BODY
#define NET_BODY plain
#endif

#define NET_BODY_CONCAT(name, body) name##_##body
#define NET_BODY_EXPAND(name, body) NET_BODY_CONCAT(name, body)
#define NET_BODY_FUNC(name)         NET_BODY_EXPAND(name, NET_BODY)

/** The bodies of one instruction set, for the features that were negotiated. */
struct net_bodies {
	const char *name;
	net_burst_t (*dequeue)(uint64_t features, bool zc);
	net_burst_t (*enqueue)(uint64_t features);
};

#define NET_BODY_DECLARE(body)                                      \
	net_burst_t net_dequeue_##body(uint64_t features, bool zc); \
	net_burst_t net_enqueue_##body(uint64_t features)

NET_BODY_DECLARE(plain);
NET_BODY_DECLARE(avx2);

/**
 * The widest that this processor has and rte_vect_get_max_simd_bitwidth()
 * allows, which is 256 by default.
 */
const struct net_bodies *net_bodies_select(void);

/** Burst of a queue that no lcore serves: it moves nothing. */
uint16_t net_burst_none(struct net_queue *q, struct rte_mempool *pool, struct rte_mbuf **pkts,
		uint16_t nb_pkts);

#endif /* NET_ISA_H */
