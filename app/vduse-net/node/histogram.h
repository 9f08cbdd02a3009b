/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Times by their length, in memory of one size: eight buckets to each power of two, so that a
 * bucket's ends are 12.5 % apart at most. One writer; others may read meanwhile.
 */

#ifndef HISTOGRAM_H
#define HISTOGRAM_H

#include <stdint.h>

/* Longer ones, from 69 seconds on, are in the last bucket. */
#define HISTOGRAM_BITS    36
#define HISTOGRAM_SUB     3 /* bits of a time that are told apart */
#define HISTOGRAM_BUCKETS ((HISTOGRAM_BITS - HISTOGRAM_SUB + 1) << HISTOGRAM_SUB)

/* Zero is an empty one. All atomic. */
struct histogram {
	uint64_t sum; /* ns */
	uint64_t max; /* ns */
	uint64_t of[HISTOGRAM_BUCKETS];
};

unsigned int histogram_bucket(uint64_t ns);

/* The longest time of a bucket. */
uint64_t histogram_most(unsigned int bucket);

/* n times of this length. */
void histogram_add(struct histogram *h, uint64_t ns, uint64_t n);

/* Another one's besides; that is read while it is written. */
void histogram_merge(struct histogram *h, const struct histogram *other);

#endif /* HISTOGRAM_H */
