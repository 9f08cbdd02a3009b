/* SPDX-License-Identifier: BSD-3-Clause */

/* A rig for offload_frame(): frames put in, what comes out, an egress that is not there. */

#ifndef OFFLOAD_RIG_H
#define OFFLOAD_RIG_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_mempool.h>

#include "offload.h"
#include "offload_ref.h"

#define RIG_FRAMES 4096

struct rig_egress {
	unsigned int prepared; /* calls of tx_prepare */
	int refuse;            /* refuse so many of them, then accept */
};

struct rig {
	struct rte_mempool *pool;
	struct rte_mempool *small; /* buffers of 256 bytes */
	struct rte_mempool *indirect;
	struct rig_egress egress;
	struct offload offload;
	struct rte_mbuf *frames[RIG_FRAMES]; /* that came out */
	unsigned int n;
	unsigned int flushes;
};

/* EAL and pools; once. Return: 0, or not 0. */
int rig_open(char *program);
extern struct rig rig;

/* The next frames go to an egress with these offloads (RTE_ETH_TX_OFFLOAD_*). */
void rig_egress(uint64_t tx);

/*
 * A chain with these bytes: the segments have as many bytes as cuts says, ended by 0,
 * the rest is in one more, or in many where it is longer than a buffer.
 */
struct rte_mbuf *rig_mbuf(const uint8_t *bytes, uint32_t len, const uint16_t *cuts);

/*
 * As a port receives what r describes: flags, packet type, tso_segsz, and the lengths
 * that a VDUSE device tells; rig.offload.lengths says whether they are heeded.
 */
struct rte_mbuf *rig_receive(const struct ref *r, const uint16_t *cuts);

/* One frame through offload_frame(). */
int rig_run(struct rte_mbuf *m);

/* Fails unless frame i that came out has these bytes. */
void rig_expect(const char *what, unsigned int i, const uint8_t *bytes, uint32_t len);

/* Free what came out; fails if a buffer is missing. */
void rig_clear(void);

/* Before each test: what a failed one has left. */
int rig_fresh(void **state);

#endif /* OFFLOAD_RIG_H */
