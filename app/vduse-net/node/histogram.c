/* SPDX-License-Identifier: BSD-3-Clause */

#include <rte_bitops.h>
#include <rte_common.h>

#include "histogram.h"

/* Times below are a bucket each. */
#define EACH (UINT64_C(1) << HISTOGRAM_SUB)

/* The highest bit says which power of two, the next ones which of its buckets. */
unsigned int
histogram_bucket(uint64_t ns)
{
	unsigned int shift;

	if (ns < EACH)
		return (unsigned int)ns;
	shift = rte_fls_u64(ns) - 1 - HISTOGRAM_SUB;
	return RTE_MIN(shift * EACH + (unsigned int)(ns >> shift), HISTOGRAM_BUCKETS - 1U);
}

uint64_t
histogram_most(unsigned int bucket)
{
	unsigned int shift;

	if (bucket < 2 * EACH)
		return bucket;
	shift = bucket / EACH - 1;
	return ((bucket % EACH + EACH + 1) << shift) - 1;
}

static uint64_t
look(const uint64_t *value)
{
	return __atomic_load_n(value, __ATOMIC_RELAXED);
}

static void
set(uint64_t *value, uint64_t to)
{
	__atomic_store_n(value, to, __ATOMIC_RELAXED);
}

void
histogram_add(struct histogram *h, uint64_t ns, uint64_t n)
{
	uint64_t *bucket = &h->of[histogram_bucket(ns)];

	set(bucket, *bucket + n);
	set(&h->sum, h->sum + ns * n);
	if (ns > h->max)
		set(&h->max, ns);
}

void
histogram_merge(struct histogram *h, const struct histogram *other)
{
	unsigned int i;

	for (i = 0; i < HISTOGRAM_BUCKETS; i++)
		h->of[i] += look(&other->of[i]);
	h->sum += look(&other->sum);
	h->max = RTE_MAX(h->max, look(&other->max));
}
