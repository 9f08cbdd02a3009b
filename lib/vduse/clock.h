/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VDUSE_CLOCK_H
#define VDUSE_CLOCK_H

#include <stdint.h>

#include <rte_common.h>
#include <rte_cycles.h>

/*
 * The time that bursts go by, in cycles of the TSC. What decides by it is
 * compiled once more with VDUSE_CLOCK_FAKED for the tests, which have the time
 * that they set: the result does not depend on how fast a machine is.
 */

#ifdef VDUSE_CLOCK_FAKED
/** The test's. Any thread. */
uint64_t vduse_clock(void);
#else
static __rte_always_inline uint64_t
vduse_clock(void)
{
	return rte_rdtsc();
}
#endif

#endif /* VDUSE_CLOCK_H */
