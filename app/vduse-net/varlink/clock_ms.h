/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CLOCK_MS_H
#define CLOCK_MS_H

#include <stdint.h>
#include <time.h>

/** The monotonic clock, in milliseconds. */
static inline uint64_t
clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

#endif /* CLOCK_MS_H */
