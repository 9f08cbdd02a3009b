/* SPDX-License-Identifier: BSD-3-Clause */

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "ring.h"

/* Before each record, and before the rest where one does not fit before the end. */
struct mark {
	uint32_t len; /* of what is marked, and of this */
	uint32_t rest;
};

static_assert(sizeof(struct mark) == RING_ALIGN, "there is room for one at each place");

int
ring_init(struct capture_ring *ring, uint32_t size)
{
	ring->bytes = malloc(size);
	ring->size = size;
	ring->head = ring->committed = ring->tail = 0;
	return ring->bytes != NULL ? 0 : -ENOMEM;
}

void
ring_fini(struct capture_ring *ring)
{
	free(ring->bytes);
	ring->bytes = NULL;
}

static struct mark *
mark_at(const struct capture_ring *ring, uint64_t at)
{
	return (struct mark *)(void *)&ring->bytes[at & (ring->size - 1)];
}

void *
ring_write(struct capture_ring *ring, uint32_t len)
{
	const uint32_t need = sizeof(struct mark) + RTE_ALIGN_CEIL(len, RING_ALIGN);
	const uint32_t left = ring->size - (ring->head & (ring->size - 1));
	const uint32_t rest = need > left ? left : 0;
	/* acquire: what is written over was read */
	const uint64_t tail = __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE);
	struct mark *mark;

	if (ring->head + rest + need - tail > ring->size)
		return NULL;
	if (rest != 0)
		*mark_at(ring, ring->head) = (struct mark){ rest, true };
	mark = mark_at(ring, ring->head + rest);
	*mark = (struct mark){ need, false };
	ring->head += rest + need;
	return mark + 1;
}

void
ring_commit(struct capture_ring *ring)
{
	/* release: pairs with the acquire in ring_read() */
	__atomic_store_n(&ring->committed, ring->head, __ATOMIC_RELEASE);
}

static void
advance(struct capture_ring *ring)
{
	/* release: pairs with the acquire in ring_write() */
	__atomic_store_n(
			&ring->tail, ring->tail + mark_at(ring, ring->tail)->len, __ATOMIC_RELEASE);
}

void *
ring_read(struct capture_ring *ring)
{
	const uint64_t committed = __atomic_load_n(&ring->committed, __ATOMIC_ACQUIRE);

	if (ring->tail != committed && mark_at(ring, ring->tail)->rest)
		advance(ring);
	return ring->tail != committed ? mark_at(ring, ring->tail) + 1 : NULL;
}

void
ring_next(struct capture_ring *ring)
{
	advance(ring);
}
