/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VDUSE_COUNT_H
#define VDUSE_COUNT_H

#include <stddef.h>
#include <stdint.h>

#include <rte_common.h>

/*
 * Counters that one thread at a time writes, an lcore as a rule, and that any
 * may read meanwhile: whole values, in no order to each other. On every
 * processor served these are plain moves.
 */

static __rte_always_inline void
vduse_count(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, __atomic_load_n(counter, __ATOMIC_RELAXED) + n, __ATOMIC_RELAXED);
}

static inline uint64_t
vduse_count_read(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

/** The same for a struct of nothing but counters, size bytes long. */
static inline void
vduse_count_read_all(void *to, const void *counters, size_t size)
{
	const uint64_t *from = counters;
	uint64_t *each = to;
	size_t i;

	for (i = 0; i < size / sizeof(*each); i++)
		each[i] = vduse_count_read(&from[i]);
}

#endif /* VDUSE_COUNT_H */
