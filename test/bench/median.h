/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BENCH_MEDIAN_H
#define BENCH_MEDIAN_H

#include <stdlib.h>

static inline int
median_by_value(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Of n values, which are sorted. */
static inline double
median(double *values, unsigned int n)
{
	qsort(values, n, sizeof(values[0]), median_by_value);
	return values[n / 2];
}

#endif /* BENCH_MEDIAN_H */
