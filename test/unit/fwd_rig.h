/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FWD_RIG_H
#define FWD_RIG_H

/*
 * Two ports made of rings and a stream between them: what is put into a port's rx ring
 * arrives at it, what it transmits is in its tx ring.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <rte_mbuf.h>
#include <rte_ring.h>

#include "fwd.h"
#include "pool.h"
#include "port.h"

#define RX_QUEUES 3
/* Frames that fit the tx ring of the far port. */
#define TX_SPACE 63

/* The near port has three receive queues, the far port one transmit queue. */
struct fwd_rig {
	struct rte_ring *in[RX_QUEUES];
	struct rte_ring *out;
	struct rte_ring *unused[RX_QUEUES + 1];
	struct port near, far;
	struct pool_set pools;
	struct rte_mempool *pool;
	struct fwd fwd;
	struct fwd_stream *stream;
};

int fwd_rig_setup(void **state);

int fwd_rig_teardown(void **state);

void fwd_rig_drain(struct rte_ring *ring);

uint32_t fwd_rig_in_use(const struct fwd_rig *b);

/* A frame of len bytes in segments of at most seg bytes; byte i is i + seed. */
struct rte_mbuf *fwd_rig_frame(const struct fwd_rig *b, uint32_t len, uint16_t seg, uint8_t seed);

/* An Ethernet frame of TCP over IPv4 with len bytes of payload, to be cut. */
struct rte_mbuf *fwd_rig_tcp(const struct fwd_rig *b, uint16_t len, uint16_t mss);

void fwd_rig_receive(const struct fwd_rig *b, unsigned int queue, struct rte_mbuf *m);

/* The next frame transmitted, checked byte by byte and freed. */
void fwd_rig_expect_frame(const struct fwd_rig *b, uint32_t len, uint8_t seed);

void fwd_rig_expect_counters(const struct fwd_rig *b, uint64_t rx, uint64_t tx, uint64_t drops);

void fwd_rig_expect_drops(const struct fwd_rig *b, enum fwd_drop why, uint64_t n);

/* Run the tests with an EAL of two lcores on one CPU: it takes no more to show that a worker works.
 */
#define FWD_RIG_RUN(name, tests, argv) fwd_rig_run(name, tests, RTE_DIM(tests), argv)
int fwd_rig_run(const char *name, const struct CMUnitTest *tests, size_t n, char *argv[]);

#endif /* FWD_RIG_H */
