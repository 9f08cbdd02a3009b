/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Records of different lengths from one thread to another, in memory of a fixed size: a copy of a
 * frame is written once, where it is read. (rte_ring's elements are of one size: the shortest
 * frame would take the place of the longest.) What was written is seen by the reader when it is
 * committed, and may be changed by the writer until then.
 */

#ifndef CAPTURE_RING_H
#define CAPTURE_RING_H

#include <stdint.h>

#include <rte_common.h>

/* Records begin at multiples of this. */
#define RING_ALIGN 8

struct capture_ring {
	uint8_t *bytes;
	uint32_t size;                     /* a power of two */
	uint64_t head __rte_cache_aligned; /* the writer's: behind what it has written */
	uint64_t committed;                /* atomic: the writer's */
	uint64_t tail __rte_cache_aligned; /* atomic: the reader's */
};

/** @param size bytes, a power of two. @return 0 or -ENOMEM. Mirror: ring_fini() */
int ring_init(struct capture_ring *ring, uint32_t size);
void ring_fini(struct capture_ring *ring);

/**
 * The writer: room for a record, in one piece.
 *
 * @param len bytes, up to half of the ring's size
 * @return NULL: what was written before has to be read first
 */
void *ring_write(struct capture_ring *ring, uint32_t len);

/** The writer: all that was written may be read. */
void ring_commit(struct capture_ring *ring);

/** The reader: the next record, the same until ring_next(); NULL: there is none. */
void *ring_read(struct capture_ring *ring);

/** The reader: it was read. */
void ring_next(struct capture_ring *ring);

#endif /* CAPTURE_RING_H */
